"""Futures: results on a cluster, as objects.

A `Future` holds its client and the entry of its key in the client's table; everything that
changes is in the entry.  It is a collection as well (`shoal.types.Collection`), so that a future
may be an argument of `delayed`, be computed together with other collections, and be what the
blocks of a persisted collection are.
"""

from __future__ import annotations

import html
import operator
import sys
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from shoal.collection import is_collection
from shoal.distributed.client.current import current_client
from shoal.distributed.client.failures import note_unopened, task_error
from shoal.distributed.client.keys import wire_key
from shoal.distributed.client.promise import timeout_of
from shoal.distributed.client.waiting import call_when_ended, wait_ended
from shoal.distributed.core.client.table import (
    CANCELLED,
    ERROR,
    FINISHED,
    LOST,
    PENDING,
    Entry,
)
from shoal.distributed.protocol import Key
from shoal.expr.call import Call, ident_of_key
from shoal.expr.node import Held
from shoal.local.failure import trimmed
from shoal.serialize.references import refer

if TYPE_CHECKING:
    from shoal.distributed.client.client import Client

__all__ = ["Future", "futures_given", "futures_of", "keys_given", "make_future"]

T = TypeVar("T")

_new = object.__new__


class Future(Generic[T]):
    """The result of a task on a cluster, which may not be there yet.

    The cluster keeps the result while there is a future of it anywhere.

    Parameters
    ----------
    key
        Of a task that the cluster knows, or will know.
    client
        Default: the current one.

    Examples
    --------
    >>> from shoal.distributed import Client
    >>> with Client(n_workers=1, processes=False) as client:
    ...     future = client.submit(max, 1, 2)
    ...     print(future.result(), future.status)
    2 finished
    """

    __slots__ = ("__weakref__", "_client", "_entry", "key")

    key: Any
    _client: Client
    _entry: Entry

    def __init__(self, key: Any, client: Client | None = None) -> None:
        self.key = key
        self._client = current_client() if client is None else client
        self._entry = self._client._link.want(wire_key(key))

    # -- what became of it ---------------------------------------------------------------------

    @property
    def client(self) -> Client:
        """The client that it belongs to."""
        return self._client

    @property
    def status(self) -> str:
        """``"pending"``, ``"finished"``, ``"error"``, ``"cancelled"`` or ``"lost"``."""
        return self._entry.status

    def done(self) -> bool:
        """Whether it has ended, well or not."""
        return self._entry.status != PENDING

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._entry.status == CANCELLED

    @property
    def type(self) -> Any:
        """The result's type, its name where it is not loaded here; None while it is not there."""
        return type_of(self._entry.kind) if self._entry.kind else None

    @property
    def nbytes(self) -> int:
        """Size of the result, in bytes; 0 while it is not there."""
        return self._entry.nbytes

    def result(self, timeout: Any = None) -> T:
        """Wait for the result.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``; None: as long as it takes.

        Returns
        -------
        The result; with an asynchronous client something to await.

        Raises
        ------
        TimeoutError
            Not in time.
        Exception
            What the task raised.
        """
        client = self._client
        if client.asynchronous:
            return client._async_result(self, timeout)  # type: ignore[return-value]
        entry = self._entry
        if entry.status == PENDING:
            wait_ended(client._link, entry, timeout_of(timeout))
        value = entry.value
        if value is not None and entry.status == FINISHED:
            try:
                return client._unpickle(value)  # type: ignore[no-any-return]
            except Exception as error:
                note_unopened(error, entry.key)
                raise
        with trimmed():
            return client._results_of([entry], timeout)[0]  # type: ignore[no-any-return]

    def exception(self, timeout: Any = None) -> Any:
        """Wait for the end; the exception that the task raised, or None.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.
        """
        return self._client._when_done(self, _exception_of, timeout)

    def traceback(self, timeout: Any = None) -> Any:
        """Wait for the end; the traceback of the exception that the task raised, or None.

        Parameters
        ----------
        timeout
            Seconds, or such as ``"2 s"``.
        """
        return self._client._when_done(self, _traceback_of, timeout)

    def add_done_callback(self, fn: Callable[[Future[T]], Any]) -> None:
        """Have ``fn(future)`` called in a thread of its own when the future ends.

        Parameters
        ----------
        fn
            What it raises is logged.
        """
        client = self._client
        call_when_ended(client._link, self._entry, lambda _: client._call_back(fn, self))

    # -- changing it ---------------------------------------------------------------------------

    def cancel(self, reason: str | None = None, msg: str | None = None, **kwargs: Any) -> Any:
        """Give the task up.

        Parameters
        ----------
        reason, msg
            Said by the error that futures of it raise.
        **kwargs
            ``force``: also when other clients want it.
        """
        return self._client.cancel([self], reason=reason, msg=msg, **kwargs)

    def retry(self, **kwargs: Any) -> Any:
        """Run the task again, if it failed.

        Parameters
        ----------
        **kwargs
            As for `Client.retry`.
        """
        return self._client.retry([self], **kwargs)

    def release(self) -> None:
        """Let go of the result before the object is collected; it must not be used again."""
        entry = self._entry
        if entry is not _RELEASED:
            self._entry = _RELEASED
            self._client._link.drop(entry)

    def __del__(self) -> None:
        try:
            entry = self._entry
            if entry is not _RELEASED:
                self._client._link.drop(entry)
        except AttributeError:
            # It never had one.
            pass

    # -- as an object --------------------------------------------------------------------------

    def __await__(self) -> Generator[Any, None, T]:
        return self._client._async_result(self, None).__await__()

    def __hash__(self) -> int:
        return hash(self.key)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Future):
            return NotImplemented
        return bool(self.key == other.key)

    def __repr__(self) -> str:
        entry = self._entry
        kind = f", type: {entry.kind}" if entry.kind else ""
        return f"<Future: {entry.status}{kind}, key: {self.key}>"

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"

    def __reduce__(self) -> tuple[Any, ...]:
        refer(self._client._link.hold, self._entry.key, self)
        return _restore, (self.key, self._client._link.scheduler)

    # -- as a collection -----------------------------------------------------------------------

    def __shoal_wire_key__(self) -> Key:
        if self._entry.status == CANCELLED and self._entry.error is not None:
            raise task_error(self._entry.error)
        return self._entry.key

    def __shoal_tokenize__(self) -> Any:
        return ("Future", self._entry.key)

    def __shoal_node__(self) -> Any:
        call = Call()
        ident = ident_of_key(self.key)
        call._call = (ident, None, self, (), str(self.key), None, None, None)
        return call

    def __shoal_with_node__(self, node: Any) -> Any:
        return node.values[0] if isinstance(node, Held) else self

    def __shoal_postcompute__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return operator.itemgetter(0), ()

    @property
    def __shoal_scheduler__(self) -> Any:
        return self._client


_RELEASED = Entry("(released)")
_RELEASED.status = CANCELLED
_RELEASED.error = ("cancelled", "(released)", "", b"the future was released")

FAILED = frozenset({ERROR, CANCELLED, LOST})


def make_future(client: Client, key: Any, entry: Entry) -> Future[Any]:
    """A future of an entry that counts it already.

    Parameters
    ----------
    client
        Whose table the entry is in.
    key
        As the user knows it.
    entry
        Of the key.

    Examples
    --------
    >>> make_future.__name__
    'make_future'
    """
    future: Future[Any] = _new(Future)
    future.key = key
    future._client = client
    future._entry = entry
    return future


def type_of(name: str) -> Any:
    """A type by its full name, if its module is loaded; else the name.

    Parameters
    ----------
    name
        Without module for those of the builtins.

    Examples
    --------
    >>> type_of("int"), type_of("collections.OrderedDict"), type_of("nowhere.Thing")
    (<class 'int'>, <class 'collections.OrderedDict'>, 'nowhere.Thing')
    """
    module, _, short = name.rpartition(".")
    found = getattr(sys.modules.get(module or "builtins"), short, None)
    return found if isinstance(found, type) else name


def _restore(key: Any, scheduler: str) -> Future[Any]:
    return Future(key, current_client(scheduler))


def _exception_of(entry: Entry) -> BaseException | None:
    if entry.status in FAILED and entry.error is not None:
        return task_error(entry.error)
    return None


def _traceback_of(entry: Entry) -> Any:
    error = _exception_of(entry)
    return None if error is None else error.__traceback__


def futures_of(item: Any, client: Client | None = None) -> list[Future[Any]]:
    """The futures inside of collections and containers.

    Parameters
    ----------
    item
        Collections that were persisted, futures, and lists, tuples, sets, dicts of them.
    client
        When given, futures of cancelled tasks raise.

    Returns
    -------
    list of Future
        Each once.

    Raises
    ------
    FutureCancelledError
        One of them was cancelled.

    Examples
    --------
    >>> futures_of([1, 2])
    []
    """
    found: dict[int, Future[Any]] = {}
    seen: set[int] = set()
    stack: list[Any] = [item]
    while stack:
        part = stack.pop()
        if id(part) in seen:
            continue
        seen.add(id(part))
        if isinstance(part, Future):
            found[id(part)] = part
        elif isinstance(part, dict):
            stack += [*part.keys(), *part.values()][::-1]
        elif isinstance(part, list | tuple | set | frozenset):
            stack += list(part)[::-1]
        elif isinstance(part, Call):
            stack += [part._call[2], *part._call[3]][::-1]
            if hasattr(type(part), "node"):
                # Not `getattr` on the object: any attribute of a `Delayed` is another `Delayed`.
                stack.append(getattr(part, "node", None))
        elif hasattr(type(part), "__shoal_node__"):
            stack.append(part.__shoal_node__())
        elif hasattr(part, "operands"):
            stack += list(part.operands)[::-1]
        elif hasattr(part, "__dask_graph__") and not isinstance(part, type):
            stack.append(dict(part.__dask_graph__()))
    futures = list(found.values())
    _refuse_cancelled(futures, client)
    return futures


def _refuse_cancelled(futures: Iterable[Future[Any]], client: Client | None) -> None:
    if client is not None:
        for future in futures:
            if future.cancelled():
                raise task_error(future._entry.error or _RELEASED.error)  # type: ignore[arg-type]


def futures_given(item: Any, method: str) -> list[Future[Any]]:
    """The futures that a method was given, as `futures_of` finds them.

    Parameters
    ----------
    item
        Futures, collections and containers of them.
    method
        Whose argument it is, for the error.

    Raises
    ------
    TypeError
        There are things in it, and none of them is a future or a collection: a method that did
        nothing with them would not be noticed.

    Examples
    --------
    >>> futures_given([], "cancel")
    []
    >>> futures_given(["inc-1"], "cancel")
    Traceback (most recent call last):
    ...
    TypeError: cancel takes futures, or collections of them, got ['inc-1']; Future('inc-1') is ...
    """
    found = futures_of(item)
    if not found and not is_collection(item):
        parts = [item] if not isinstance(item, list | tuple | set | frozenset | dict) else item
        stray = [part for part in parts if isinstance(part, str | bytes | int | float)]
        if stray:
            hint = f"; Future({stray[0]!r}) is the future of a key"
            raise TypeError(
                f"{method} takes futures, or collections of them, got {item!r}"
                + (hint if isinstance(stray[0], str) else "")
            )
    return found


def keys_given(item: Any, method: str) -> dict[Key, Any]:
    """The keys that a method was asked about, as the scheduler has them and as the user does.

    Parameters
    ----------
    item
        Keys, futures, and collections and containers of these.
    method
        Whose argument it is, for the error.

    Raises
    ------
    TypeError
        Something in it is none of these.

    Examples
    --------
    >>> keys_given("x", "who_has"), keys_given([("x", 0), 5], "who_has")
    ({'x': 'x'}, {('x', 0): ('x', 0), ('int', '5'): 5})
    """
    if isinstance(item, Future):
        return {item._entry.key: item.key}
    if isinstance(item, tuple) and item and isinstance(item[0], str):
        return {wire_key(item): item}
    if isinstance(item, list | tuple | set | frozenset | dict):
        found: dict[Key, Any] = {}
        for part in item:
            found |= keys_given(item[part] if isinstance(item, dict) else part, method)
        return found
    if isinstance(item, str | bytes | int | float):
        return {wire_key(item): item}
    if is_collection(item):
        return {future._entry.key: future.key for future in futures_of(item)}
    raise TypeError(
        f"{method} takes futures, collections of them, or keys; got {type(item).__name__}: {item!r}"
    )
