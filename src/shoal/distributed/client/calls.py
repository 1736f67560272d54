"""The methods of `Client` that start and stop work: submit, map, compute, persist, get, cancel.

The caller's own thread encodes and sends.  A call with plain arguments becomes a message without
passing through a plan; everything else is a plan first (`shoal.distributed.client.encode`).
"""

from __future__ import annotations

import itertools
import marshal
import pickle
import warnings
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

import xxhash

from shoal import config
from shoal.collection import Job, is_collection, persisted
from shoal.delayed import delayed
from shoal.distributed.client.encode import (
    Aside,
    Encoded,
    announced,
    encode_plan,
    make_code,
    options_of,
    split_arguments,
)
from shoal.distributed.client.future import Future, futures_given, futures_of, make_future
from shoal.distributed.client.keys import (
    PLAIN,
    func_label,
    token_of_call,
    unique_key,
    wire_key,
    wire_keys,
)
from shoal.distributed.client.session import Session
from shoal.distributed.client.sources import code_of_caller
from shoal.distributed.client.staged import Staged
from shoal.distributed.client.waiting import all_ended
from shoal.distributed.core.client import table as futures
from shoal.distributed.core.client.table import Entry
from shoal.distributed.protocol import Key, Listed, Options, Retry, Submit, Want
from shoal.expr.annotate import refuse_misspelt
from shoal.graph.fuse import fuse
from shoal.graph.legacy import flatten_keys, nest_results, plan_from_dict
from shoal.graph.task import ATOMS
from shoal.serialize.references import References, hold

if TYPE_CHECKING:
    from shoal.graph.plan import Plan

__all__ = ["Calls"]

T = TypeVar("T")

CHUNK = 5_000
"""Tasks of one `Calls.map` in one message: the cluster works while the rest is encoded."""

LARGE_BYTES = 10_000_000
"""A call that takes more with it gets a warning: such data is better scattered once."""

WORKER_OPTIONS = ("workers", "allow_other_workers", "resources", "retries", "priority", "actors")


class Calls(Session):
    """Starting and stopping work; see `Client`."""

    def submit(
        self,
        func: Callable[..., T],
        *args: Any,
        key: Any = None,
        workers: Any = None,
        resources: dict[str, float] | None = None,
        retries: int | None = None,
        priority: float = 0,
        fifo_timeout: Any = None,
        allow_other_workers: bool = False,
        actor: bool = False,
        actors: bool = False,
        pure: bool = True,
        **kwargs: Any,
    ) -> Future[T]:
        """Call a function on the cluster.

        Parameters
        ----------
        func
            Anything that can be called and pickled.
        *args, **kwargs
            Its arguments.  Futures in them, also inside lists, tuples, sets and dicts, become
            dependencies: the task gets their results.
        key
            The task's name; one that the cluster knows is that task, and nothing is called.
        workers
            Addresses, names or hosts of the workers that may run it.
        resources
            Amounts that it takes of the workers' resources, by name.
        retries
            How often it is run again if it raises.
        priority
            Higher runs earlier.
        fifo_timeout
            Accepted; tasks of one client run in the order of their submission anyway.
        allow_other_workers
            ``workers`` is a wish and no condition.
        actor, actors
            The result stays on its worker, and the future's result is an `Actor` that calls its
            methods there.
        pure
            Equal calls have equal keys, so that they run once; False for a function with side
            effects or a random result.

        Returns
        -------
        Future

        Raises
        ------
        TypeError
            ``func`` cannot be called.
        SerializationError
            The function or an argument cannot be pickled.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     one = client.submit(max, 1, 2)
        ...     client.submit(pow, one, 10).result()
        1024
        """
        if not callable(func):
            raise TypeError(f"submit needs a function to call, got {type(func).__name__}: {func!r}")
        actor = actor or actors
        options: list[Options] = []
        if workers or resources or retries or priority or actor:
            options = options_of(
                workers=workers,
                resources=resources,
                retries=retries,
                priority=priority,
                allow_other_workers=allow_other_workers,
                actor=actor,
            )
        if not kwargs and ATOMS.issuperset(map(type, args)) and self._codes.goes_by_name(func):
            return _submit_one(self, key, func, args, kwargs, options, pure and not actor)
        with References() as references:
            future = _submit_one(self, key, func, args, kwargs, options, pure and not actor)
        if references.found:
            hold(references, [future._entry.key])
        return future

    def _warn_large(self, nbytes: int, key: Any) -> None:
        if nbytes > LARGE_BYTES:
            warnings.warn(
                f"Sending large graph of size {nbytes / 2**20:.2f} MiB (with {key!r}).\nThis may "
                "cause some slowdown. Consider loading the data with the task, or scattering it "
                "once: client.scatter(data)",
                UserWarning,
                stacklevel=4,
            )

    def map(
        self,
        func: Callable[..., T],
        *iterables: Iterable[Any],
        key: Any = None,
        workers: Any = None,
        retries: int | None = None,
        resources: dict[str, float] | None = None,
        priority: float = 0,
        allow_other_workers: bool = False,
        fifo_timeout: Any = None,
        actor: bool = False,
        actors: bool = False,
        pure: bool = True,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> list[Future[T]]:
        """Call a function on the cluster, once for each element.

        Parameters
        ----------
        func
            Anything that can be called and pickled.
        *iterables
            Arguments, one of each a call; the shortest one decides how many.
        key
            What the names of the tasks begin with, or a list with a name for each.
        workers, retries, resources, priority, allow_other_workers, actor, actors, pure
            As for `submit`.
        fifo_timeout
            Accepted.
        batch_size
            How many tasks are sent at a time; default 5,000.
        **kwargs
            Keyword arguments of every call.

        Returns
        -------
        list of Future

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.gather(client.map(abs, range(-3, 3)))
        [3, 2, 1, 0, 1, 2]
        """
        if not callable(func):
            raise TypeError(f"map needs a function to call, got {type(func).__name__}: {func!r}")
        actor = actor or actors
        said = {"workers": workers, "retries": retries, "resources": resources}
        options = options_of(
            priority=priority, allow_other_workers=allow_other_workers, actor=actor, **said
        )
        references = References()
        with references:
            call = _MapCall(self, func, kwargs, options, key, pure and not actor)
        found: list[Future[T]] = []
        rows = zip(*iterables)
        size = batch_size if batch_size and batch_size > 0 else CHUNK
        while chunk := list(itertools.islice(rows, size)):
            with references:
                sent = call.send(chunk, len(found))
            if references.found:
                hold(references, [future._entry.key for future in sent])
            found += sent
        return found

    # -- collections ---------------------------------------------------------------------------

    def compute(
        self,
        collections: Any,
        sync: bool = False,
        optimize_graph: bool = True,
        workers: Any = None,
        allow_other_workers: bool = False,
        resources: dict[str, float] | None = None,
        retries: int = 0,
        priority: float = 0,
        fifo_timeout: Any = None,
        actors: Any = None,
        traverse: bool = True,
        **kwargs: Any,
    ) -> Any:
        """Compute collections on the cluster, in the background.

        Parameters
        ----------
        collections
            One, or a list, tuple or set of them.  Each may be a container, which becomes one
            future; anything else that is no collection comes back as it is.
        sync
            Wait, and return the results instead of futures.
        optimize_graph
            False to run the expressions as they are.
        workers, allow_other_workers, resources, retries, priority
            As for `submit`; they hold for all tasks.
        actors
            True: results stay where they are made, and each is an `Actor`, as for `submit`.
        fifo_timeout
            Accepted.
        traverse
            False not to look for collections inside of containers.
        **kwargs
            Accepted, without effect.

        Returns
        -------
        Future, or a list of them

        Examples
        --------
        >>> import shoal
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.compute(shoal.delayed(pow)(2, 5)).result()
        32
        """
        refuse_misspelt(kwargs, WORKER_OPTIONS, "compute")
        many = isinstance(collections, list | tuple | set | frozenset)
        items = list(collections) if many else [collections]
        if traverse:
            items = [_gathered_up(item) for item in items]
        places = [i for i, item in enumerate(items) if is_collection(item)]
        if places:
            options = options_of(
                workers=workers,
                allow_other_workers=allow_other_workers,
                resources=resources,
                retries=retries,
                priority=priority,
                actor=actors,
            )
            job = Job([items[i] for i in places], optimize_graph=optimize_graph, **self._later)
            for i, future in zip(places, self._finals(job, options)):
                items[i] = future
        result = items if many else items[0]
        return self.gather(result) if sync else result  # type: ignore[attr-defined]

    def persist(
        self,
        collections: Any,
        optimize_graph: bool = True,
        workers: Any = None,
        allow_other_workers: Any = None,
        resources: dict[str, float] | None = None,
        retries: int | None = None,
        priority: float = 0,
        fifo_timeout: Any = None,
        actors: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Compute collections and keep their blocks on the cluster; returns at once.

        Parameters
        ----------
        collections
            One, or a list, tuple or set of them.
        optimize_graph
            False to run the expressions as they are.
        workers, allow_other_workers, resources, retries, priority
            As for `submit`; they hold for all tasks.
        actors
            True: blocks are actors, as for `submit`.
        fifo_timeout, **kwargs
            Accepted.

        Returns
        -------
        The same collections, on futures of their blocks; a list where several were given.

        Examples
        --------
        >>> import shoal
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     kept = client.persist(shoal.bag.range(4, npartitions=2))
        ...     kept.sum().compute()
        6
        """
        refuse_misspelt(kwargs, WORKER_OPTIONS, "persist")
        many = isinstance(collections, list | tuple | set | frozenset)
        items = list(collections) if many else [collections]
        for item in items:
            if not is_collection(item):
                raise TypeError(
                    f"persist takes collections, got {type(item).__name__}: {item!r}; "
                    "use compute or scatter for other things"
                )
        options = options_of(
            workers=workers,
            allow_other_workers=allow_other_workers,
            resources=resources,
            retries=retries,
            priority=priority,
            actor=actors,
        )
        blocks = self._persisted(items, optimize_graph, options)
        made = [persisted(c, held) for c, held in zip(items, blocks, strict=True)]
        return made if many else made[0]

    def get(
        self,
        dsk: Any,
        keys: Any,
        workers: Any = None,
        allow_other_workers: Any = None,
        resources: dict[str, float] | None = None,
        sync: bool = True,
        asynchronous: bool | None = None,
        direct: bool | None = None,
        retries: int | None = None,
        priority: float = 0,
        fifo_timeout: Any = None,
        actors: Any = None,
        **kwargs: Any,
    ) -> Any:
        """Run a dict graph on the cluster.

        Parameters
        ----------
        dsk
            Tasks by key, as tuples ``(func, arg, ...)`` or `shoal.Task`.
        keys
            A key, or lists of keys to any depth.
        workers, allow_other_workers, resources, retries, priority
            As for `submit`; they hold for all tasks.
        sync
            False for futures instead of results.
        asynchronous
            Default: the client's.
        actors
            True: every result is an actor, as for `submit`.
        direct, fifo_timeout, **kwargs
            Accepted.

        Returns
        -------
        The results, or futures, in the shape of the keys.

        Examples
        --------
        >>> from shoal.distributed import Client
        >>> with Client(n_workers=1, processes=False) as client:
        ...     client.get({"x": 1, "y": (abs, "x")}, ["x", "y"])
        (1, 1)
        """
        refuse_misspelt(kwargs, WORKER_OPTIONS, "get")
        plan = plan_from_dict(dsk, flatten_keys(keys))
        options = options_of(
            workers=workers,
            allow_other_workers=allow_other_workers,
            resources=resources,
            retries=retries,
            priority=priority,
            actor=actors,
        )
        made = self._blocks(plan, options)
        shape = keys if isinstance(keys, list) else [keys]
        if not sync:
            packed = _nested(shape, iter(made))
            return packed if isinstance(keys, list) else packed[0]

        def finish(values: dict[Any, Any]) -> Any:
            entries = [future._entry for future in made]
            return nest_results(keys, self._unpacked(values, entries))

        return self._run(
            self._gathered([future._entry for future in made], True),
            finish,
            asynchronous=asynchronous,
        )

    @property
    def _later(self) -> dict[str, Any]:
        """How jobs are planned that may be staged."""
        return {"scheduler": self, "later": True}

    def _finals(self, job: Job, options: Sequence[Options]) -> list[Future[Any]]:
        """Futures of the whole answers of a job's collections."""
        if job.stages is None or not job.stages.is_open:
            job.decide()
            return self._blocks(job.final_plan(), options)
        keys = [f"finalize-{job.name_of(i, self.id)}" for i in range(len(job.collections))]
        return self._staged(job, keys, partial(Job.final_plan, names=keys), options, inline=True)

    def _persisted(
        self, items: Sequence[Any], optimize_graph: bool, options: Sequence[Options]
    ) -> list[Sequence[Future[Any]]]:
        """Futures of the blocks of collections."""
        job = Job(items, optimize_graph=optimize_graph, fixed=True, **self._later)
        if job.stages is None or not job.stages.is_open:
            job.decide()
            return job.split(self._blocks(job.plan(), options, inline=False))
        names = [f"block-{job.name_of(i, self.id)}" for i in range(len(items))]
        keys = [job.block_keys(i, name) for i, name in enumerate(names)]
        flat = [*itertools.chain.from_iterable(keys)]
        made = iter(self._staged(job, flat, partial(Job.plan, names=names), options, inline=False))
        return [[*itertools.islice(made, len(some))] for some in keys]

    def _staged(
        self,
        job: Job,
        keys: list[Any],
        define: Callable[[Job], Plan],
        options: Sequence[Options],
        inline: bool,
    ) -> list[Future[Any]]:
        """Futures of a job with decisions open, which is planned while it runs."""
        link, table = self._link, self._link.table
        link.flush_dropped()
        with link.lock:
            fresh = [key for key in dict.fromkeys(keys) if key not in table.entries]
            if fresh:
                staged = Staged(self, job, fresh, define, options, inline)  # type: ignore[arg-type]
                link.announced.add(fresh, staged)
                link.send(Want(fresh, ahead=True))
            entries = [futures.want(table, key) for key in keys]
        made = [make_future(self, key, entry) for key, entry in zip(keys, entries)]  # type: ignore[arg-type]
        if fresh:
            staged.begin()
        return made

    def _blocks(
        self, plan: Plan, options: Sequence[Options], inline: bool = True
    ) -> list[Future[Any]]:
        """Futures of a plan's wanted results; `inline`: they will probably be gathered."""
        keys = [plan.keys[i] for i in plan.wanted]
        entries = self._submit_plan(plan, options, inline)
        return [make_future(self, k, e) for k, e in zip(keys, entries, strict=True)]  # type: ignore[arg-type]

    def _submit_plan(
        self, plan: Plan, options: Sequence[Options], inline: bool = True
    ) -> list[Entry]:
        """Send a plan; the entries of its wanted results, counted."""
        encoded = encode_plan(fuse(plan), self._codes, options, inline=inline, trace=self._trace())
        self._warn_large(encoded.nbytes, encoded.keys[0] if encoded.keys else "")
        frames = config.get("distributed.diagnostics.computations.nframes")
        if frames and (code := code_of_caller(frames)):
            self._link.call("computations.code", code=code)
        return self._send(encoded)

    def _send(self, encoded: Encoded) -> list[Entry]:
        link = self._link
        link.flush_dropped()
        with link.lock:
            if encoded.message.code:
                link.send(encoded.message, encoded.buffers)
                hold(encoded.references, encoded.keys)
            return [futures.want(link.table, key) for key in encoded.keys]

    def __shoal_run__(self, plan: Plan, **options: Any) -> list[Any]:
        entries = self._submit_plan(plan, _asked(options, "compute"))
        try:
            return self._results_of(entries, None)
        finally:
            for entry in entries:
                self._link.drop(entry)

    def __shoal_keep__(self, plan: Plan, **options: Any) -> list[Any]:
        return self._blocks(plan, _asked(options, "persist"), inline=False)

    def __shoal_begin__(
        self, collections: Sequence[Any], optimize_graph: bool, **options: Any
    ) -> list[Sequence[Any]]:
        return self._persisted(collections, optimize_graph, _asked(options, "persist"))

    def __shoal_memory__(self) -> int | None:
        """Bytes that the smallest worker can have; None: no worker has a limit."""
        info: dict[str, Any] | None = self._info_now()  # type: ignore[attr-defined]
        told = [
            worker.get("memory_limit") for worker in (info or {"workers": {}})["workers"].values()
        ]
        return min(filter(None, told), default=None)

    def normalize_collection(self, collection: Any) -> Any:
        """The same collection; persisted blocks need no replacing here.

        Parameters
        ----------
        collection
            Any.
        """
        return collection

    def futures_of(self, futures: Any) -> list[Future[Any]]:
        """The futures inside of collections and containers.

        Parameters
        ----------
        futures
            Collections that were persisted, and containers of such and of futures.
        """
        return futures_of(futures, client=self)  # type: ignore[arg-type]

    # -- giving up and trying again ------------------------------------------------------------

    def cancel(
        self,
        futures: Any,
        asynchronous: bool | None = None,
        force: bool = False,
        reason: str | None = None,
        msg: str | None = None,
    ) -> Any:
        """Give up tasks and what depends on them.

        Work that waits is dropped; a running Python function is interrupted where it can be.

        Parameters
        ----------
        futures
            Futures, or collections of such.
        asynchronous
            Default: the client's.
        force
            Also when other clients want the results.
        reason, msg
            Said by the error that the futures raise.
        """
        found = {future._entry.key: None for future in futures_given(futures, "cancel")}
        text = msg or reason or "cancelled by the user"

        async def steps() -> None:
            self._link.cancel(found, force, text)

        return self._run(steps(), asynchronous=asynchronous)

    def retry(self, futures: Any, asynchronous: bool | None = None) -> Any:
        """Run failed tasks again, with those that failed before them.

        Parameters
        ----------
        futures
            Futures, or collections of such.
        asynchronous
            Default: the client's.
        """
        found = list({future._entry.key: None for future in futures_given(futures, "retry")})

        async def steps() -> None:
            with self._link.lock:
                _retry(self._link.table, found)
                self._link.send(Retry(found))

        return self._run(steps(), asynchronous=asynchronous)

    async def _ended(self, entries: list[Entry], first_error: bool) -> None:
        await all_ended(self._link, entries, first_error=first_error)


_retry = futures.retry


def _asked(given: dict[str, Any], method: str) -> list[Options]:
    """What `shoal.compute` and `shoal.persist` were asked for, among other executors' options."""
    refuse_misspelt(given, WORKER_OPTIONS, method)
    known = {name: given.get(name) for name in WORKER_OPTIONS}
    return options_of(actor=known.pop("actors"), **known)


def _submit_one(
    client: Calls,
    key: Any,
    func: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    options: list[Options],
    pure: bool,
) -> Future[Any]:
    """Send one call, unless its key is known; a future of it."""
    code, token = client._codes.of(func)
    if key is None:
        label = func_label(func)
        key = f"{label}-{token_of_call(token, args, kwargs)}" if pure else unique_key(label)
    name = wire_key(key)
    link = client._link
    entry = link.table.entries.get(name)
    if entry is not None:
        # A key that was let go is computed anew, even if its name is given to something else.
        # What else was dropped can wait: to tell of it here wakes the link's thread, which
        # then takes the interpreter's lock from this one.
        link.flush_dropped()
        entry = link.table.entries.get(name)
    if entry is None:
        if not kwargs and ATOMS.issuperset(map(type, args)):
            data, aside = pickle.dumps(args, 5), None
            client._warn_large(len(data) + len(code.data), key)
            needs: list[Key] = []
        else:
            template, needs = split_arguments(args, kwargs)
            aside = Aside()
            data = b""
            if template is not None:
                data = aside.pickle(0, template, f"the arguments of {key!r}")
            nbytes = sum(memoryview(buffer).nbytes for buffer in aside.buffers)
            client._warn_large(len(data) + nbytes + len(code.data), key)
        message = Submit(
            names=[Listed([name])],
            codes=[code],
            code=[0],
            args=[data],
            deps=[tuple(range(1, 1 + len(needs)))],
            externals=needs,
            order=[0],
            wanted=[0],
            big=aside.big if aside else [],
            options=announced([key], options),
            trace=client._trace(),
        )
    with link.lock:
        found = link.table.entries.get(name)
        if found is None and entry is None:
            link.send(message, aside.buffers if aside else ())
            found = futures.want(link.table, name)
        elif found is None:
            # It was let go in between.
            return _submit_one(client, key, func, args, kwargs, options, pure)
        else:
            found.refs += 1
    return make_future(client, key, found)  # type: ignore[arg-type]


class _MapCall:
    """What all chunks of one `Calls.map` have in common."""

    def __init__(
        self,
        client: Calls,
        func: Callable[..., Any],
        kwargs: dict[str, Any],
        options: list[Options],
        key: Any,
        pure: bool,
    ) -> None:
        self.client = client
        self.options = options
        self.label = func_label(func)
        self.names: Sequence[Any] | None = None
        if isinstance(key, list | tuple):
            self.names = key
        elif key is not None:
            self.label = str(key)
        self.pure = pure
        self.kwargs = kwargs
        self.has_futures = bool(kwargs) and bool(split_arguments((), kwargs)[1])
        code, self.token = client._codes.of(func)
        if kwargs and not self.has_futures:
            # Keyword arguments travel once, with the function.
            code = make_code((partial(func, **kwargs),))[0]
        self.code = code
        self.unique = unique_key(self.label)

    def send(self, rows: list[tuple[Any, ...]], first: int) -> list[Future[Any]]:
        """Futures of some calls, sent in one message."""
        kinds = set(map(type, itertools.chain.from_iterable(rows)))
        plain = kinds <= PLAIN and not self.has_futures
        names = self.keys(rows, first, plain)
        keys = names if type(names[0]) is str and self.names is None else wire_keys(names)
        link = self.client._link
        link.flush_dropped()
        with link.lock:
            known = link.table.entries
            fresh = {k: i for i, k in enumerate(keys) if k not in known}
        if fresh:
            chosen = list(fresh.values())
            message, buffers = self.message(rows, keys, chosen, plain)
        want, table = futures.want, link.table
        with link.lock:
            if fresh:
                link.send(message, buffers)
            entries = [want(table, key) for key in keys]
        client: Any = self.client
        return [make_future(client, name, entry) for name, entry in zip(names, entries)]

    def keys(self, rows: list[tuple[Any, ...]], first: int, plain: bool) -> list[Any]:
        """A name for each call."""
        if self.names is not None:
            names = list(self.names[first : first + len(rows)])
            if len(names) < len(rows):
                raise ValueError(
                    f"map got {len(self.names)} keys for at least {first + len(rows)} calls; "
                    "give one for each"
                )
            return names
        if not self.pure:
            return [f"{self.unique}-{i}" for i in range(first, first + len(rows))]
        prefix = self.label + "-"
        if plain and not self.kwargs:
            base, digest, marshalled = self.token, xxhash.xxh3_128_hexdigest, marshal.dumps
            return [prefix + digest(base + marshalled(row, 2)) for row in rows]
        return [prefix + token_of_call(self.token, row, self.kwargs) for row in rows]

    def message(
        self, rows: list[tuple[Any, ...]], keys: list[Key], chosen: list[int], plain: bool
    ) -> tuple[Submit, Any]:
        """The calls that the cluster does not know yet."""
        count = len(chosen)
        aside = Aside()
        numbers: dict[Key, int] = {}
        deps: list[tuple[int, ...]] = [()] * count
        if plain:
            dumps = pickle.dumps
            args = [dumps(rows[i], 5) for i in chosen]
            self.client._warn_large(sum(map(len, args)) + len(self.code.data), self.label)
        else:
            args = []
            for at, i in enumerate(chosen):
                named = self.kwargs if self.has_futures else {}
                template, needs = split_arguments(rows[i], named)
                deps[at] = tuple([numbers.setdefault(k, count + len(numbers)) for k in needs])
                what = f"the arguments of {keys[i]!r}"
                args.append(b"" if template is None else aside.pickle(at, template, what))
            self.client._warn_large(
                sum(map(len, args)) + sum(map(len, aside.buffers)) + len(self.code.data), self.label
            )
        message = Submit(
            names=[Listed([keys[i] for i in chosen])],
            codes=[self.code],
            code=[0] * count,
            args=args,
            deps=deps,
            externals=list(numbers),
            order=list(range(count)),
            wanted=list(range(count)),
            big=aside.big,
            options=announced([keys[i] for i in chosen], self.options),
            trace=self.client._trace(),
        )
        return message, aside.buffers


def _gathered_up(item: Any) -> Any:
    """A container as one collection, whatever is in it; anything else as it is."""
    if isinstance(item, Iterator):
        item = list(item)
    return delayed(item) if isinstance(item, list | tuple | set | frozenset | dict) else item


def _nested(shape: Collection[Any], values: Any) -> list[Any]:
    return [_nested(part, values) if isinstance(part, list) else next(values) for part in shape]
