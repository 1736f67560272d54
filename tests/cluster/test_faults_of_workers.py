"""Workers that die, stop, are cut off or run out of something: every future ends, and is right."""

from __future__ import annotations

import ctypes
import importlib
import os
import pickle
import random
import resource
import shutil
import signal
import subprocess
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest

from shoal.distributed import Nanny, Worker
from shoal.distributed.core import scheduler as core
from shoal.distributed.node import nanny as nannies
from shoal.errors import KilledWorker, LostResultError, SpillFullError

WAIT_S = 120
SILENCE_S = 2.0
"""How long workers may say nothing here; 5 s are the default."""

BUSY_S = 30.0
"""What is promised is for a machine that does nothing else."""


def inc(x: int) -> int:
    return x + 1


def slow_sum(seconds: float, *numbers: int) -> int:
    threading.Event().wait(seconds)
    return sum(numbers)


def rounds(client: Any, is_enough: Callable[[], bool]) -> int:
    """Graphs of several layers, one after the other, compared with a serial oracle."""
    done = 0
    while not done or not is_enough():
        base = done * 1000
        first = client.map(inc, range(base, base + 40))
        second = [client.submit(slow_sum, 0.01, *first[i : i + 4]) for i in range(0, 40, 4)]
        total = client.submit(sum, second)
        assert total.result(timeout=WAIT_S) == sum(range(base + 1, base + 41))
        assert client.gather(second) == [
            sum(range(base + i + 1, base + i + 5)) for i in range(0, 40, 4)
        ]
        done += 1
    return done


def killing(faulty: Any, every_s: float, end: threading.Event, killed: list[int]) -> None:
    """Kill one of two workers again and again, until told to end.

    The other one goes on: where starting a worker takes longer than its life, nothing is done.
    """
    while not end.wait(every_s):
        pids = sorted(faulty.pids().values())
        if len(pids) == 2:
            pid = pids[len(killed) % 2]
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)


@pytest.mark.parametrize(
    ("every_s", "seconds"),
    [(1.0, 3.0), pytest.param(2.0, 60.0, marks=pytest.mark.faults)],
)
def test_workers_are_killed_again_and_again(suffer: Any, every_s: float, seconds: float) -> None:
    # As often as the machine may kill whoever runs a task before the task is to blame.
    settings = core.Settings(allowed_failures=100)
    with suffer(n_workers=2, settings=settings) as faulty:
        end, killed = threading.Event(), []
        thread = threading.Thread(target=killing, args=(faulty, every_s, end, killed))
        thread.start()
        until, least = time.monotonic() + seconds, seconds / every_s / 4
        try:
            rounds(faulty.client, lambda: time.monotonic() > until and len(killed) >= least)
        finally:
            end.set()
            thread.join(WAIT_S)
        # It is as good as new.
        faulty.client.wait_for_workers(2, timeout=WAIT_S)
        assert rounds(faulty.client, lambda: True) == 1


def test_a_poison_task_beside_a_hundred_innocents(suffer: Any) -> None:
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        innocents = client.map(lambda i: slow_sum(0.02, i, 1), range(100))
        poison = client.submit(ctypes.string_at, 0, key="poison-pill")
        late = client.submit(inc, poison)
        with pytest.raises(KilledWorker, match=r"poison-pill.*signal 11") as caught:
            poison.result(timeout=WAIT_S)
        with pytest.raises(KilledWorker, match="poison-pill"):
            late.result(timeout=WAIT_S)
        assert caught.value.task == "poison-pill" and caught.value.last_worker
        # Which worker, how often, and what to do.
        assert any(name in str(caught.value) for name in ("worker", "0", "1"))
        assert client.gather(innocents) == list(range(1, 101))
        del poison, late, innocents, caught


@pytest.mark.parametrize("seconds", [3.0, pytest.param(30.0, marks=pytest.mark.faults)])
def test_a_process_that_is_stopped_for_a_while(
    suffer: Any, wait_until: Any, seconds: float
) -> None:
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        pids = faulty.pids()
        address, pid = next(iter(pids.items()))
        kept = client.submit(inc, 1, workers=[address])
        assert kept.result(timeout=WAIT_S) == 2
        # On a busy machine it may have said nothing for a while already.
        wait_until(lambda: faulty.silence_s(address) < 1.0, "it was just heard")
        begun = time.monotonic()
        os.kill(pid, signal.SIGSTOP)
        try:
            work = client.map(lambda i: slow_sum(0.01, i, 1), range(200))
            wait_until(lambda: time.monotonic() - begun >= seconds, "the time passes")
            was_there = address in faulty.pids()
            # On a machine that was held up meanwhile it may have been longer than that.
            too_long = time.monotonic() - begun > faulty.state.settings.silence_s
        finally:
            os.kill(pid, signal.SIGCONT)
        # It survives less than the time that a worker may be silent, and no more.
        assert was_there or too_long
        assert not was_there or seconds < faulty.state.settings.silence_s
        assert client.gather(work) == list(range(1, 201))
        wait_until(lambda: faulty.pids().get(address) == pid, "the same process is back")
        both = client.submit(slow_sum, 0, kept, 5, workers=[address])
        assert both.result(timeout=WAIT_S) == 7
        del kept, work, both


class Counter:
    """An actor."""

    def __init__(self) -> None:
        self.n = 0

    def add(self, by: int) -> int:
        self.n += by
        return self.n

    def wait(self) -> None:
        threading.Event().wait(WAIT_S)


def test_an_actor_that_is_lost_is_named_in_every_way_to_it(suffer: Any, wait_until: Any) -> None:
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        [(address, pid), *_] = faulty.pids().items()
        future = client.submit(Counter, actor=True, key="the-counter", workers=[address])
        actor = future.result(timeout=WAIT_S)
        assert actor.add(1).result(timeout=WAIT_S) == 1
        waits = [actor.wait(), actor.add(1)]
        os.kill(pid, signal.SIGKILL)
        for call in waits:
            with pytest.raises(LostResultError, match=r"'the-counter'.*may have been carried out"):
                call.result(timeout=WAIT_S)
        wait_until(lambda: address not in faulty.pids(), "it is known to be gone")
        with pytest.raises(LostResultError, match=r"'the-counter' cannot.*make it anew"):
            actor.add(1).result(timeout=WAIT_S)
        with pytest.raises(LostResultError, match=r"'the-counter' cannot.*make it anew"):
            _ = actor.n
        with pytest.raises(LostResultError, match=r"'the-counter' is gone.*make it anew"):
            future.result(timeout=WAIT_S)
        del future, actor, waits, call


class Trap:
    """Cannot be unpickled anywhere but where it was made."""

    def __reduce__(self) -> Any:
        return spring, (os.getpid(),)


def spring(pid: int) -> Trap:
    raise RuntimeError("this object explodes when it is unpickled")


def test_results_that_cannot_travel(suffer: Any) -> None:
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        innocents = client.map(inc, range(50))
        here, there = list(faulty.pids())
        lock = client.submit(threading.Lock, workers=[here], pure=False, key="a-lock")
        with pytest.raises(TypeError, match=r"pickle|lock"):
            lock.result(timeout=WAIT_S)
        moved = client.submit(repr, lock, workers=[there], key="moved-lock")
        with pytest.raises(TypeError, match=r"pickle|lock"):
            moved.result(timeout=WAIT_S)
        # Where it is, it can be used.
        assert "lock" in client.submit(repr, lock, workers=[here]).result(timeout=WAIT_S)
        trap = client.submit(Trap, workers=[here], key="a-trap")
        with pytest.raises(RuntimeError, match="explodes") as caught:
            trap.result(timeout=WAIT_S)
        assert "'a-trap'" in str(caught.value.__notes__)
        sprung = client.submit(repr, trap, workers=[there], key="sprung")
        with pytest.raises(RuntimeError, match="explodes") as caught:
            sprung.result(timeout=WAIT_S)
        assert "'sprung'" in str(caught.value.__notes__)
        del caught
        large = client.submit(bytes, 150_000_000, workers=[here])
        assert client.submit(len, large, workers=[there]).result(timeout=WAIT_S) == 150_000_000
        assert client.gather(innocents) == list(range(1, 51))
        del lock, moved, trap, sprung, large, innocents


def use_up_descriptors() -> list[int]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(soft, 256), hard))
    held = []
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        return held


def let_go(descriptors: list[int]) -> int:
    for descriptor in descriptors:
        os.close(descriptor)
    return len(descriptors)


def test_a_worker_without_descriptors(suffer: Any, wait_until: Any) -> None:
    with suffer(n_workers=2) as faulty:
        client = faulty.client
        here, there = list(faulty.pids())
        far = client.map(lambda i: bytes(200_000) + bytes([i]), range(4), workers=[there])
        held = client.submit(use_up_descriptors, workers=[here], pure=False)
        count = len(held.result(timeout=WAIT_S))
        # It has one connection, to the scheduler, and can neither dial nor be dialled.
        late = [client.submit(len, part, workers=[here]) for part in far]
        near = client.map(inc, range(20), workers=[here])
        assert client.gather(near) == list(range(1, 21))
        assert client.submit(let_go, held, workers=[here]).result(timeout=WAIT_S) == count
        assert [future.result(timeout=WAIT_S) for future in late] == [200_001] * 4
        del far, held, late, near


def hoard(megabytes: int) -> bytes:
    return os.urandom(megabytes << 20)


def spoil(folder: str) -> int:
    """Change a byte in the middle of every file that holds spilled results."""
    count = 0
    for where, _, names in os.walk(folder):
        for name in names:
            if name.endswith(".spill"):
                with open(os.path.join(where, name), "r+b") as file:
                    file.seek(os.path.getsize(file.name) // 2)
                    byte = file.read(1)
                    file.seek(-1, os.SEEK_CUR)
                    file.write(bytes([byte[0] ^ 1]))
                count += 1
    return count


def stamp(i: int) -> tuple[int, bytes]:
    """The same for the same number, and large."""
    return i, pickle.dumps(i) * (4_000_000 // len(pickle.dumps(i)))


def test_spilled_results_that_are_damaged_are_computed_again(
    suffer: Any, wait_until: Any, tmp_path: Any
) -> None:
    options = {"memory_limit": "200 MB", "memory_target_fraction": 0.05}
    with suffer(n_workers=1, **options) as faulty:
        client = faulty.client
        made = client.map(stamp, range(12))
        client.submit(len, made).result(timeout=WAIT_S)
        damaged = 0

        def found() -> bool:
            nonlocal damaged
            damaged += spoil(str(tmp_path))
            return damaged > 0

        wait_until(found, "something was spilled")
        assert client.gather(made) == [stamp(i) for i in range(12)]
        del made


def test_a_spill_disk_that_is_full(suffer: Any) -> None:
    options = {"memory_limit": "300 MB", "memory_target_fraction": 0.1, "max_spill": "10 MB"}
    with suffer(n_workers=1, **options) as faulty:
        made = faulty.client.map(stamp, range(20))
        assert faulty.client.gather(made) == [stamp(i) for i in range(20)]
        del made


@pytest.fixture
def small_disk(suffer: Any, tmp_path: Any) -> Iterator[Any]:
    """Clusters whose workers have a disk of 16 MB."""
    folder = tmp_path / "workers"
    mount = ["mount", "-t", "tmpfs", "-o", "size=16m", "none", str(folder)]
    if (
        not shutil.which("mount")
        or subprocess.run(mount, capture_output=True, check=False).returncode
    ):
        pytest.skip("nothing can be mounted here")
    try:
        yield suffer
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def noise(i: int) -> bytes:
    """The same for the same number, and large however it is compressed."""
    return random.Random(i).randbytes(4_000_000)


def test_a_disk_without_space(small_disk: Any, tmp_path: Any) -> None:
    options = {"memory_limit": "300 MB", "memory_target_fraction": 0.1}
    with small_disk(n_workers=1, **options) as faulty:
        before = faulty.pids()
        made = faulty.client.map(noise, range(14))
        assert faulty.client.gather(made) == [noise(i) for i in range(14)]
        said = [text for log in faulty.client.get_worker_logs().values() for _, text in log]
        assert any("cannot spill" in text and "No space left" in text for text in said), said
        assert faulty.pids() == before
        del made
        # It is of use again.
        small = faulty.client.map(inc, range(10))
        assert faulty.client.gather(small) == list(range(1, 11))
        del small


def cut(number: int) -> Any:
    """Parts of a block, in a file."""
    parts = importlib.import_module("shoal.serialize.parts")
    return parts.SHELF.put(parts.Pieces([os.urandom(3_000_000) for _ in range(2)]))


def test_a_shuffle_on_a_disk_without_space(small_disk: Any) -> None:
    with small_disk(n_workers=1) as faulty:
        cuts = faulty.client.map(cut, range(6), pure=False)
        failed = [future.exception(timeout=WAIT_S) for future in cuts]
        assert sum(error is None for error in failed) == 2
        with pytest.raises(SpillFullError, match=r"No space left.*set temporary-directory"):
            faulty.client.gather(cuts)
        del cuts, failed


@pytest.mark.parametrize(
    "ways", [{"in", "out"}, {"in"}, pytest.param({"out"}, marks=pytest.mark.faults)]
)
def test_two_workers_that_do_not_reach_each_other(
    suffer: Any, wait_until: Any, free_port: int, ways: set[str]
) -> None:
    settings = core.Settings(silence_s=SILENCE_S, unreached_s=1.0)
    with suffer(n_workers=1, settings=settings) as faulty:
        client, cluster = faulty.client, faulty.cluster
        [here] = faulty.pids()
        relay = faulty.relay(free_port)
        behind = Nanny(
            cluster.scheduler_address,
            security=cluster.security,
            name="behind",
            nthreads=1,
            host=f"tcp://127.0.0.1:{free_port}",
            contact_address=relay.address,
            local_directory=cluster._worker_options.get("local_directory"),
        )
        with behind:
            client.wait_for_workers(2, timeout=WAIT_S)
            # They know each other.
            far = client.submit(bytes, 300_000, workers=["behind"])
            assert client.submit(len, far, workers=[here]).result(timeout=WAIT_S) == 300_000
            # The relay counts what it has sent after who waits for it may have it.
            wait_until(lambda: relay.passed > 300_000, "its bytes went through the relay")
            far = client.submit(bytes, 300_001, workers=["behind"], allow_other_workers=True)
            wait_until(far.done, "it is there")
            relay.cut = set(ways)
            begun = time.monotonic()
            # What cannot be had in time is computed again, by somebody who can be reached.
            assert client.submit(len, far, workers=[here]).result(timeout=WAIT_S) == 300_001
            assert time.monotonic() - begun < SILENCE_S + BUSY_S
            relay.cut = set()
            other = client.submit(bytes, 300_002, workers=["behind"])
            assert client.submit(len, other, workers=[here]).result(timeout=WAIT_S) == 300_002
            del far, other
            wait_until(faulty.drained, "no key is left")


@pytest.mark.parametrize("how", ["silence", "half-open"])
def test_a_worker_that_does_not_reach_the_scheduler(suffer: Any, wait_until: Any, how: str) -> None:
    with suffer(n_workers=1, settings=core.Settings(silence_s=SILENCE_S)) as faulty:
        client, cluster, here = faulty.client, faulty.cluster, set(faulty.pids())
        relay = faulty.relay(int(cluster.scheduler_address.rpartition(":")[2]))
        away = Nanny(
            relay.address,
            security=cluster.security,
            name="away",
            nthreads=1,
            local_directory=cluster._worker_options.get("local_directory"),
        )
        with away:
            client.wait_for_workers(2, timeout=WAIT_S)
            work = client.map(lambda i: slow_sum(0.02, i, 1), range(100))
            wait_until(lambda: sum(f.done() for f in work) > 10, "both work")
            wait_until(
                lambda: any(faulty.silence_s(other) < 0.5 for other in set(faulty.pids()) - here),
                "it was just heard",
            )
            begun = time.monotonic()
            if how == "silence":
                relay.cut = {"in", "out"}
            else:
                relay.forget_far_ends()
            wait_until(lambda: len(faulty.pids()) == 1, "it is missed", SILENCE_S + BUSY_S)
            assert client.gather(work) == list(range(1, 101))
            if how == "silence":
                assert time.monotonic() - begun >= SILENCE_S - 0.6
            relay.cut = set()
            wait_until(lambda: len(faulty.pids()) == 2, "it is back")
            again = client.map(lambda i: slow_sum(0.01, i, 2), range(50))
            assert client.gather(again) == list(range(2, 52))
            work = again = []
            wait_until(faulty.drained, "no key is left")


def large(number: int) -> bytes:
    return number.to_bytes(4, "little") * (5 << 20)


def test_results_beyond_memory_kill_no_worker(suffer: Any) -> None:
    # Each makes as much in a moment as it may have in all, and what lies on disk is wanted again.
    with suffer(n_workers=2, memory_limit="300 MB") as faulty:
        before = faulty.pids()
        futures = faulty.client.map(large, range(32), pure=False)
        lengths = faulty.client.map(len, futures)
        assert faulty.client.gather(lengths) == [20 << 20] * 32
        assert futures[0].result(timeout=WAIT_S) == large(0)
        assert faulty.pids() == before
        del futures, lengths


def test_a_worker_that_stays_down_is_told_to_whoever_waits(
    suffer: Any, wait_until: Any, monkeypatch: Any
) -> None:
    monkeypatch.setattr(nannies, "RESTARTS", 1)
    monkeypatch.setattr(nannies, "QUICK_S", 1000.0)
    settings = core.Settings(allowed_failures=0)
    with (
        suffer(n_workers=1, settings=settings) as faulty,
        warnings.catch_warnings(record=True) as w,
    ):
        warnings.simplefilter("always")
        for number in range(2):
            poison = faulty.client.submit(os._exit, 3, key=f"poison-{number}")
            with pytest.raises(KilledWorker, match=r"exit code 3.*peak"):
                poison.result(timeout=WAIT_S)
        waits = faulty.client.submit(inc, 1)
        wait_until(lambda: [x for x in w if "stays down" in str(x.message)], "a warning")
        [said] = [str(x.message) for x in w if "stays down" in str(x.message)]
        assert "worker 0 died 2 times" in said and "exit code 3; its peak was" in said
        assert "No worker is left" in said and "cluster.scale" in said
        assert "stays down" in str(faulty.client.why(waits))
        faulty.cluster.scale(1)
        assert waits.result(timeout=WAIT_S) == 2
        del poison, waits


def test_a_worker_that_is_killed_before_it_is_up_again_is_started_once_more(
    suffer: Any, wait_until: Any
) -> None:
    with suffer(n_workers=1) as faulty:
        [nanny] = faulty.cluster.workers.values()
        seen = []
        wait_until(lambda: nanny.worker_address, "it has been up")
        for _ in range(nannies.STARTS + 1):
            seen.append(nanny.pid)
            os.kill(seen[-1], signal.SIGKILL)
            wait_until(lambda: nanny.pid not in (None, seen[-1]), "another process")
        assert faulty.client.submit(inc, 1).result(timeout=WAIT_S) == 2


def test_data_is_put_elsewhere_when_a_worker_is_not_reached(
    suffer: Any, wait_until: Any, free_port: int
) -> None:
    with suffer(n_workers=1, processes=False) as faulty:
        client, cluster = faulty.client, faulty.cluster
        relay = faulty.relay(free_port)
        behind = Worker(
            cluster.scheduler_address,
            security=cluster.security,
            name="behind",
            nthreads=1,
            host=f"tcp://127.0.0.1:{free_port}",
            contact_address=relay.address,
            memory_limit=None,
        )
        with behind:
            client.wait_for_workers(2, timeout=WAIT_S)
            relay.close()
            # The scheduler goes on naming it: it reports, and nobody can dial it.
            some = client.scatter(list(range(10)), hash=False)
            every = client.scatter({"a": 1, "b": 2}, broadcast=True)
            assert client.gather(some) == list(range(10))
            assert client.gather(every) == {"a": 1, "b": 2}
            assert {where for (where,) in client.who_has(some).values()} == {
                worker.address for worker in cluster.workers.values()
            }
            with pytest.raises(OSError, match=relay.address):
                client.scatter([3], workers=["behind"], timeout=0.5)
            del some, every
            wait_until(faulty.drained, "no key is left")


def test_data_that_is_put_while_a_worker_dies_is_there(suffer: Any) -> None:
    with suffer(n_workers=2) as faulty:
        for _ in range(3):
            faulty.client.wait_for_workers(2, timeout=WAIT_S)
            with suppress(ProcessLookupError):  # the one before, of which nobody knew as yet
                os.kill(min(faulty.pids().values()), signal.SIGKILL)
            # Nobody knows of it yet.
            some = faulty.client.scatter([bytes(100_000) + bytes([i]) for i in range(10)])
            assert len(some) == 10
            del some
