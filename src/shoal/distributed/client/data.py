"""The methods of `Client` that move results and data: gather, scatter, replicate, datasets.

Small results come with the report that they are there.  The others are fetched from the workers
that hold them, several at a time, and data is put on workers the same way: the scheduler is only
asked where.
"""

from __future__ import annotations

import itertools
import math
import pickle
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator, KeysView, Sequence, ValuesView
from dataclasses import dataclass, field
from typing import Any

from shoal.distributed.client.encode import worker_names
from shoal.distributed.client.failures import note_unopened
from shoal.distributed.client.future import Future, futures_given, futures_of, make_future
from shoal.distributed.client.keys import unique_key, wire_key
from shoal.distributed.client.promise import (
    Deadline,
    Promise,
    asynchronous_of,
    spawn,
    timeout_of,
    wait_all,
)
from shoal.distributed.client.session import Session
from shoal.distributed.client.waiting import all_ended
from shoal.distributed.core.client import table as futures
from shoal.distributed.core.client.table import FINISHED, PENDING, Entry
from shoal.distributed.node.results import type_name
from shoal.distributed.protocol import Data as DataMessage
from shoal.distributed.protocol import Frames as WireFrames
from shoal.distributed.protocol import Key, Locate, Peer, Put, Reserve, Reserved
from shoal.errors import ClusterError, LostResultError
from shoal.graph.task import Nest, Parser, fill
from shoal.graph.token import tokenize
from shoal.serialize.exceptions import load_exception
from shoal.serialize.families import check_frames
from shoal.serialize.pickles import Frames, dumps, loads
from shoal.serialize.references import References, hold
from shoal.sizeof import sizeof

__all__ = ["DataMethods"]

PAUSES_S = (0.0, 0.02, 0.1, 0.3, 1.0, 2.0, 3.0)
"""Before each attempt to fetch results that were not where they should have been."""

GRACE_S = 2.0
"""How much later than its own error that of the whole operation comes."""

SETTLING_S = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0)
"""Between the looks whether all copies that were asked for have been made."""

STREAMS_BYTES = 64 * 2**20
"""What one request to a worker asks for at most, if it is more than one result."""


class _Nested(Parser):
    """Replaces futures inside of nested containers by references; collects them."""

    __slots__ = ("found", "skipped")

    def __init__(self, skipped: frozenset[int]) -> None:
        super().__init__(_resolve)
        self.found: list[Future[Any]] = []
        self.skipped = skipped


def _resolve(item: Any, parser: Any) -> Any:
    if isinstance(item, Future):
        if id(item) not in parser.deps:
            parser.found.append(item)
        return parser.ref(id(item))
    return parser.other(item)


@dataclass
class _Load:
    """Data that is on its way to workers: keys, and what is put under each."""

    keys: list[Key]
    frames: list[Frames]
    sizes: list[int]
    kinds: dict[Key, str]
    workers: list[str] | None
    copies: int
    references: References
    entries: dict[int, Entry] = field(default_factory=dict)
    there: set[int] = field(default_factory=set)
    """Places in the lists of what some worker has taken."""
    reachable: list[str] = field(default_factory=list)
    """Addresses of the workers that are left, after some could not be reached."""


class DataMethods(Session):
    """Moving results and data; see `Client`."""

    # -- gather --------------------------------------------------------------------------------

    def gather(
        self,
        futures: Any,
        errors: str = "raise",
        direct: bool | None = None,
        asynchronous: bool | None = None,
    ) -> Any:
        """Wait for results and bring them here.

        Parameters
        ----------
        futures
            A future, or containers of futures, nested to any depth; iterators count as lists, and
            anything else is returned as it is.
        errors
            ``"raise"`` the first error, or ``"skip"``: leave out what failed.
        direct
            Accepted: data always comes directly from workers.
        asynchronous
            Default: the client's.

        Returns
        -------
        The same with results instead of futures.

        Raises
        ------
        Exception
            What a task raised.
        ValueError
            ``errors`` is something else.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.gather({"a": client.submit(abs, -1)})
        {'a': 1}
        """
        if errors not in ("raise", "skip"):
            raise ValueError(f"errors is 'raise' or 'skip', got {errors!r}")
        if isinstance(futures, Iterator | KeysView | ValuesView | deque):
            futures = list(futures)
        if type(futures) is list and set(map(type, futures)) <= {Future}:
            shape: Any = None
            found: list[Future[Any]] = futures
        else:
            parser = _Nested(frozenset())
            shape = parser.parse(futures)
            found = parser.found
        for future in found:
            if future._client is not self and future._client._link is not self._link:
                raise ValueError(
                    "Futures created by another client cannot be gathered by this one: "
                    f"{future.key!r}; use future.client.gather"
                )
        entries = [future._entry for future in found]

        def finish(values: dict[Any, Any], held: list[Future[Any]] = found) -> Any:
            # The futures live until here: the caller may have let go of them.
            if errors == "raise":
                results = self._unpacked(values, entries)
                return results if shape is None else fill(shape, results)
            kept = [entry for entry in entries if entry.status == FINISHED]
            done = iter(self._unpacked(values, kept))
            results = [next(done) if e.status == FINISHED else _SKIPPED for e in entries]
            if shape is None:
                return [value for value in results if value is not _SKIPPED]
            return _without_skipped(shape, results)

        return self._run(
            self._gathered(entries, errors == "raise"), finish, asynchronous=asynchronous
        )

    async def _gathered(self, entries: list[Entry], strict: bool) -> dict[Any, Any]:
        """Wait for entries, and get what did not come along: `Frames` by key."""
        found: dict[Any, Any] = {}
        for pause_s in PAUSES_S:
            if any(entry.status == PENDING for entry in entries):
                await all_ended(self._link, entries, first_error=strict)
            if strict and any(entry.status not in (FINISHED, PENDING) for entry in entries):
                return found
            missing = {
                entry.key: entry.nbytes
                for entry in entries
                if entry.status == FINISHED and entry.value is None and entry.key not in found
            }
            if not missing:
                if any(entry.status == PENDING for entry in entries):
                    continue
                return found
            if pause_s:
                await self._pause(pause_s)
            found.update(await self._fetch(missing))
        missing_keys = [k for k in missing if k not in found]
        if missing_keys:
            raise LostResultError(
                f"{len(missing_keys)} results could not be fetched from the workers that the "
                f"scheduler named, for instance {missing_keys[0]!r}, in {len(PAUSES_S)} attempts"
            )
        return found

    def _pause(self, seconds: float) -> Promise[None]:
        end: Promise[None] = Promise()
        loop = self._link.loop
        loop.call_threadsafe(lambda: loop.call_later(seconds, end.keep, None))
        return end

    async def _fetch(self, sizes: dict[Key, int]) -> dict[Key, Any]:
        """Results from workers; those that are not there are left out."""
        keys = list(sizes)
        located, _ = await self._link.request(lambda number: Locate(number, keys))
        peers = {peer.number: peer for peer in located.peers}
        loads_: dict[int, int] = dict.fromkeys(peers, 0)
        plans: dict[int, list[list[tuple[Key, int]]]] = {}
        room: dict[int, int] = {}
        for key, ident, where in zip(keys, located.ids, located.where):
            known = [number for number in where if number in peers]
            if ident < 0 or not known:
                continue
            # The worker that is to send the least so far; any of equals.
            least = min(known, key=lambda number: (loads_[number], random.random()))
            loads_[least] += sizes[key]
            batches = plans.setdefault(least, [])
            if not batches or room[least] < sizes[key]:
                batches.append([])
                room[least] = STREAMS_BYTES
            room[least] -= sizes[key]
            batches[-1].append((key, ident))
        fetches = [
            spawn(self._fetch_from(peers[number], batch, located.numbering))
            for number, batches in plans.items()
            for batch in batches
        ]
        found: dict[Key, Any] = {}
        for part in await wait_all(fetches):
            found.update(part)
        return found

    async def _fetch_from(
        self, peer: Peer, batch: list[tuple[Key, int]], numbering: str
    ) -> dict[Key, Any]:
        names = {ident: key for key, ident in batch}
        found: dict[Key, Any] = {}
        try:
            data, buffers = await self._link.get(peer, list(names), numbering)
        except (ConnectionError, ClusterError, OSError):
            # The worker has gone; the scheduler hears of it as well.
            return found
        assert isinstance(data, DataMessage)
        for ident, frames in zip(data.ids, data.frames):
            mine = buffers[frames.first : frames.first + frames.count]
            if len(frames.head):
                found[names[ident]] = Frames(frames.head, mine)
            else:
                # It cannot be pickled; what comes instead says why.
                found[names[ident]] = load_exception(pickle.loads(mine[0]))
        return found

    def _unpacked(self, found: dict[Any, Any], entries: list[Entry]) -> list[Any]:
        """The results of entries; raises where there is none."""
        unpickle = self._unpickle
        results: list[Any] = []
        for entry in entries:
            if entry.status != FINISHED:
                continue
            frames = found.get(entry.key)
            if isinstance(frames, BaseException):
                raise frames
            try:
                if entry.value is not None:
                    results.append(unpickle(entry.value))
                elif frames is not None:
                    results.append(unpickle(frames.head, buffers=frames.buffers))
            except Exception as error:
                note_unopened(error, entry.key)
                raise
        if len(results) < len(entries):
            for entry in entries:
                if entry.status not in (FINISHED, PENDING):
                    self._raise_failed(entry)
            raise ClusterError("a result was lost while it was fetched; ask for it again")
        return results

    # -- scatter -------------------------------------------------------------------------------

    def scatter(
        self,
        data: Any,
        workers: Any = None,
        broadcast: bool | int = False,
        direct: bool | None = None,
        hash: bool = True,
        timeout: Any = None,
        asynchronous: bool | None = None,
    ) -> Any:
        """Put data on the cluster.

        Parameters
        ----------
        data
            A list, tuple, set or dict: each element becomes a future of its own; anything
            else is one.
        workers
            Addresses, names or hosts of the workers that may hold it.
        broadcast
            True: a copy on every worker; a number: on so many.
        direct
            Accepted: data always goes directly to workers.
        hash
            Name the data by its content, so that the same data is one key; False for a new key.
        timeout
            Seconds to wait for a worker to be there.
        asynchronous
            Default: the client's.

        Returns
        -------
        A future, or futures in the same kind of container.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.scatter([1, 2])[1].result()
        2
        """
        values, names, pack = _pieces(data, hash)
        keys = [wire_key(name) for name in names]
        with References() as references:
            frames = [dumps(value, f"the data {k!r}") for value, k in zip(values, names)]
        if self._sends is not None:
            for name, frame in zip(names, frames, strict=True):
                check_frames(frame, self._sends, f"the data {name!r}")
        sizes = [max(sizeof(v), f.nbytes) for v, f in zip(values, frames, strict=True)]
        kinds = {key: type_name(type(value)) for key, value in zip(keys, values, strict=True)}
        copies = 0 if broadcast is True else int(broadcast) if broadcast else 1
        timeout_s = self._timeout_s if timeout is None else timeout_of(timeout) or 0.0
        wanted = None if workers is None else worker_names(workers)
        load = _Load(keys, frames, sizes, kinds, wanted, copies, references)

        def finish(entries: list[Entry]) -> Any:
            client: Any = self
            made = [make_future(client, n, e) for n, e in zip(names, entries, strict=True)]
            return pack(made)

        if not keys:
            return self._run(_nothing(), lambda _: pack([]), asynchronous=asynchronous)
        steps = self._scattered(load, Deadline(timeout_s))
        return self._run(steps, finish, timeout_s + GRACE_S, asynchronous=asynchronous)

    async def _scattered(self, load: _Load, patience: Deadline) -> list[Entry]:
        """Put data where the scheduler says, and elsewhere when that worker has gone meanwhile."""
        link, entries = self._link, load.entries
        left = list(range(len(load.keys)))
        try:
            for pause_s in itertools.chain(PAUSES_S, itertools.repeat(PAUSES_S[-1])):
                if pause_s:
                    await self._pause(min(pause_s, patience.left_s() or 0.0))
                with link.lock:
                    for i in left:
                        # What was lost with its worker is no future any more: there is to be one.
                        if not self._is_wanted(load, i):
                            entries[i] = futures.want(link.table, load.keys[i])
                error = await self._put(load, left)
                with link.lock:
                    left = [i for i in left if not self._is_there(load, i)]
                if not left:
                    break
                if patience.left_s() == 0:
                    raise error or LostResultError("data was lost while it was put on workers")
        except BaseException:
            for entry in entries.values():
                link.drop(entry)
            raise
        hold(load.references, load.keys)
        return [entries[i] for i in range(len(load.keys))]

    async def _put(self, load: _Load, chosen: list[int]) -> BaseException | None:
        """Put some pieces of data on the workers that the scheduler names; why that failed."""
        keys, sizes = [load.keys[i] for i in chosen], [load.sizes[i] for i in chosen]
        workers, copies = load.reachable or load.workers, load.copies
        reserved, _ = await self._link.request(lambda n: Reserve(n, keys, sizes, workers, copies))
        if reserved.error:
            return TimeoutError(reserved.error)
        peers = {peer.number: peer for peer in reserved.peers}
        parts: dict[int, list[int]] = {}
        for at, where in enumerate(reserved.where):
            for number in where:
                parts.setdefault(number, []).append(at)

        async def put(number: int, places: list[int]) -> BaseException | None:
            try:
                await self._link.put(peers[number], *self._loaded(load, chosen, places, reserved))
            except (ConnectionError, ClusterError, OSError) as error:
                # The worker has gone, of which the scheduler hears as well, or only it reaches it.
                peers.pop(number)
                return error
            load.there.update(chosen[at] for at in places)
            return None

        errors = await wait_all([spawn(put(number, places)) for number, places in parts.items()])
        load.reachable = [peer.address for peer in peers.values()] if any(errors) else []
        if copies != 1:
            counts = Counter(
                at for (_, p), e in zip(parts.items(), errors) if e is None for at in p
            )
            await self._settled(keys, [counts[at] for at in range(len(keys))])
        return next((error for error in errors if error is not None), None)

    def _loaded(
        self, load: _Load, chosen: list[int], places: list[int], reserved: Reserved
    ) -> tuple[Callable[[int], Put], list[Any]]:
        """What one worker is sent: the message, once it has a number, and its buffers."""
        buffers: list[Any] = []
        wire: list[WireFrames] = []
        mine = [chosen[at] for at in places]
        for i in mine:
            own = load.frames[i]
            wire.append(WireFrames(bytes(own.head), len(buffers), len(own.buffers)))
            buffers += own.buffers
        ids, runs = [reserved.ids[at] for at in places], [reserved.runs[at] for at in places]
        names, nbytes = [load.keys[i] for i in mine], [load.sizes[i] for i in mine]
        numbering = reserved.numbering
        return lambda number: Put(number, ids, runs, names, wire, nbytes, numbering), buffers

    def _is_wanted(self, load: _Load, i: int) -> bool:
        """Whether a piece of data has its entry in the table; with the lock."""
        entry = load.entries.get(i)
        return entry is not None and self._link.table.entries.get(entry.key) is entry

    def _is_there(self, load: _Load, i: int) -> bool:
        """Whether a piece of data was put, and is not lost already; with the lock."""
        if i not in load.there or not self._is_wanted(load, i):
            load.there.discard(i)
            return False
        entry = load.entries[i]
        if entry.status in (PENDING, FINISHED):
            entry.status = FINISHED
            entry.nbytes = load.sizes[i]
            entry.kind = load.kinds[entry.key]
        return True

    async def _settled(self, keys: list[Key], counts: list[int]) -> None:
        """Wait until the scheduler has heard from all the workers that got copies."""
        for pause_s in SETTLING_S:
            found = await self._answer("scheduler.who_has", {"keys": keys})
            if all(len(where) >= count for (_, where), count in zip(found, counts)):
                return
            await self._pause(pause_s)

    # -- copies --------------------------------------------------------------------------------

    def replicate(
        self,
        futures: Any,
        n: int | None = None,
        workers: Any = None,
        branching_factor: int = 2,
        **kwargs: Any,
    ) -> Any:
        """Have several copies of results, for reading or for safety.

        Parameters
        ----------
        futures
            Futures, or collections of such.
        n
            How many copies; None: one on every worker.
        workers
            Only there.
        branching_factor
            Accepted: copies are made from copies as they come.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.
        """
        if n is not None and n < 1:
            raise ValueError(
                f"replicate needs at least one copy, got n={n}; release futures instead"
            )
        found = futures_given(futures, "replicate")
        return self._after(found, "replicate", kwargs, workers, n=n)

    def rebalance(self, futures: Any = None, workers: Any = None, **kwargs: Any) -> Any:
        """Move results so that workers hold about the same number of bytes.

        Parameters
        ----------
        futures
            Only these; default: all.
        workers
            Only between these.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.
        """
        found = None if futures is None else futures_given(futures, "rebalance")
        return self._after(found, "rebalance", kwargs, workers)

    def _after(self, found: Any, method: str, options: Any, workers: Any, **args: Any) -> Any:
        """Call a method about results, when they are there; ``found``: futures, or None for all."""
        is_async = asynchronous_of(options, method)
        args["workers"] = None if workers is None else worker_names(workers)

        async def steps() -> Any:
            keys = None
            if found is not None:
                entries = [future._entry for future in found]
                await all_ended(self._link, entries, first_error=True)
                for entry in entries:
                    self._raise_failed(entry)
                keys = list({entry.key: None for entry in entries})
            call = {"keys": keys, **args}
            before, pauses = math.inf, iter(SETTLING_S)
            # The scheduler answers how many transfers there are.
            while left := await self._answer(method, call):
                if left < before:
                    pauses = iter(SETTLING_S)  # it goes on
                if (pause_s := next(pauses, None)) is None:
                    break
                await self._pause(pause_s)
                before, call = left, {**call, "again": True}
            # And those who were to let go of copies have done so.
            settled = {"method": "settled", "args": {}, "on_error": "ignore"}
            await self._answer("worker.call", settled)

        return self._run(steps(), lambda _: None, asynchronous=is_async)

    # -- datasets ------------------------------------------------------------------------------

    def publish_dataset(
        self, *args: Any, name: Any = None, override: bool = False, **kwargs: Any
    ) -> Any:
        """Give results a name under which other clients find them.

        Parameters
        ----------
        *args
            One object with futures in it, for ``name``.
        name
            Of the object.
        override
            Replace what has the name already.
        **kwargs
            Objects by name.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.publish_dataset(numbers=client.scatter([1, 2]))
        ...     client.list_datasets(), client.gather(client.get_dataset("numbers"))
        (('numbers',), [1, 2])
        """
        if name is not None:
            if not args:
                raise ValueError("publish_dataset with name= needs the object to publish")
            if len(args) > 1:
                raise ValueError("publish_dataset with name= takes one object; give others a name")
            kwargs[name] = args[0]
        elif args:
            raise ValueError("publish_dataset needs a name for the object: name=, or name=object")

        async def steps() -> None:
            for label, data in kwargs.items():
                keys = {f._entry.key: None for f in futures_of(data)}
                with References() as references:
                    frames = dumps(data, f"the dataset {label!r}")
                keys.update(dict.fromkeys(key for _, key, _ in references.found))
                stream = pickle.dumps((bytes(frames.head), [bytes(b) for b in frames.buffers]))
                await self._answer(
                    "datasets.publish",
                    {
                        "name": wire_key(label),
                        "keys": [*keys],
                        "data": stream,
                        "override": override,
                    },
                )

        return self._run(steps())

    def unpublish_dataset(self, name: Any, **kwargs: Any) -> Any:
        """Take a published name back.

        Parameters
        ----------
        name
            Of the dataset.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.
        """
        is_async = asynchronous_of(kwargs, "unpublish_dataset")
        steps = self._answer("datasets.unpublish", {"name": wire_key(name)})
        return self._run(steps, asynchronous=is_async)

    def list_datasets(self, **kwargs: Any) -> Any:
        """Names of the published datasets.

        Parameters
        ----------
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.
        """
        is_async = asynchronous_of(kwargs, "list_datasets")
        steps = self._answer("datasets.list", {})
        return self._run(steps, lambda names: tuple(map(_name, names)), asynchronous=is_async)

    def get_dataset(self, name: Any, default: Any = ..., **kwargs: Any) -> Any:
        """What was published under a name.

        Parameters
        ----------
        name
            Of the dataset.
        default
            Returned where there is none.
        **kwargs
            ``asynchronous``: True for what can be awaited, whatever the client is.

        Raises
        ------
        KeyError
            There is none, and no default.
        """

        async def steps() -> Any:
            found = await self._answer("datasets.get", {"name": wire_key(name)})
            said = () if found is None else found["keys"]
            keys = [tuple(key) if isinstance(key, list) else key for key in said]
            # By the thread that heard it: others may let go of their futures of the same keys.
            client: Any = self
            return found, [Future(key, client) for key in keys]

        def finish(answer: tuple[Any, list[Future[Any]]]) -> Any:
            found, _ = answer
            if found is None:
                if default is not ...:
                    return default
                raise KeyError(f"no dataset {name!r} is published")
            head, buffers = pickle.loads(found["data"])
            with self.as_current():  # type: ignore[attr-defined]
                return loads(Frames(head, [bytearray(b) for b in buffers]))

        is_async = asynchronous_of(kwargs, "get_dataset")
        return self._run(steps(), finish, asynchronous=is_async)

    @property
    def datasets(self) -> Datasets:
        """The published datasets as a mapping."""
        return Datasets(self)


class Datasets:
    """The published datasets of a cluster, as a mapping from names.

    Parameters
    ----------
    client
        Asks the scheduler.

    Examples
    --------
    >>> Datasets.__name__
    'Datasets'
    """

    __slots__ = ("_client",)

    def __init__(self, client: DataMethods) -> None:
        self._client = client

    def __getitem__(self, name: Any) -> Any:
        return self._client.get_dataset(name)

    def __setitem__(self, name: Any, data: Any) -> None:
        self._client.publish_dataset(data, name=name)

    def __delitem__(self, name: Any) -> None:
        self._client.unpublish_dataset(name)

    def __contains__(self, name: Any) -> bool:
        return name in self._client.list_datasets()

    def __iter__(self) -> Any:
        return iter(self._client.list_datasets())

    def __len__(self) -> int:
        return len(self._client.list_datasets())


_SKIPPED: Any = object()


async def _nothing() -> None:
    return None


def _name(name: Any) -> Any:
    return tuple(name) if isinstance(name, list) else name


def _without_skipped(item: Any, results: Sequence[Any]) -> Any:
    """Fill references, leaving out those that were skipped."""
    if isinstance(item, Nest):
        parts = [
            part
            for part in (_without_skipped(p, results) for p in item.items)
            if part is not _SKIPPED
            and not (type(part) is tuple and len(part) == 2 and part[1] is _SKIPPED)
        ]
        return item.make(parts)
    return fill(item, results)


def _pieces(data: Any, hash: bool) -> tuple[list[Any], list[Any], Callable[[list[Any]], Any]]:
    """What is scattered one by one, under which names, and how futures are put together."""
    if isinstance(data, dict):
        names = list(data)
        return list(data.values()), names, lambda made: dict(zip(names, made, strict=True))
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        kind: Any = type(data)
        return list(data), [_data_key(value, hash) for value in data], kind._make
    if type(data) in (list, tuple, set, frozenset) or isinstance(data, range):
        values = list(data)
        make: Any = list if isinstance(data, range) else type(data)
        return values, [_data_key(value, hash) for value in values], make
    if hasattr(data, "__next__"):
        values = list(data)
        return values, [_data_key(value, hash) for value in values], list
    return [data], [_data_key(data, hash)], lambda made: made[0]


def _data_key(value: Any, hash: bool) -> str:
    label = type(value).__name__
    return f"{label}-{tokenize(type(value).__qualname__, value)}" if hash else unique_key(label)
