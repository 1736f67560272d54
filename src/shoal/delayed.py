"""`delayed`: any function call, later.

``delayed(f)(x, y)`` is a `Delayed`: an object that stands for the result, can be an argument of
further calls, and computes everything it needs when asked.

A `Delayed` is itself the node of its graph (`shoal.expr.call.Call`): a tuple with the function, a
template of the arguments and the calls these refer to.  Nothing is copied, named or hashed while
a graph is built, so building costs the same for the first call and for the millionth.
"""

from __future__ import annotations

import functools
import html
import operator
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Generic, NoReturn, TypeVar, overload

from shoal import config
from shoal.collection import CollectionMixin, finalized, is_collection
from shoal.expr.annotate import current_annotations
from shoal.expr.call import BlockOf, Call, call_key, ident_of_key, next_ident
from shoal.expr.node import Held
from shoal.graph.functions import Method
from shoal.graph.legacy import rows_from_dict
from shoal.graph.naming import given_name
from shoal.graph.task import ATOMS, Args, Parser, Ref, identity
from shoal.graph.token import tokenize
from shoal.highlevelgraph import HighLevelGraph, graph_of
from shoal.types import Key

__all__ = ["Delayed", "DelayedAttr", "DelayedLeaf", "delayed"]

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

_new = object.__new__
# The slot's own setter: `Delayed` refuses assignment, and object.__setattr__ is slower.
_set_call = Call.__dict__["_call"].__set__
_ITERATORS: tuple[type, ...] = (type(iter([])), type(iter(())), type(iter(set())))
_MISSING: Any = object()


class _ArgumentParser(Parser):
    """Replaces calls and collections inside arguments by references; collects them."""

    __slots__ = ("inputs",)

    def __init__(self) -> None:
        super().__init__(_resolve_argument)
        self.inputs: list[Call] = []

    def add(self, call: Call) -> Ref:
        """The reference to a call."""
        ident = call._call[0]
        if ident not in self.deps:
            self.inputs.append(call)
        return self.ref(ident)


def _resolve_argument(item: Any, parser: Any) -> Any:
    if isinstance(item, Call):
        return parser.add(item)
    if is_collection(item):
        return parser.add(finalized(item))
    if type(item) in _ITERATORS:
        return parser.parse(list(item))
    return parser.other(item)


def _prefix_of(obj: Any) -> str:
    """What the key of an object begins with."""
    name = given_name(obj).strip("<>")
    return name if name.isidentifier() else type(obj).__name__


def _ident(label: str, name: Key | None, pure: bool | None, *content: Any) -> Any:
    """Identity of a new call: the name given, a token of what it does, or a number."""
    if name is not None:
        return ident_of_key(name)
    if pure:
        return f"{label}-{tokenize(*content)}"
    return next_ident()


def _make(
    cls: type[Any],
    ident: Any,
    func: Callable[..., Any] | None,
    args: Any,
    inputs: tuple[Call, ...],
    label: str,
    nout: int | None = None,
    pure: bool | None = None,
) -> Any:
    self = _new(cls)
    _set_call(self, (ident, func, args, inputs, label, current_annotations(), nout, pure))
    return self


def _call(
    func: Callable[..., Any],
    label: str,
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    pure: bool | None,
    nout: int | None,
) -> Delayed[Any]:
    """The call of a function with arguments that may hold collections."""
    name = None
    if kwargs:
        name = kwargs.pop("dask_key_name", None)
        pure = kwargs.pop("pure", pure)
    if pure is None:
        pure = _settings().get("delayed-pure")
    template: Args
    inputs: tuple[Call, ...]
    if not kwargs and ATOMS.issuperset(map(type, args)):
        template, inputs = args, ()
    elif not kwargs and _KINDS.issuperset(map(type, args)) and _distinct(args):
        template, inputs = None, args
    else:
        # Looked at twice, by the parser and by the token.
        args = tuple([list(arg) if type(arg) in _ITERATORS else arg for arg in args])
        parser = _ArgumentParser()
        template = parser.arguments(args, kwargs)
        inputs = tuple(parser.inputs)
    if name is None and not pure:
        ident: Any = next_ident()
    else:
        ident = _ident(label, name, pure, func, args, kwargs)
    self = _new(Delayed)
    _set_call(self, (ident, func, template, inputs, label, current_annotations(), nout, None))
    return self


@functools.cache
def _settings() -> Any:
    """The settings themselves: config.get takes half as long as making a call."""
    return config.config


def _distinct(calls: tuple[Call, ...]) -> bool:
    if len(calls) < 3:
        return len(calls) == 1 or calls[0]._call[0] != calls[1]._call[0]
    return len({call._call[0] for call in calls}) == len(calls)


def _check_nout(nout: Any) -> None:
    if nout is not None and (type(nout) is not int or nout < 0):
        raise ValueError(f"nout must be None or an int of at least 0, got {nout!r}")


@overload
def delayed(
    obj: Callable[..., T],
    name: Key | None = ...,
    pure: bool | None = ...,
    nout: int | None = ...,
    traverse: bool = ...,
) -> DelayedLeaf[T]: ...


@overload
def delayed(
    obj: Any = ...,
    name: Key | None = ...,
    pure: bool | None = ...,
    nout: int | None = ...,
    traverse: bool = ...,
) -> Any: ...


def delayed(
    obj: Any = _MISSING,
    name: Key | None = None,
    pure: bool | None = None,
    nout: int | None = None,
    traverse: bool = True,
) -> Any:
    """Wrap a function, or an object, so that what is done with it happens later.

    Parameters
    ----------
    obj
        A function (calls of the result are lazy), or any object (its attributes, methods and
        operators are).  Left out, a decorator with the other arguments is returned.
    name
        The key to use for the object.
    pure
        True when equal arguments give equal results: equal calls then have equal keys and run
        once.  Default: the setting ``delayed-pure``, else False.
    nout
        How many results the function returns; the lazy result can then be unpacked.
    traverse
        False not to search ``obj`` for collections, when it is a large container.

    Returns
    -------
    Delayed

    Raises
    ------
    ValueError
        ``nout`` is not an int of at least 0.

    Examples
    --------
    >>> @delayed
    ... def add(a, b):
    ...     return a + b
    >>> total = add(add(1, 2), 4)
    >>> total.compute()
    7
    >>> low, high = delayed(lambda x: (x - 1, x + 1), nout=2)(10)
    >>> (low * high).compute()
    99
    """
    if obj is _MISSING:
        return lambda func: delayed(func, name=name, pure=pure, nout=nout, traverse=traverse)
    _check_nout(nout)
    if isinstance(obj, Delayed):
        return obj
    if pure is None:
        pure = config.get("delayed-pure", None)
    if is_collection(obj):
        ident, func, args, inputs, label = finalized(obj)._call[:5]
        return _make(Delayed, ident, func, args, inputs, label, nout)
    if traverse and type(obj) in _ITERATORS:
        obj = list(obj)
    label = _prefix_of(obj)
    if traverse:
        parser = _ArgumentParser()
        args = parser.arguments((obj,), {})
        if parser.inputs:
            label = type(obj).__name__
            ident = _ident(label, name, pure, obj)
            return _make(Delayed, ident, identity, args, tuple(parser.inputs), label, nout)
    return _make(DelayedLeaf, _ident(label, name, pure, obj), None, obj, (), label, nout, pure)


class Delayed(Call, CollectionMixin, Generic[T_co]):
    """The result of a call that has not happened yet.

    Operators, ``[]``, attributes, methods and calls on it give further `Delayed` objects.  It
    cannot be changed, and has no truth value and no length, because there is no value yet.

    Parameters
    ----------
    key
        The key of the wanted task.
    dsk
        A dict graph that has it.
    length
        How many results it unpacks to.
    layer
        Accepted because libraries pass it; a key names its task without it.

    Examples
    --------
    >>> x = delayed([3, 1, 2])
    >>> (x[0] + x.index(2)).compute()
    5
    >>> Delayed("y", {"x": 1, "y": (abs, "x")}).compute()
    1
    """

    __slots__ = ()
    __shoal_scheduler__ = "threads"

    def __new__(
        cls, key: Key, dsk: Mapping[Key, Any], length: int | None = None, layer: Any = None
    ) -> Delayed[T_co]:
        keys, funcs, args, deps = rows_from_dict(dsk, [key])
        calls: list[Delayed[T_co]] = []
        for row, (func, arg, needs) in enumerate(zip(funcs, args, deps, strict=True)):
            inputs = tuple([calls[i] for i in needs])
            nout = length if keys[row] == key else None
            ident, label = ident_of_key(keys[row]), str(keys[row])
            if type(ident) is int:
                # The key is made of the label and the number.
                label = label[:-33]
            calls.append(_make(cls, ident, func, arg, inputs, label, nout))
        return calls[-1]

    # ------------------------------------------------------------------ protocol of collections

    def __shoal_node__(self) -> Any:
        return self

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return operator.itemgetter(0), ()

    def __shoal_with_node__(self, node: Any) -> Delayed[T_co]:
        if isinstance(node, Held):
            ident, _, _, _, label, _, nout, _ = self._call
            return _make(Delayed, ident, None, node.values[0], (), label, nout)  # type: ignore[no-any-return]
        return self

    # ------------------------------------------------------------------------- what it tells

    @property
    def key(self) -> Key:
        """The name of the task that computes the result."""
        return call_key(self._call[0], self._call[4])

    @property
    def dask(self) -> HighLevelGraph:
        """The graph: a mapping of keys to tasks, in layers."""
        return graph_of(self)

    @property
    def _length(self) -> int | None:
        return self._call[6]  # type: ignore[no-any-return]

    def __repr__(self) -> str:
        return f"Delayed({self.key!r})"

    def _repr_html_(self) -> str:
        return f"<table><tr><th>Delayed</th><td>{html.escape(str(self.key))}</td></tr></table>"

    def __hash__(self) -> int:
        return hash(self._call[0])

    def __dir__(self) -> list[str]:
        return sorted(dir(type(self)))

    def __reduce__(self) -> Any:
        return _restore, (type(self), *_flatten(self))

    # ---------------------------------------------------------------------------- doing more

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("_"):
            raise AttributeError(f"{type(self).__name__} has no attribute {attr!r}")
        if attr == "visualise":
            warnings.warn("Delayed has no method 'visualise': it is 'visualize'", stacklevel=2)
        return DelayedAttr(self, attr)

    def __call__(self, *args: Any, **kwargs: Any) -> Delayed[Any]:
        return _call(_apply, "apply", (self, *args), kwargs, None, None)

    def __getitem__(self, item: Any) -> Delayed[Any]:
        return _operator(operator.getitem, self, item)

    def __iter__(self) -> Iterator[Delayed[Any]]:
        if self._length is None:
            raise TypeError(
                "a Delayed of unknown length cannot be iterated over or unpacked; say how many "
                "results there are with delayed(..., nout=...)"
            )
        return iter([self[i] for i in range(self._length)])

    def __len__(self) -> int:
        if self._length is None:
            raise TypeError(
                "a Delayed has no length before it is computed; say how many results there are "
                "with delayed(..., nout=...)"
            )
        return self._length

    def __get__(self, instance: Any, cls: Any) -> Any:
        # So that a decorated function in a class is a method.
        return self if instance is None else types.MethodType(self, instance)

    # ------------------------------------------------------------------------- what it is not

    def __bool__(self) -> NoReturn:
        raise TypeError(
            "the truth value of a Delayed is not known before it is computed; "
            "call .compute() first, or move the condition into a delayed function"
        )

    def __setitem__(self, item: Any, value: Any) -> NoReturn:
        raise TypeError(
            "Delayed objects are immutable: no item can be set; do it in a delayed function"
        )

    def __setattr__(self, attr: str, value: Any) -> None:
        raise TypeError(
            f"Delayed objects are immutable: attribute {attr!r} cannot be set; "
            "do it in a delayed function"
        )


def _apply(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    """Call the result of a task."""
    return func(*args, **kwargs)


def _operator(op: Callable[..., Any], *args: Any) -> Delayed[Any]:
    """An operator: pure, so the same one on the same objects is one task."""
    return _call(op, op.__name__.strip("_"), args, {}, True, None)


def _binary(op: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: _operator(op, self, other)


def _reflected(op: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    return lambda self, other: _operator(op, other, self)


def _unary(op: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda self: _operator(op, self)


ARITHMETIC: tuple[Callable[..., Any], ...] = (
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
    operator.floordiv,
    operator.mod,
    operator.pow,
    operator.matmul,
    operator.lshift,
    operator.rshift,
    operator.and_,
    operator.or_,
    operator.xor,
    divmod,
)
COMPARISONS: tuple[Callable[..., Any], ...] = (
    operator.eq,
    operator.ne,
    operator.lt,
    operator.le,
    operator.gt,
    operator.ge,
)
UNARY: tuple[Callable[..., Any], ...] = (
    operator.neg,
    operator.pos,
    operator.abs,
    operator.invert,
)


def _bind_operators(cls: type) -> None:
    """Give a class the operators of Python."""
    for op in ARITHMETIC:
        name = op.__name__.strip("_")
        setattr(cls, f"__{name}__", _binary(op))
        setattr(cls, f"__r{name}__", _reflected(op))
    for op in COMPARISONS:
        setattr(cls, f"__{op.__name__}__", _binary(op))
    for op in UNARY:
        setattr(cls, f"__{op.__name__}__", _unary(op))


_bind_operators(Delayed)


class DelayedLeaf(Delayed[T_co]):
    """A function or an object wrapped by `delayed`.

    Calling it makes a call of the wrapped function.

    Examples
    --------
    >>> delayed(abs)(-3).compute()
    3
    """

    __slots__ = ()

    def __call__(self, *args: Any, **kwargs: Any) -> Delayed[T_co]:
        call = self._call
        return _call(call[2], call[4], args, kwargs, call[7], call[6])

    @property
    def __name__(self) -> str:
        return getattr(self._call[2], "__name__", self._call[4])  # type: ignore[no-any-return]

    @property
    def __wrapped__(self) -> Any:
        if not callable(self._call[2]):
            raise AttributeError("__wrapped__")
        return self._call[2]


class _DocOfWrapped:
    """The docstring of a wrapped function, or, asked of the class, of the class."""

    def __init__(self, own: str | None) -> None:
        self.own = own

    def __get__(self, instance: Any, owner: type) -> str | None:
        return self.own if instance is None else instance._call[2].__doc__


DelayedLeaf.__doc__ = _DocOfWrapped(DelayedLeaf.__doc__)  # type: ignore[assignment]


class DelayedAttr(Delayed[Any]):
    """An attribute of a lazy object; calling it calls the method.

    Parameters
    ----------
    obj
        The lazy object.
    attr
        The attribute's name.

    Examples
    --------
    >>> delayed("text").upper().compute()
    'TEXT'
    """

    __slots__ = ()

    def __new__(cls, obj: Delayed[Any], attr: str) -> DelayedAttr:
        args = _ArgumentParser().arguments((obj, attr), {})
        ident = f"getattr-{tokenize(obj, attr)}"
        return _make(cls, ident, getattr, args, (obj,), "getattr")  # type: ignore[no-any-return]

    def __call__(self, *args: Any, **kwargs: Any) -> Delayed[Any]:
        attr = self._call[2].args[1]
        method = Method(attr)
        return _call(method, attr, (self._call[3][0], *args), kwargs, None, None)


_KINDS = frozenset({Delayed, DelayedLeaf, DelayedAttr})
"""Exact types whose instances are calls; what most arguments of most calls are."""


def _flatten(call: Delayed[Any]) -> tuple[list[tuple[Any, ...]], list[Any]]:
    """A call and all it needs as rows, so that pickling a deep graph does not recurse."""
    rows: list[tuple[Any, ...]] = []
    blocks: list[Any] = []
    places: dict[Any, int] = {}
    stack: list[Call] = [call]
    while stack:
        item = stack[-1]
        ident = item._call[0]
        if ident in places:
            stack.pop()
            continue
        if isinstance(item, BlockOf):
            stack.pop()
            places[ident] = len(rows)
            rows.append((len(blocks),))
            blocks.append(item)
            continue
        waiting = [source for source in item._call[3] if source._call[0] not in places]
        if waiting:
            stack += waiting
            continue
        stack.pop()
        _, func, args, inputs, label, annotations, nout, pure = item._call
        places[ident] = len(rows)
        needs = tuple([places[source._call[0]] for source in inputs])
        key = ident_of_key(call_key(ident, label))
        rows.append((key, func, args, needs, label, annotations, nout, pure))
    return rows, blocks


def _restore(cls: type, rows: list[tuple[Any, ...]], blocks: list[Any]) -> Any:
    calls: list[Any] = []
    for row, content in enumerate(rows):
        if len(content) == 1:
            calls.append(blocks[content[0]])
            continue
        self: Any = _new(cls if row == len(rows) - 1 else Delayed)
        _set_call(self, (*content[:3], tuple([calls[i] for i in content[3]]), *content[4:]))
        calls.append(self)
    return calls[-1]
