"""Tasks as people write them, and the form in which they run.

A person writes ``Task("c", add, TaskRef("a"), [TaskRef("b"), 1])``: references sit anywhere in
the arguments.  To run, a task is split into three flat parts that a plan keeps in three lists:

``func``
    what to call (None: there is nothing to call, ``args`` is the value itself);
``deps``
    which other results it needs, in the order of their first use;
``args``
    how those results become arguments: ``None`` (they are the arguments), a tuple (constants
    only), a `Template`, or a `Portion` of what they are.

A template refers to the *position* of a dependency, never to a key or an id.  So it does not
change when tasks are numbered anew, a million tasks of one layer share one template, and a worker
can fill it without knowing the graph.  Containers without references inside stay as they are and
are never walked again.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

from shoal.types import Key, Parts

__all__ = [
    "Alias",
    "Data",
    "Nest",
    "Portion",
    "Ref",
    "Task",
    "TaskRef",
    "Template",
    "call_task",
    "identity",
    "part_of",
]

ATOMS = frozenset({int, float, bool, str, bytes, complex, type(None), type(Ellipsis), range, type})
"""Types that never hold a reference; looked up before anything else."""


def identity(value: Any) -> Any:
    """Return the argument; the function of an alias.

    Parameters
    ----------
    value
        Anything.

    Examples
    --------
    >>> identity(3)
    3
    """
    return value


class TaskRef:
    """Stands for the result of another task inside a task's arguments.

    Parameters
    ----------
    key
        The other task's key.

    Examples
    --------
    >>> TaskRef("x")
    TaskRef('x')
    """

    __slots__ = ("key",)

    def __init__(self, key: Key) -> None:
        self.key = key

    def __repr__(self) -> str:
        return f"TaskRef({self.key!r})"

    def __eq__(self, other: object) -> bool:
        return type(other) is TaskRef and other.key == self.key

    def __hash__(self) -> int:
        return hash((TaskRef, self.key))

    def __reduce__(self) -> tuple[Any, ...]:
        return TaskRef, (self.key,)


class Ref:
    """The result of a task's dependency number ``position``, inside a `Template`.

    Parameters
    ----------
    position
        Index into the task's ``deps``.

    Examples
    --------
    >>> Template((Ref(0), 10)).fill([5])
    ((5, 10), {})
    """

    __slots__ = ("position",)

    def __init__(self, position: int) -> None:
        self.position = position

    def __repr__(self) -> str:
        return f"Ref({self.position})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Ref, (self.position,)


class Nest:
    """A container, or a call, that holds references; built anew for each run.

    Parameters
    ----------
    make
        Called with the list of filled items; `list`, `tuple`, ... or `Apply` for a call.
    items
        References, nests and constants.

    Examples
    --------
    >>> fill(Nest(tuple, [Ref(0), Nest(list, [Ref(1), 7])]), ["a", "b"])
    ('a', ['b', 7])
    """

    __slots__ = ("items", "make")

    def __init__(self, make: Callable[[list[Any]], Any], items: Sequence[Any]) -> None:
        self.make = make
        self.items = items

    def __repr__(self) -> str:
        return f"Nest({getattr(self.make, '__name__', self.make)}, {list(self.items)})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Nest, (self.make, self.items)


def fill(item: Any, values: Sequence[Any]) -> Any:
    """Replace references by values.

    Parameters
    ----------
    item
        A `Ref`, a `Nest` or a constant.
    values
        Results of the task's dependencies.

    Examples
    --------
    >>> fill(Ref(1), [10, 20]), fill("constant", [])
    (20, 'constant')
    """
    kind = type(item)
    if kind is Ref:
        return values[item.position]
    if kind is Nest:
        return item.make([fill(part, values) for part in item.items])
    return item


class Template:
    """Arguments with references in them.

    Parameters
    ----------
    args, kwargs
        Constants, `Ref` and `Nest`.

    Examples
    --------
    >>> Template((1, Ref(0)), {"k": Ref(1)}).fill(["a", "b"])
    ((1, 'a'), {'k': 'b'})
    """

    __slots__ = ("args", "kwargs")

    def __init__(self, args: Sequence[Any], kwargs: Mapping[str, Any] | None = None) -> None:
        self.args = args
        self.kwargs = kwargs

    def fill(self, values: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The positional and keyword arguments of one run.

        Parameters
        ----------
        values
            Results of the task's dependencies, in the order of its ``deps``.
        """
        args = tuple([fill(item, values) for item in self.args])
        if not self.kwargs:
            return args, {}
        return args, {name: fill(item, values) for name, item in self.kwargs.items()}

    def __repr__(self) -> str:
        return f"Template({self.args}, {self.kwargs})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Template, (self.args, self.kwargs)


def part_of(value: Any, number: int) -> Any:
    """A part of a result that is in `Parts`; any other result as it is.

    Parameters
    ----------
    value
        A result.
    number
        Of the part.

    Examples
    --------
    >>> part_of(7, 1)
    7
    """
    return value.part(number) if isinstance(value, Parts) else value


class Portion:
    """Arguments of a task that reads one part of each dependency that is in `Parts`.

    The number of the part is the task's own, so of N results that all M tasks depend on, task 3
    reads part 3 of each: N x M parts are moved by N x M integers.  Dependencies that are no `Parts`
    are handed over as they are.

    Parameters
    ----------
    args
        How the parts become arguments: a `Template` that all tasks share, or None: they are the
        arguments.
    part
        Number of the part.

    Examples
    --------
    >>> from shoal.serialize.parts import Pieces
    >>> Portion(None, 1).fill([Pieces(["a", "b"]), 7])
    (['b', 7], {})
    """

    __slots__ = ("args", "part")

    def __init__(self, args: Template | None, part: int) -> None:
        self.args = args
        self.part = part

    def fill(self, values: Sequence[Any]) -> tuple[Sequence[Any], dict[str, Any]]:
        """The positional and keyword arguments of one run.

        Parameters
        ----------
        values
            Results of the task's dependencies, or their parts.
        """
        part = self.part
        parts = [part_of(value, part) for value in values]
        return (parts, {}) if self.args is None else self.args.fill(parts)

    def __repr__(self) -> str:
        return f"Portion({self.args}, {self.part})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Portion, (self.args, self.part)


Args: TypeAlias = "tuple[Any, ...] | Template | Portion | None"


def call_task(func: Callable[..., Any] | None, args: Any, values: Sequence[Any]) -> Any:
    """Run one task given the results it needs.

    Executors spell this out in their loops; everyone else calls it.

    Parameters
    ----------
    func, args
        As a plan holds them (see the top of this module).
    values
        Results of the task's dependencies.

    Examples
    --------
    >>> call_task(max, None, [1, 2]), call_task(max, (3, 4), []), call_task(None, "data", [])
    (2, 4, 'data')
    """
    if func is None:
        return args
    if args is None:
        return func(*values)
    if type(args) is tuple:
        return func(*args)
    positional, keywords = args.fill(values)
    return func(*positional, **keywords)


class Apply:
    """Make a call out of filled items: ``Apply(f)([1, 2]) == f(1, 2)``."""

    __slots__ = ("func", "names")

    def __init__(self, func: Callable[..., Any], names: tuple[str, ...] = ()) -> None:
        self.func = func
        self.names = names

    def __call__(self, items: list[Any]) -> Any:
        split = len(items) - len(self.names)
        return self.func(*items[:split], **dict(zip(self.names, items[split:], strict=True)))

    def __reduce__(self) -> tuple[Any, ...]:
        return Apply, (self.func, self.names)

    @property
    def __name__(self) -> str:
        return getattr(self.func, "__name__", repr(self.func))


class Record:
    """Make a dataclass instance out of filled field values, without calling ``__init__`` again.

    ``__init__`` may have changed its arguments, may take fewer than there are fields, or may do
    work; the instance that the user gave is therefore copied field by field.
    """

    __slots__ = ("cls", "names")

    def __init__(self, cls: type, names: tuple[str, ...]) -> None:
        self.cls = cls
        self.names = names

    def __call__(self, items: list[Any]) -> Any:
        instance: Any = object.__new__(self.cls)
        for name, value in zip(self.names, items, strict=True):
            object.__setattr__(instance, name, value)
        return instance

    def __reduce__(self) -> tuple[Any, ...]:
        return Record, (self.cls, self.names)

    @property
    def __name__(self) -> str:
        return self.cls.__name__


class Named:
    """Make a namedtuple out of filled items."""

    __slots__ = ("cls",)

    def __init__(self, cls: type) -> None:
        self.cls = cls

    def __call__(self, items: list[Any]) -> Any:
        # Not `cls(*items)`: a `__new__` of its own may take other arguments than the fields.
        return tuple.__new__(self.cls, items)

    def __reduce__(self) -> tuple[Any, ...]:
        return Named, (self.cls,)

    @property
    def __name__(self) -> str:
        return self.cls.__name__


def make_slice(items: list[Any]) -> slice:
    """``slice(*items)``, under a name that pickles."""
    return slice(*items)


class Parser:
    """Turns arguments into a template and collects what they refer to.

    One parser reads one task.  ``resolve(item)`` is asked about everything that is not a plain
    atom or a container; it returns a dependency (hashable, compared by equality or identity), or
    the parser itself for "no reference".
    """

    __slots__ = ("deps", "resolve")

    def __init__(self, resolve: Callable[[Any, Parser], Any]) -> None:
        self.deps: dict[Any, int] = {}
        self.resolve = resolve

    def ref(self, dep: Any) -> Ref:
        """The reference to ``dep``, added to the dependencies when new."""
        position = self.deps.get(dep)
        if position is None:
            position = self.deps[dep] = len(self.deps)
        return Ref(position)

    def parse(self, item: Any) -> Any:
        """``item`` with its references replaced; the very same object when it has none."""
        kind = type(item)
        if kind in ATOMS:
            return item
        if kind is list:
            return self.container(item, item, list)
        if kind is tuple:
            return self.container(item, item, tuple)
        if kind is dict:
            return self.mapping(item)
        return self.resolve(item, self)

    def container(self, whole: Any, items: Sequence[Any], make: Callable[[list[Any]], Any]) -> Any:
        """A nest when something in ``items`` refers to a task, else ``whole`` untouched."""
        parsed = [self.parse(part) for part in items]
        for old, new in zip(items, parsed, strict=True):
            if old is not new:
                return Nest(make, parsed)
        return whole

    def mapping(self, item: dict[Any, Any]) -> Any:
        """A dict; its keys may hold references too."""
        if not item:
            return item
        return self.container(item, list(item.items()), dict)

    def other(self, item: Any) -> Any:
        """The rarer containers and dataclasses; anything else is a constant."""
        kind = type(item)
        if kind is set or kind is frozenset:
            return self.container(item, list(item), kind)
        if kind is OrderedDict:
            return self.container(item, list(item.items()), OrderedDict)
        if kind is slice:
            return self.container(item, [item.start, item.stop, item.step], make_slice)
        if isinstance(item, tuple) and hasattr(kind, "_fields"):
            return self.container(item, item, Named(kind))
        if dataclasses.is_dataclass(item) and not isinstance(item, type):
            return self.record(item)
        return item

    def record(self, item: Any) -> Any:
        """A dataclass instance: the fields that are set, those without ``__init__`` included."""
        fields = [f.name for f in dataclasses.fields(item) if hasattr(item, f.name)]
        # And what it was given besides: by __post_init__, or later.
        names = tuple(dict.fromkeys([*fields, *getattr(item, "__dict__", ())]))
        return self.container(item, [getattr(item, n) for n in names], Record(type(item), names))

    def arguments(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Args:
        """Whole argument lists, in the most compact of the three forms."""
        parsed = [self.parse(arg) for arg in args]
        if kwargs:
            return Template(parsed, {name: self.parse(value) for name, value in kwargs.items()})
        if not self.deps and not any(type(arg) is Nest for arg in parsed):
            return tuple(parsed)
        if len(parsed) == len(self.deps) and all(
            type(arg) is Ref and arg.position == i for i, arg in enumerate(parsed)
        ):
            return None
        return Template(parsed)


def resolve_refs(item: Any, parser: Parser) -> Any:
    """What `Task` recognises inside its arguments: TaskRef, and tasks written in place."""
    kind = type(item)
    if kind is TaskRef:
        return parser.ref(item.key)
    if kind is Task:
        names = tuple(item.kwargs)
        parts = [parser.parse(part) for part in (*item.args, *item.kwargs.values())]
        return Nest(Apply(item.func, names), parts)
    if kind is Alias:
        return parser.ref(item.target)
    if kind is Data:
        return item.value
    return parser.other(item)


class Task:
    """A call with a name.

    Parameters
    ----------
    key
        The task's name in its graph.
    func
        What to call.
    *args, **kwargs
        Its arguments.  A `TaskRef` anywhere inside (nested lists, tuples, dicts, sets, slices,
        named tuples, dataclasses) is replaced by that task's result.

    Examples
    --------
    >>> import shoal
    >>> graph = {"a": 1, "b": Task("b", max, [TaskRef("a"), 5])}
    >>> shoal.get(graph, "b")
    5
    """

    __slots__ = ("args", "func", "key", "kwargs")

    def __init__(self, key: Key, func: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        if not callable(func):
            raise TypeError(
                f"task {key!r}: func must be callable, got {type(func).__name__}: {func!r}"
            )
        self.key = key
        self.func = func
        self.args = args
        self.kwargs = kwargs

    def split(self) -> tuple[Callable[..., Any] | None, Args, Sequence[Key]]:
        """``(func, args, keys of the dependencies)``, the form that runs."""
        parser = Parser(resolve_refs)
        args = parser.arguments(self.args, self.kwargs)
        return self.func, args, tuple(parser.deps)

    def __repr__(self) -> str:
        parts = [repr(arg) for arg in self.args]
        parts += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return (
            f"Task({self.key!r}, {getattr(self.func, '__name__', self.func)}({', '.join(parts)}))"
        )

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild_task, (self.key, self.func, self.args, self.kwargs)


def _rebuild_task(key: Key, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Task:
    return Task(key, func, *args, **kwargs)


class Alias:
    """Another name for a task's result.

    Parameters
    ----------
    key
        The new name.
    target
        The key of the task that computes the result.

    Examples
    --------
    >>> import shoal
    >>> shoal.get({"a": 1, "b": Alias("b", "a")}, "b")
    1
    """

    __slots__ = ("key", "target")

    def __init__(self, key: Key, target: Key) -> None:
        self.key = key
        self.target = target.key if isinstance(target, TaskRef) else target

    def split(self) -> tuple[Callable[..., Any] | None, Args, Sequence[Key]]:
        """``(func, args, keys of the dependencies)``, the form that runs."""
        return identity, None, (self.target,)

    def __repr__(self) -> str:
        return f"Alias({self.key!r}, {self.target!r})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Alias, (self.key, self.target)


class Data:
    """A value that is there already.

    Parameters
    ----------
    key
        Its name.
    value
        Anything; it is never looked into, so it may hold what would otherwise be a reference.

    Examples
    --------
    >>> import shoal
    >>> shoal.get({"a": Data("a", (abs, -1))}, "a")
    (<built-in function abs>, -1)
    """

    __slots__ = ("key", "value")

    def __init__(self, key: Key, value: Any) -> None:
        self.key = key
        self.value = value

    def split(self) -> tuple[Callable[..., Any] | None, Any, Sequence[Key]]:
        """``(None, value, ())``, the form that runs."""
        return None, self.value, ()

    def __repr__(self) -> str:
        return f"Data({self.key!r}, {type(self.value).__name__})"

    def __reduce__(self) -> tuple[Any, ...]:
        return Data, (self.key, self.value)
