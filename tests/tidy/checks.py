"""The style rules of the project as pure functions: a tree of files in, the violations out.

A rule here is one that a reader relies on while reading: where a module may import from, how long
it can be, what a docstring is certain to hold.  Whatever ruff can hold is ruff's.  A check reads
files only (it never imports them), so it can be shown failing on a tree made up for the purpose;
``test_tidy_checks.py`` does that for each of them and ``test_tidy_tree.py`` runs them on the
project.  A violation is one line, ``path:line: what is there; what to do``.

Exceptions are literals below, each with its reason, or lines of ``ratchet.toml`` for sizes.
"""

from __future__ import annotations

import ast
import graphlib
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

__all__ = [
    "LAYERS",
    "SOURCE_CHECKS",
    "TEST_CHECKS",
    "TEXT_CHECKS",
    "Import",
    "Source",
    "Tree",
    "check_all_exists",
    "check_docstrings",
    "check_import_cycles",
    "check_late_imports",
    "check_layers",
    "check_links",
    "check_machine_paths",
    "check_module_names",
    "check_module_prose",
    "check_sizes",
    "check_sleep",
    "check_third_parties",
    "read_tree",
]

PACKAGE = "shoal"

# A module imports only from a line above its own.  Names on one line are siblings and do not
# import each other.  `shoal/__init__.py` stands below them all and nothing imports it.
LAYERS: tuple[tuple[str, ...], ...] = (
    ("dispatch", "duck", "errors", "memory", "scratch", "seams", "types", "units", "version"),
    ("config", "optional", "sizeof", "typing"),
    ("context", "graph", "serialize"),
    ("expr", "local"),
    ("io", "diagnostics", "highlevelgraph"),
    ("collection",),
    ("delayed",),
    ("bag", "array", "dataframe"),
    ("graph_manipulation",),
    ("distributed",),
    # Programs, and facades that only re-export what others define.
    ("ml", "cli", "base", "bytes", "cache", "callbacks", "core", "datasets", "hashing")
    + ("multiprocessing", "optimization", "order", "system", "threaded", "tokenize", "utils"),
    # Hands out everything above under other libraries' names.
    ("compat",),
)

# What a plain `pip install shoal` brings, by the name that is imported.
CORE = frozenset(
    ["click", "cloudpickle", "cryptography", "fsspec", "msgspec", "packaging", "psutil"]
    + ["xxhash", "yaml"]
)

# Optional packages: the folders that need them to work at all, and so import them at the top.
# Everywhere else they are imported inside the function that needs them.
OPTIONAL: dict[str, tuple[str, ...]] = {
    "IPython": (),
    "fastavro": (),
    "lz4": ("distributed",),
    "starlette": ("distributed",),
    "uvicorn": ("distributed",),
    "numpy": ("array", "dataframe"),
    "pandas": ("dataframe",),
    "polars": ("dataframe",),
    "pyarrow": ("dataframe",),
    "opentelemetry": (),
    "rich": (),
    "scipy": (),
    "threadpoolctl": (),
}

# Other imports that may stand inside a function: (module, what it imports) and the reason.
LATE: dict[tuple[str, str], str] = {
    ("shoal.collection", "shoal.diagnostics.draw"): "as dear as all else, and few programs draw",
    ("shoal.distributed.client.current", "shoal.distributed.client.client"): "stands above it",
    ("shoal.distributed.client.current", "shoal.distributed.client.start"): "stands above it",
    ("shoal.distributed.client.start", "shoal.distributed.deploy.local"): "stands above it",
    (
        "shoal.distributed.client.insight",
        "shoal.distributed.client.reporting",
    ): "as dear as the rest of a client, and few programs ask",
    ("shoal.compat.child.sitecustomize", "shoal.compat.alias"): "most children never need it",
    ("shoal.config", "yaml"): "a third of the time of `import shoal`, and few programs need it",
    (
        "shoal.distributed.net.security",
        "shoal.distributed.net.certificates",
    ): "cryptography takes 50 ms to load, and only a new cluster that spans hosts needs it",
    ("shoal.distributed.node.profile", "shoal.graph.naming"): "20 ms of a worker's start",
    ("shoal.distributed.node.actors", "shoal.distributed.client.actor"): "40 ms of its start",
    ("shoal.distributed.node.process", "shoal.distributed.client.current"): "after it registered",
    ("shoal.distributed.node.coroutines", "asyncio"): "20 ms of a worker's start",
    ("shoal.distributed.node.limits", "psutil"): "25 ms of it, and not on Linux",
    ("shoal.distributed.node.versions", "importlib.metadata"): "20 ms of it",
    ("shoal.sizeof", "importlib.metadata"): "20 ms of it",
    ("shoal.local", "shoal.local.get"): "20 ms of a worker's start",
    **{
        (f"shoal.io.{module}", f"fsspec.{name}".rstrip(".")): "65 ms, a third of `import shoal.bag`"
        for module, name in [
            ("compression", "compression"),
            ("compression", "utils"),
            ("files", ""),
            ("files", "core"),
        ]
    },
    ("shoal.serialize.pickles", "cloudpickle"): "25 ms that a worker fed by plain pickle is spared",
}

# A module with one of these names says nothing of what may live in it.
EMPTY_NAMES = frozenset(["common", "helpers", "misc", "tools", "util", "utils"])

# Unless it is the name under which programs written for Dask import, and only passes names on.
FACADES = frozenset(["shoal.distributed.utils"])

MODULE_LINES, CLASS_LINES, FUNCTION_LINES = 600, 350, 60

# First folders of absolute paths that exist on somebody's machine and nowhere else.
MACHINE_PATH = re.compile(
    r"(?<![\w.~:/$}*-])/(?:home|root|Users|work|workspace|builds|mnt|private)/\w"
    r"|\b[A-Z]:\\+(?:Users|Documents)"
)

LINK = re.compile(r"\]\((?!\w+:)([^)#\s]*)(?:#([^)\s]*))?\)")
"""In a page: where it leads, and to which heading."""

FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITION = (*FUNCTION, ast.ClassDef)
SILENT = frozenset(
    [tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT]
    + [tokenize.ENCODING, tokenize.ENDMARKER]
)


# -- reading -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class Import:
    """One imported thing: ``target`` is dotted and absolute.

    ``when`` is "load" (as the module is loaded), "typing" (for the type checker only) or "late"
    (inside a function or class).
    """

    target: str
    line: int
    when: str


@dataclass(frozen=True)
class Source:
    """One Python file; ``name`` is its dotted module name, ``path`` is relative to the tree."""

    path: Path
    name: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The parsed file."""
        return ast.parse(self.text, str(self.path))

    @cached_property
    def code(self) -> frozenset[int]:
        """The numbers of the lines that hold code: neither blank, comment nor docstring."""
        lines: set[int] = set()
        for token in tokenize.generate_tokens(io.StringIO(self.text).readline):
            if token.type not in SILENT:
                lines.update(range(token.start[0], token.end[0] + 1))
        for node in ast.walk(self.tree):
            if isinstance(node, (ast.Module, *DEFINITION)) and ast.get_docstring(node) is not None:
                lines.difference_update(range(node.body[0].lineno, node.body[0].end_lineno + 1))
        return frozenset(lines)

    @property
    def is_package(self) -> bool:
        """Whether the file is a package's ``__init__``."""
        return self.path.name == "__init__.py"

    @property
    def is_public(self) -> bool:
        """Whether no part of the module's name starts with an underscore."""
        return not any(part.startswith("_") for part in self.name.split("."))

    @cached_property
    def names(self) -> dict[str, ast.AST]:
        """What each name at the top of the module is bound to."""
        return dict(bindings(self.tree.body))

    @property
    def exported(self) -> list[str] | None:
        """The strings of ``__all__``, or None where there is none."""
        node = self.names.get("__all__")
        if node is None:
            return None
        return [n.value for n in ast.walk(node) if isinstance(n, ast.Constant)]

    def length(self, node: ast.AST) -> int:
        """How many code lines a definition has."""
        return sum(line in self.code for line in range(node.lineno, node.end_lineno + 1))


@dataclass(frozen=True)
class Tree:
    """The Python files below ``root`` by module name."""

    root: Path
    sources: dict[str, Source]

    def imports(self, source: Source) -> list[Import]:
        """Everything that a module imports; ``from p import m`` gives ``p.m`` for a module m."""
        return [
            Import(target, node.lineno, when)
            for node, when in import_nodes(source.tree.body, "load")
            for target in self.targets(source, node)
        ]

    def targets(self, source: Source, node: ast.AST) -> list[str]:
        """The dotted names that one import statement, or a call of import_module, imports."""
        if isinstance(node, ast.Import):
            return [alias.name for alias in node.names]
        if isinstance(node, ast.Call):
            return [node.args[0].value]
        base = node.module or ""
        if node.level:
            parts = source.name.split(".")
            parts = parts[: len(parts) + source.is_package - node.level]
            base = ".".join([*parts, base] if base else parts)
        inner = [f"{base}.{alias.name}" for alias in node.names]
        return [name if name in self.sources else base for name in inner]

    def resolve(self, source: Source, name: str) -> tuple[Source, ast.AST] | None:
        """Where a name of a module is defined, through any number of re-exports in this tree."""
        for _ in range(20):
            node = source.names.get(name)
            if not isinstance(node, ast.ImportFrom):
                return None if node is None else (source, node)
            alias = next(a for a in node.names if name == (a.asname or a.name))
            target = self.targets(source, node)[node.names.index(alias)]
            if target not in self.sources or target.endswith("." + alias.name):
                return None
            source, name = self.sources[target], alias.name
        return None


def read_tree(root: Path) -> Tree:
    """Read the Python files below a folder.

    A package's modules are named from the folder itself (``root`` is ``src/shoal``: the names
    start with ``shoal``).
    """
    sources = {}
    for path in sorted(root.rglob("*.py")):
        inner = path.relative_to(root)
        parts = [root.name, *inner.with_suffix("").parts]
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        sources[name] = Source(inner, name, path.read_text(encoding="utf-8"))
    return Tree(root, sources)


def bindings(body: Iterable[ast.stmt]) -> Iterator[tuple[str, ast.AST]]:
    """(name, what binds it) for the statements at the top of a module."""
    for node in body:
        if isinstance(node, DEFINITION):
            yield node.name, node
        elif isinstance(node, ast.ImportFrom | ast.Import):
            for alias in node.names:
                yield alias.asname or alias.name, node
        elif isinstance(node, ast.Assign):
            for target in node.targets:
                if isinstance(target, ast.Name):
                    yield target.id, node.value
        elif isinstance(node, ast.AnnAssign) and node.value and isinstance(node.target, ast.Name):
            yield node.target.id, node.value
        elif isinstance(node, ast.If | ast.Try):
            yield from bindings(node.body)
            yield from bindings(node.orelse)


def import_nodes(body: Iterable[ast.AST], when: str) -> Iterator[tuple[ast.AST, str]]:
    """(import, when it happens): statements, and import_module of a name written out."""
    for node in body:
        if isinstance(node, ast.Import | ast.ImportFrom) or is_import_call(node):
            yield node, when
        elif isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            yield from import_nodes(node.body, "typing")
            yield from import_nodes(node.orelse, when)
        else:
            inner = "late" if isinstance(node, DEFINITION) else when
            yield from import_nodes(ast.iter_child_nodes(node), inner)


def is_import_call(node: ast.AST) -> bool:
    """Whether a node is ``import_module("a.name")``."""
    if not (isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)):
        return False
    return ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}


def at(source: Source, line: int, text: str) -> str:
    """One violation."""
    return f"{source.path}:{line}: {text}"


def layer_of(module: str) -> str:
    """The entry of the layer table that a module of the package falls under."""
    return ".".join(module.split(".")[1:2])


# -- imports -----------------------------------------------------------------------------------


def check_layers(tree: Tree) -> list[str]:
    """Modules import only from layers above their own; every module stands in the table."""
    rank = {name: number for number, names in enumerate(LAYERS) for name in names}
    rank[""] = len(LAYERS)
    found = []
    for source in tree.sources.values():
        here = layer_of(source.name)
        if here not in rank:
            found.append(at(source, 1, f"{here} stands in no layer; add it to LAYERS"))
            continue
        for item in tree.imports(source):
            there = layer_of(item.target)
            if item.target.split(".")[0] != PACKAGE or there == here:
                continue
            if rank.get(there, len(LAYERS)) >= rank[here]:
                what = f"layer {rank[here]} ({here}) imports {item.target}"
                found.append(at(source, item.line, f"{what}; import only from layers above"))
    return found


def check_import_cycles(tree: Tree) -> list[str]:
    """No modules import each other in a circle, as they load or for their types.

    Importing ``a.b`` does not count as importing ``a``, so an ``__init__`` may re-export.
    """
    graph = {
        name: {
            item.target
            for item in tree.imports(source)
            if item.target in tree.sources and item.target != name and item.when == "load"
        }
        for name, source in tree.sources.items()
    }
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        return [f"{' -> '.join(reversed(error.args[1]))}: modules import each other in a circle"]
    return []


def check_late_imports(tree: Tree) -> list[str]:
    """Only optional packages, and the listed exceptions, are imported inside functions.

    The package's own ``__init__`` loads its names when they are first used; that is its work.
    """
    return [
        at(source, item.line, f"{item.target} is imported inside a function; move it to the top")
        for source in tree.sources.values()
        for item in tree.imports(source)
        if item.when == "late"
        and source.name != PACKAGE
        and item.target.split(".")[0] not in OPTIONAL
        and (source.name, item.target) not in LATE
    ]


def check_third_parties(tree: Tree) -> list[str]:
    """A module loads with the core dependencies; an optional one loads only where it is owned."""
    found = []
    for source in tree.sources.values():
        for item in tree.imports(source):
            top = item.target.split(".")[0]
            known = top in CORE or top == PACKAGE or top in sys.stdlib_module_names
            if known or item.when == "typing":
                continue
            if top not in OPTIONAL:
                found.append(at(source, item.line, f"{top} is no dependency; add it to an extra"))
            elif item.when == "load" and layer_of(source.name) not in OPTIONAL[top]:
                what = f"{top} is optional here; import it inside the function that needs it"
                found.append(at(source, item.line, what))
    return found


# -- sizes and names ---------------------------------------------------------------------------


def sizes(tree: Tree) -> Iterator[tuple[str, int, int, Source, int]]:
    """(what, its limit, its code lines, file, line) of each module, class and function."""
    for source in tree.sources.values():
        yield source.path.as_posix(), MODULE_LINES, len(source.code), source, 1
        for where, node in definitions(source.tree, source.path.as_posix()):
            limit = CLASS_LINES if isinstance(node, ast.ClassDef) else FUNCTION_LINES
            yield where, limit, source.length(node), source, node.lineno


def definitions(node: ast.AST, prefix: str) -> Iterator[tuple[str, ast.AST]]:
    """(path::Class::method, its node) of everything defined below a node, however deep."""
    for child in ast.iter_child_nodes(node):
        where = f"{prefix}::{child.name}" if isinstance(child, DEFINITION) else prefix
        if isinstance(child, DEFINITION):
            yield where, child
        yield from definitions(child, where)


def check_sizes(tree: Tree, ratchet: Path | None = None) -> list[str]:
    """Modules, classes and functions keep to their limits, or to a line of the ratchet file.

    The ratchet holds ``"module.py::name" = { lines = 700, reason = "..." }``.  It only turns one
    way: a thing that shrank must have its number lowered, and one within the limit its line
    removed.
    """
    allowed = tomllib.loads(ratchet.read_text(encoding="utf-8")) if ratchet else {}
    found = [
        f"{ratchet.name}: {where!r} gives no reason; say why it is one thought"
        for where, entry in allowed.items()
        if not str(entry.get("reason", "")).strip()
    ]
    over = {}
    for where, limit, lines, source, line in sizes(tree):
        if lines > limit:
            over[where] = lines
            bound = allowed.get(where, {}).get("lines", limit)
            if lines > bound:
                what = f"{where} has {lines} code lines of at most {bound}; split it"
                found.append(at(source, line, what))
    for where, entry in allowed.items():
        if where not in over:
            found.append(f"{ratchet.name}: {where!r} is within the limit; remove its line")
        elif over[where] < entry["lines"]:
            found.append(f"{ratchet.name}: {where!r} shrank; lower it to {over[where]}")
    return found


def check_module_names(tree: Tree) -> list[str]:
    """No module below the top is called utils, or anything else that means "the rest"."""
    return [
        at(source, 1, f"{source.name} says nothing of what lives in it; name it after its idea")
        for source in tree.sources.values()
        if source.name.count(".") > 1
        and source.name.split(".")[-1] in EMPTY_NAMES
        and source.name not in FACADES
    ]


# -- documentation -----------------------------------------------------------------------------


def check_module_prose(tree: Tree) -> list[str]:
    """A module opens with prose: the idea, and what may live in it."""
    return [
        at(source, 1, "the module has no docstring; open it with the idea of the module")
        for source in tree.sources.values()
        if ast.get_docstring(source.tree) is None
    ]


def check_all_exists(tree: Tree) -> list[str]:
    """A public module says in ``__all__`` which of its names are public, and all of them exist."""
    found = []
    for source in tree.sources.values():
        if not source.is_public or all(map(is_docstring, source.tree.body)):
            continue
        if source.exported is None:
            found.append(at(source, 1, "no __all__; list the public names of the module"))
        elif "__getattr__" not in source.names:
            found += [
                at(source, 1, f"__all__ names {name!r}, which the module does not define")
                for name in source.exported
                if name not in source.names and f"{source.name}.{name}" not in tree.sources
            ]
    return found


def is_docstring(node: ast.stmt) -> bool:
    """Whether a statement is only a string."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def check_docstrings(tree: Tree) -> list[str]:
    """Every public name is documented: each parameter named, and an example that runs.

    Public names are those in the ``__all__`` of public modules, wherever they are defined.  The
    public methods of a public class need a docstring (their own, or that of the method they
    override); the example may be the class's.  What users import from, ``shoal`` and
    ``shoal.name``, is held to more: there the methods' docstrings name each parameter as well.
    """
    found: dict[str, None] = {}
    for source in tree.sources.values():
        is_front = source.name.count(".") < 2
        for name in (source.exported or []) if source.is_public else []:
            home = tree.resolve(source, name)
            if home is not None and isinstance(home[1], DEFINITION):
                found.update(dict.fromkeys(gaps(tree, *home, is_front=is_front)))
    return list(found)


def gaps(tree: Tree, source: Source, node: ast.AST, *, is_front: bool) -> Iterator[str]:
    """What the documentation of one public function or class lacks."""
    doc, wanted = documentation(node)
    yield from undocumented(source, node, node.name, doc, wanted)
    methods = public_methods(node) if isinstance(node, ast.ClassDef) else []
    if doc and ">>>" not in doc and not any(">>>" in documentation(m)[0] for m in methods):
        yield at(source, node.lineno, f"{node.name} has no example; add one that runs (>>>)")
    for method in methods:
        if not is_inherited(tree, source, node, method.name):
            name = f"{node.name}.{method.name}"
            doc, wanted = documentation(method)
            yield from undocumented(source, method, name, doc, wanted if is_front else [])


def undocumented(
    source: Source, node: ast.AST, name: str, doc: str, wanted: list[str]
) -> Iterator[str]:
    """The lines for a missing docstring, or for parameters that it does not name."""
    if not doc:
        yield at(source, node.lineno, f"{name} has no docstring")
        return
    missing = [arg for arg in wanted if not re.search(rf"\b{re.escape(arg)}\b", doc)]
    if missing:
        yield at(source, node.lineno, f"the docstring of {name} does not name {', '.join(missing)}")


def documentation(node: ast.AST) -> tuple[str, list[str]]:
    """(the docstring, the parameters it must name); a class answers with its constructor."""
    doc = ast.get_docstring(node) or ""
    if not isinstance(node, ast.ClassDef):
        return doc, parameters(node)
    members = {n.name: n for n in node.body if isinstance(n, FUNCTION)}
    makers = [members[name] for name in ("__init__", "__new__") if name in members]
    if makers:
        return doc + (ast.get_docstring(makers[0]) or ""), parameters(makers[0])
    return doc, fields(node)


def parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    """The names of a function's public parameters, without self and cls."""
    a = function.args
    found = [*a.posonlyargs, *a.args, *a.kwonlyargs, *filter(None, [a.vararg, a.kwarg])]
    return [
        arg.arg
        for arg in found
        if arg.arg not in {"self", "cls", "mcs"} and not arg.arg.startswith("_")
    ]


def fields(node: ast.ClassDef) -> list[str]:
    """The public fields of a dataclass, named tuple or struct: its constructor's parameters."""
    makers = [*node.decorator_list, *node.bases]
    text = " ".join(ast.unparse(maker) for maker in makers)
    if not re.search(r"\b(dataclass|NamedTuple|Struct)\b", text):
        return []
    return [
        n.target.id
        for n in node.body
        if isinstance(n, ast.AnnAssign)
        and isinstance(n.target, ast.Name)
        and not n.target.id.startswith("_")
        and not re.search(r"\bClassVar\b|init=False", ast.unparse(n))
    ]


def public_methods(node: ast.ClassDef) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """The methods and properties of a class that have no leading underscore."""
    skipped = {"overload", "setter", "deleter"}
    return [
        n
        for n in node.body
        if isinstance(n, FUNCTION)
        and not n.name.startswith("_")
        and not skipped & {ast.unparse(d).split(".")[-1] for d in n.decorator_list}
    ]


def is_inherited(tree: Tree, source: Source, node: ast.ClassDef, method: str) -> bool:
    """Whether a base class in this tree documents the method."""
    for base in node.bases:
        name = ast.unparse(base).split("[")[0]
        home = tree.resolve(source, name)
        if home is None or not isinstance(home[1], ast.ClassDef) or home[1] is node:
            continue
        members = {m.name: m for m in public_methods(home[1])}
        if method in members and ast.get_docstring(members[method]):
            return True
        if is_inherited(tree, *home, method):
            return True
    return False


# -- tests and texts ---------------------------------------------------------------------------


def check_sleep(tree: Tree) -> list[str]:
    """Tests wait for what they need (an event, a queue, a join), never for time to pass."""
    return [
        at(source, node.lineno, "sleep in a test; wait for the event itself, with a timeout")
        for source in tree.sources.values()
        for node in ast.walk(source.tree)
        if (isinstance(node, ast.Name) and node.id == "sleep")
        or (isinstance(node, ast.Attribute) and node.attr == "sleep")
    ]


def check_machine_paths(paths: Iterable[Path]) -> list[str]:
    """No file names a place that exists only on the machine where it was written."""
    found = []
    for path in paths:
        text = path.read_text(encoding="utf-8", errors="replace")
        for number, line in enumerate(text.splitlines(), 1):
            if match := MACHINE_PATH.search(line):
                found.append(f"{path}:{number}: {match[0]}... is a path of one machine")
    return found


def check_links(paths: Iterable[Path]) -> list[str]:
    """Links of a page lead to files that are there, and to headings that are in them."""
    found = []
    for path in paths:
        if path.suffix != ".md":
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for place, heading in LINK.findall(line):
                target = path.parent / place if place else path
                if not target.exists():
                    found.append(f"{path}:{number}: there is no {place}")
                elif heading and heading not in anchors(target):
                    found.append(f"{path}:{number}: {place} has no heading #{heading}")
    return found


def anchors(page: Path) -> set[str]:
    """What follows the # in links to the headings of a page."""
    headings = re.findall(r"^#+ (.*)", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in headings}


SOURCE_CHECKS = (
    check_layers,
    check_import_cycles,
    check_late_imports,
    check_third_parties,
    check_sizes,
    check_module_names,
    check_module_prose,
    check_all_exists,
    check_docstrings,
)
TEST_CHECKS = (check_sleep,)
TEXT_CHECKS = (check_machine_paths, check_links)
