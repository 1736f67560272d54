"""From plans and calls to `Submit` messages.

What many tasks share travels once.  A `Code` is a function, or a function with the template of
arguments that several tasks of the plan use; tasks that bring arguments of their own have those
pickled beside it.  Keys of whole layers are a name and a shape.

Pickling a function that another process can import costs a microsecond, pickling a lambda a
hundred, so codes are remembered (`Codes`), but only where that cannot be seen: a function that
is pickled by value takes along the values of the globals it uses, and those may change under the
same function.  It is remembered while these are the same objects, and only if none of them can
change inside.

A `Future` among the data of a plan, or anywhere in a task's arguments, is no data: it becomes a
dependency on the key that it stands for.
"""

from __future__ import annotations

import builtins
import math
import pickle
import types
import weakref
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import cloudpickle
import msgspec
import xxhash

from shoal.distributed.client.keys import wire_key, wire_keys
from shoal.distributed.core.streaming import streamed
from shoal.distributed.protocol import Code, Grid, Key, Listed, Options, Submit
from shoal.expr.annotate import current_annotations
from shoal.graph.layers import GridLayer
from shoal.graph.plan import Plan
from shoal.graph.task import ATOMS, Nest, Parser, Portion, Ref, Template
from shoal.graph.token import tokenize
from shoal.serialize.pickles import Buffer, Frames, dumps, needs_values
from shoal.serialize.references import References

__all__ = [
    "Aside",
    "Codes",
    "Encoded",
    "announced",
    "encode_plan",
    "make_code",
    "options_of",
    "split_arguments",
    "worker_names",
]

PROTOCOL = 5

_IMMUTABLE = (int, float, bool, str, bytes, complex, type(None), types.ModuleType)


_MISSING = object()


class Codes:
    """Functions as `Code`, remembered where that is safe.

    Examples
    --------
    >>> codes = Codes()
    >>> code, token = codes.of(abs)
    >>> codes.of(abs)[0] is code
    True
    """

    __slots__ = ("_kept",)

    def __init__(self) -> None:
        self._kept: weakref.WeakKeyDictionary[Any, tuple[Code, bytes, Any]] = (
            weakref.WeakKeyDictionary()
        )

    def of(self, func: Callable[..., Any]) -> tuple[Code, bytes]:
        """The code of a function, and a token that describes it.

        Parameters
        ----------
        func
            Any callable.

        Raises
        ------
        SerializationError
            It cannot be pickled.
        """
        kind = type(func)
        if kind is not types.FunctionType and kind is not types.BuiltinFunctionType:
            code, _ = make_code((func,))
            return code, tokenize(func).encode()
        found = self._kept.get(func)
        if found is not None and (found[2] is None or is_unchanged(func, found[2])):
            return found[0], found[1]
        code, by_value = make_code((func,))
        token = tokenize(func).encode()
        around = surroundings(func) if by_value else None
        if not by_value or around is not None:
            self._kept[func] = (code, token, around)
        return code, token

    def goes_by_name(self, func: Any) -> bool:
        """Whether a function is known to be pickled by its name, with nothing that it holds.

        Parameters
        ----------
        func
            Any callable.

        Examples
        --------
        >>> codes = Codes()
        >>> _ = codes.of(abs)
        >>> codes.goes_by_name(abs), codes.goes_by_name(max)
        (True, False)
        """
        kind = type(func)
        if kind is not types.FunctionType and kind is not types.BuiltinFunctionType:
            return False
        found = self._kept.get(func)
        return found is not None and found[2] is None


def surroundings(func: Any) -> tuple[Any, ...] | None:
    """The objects that a function pickled by value takes along; None when they may change inside.

    Parameters
    ----------
    func
        A Python function.

    Examples
    --------
    >>> surroundings(lambda x: x + 1) is not None
    True
    """
    if func.__closure__ or func.__kwdefaults__ or func.__dict__:
        return None
    code = func.__code__
    names = [*code.co_names]
    if any(isinstance(const, types.CodeType) for const in code.co_consts):
        return None
    space = func.__globals__
    found: list[Any] = [code, func.__defaults__]
    if not all(isinstance(value, _IMMUTABLE) for value in func.__defaults__ or ()):
        return None
    for name in names:
        value = space.get(name, _MISSING)
        if value is not _MISSING and not isinstance(value, _IMMUTABLE) and not _by_name(value):
            return None
        found.append((name, id(value)))
    return tuple(found)


def is_unchanged(func: Any, before: tuple[Any, ...]) -> bool:
    """Whether a function's surroundings are still these; quicker than to look for them again."""
    code, defaults, *names = before
    if func.__code__ is not code or func.__defaults__ is not defaults:
        return False
    if func.__dict__ or func.__kwdefaults__:
        return False
    space = func.__globals__
    return all(id(space.get(name, _MISSING)) == value for name, value in names)


def _by_name(value: Any) -> bool:
    """Whether a function or class is pickled by its name in a module that can be imported."""
    module = getattr(value, "__module__", None)
    if not isinstance(value, type | types.FunctionType | types.BuiltinFunctionType):
        return False
    if module == builtins.__name__:
        return True
    return module not in (None, "__main__", "__mp_main__") and module not in (
        cloudpickle.list_registry_pickle_by_value()
    )


def make_code(content: tuple[Any, ...]) -> tuple[Code, bool]:
    """A code, and whether something in it was pickled by value.

    Parameters
    ----------
    content
        ``(func,)`` or ``(func, args)``.

    Examples
    --------
    >>> pickle.loads(make_code((abs,))[0].data)
    (<built-in function abs>,)
    """
    try:
        data = pickle.dumps(content, PROTOCOL)
        by_value = needs_values(data)
    except Exception:
        by_value = True
    if by_value:
        frames = dumps(content, f"the function {content[0]!r}")
        # A code travels in one piece.
        data = cloudpickle.dumps(content, PROTOCOL) if frames.buffers else bytes(frames.head)
    return Code(xxhash.xxh3_128_digest(data), data), by_value


class Encoded:
    """A message and what it takes to be answered.

    Parameters
    ----------
    message, buffers
        To be sent.
    keys
        Of the wanted results, in the order they were asked for; a key may be an external's.
    references
        Futures that functions and arguments hold where no parser looks: inside of objects.

    Examples
    --------
    >>> Encoded(Submit([], [], [], [b"12"], [()], [], [0], []), [b"345"], []).nbytes
    5
    """

    __slots__ = ("buffers", "keys", "message", "references")

    def __init__(
        self,
        message: Submit,
        buffers: list[Buffer],
        keys: list[Key],
        references: References | None = None,
    ) -> None:
        self.message = message
        self.buffers = buffers
        self.keys = keys
        self.references = references or References()

    @property
    def nbytes(self) -> int:
        """Size of what travels, names and numbers left out."""
        message = self.message
        codes = sum(len(code.data) for code in message.codes)
        return codes + sum(map(len, message.args)) + sum(map(len, self.buffers))


HEAD_BYTES = 1 << 20
"""Pickle streams beyond this size travel beside the message."""


class Streamed:
    """A pickle stream that is itself a buffer beside another one.

    Parameters
    ----------
    frames
        What was pickled.
    """

    __slots__ = ("frames",)

    def __init__(self, frames: Frames) -> None:
        self.frames = frames

    def __reduce_ex__(self, protocol: Any) -> Any:
        parts = [self.frames.head, *self.frames.buffers]
        return unstream, tuple(map(pickle.PickleBuffer, parts))


def unstream(head: Buffer, *buffers: Buffer) -> Any:
    """The object whose pickle stream came as a buffer.

    Parameters
    ----------
    head
        The stream.
    *buffers
        Its own buffers.

    Examples
    --------
    >>> unstream(pickle.dumps(3))
    3
    """
    return pickle.loads(head, buffers=buffers)


class Aside:
    """Pickles the arguments of single tasks, large buffers beside.

    Examples
    --------
    >>> aside = Aside()
    >>> pickle.loads(aside.pickle(0, (1, 2), "the arguments")), aside.buffers
    ((1, 2), [])
    """

    __slots__ = ("big", "buffers")

    def __init__(self) -> None:
        self.buffers: list[Buffer] = []
        self.big: list[tuple[int, int, int]] = []

    def pickle(self, task: int, value: Any, what: str) -> bytes:
        """The stream of a task's arguments; its buffers are kept.

        Parameters
        ----------
        task
            Number of the task in the message.
        value
            The arguments.
        what
            What an error calls them.
        """
        frames = dumps(value, what)
        if len(frames.head) > HEAD_BYTES:
            # Beside the message, as one more buffer.
            outer: list[Buffer] = []
            head = pickle.dumps(
                Streamed(frames), PROTOCOL, buffer_callback=lambda b: outer.append(b.raw())
            )
            frames = Frames(head, outer)
        if frames.buffers:
            self.big.append((task, len(self.buffers), len(frames.buffers)))
            self.buffers += frames.buffers
        return bytes(frames.head)


class _FutureParser(Parser):
    """Replaces futures inside the arguments of one task by references to dependencies.

    Parameters
    ----------
    needs
        The dependencies that are there already.
    numbers
        What each external key is called among the dependencies; grows.
    first
        Number of the first external.
    """

    __slots__ = ("first", "needs", "numbers")

    def __init__(self, needs: Sequence[int], numbers: dict[Key, int], first: int) -> None:
        super().__init__(_resolve_future)
        self.needs = list(needs)
        self.numbers = numbers
        self.first = first

    def external(self, key: Key) -> Ref:
        """The reference to the result of a key."""
        number = self.numbers.setdefault(key, self.first + len(self.numbers))
        if number not in self.needs:
            self.needs.append(number)
        return Ref(self.needs.index(number))


def _resolve_future(item: Any, parser: Any) -> Any:
    if type(item) is Ref:
        return item
    if type(item) is Nest:
        return parser.container(item, item.items, item.make)
    key = getattr(item, "__shoal_wire_key__", None)
    if key is None or isinstance(item, type):
        return parser.other(item)
    return parser.external(key())


def split_arguments(args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, list[Key]]:
    """The arguments of one call as a plan has them, and the keys of the futures in them.

    Parameters
    ----------
    args, kwargs
        Of the call.

    Examples
    --------
    >>> split_arguments((1, 2), {})
    ((1, 2), [])
    >>> split_arguments((1,), {"key": 2})
    (Template([1], {'key': 2}), [])
    """
    if not kwargs and ATOMS.issuperset(map(type, args)):
        return args, []
    numbers: dict[Key, int] = {}
    parser = _FutureParser((), numbers, 0)
    parsed = [parser.parse(arg) for arg in args]
    named = {name: parser.parse(value) for name, value in kwargs.items()}
    if not named and not numbers:
        return args, []
    if not named and all(type(arg) is Ref and arg.position == i for i, arg in enumerate(parsed)):
        return None, list(numbers)
    return Template(parsed, named), list(numbers)


def encode_plan(
    plan: Plan,
    codes: Codes,
    options: Sequence[Options] = (),
    *,
    inline: bool = True,
    trace: dict[str, str] | None = None,
) -> Encoded:
    """A plan as a message.

    Parameters
    ----------
    plan
        What to run.
    codes
        What is known of functions.
    options
        For all tasks; what the plan's annotations say of some stands above them.
    inline
        Whether small results should come with the report that they are there.
    trace
        Headers of the trace context in which they run.

    Examples
    --------
    >>> from shoal.graph.legacy import plan_from_dict
    >>> plan = plan_from_dict({"a": (abs, -1), "b": (abs, "a")}, ["b"])
    >>> message = encode_plan(plan, Codes()).message
    >>> message.names, message.code, message.deps, message.wanted
    ([Listed(keys=['a', 'b'])], [0, 0], [(), (0,)], [1])
    """
    ids, externals = _number(plan)
    rows = [i for i, to in enumerate(ids) if to >= 0] if externals else range(len(plan))
    table = _Rows(plan, codes, ids, len(rows), externals)
    with References() as references:
        for row, i in enumerate(rows):
            table.add(row, i)
    rank = [0] * len(plan)
    for at, i in enumerate(plan.order):
        rank[i] = at
    order = [rank[i] for i in rows] if externals else rank
    wanted = [ids[i] for i in dict.fromkeys(plan.wanted) if ids[i] >= 0]
    message = Submit(
        names=_names(plan, rows if externals else None),
        codes=table.made,
        code=table.code,
        args=table.args,
        deps=table.deps,
        externals=list(table.numbers),
        order=order,
        wanted=wanted,
        big=table.aside.big,
        options=[*options, *_annotations(plan, ids, options)],
        inline=inline,
        trace=trace or {},
        parts=table.parts,
    )
    keys = [wire_key(plan.keys[i]) if ids[i] >= 0 else externals[-ids[i] - 1] for i in plan.wanted]
    return Encoded(streamed(message), table.aside.buffers, keys, references)


class _Rows:
    """The columns of a message while they grow."""

    __slots__ = (
        "args",
        "aside",
        "code",
        "codes",
        "count",
        "deps",
        "external",
        "ids",
        "made",
        "numbers",
        "parts",
        "places",
        "plan",
        "shared",
        "templates",
    )

    def __init__(
        self, plan: Plan, codes: Codes, ids: Sequence[int], count: int, externals: list[Key]
    ) -> None:
        self.plan = plan
        self.codes = codes
        self.ids = ids
        self.count = count
        self.external = bool(externals)
        self.numbers = dict(zip(externals, range(count, count + len(externals))))
        self.shared = _shared_args(plan)
        self.templates: dict[tuple[int, int], tuple[Any, tuple[int, ...]]] = {}
        self.places: dict[tuple[int, int], int] = {}
        self.aside = Aside()
        self.made: list[Code] = []
        self.code: list[int] = []
        self.args: list[bytes] = []
        self.deps: list[tuple[int, ...]] = []
        self.parts: list[tuple[int, int]] = []

    def add(self, row: int, i: int) -> None:
        """Task ``i`` of the plan as number ``row`` of the message."""
        func, arg, needs = self.plan.funcs[i], self.plan.args[i], self.plan.deps[i]
        if self.external and needs:
            ids, last = self.ids, self.count - 1
            needs = tuple([ids[j] if ids[j] >= 0 else last - ids[j] for j in needs])
        if func is None:
            self.code.append(-1)
            self.args.append(self.aside.pickle(row, arg, f"the value of {self.plan.keys[i]!r}"))
            self.deps.append(())
            return
        if type(arg) is Portion:
            self.parts.append((row, arg.part))
            arg = arg.args
        share = 0
        if arg is None:
            data = b""
        elif id(arg) in self.shared:
            arg, needs = self.template(arg, needs)
            share, data = id(arg), b""
        elif type(arg) is tuple and ATOMS.issuperset(map(type, arg)):
            data = pickle.dumps(arg, PROTOCOL)
        else:
            arg, needs = self.parse(arg, needs)
            what = f"the arguments of {self.plan.keys[i]!r}"
            data = b"" if arg is None else self.aside.pickle(row, arg, what)
        place = self.places.get((id(func), share))
        if place is None:
            place = self.places[id(func), share] = len(self.made)
            self.made.append(
                make_code((func, arg))[0] if share else self.codes.of(func)[0],
            )
        self.code.append(place)
        self.args.append(data)
        self.deps.append(needs)

    def parse(self, arg: Any, needs: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        """Arguments without futures in them, and all that they depend on."""
        parser = _FutureParser(needs, self.numbers, self.count)
        return _without_futures(arg, parser), tuple(parser.needs)

    def template(self, arg: Any, needs: tuple[int, ...]) -> tuple[Any, tuple[int, ...]]:
        """The same for a template of several tasks, looked into once."""
        same = (id(arg), len(needs))
        found = self.templates.get(same)
        if found is None:
            new, all_needs = self.parse(arg, (-1,) * len(needs))
            found = self.templates[same] = (new, all_needs[len(needs) :])
        new, more = found
        if more and not set(more).isdisjoint(needs):
            return self.parse(arg, needs)
        return new, needs + more if more else needs


def _number(plan: Plan) -> tuple[Sequence[int], list[Key]]:
    """New numbers of the tasks: those of futures, which are no tasks, count down from -1."""
    held = [
        i
        for i, func in enumerate(plan.funcs)
        if func is None and hasattr(type(plan.args[i]), "__shoal_wire_key__")
    ]
    if not held:
        return range(len(plan)), []
    places: dict[Key, int] = {}
    ids = [0] * len(plan)
    for i in held:
        key = plan.args[i].__shoal_wire_key__()
        ids[i] = -1 - places.setdefault(key, len(places))
    number = 0
    for i, mark in enumerate(ids):
        if mark >= 0:
            ids[i] = number
            number += 1
    return ids, list(places)


def _shared_args(plan: Plan) -> set[int]:
    """Identities of the argument templates that several tasks use."""
    seen: set[int] = set()
    shared: set[int] = set()
    for arg in plan.args:
        if type(arg) is Portion:
            arg = arg.args
        if arg is not None:
            if id(arg) in seen and type(arg) is Template:
                shared.add(id(arg))
            seen.add(id(arg))
    return shared


def _code(codes: Codes, func: Any, arg: Any, share: bool) -> Code:
    if share and arg is not None:
        return make_code((func, arg))[0]
    return codes.of(func)[0]


def _without_futures(arg: Any, parser: _FutureParser) -> Any:
    """A task's arguments, the futures in them replaced by references to further dependencies."""
    if type(arg) is not tuple and type(arg) is not Template:
        return arg
    before = len(parser.needs)
    args, kwargs = (arg.args, arg.kwargs) if isinstance(arg, Template) else (arg, None)
    items = [parser.parse(item) for item in args]
    named = {name: parser.parse(value) for name, value in kwargs.items()} if kwargs else None
    return arg if len(parser.needs) == before else Template(items, named)


def _names(plan: Plan, rows: Sequence[int] | None) -> list[Listed | Grid]:
    """The keys of the tasks, as pieces."""
    pieces = getattr(plan.keys, "pieces", None)
    if rows is not None or pieces is None:
        some = range(len(plan)) if rows is None else rows
        return [Listed(wire_keys([plan.keys[i] for i in some]))]
    names: list[Listed | Grid] = []
    for layer, chosen in pieces():
        if not len(chosen):
            continue
        if isinstance(layer, GridLayer):
            whole = isinstance(chosen, range) and len(chosen) == layer.size
            names.append(Grid(str(layer.name), layer.shape, None if whole else list(chosen)))
        else:
            names.append(Listed(wire_keys([layer.keys[i] for i in chosen])))
    return names


OPTIONS = (
    "priority",
    "retries",
    "workers",
    "allow_other_workers",
    "resources",
    "timeout_s",
    "executor",
    "speculative",
)
"""Annotations that a scheduler acts on: fields of `Options`."""


def options_of(tasks: list[int] | None = None, **said: Any) -> list[Options]:
    """What the user asked for, as a list of at most one entry.

    Parameters
    ----------
    tasks
        Numbers of the tasks; None for all.
    **said
        Fields of `Options`; None and False are as if they were not there.  ``workers`` may be
        one name, or any collection of them.

    Raises
    ------
    TypeError, ValueError
        A negative number of retries, resources that are no amounts by name.

    Examples
    --------
    >>> options_of(priority=0, retries=None), options_of(workers="a")[0].workers
    ([], ['a'])
    """
    given = {name: value for name, value in said.items() if value not in (None, False, 0)}
    if not given:
        return []
    workers = given.get("workers")
    if workers is not None:
        given["workers"] = worker_names(workers)
    if "resources" in given:
        given["resources"] = amounts(given["resources"])
    if "priority" in given:
        given["priority"] = float(given["priority"])
        if math.isnan(given["priority"]):
            raise ValueError("priority is a number, higher runs earlier; got nan")
    if "retries" in given:
        given["retries"] = min(int(given["retries"]), MOST_RETRIES)
        if given["retries"] < 0:
            raise ValueError(f"retries is at least 0, got {given['retries']}")
    if "actor" in given:
        if not isinstance(given["actor"], int):
            raise TypeError(
                f"actors is True or False, for all results; got {given['actor']!r}. "
                "Use submit(..., actor=True) for some of several"
            )
        given["actor"] = True
    return [Options(tasks=tasks, **given)]


MOST_RETRIES = 1 << 31
"""As good as for ever, and messages have numbers of 64 bits."""


def amounts(resources: Any) -> dict[str, float] | None:
    """What a task takes of workers' resources; None where that is nothing."""
    if not isinstance(resources, Mapping):
        raise TypeError(f"resources are amounts by name, such as {{'GPU': 1}}; got {resources!r}")
    found = {str(name): float(amount) for name, amount in resources.items()}
    for name, amount in found.items():
        if not 0 <= amount < math.inf:
            raise ValueError(f"a task takes 0 or more of a resource; got {amount!r} of {name!r}")
    return {name: amount for name, amount in found.items() if amount} or None


def worker_names(workers: Any) -> list[str]:
    """Workers as the scheduler takes them: addresses, names or hosts, as strings.

    Parameters
    ----------
    workers
        One, or a collection.

    Examples
    --------
    >>> worker_names("a"), worker_names({1}), worker_names(["a", 2])
    (['a'], ['1'], ['a', '2'])
    """
    if isinstance(workers, str) or not isinstance(workers, Iterable):
        workers = [workers]
    return [str(worker) for worker in workers]


def announced(keys: Sequence[Any], options: list[Options]) -> list[Options]:
    """What was asked for tasks that are sent now: by their call, and else by `shoal.annotate`.

    Parameters
    ----------
    keys
        Of all tasks of a message, by their numbers in it.
    options
        What the call asked for: at most one, for all of them.

    Examples
    --------
    >>> from shoal import annotate
    >>> with annotate(timeout_s=2.5, retries=1, other="is for others"):
    ...     [(one.timeout_s, one.retries) for one in announced(["x-1"], options_of(retries=3))]
    [(None, 3), (2.5, 3)]
    """
    said = current_annotations()
    found = _said_of(said, range(len(keys)), keys) if said else []
    return [*options, *(_put_together(one, *options) for one in found)]


def _annotations(plan: Plan, ids: Sequence[int], options: Sequence[Options]) -> list[Options]:
    """What `shoal.annotate` said, and where it said nothing, what the call asks for."""
    out: list[Options] = []
    for span, said in plan.annotations:
        tasks = [i for i in span if ids[i] >= 0]
        found = _said_of(said, [ids[i] for i in tasks], (plan.keys[i] for i in tasks))
        out += [_put_together(*options, one) for one in found]
    return out


def _put_together(*given: Options) -> Options:
    """What the last says, and where that says nothing, what the one before it does."""
    said: dict[str, Any] = {}
    for options in given:
        fields = msgspec.structs.asdict(options)
        said |= {name: value for name, value in fields.items() if value != UNSAID[name]}
    return Options(**said)


UNSAID = msgspec.structs.asdict(Options())


def _said_of(said: Mapping[str, Any], numbers: Sequence[int], keys: Iterable[Any]) -> list[Options]:
    known = {name: value for name, value in said.items() if name in OPTIONS}
    if not known:
        return []
    if not any(map(callable, known.values())):
        return options_of(list(numbers), **known)
    out: list[Options] = []
    for number, key in zip(numbers, keys, strict=True):
        # A function of the key may stand for a value.
        own = {name: v(key) if callable(v) else v for name, v in known.items()}
        out += options_of([number], **own)
    return out
