"""What libraries that start clusters, or send objects of their own, take from inside of Dask."""

from __future__ import annotations

import asyncio

import pytest

from shoal.compat import serialization
from shoal.distributed import Client, LocalCluster, Lock, Scheduler, Security, Status
from shoal.distributed.client.background import CallbackLoop
from shoal.distributed.client.loops import LoopRunner, SyncMethodMixin, import_term, rpc
from shoal.distributed.deploy import ProcessInterface
from shoal.local.locks import SerializableLock
from shoal.serialize.pickles import dumps, loads


class Doubler(SyncMethodMixin):
    def __init__(self, loop):
        self.loop = loop

    async def _double(self, n):
        return 2 * n

    def double(self, n):
        return self.sync(self._double, n)

    def quadruple(self, n):
        return self.sync(self._quadruple, n)

    async def _quadruple(self, n):
        return await self.double(await self.double(n))


def test_one_method_for_both_kinds_of_programs():
    runner = LoopRunner()
    runner.start()
    assert runner.is_started()
    assert Doubler(runner.loop).double(21) == 42
    assert Doubler(runner.loop).quadruple(2) == 8
    runner.stop()
    assert not runner.is_started()

    async def program():
        runner = LoopRunner(asynchronous=True)
        assert runner.loop.asyncio_loop is asyncio.get_running_loop()
        assert Doubler(runner.loop).asynchronous
        return await Doubler(runner.loop).quadruple(2)

    assert asyncio.run(program()) == 8


def test_a_loop_of_somebody_elses_is_used_and_not_ended():
    loop = CallbackLoop()
    runner = LoopRunner(loop)
    runner.start()
    assert runner.run_sync(Doubler(loop)._double, 4) == 8
    loop.close()


def test_a_scheduler_is_asked_by_coroutines():
    async def ask(address):
        async with rpc(address) as scheduler:
            return await scheduler.identity()

    with (
        LocalCluster(n_workers=1, processes=False, dashboard_address=None) as cluster,
        Client(cluster),
    ):
        own = cluster.scheduler
        assert own.address == f"tcp://{own.ip}:{own.port}"
        found = asyncio.run(ask(cluster.scheduler_address))
    assert len(found["workers"]) == 1


def test_terms_are_imported():
    assert import_term("asyncio.Lock") is asyncio.Lock
    assert import_term("asyncio") is asyncio
    with pytest.raises(AttributeError):
        import_term("asyncio.nothing")


class Human:
    def __init__(self, name):
        self.name = name


def test_registered_types_are_written_as_the_program_says():
    @serialization.dask_serialize.register(Human)
    def write(human):
        return {"length": len(human.name)}, [human.name.encode()]

    @serialization.dask_deserialize.register(Human)
    def read(header, frames):
        assert header == {"length": 5}
        return Human(bytes(frames[0]).decode().upper())

    assert serialization.deserialize(*serialization.serialize(Human("Alice"))).name == "ALICE"
    # Inside of others, and by the way that tasks travel, too.
    assert loads(dumps([{"a": Human("Alice")}]))[0]["a"].name == "ALICE"


def test_pickles_in_one_stream_or_with_buffers_beside_it():
    np = pytest.importorskip("numpy")
    large = np.arange(100_000)
    assert (serialization.loads(serialization.dumps(large)) == large).all()
    beside = []
    head = serialization.dumps(large, buffer_callback=beside.append)
    assert len(head) < 1000
    assert (serialization.loads(head, buffers=beside) == large).all()


def test_templates_of_libraries(tmp_path):
    pytest.importorskip("jinja2")
    from shoal.compat.widgets import TEMPLATE_PATHS, get_template

    (tmp_path / "size.html.j2").write_text("{{ n | format_bytes }}")
    TEMPLATE_PATHS.append(str(tmp_path))
    try:
        assert get_template("size.html.j2").render(n=2048) == "2.00 kiB"
    finally:
        TEMPLATE_PATHS.remove(str(tmp_path))


def test_a_lock_of_the_cluster_is_had_while_another_task_waits_for_a_lock_of_the_process():
    """As xarray has it when it writes netCDF files: one lock of each kind, in this order."""
    inner = SerializableLock("of the process")

    def write(n):
        with inner, Lock("file"):
            return n

    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        assert client.gather(client.map(write, range(8))) == [*range(8)]


class Part(ProcessInterface):
    """As classes of libraries are: they set what they were given themselves."""

    def __init__(self, scheduler=None, name=None):
        self.scheduler = scheduler
        self.name = name
        super().__init__()


def test_a_part_keeps_what_its_class_was_given_and_can_be_awaited():
    async def program():
        part = Part("tcp://127.0.0.1:1", name="a")
        assert (part.scheduler, part.name) == ("tcp://127.0.0.1:1", "a")
        assert await part is part and part.status == Status.running
        async with Part() as other:
            assert other.status == Status.running
        assert other.status == Status.closed

    asyncio.run(program())


def test_what_holds_no_futures_is_gathered_as_it_is():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1]})
    with (
        LocalCluster(
            n_workers=1, threads_per_worker=1, processes=False, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        assert client.gather(frame) is frame and client.gather(5) == 5
        futures = client.map(abs, [-1, -2])
        assert client.gather(iter(futures)) == [1, 2]
        assert client.gather(dict(enumerate(futures)).values()) == [1, 2]


def test_protocols_are_said_with_or_without_the_rest_of_an_address():
    with Scheduler(protocol="tls://", security=Security.temporary()) as scheduler:
        assert scheduler.address.startswith("tls://127.0.0.1:")
