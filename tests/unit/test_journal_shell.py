"""The recorder, the file and the compaction together, as a scheduler's process uses them."""

from __future__ import annotations

from pathlib import Path

from shoal.distributed.core import scheduler as core
from shoal.distributed.core.scheduler import Scheduler
from shoal.distributed.node.record import Record
from shoal.distributed.protocol import Code, Grid, Hello, Release, Submit, Want


def submit(name: str, count: int) -> Submit:
    numbers = list(range(count))
    code = [Code(b"c" * 16, b"function")]
    args = [b"a" * 100] * count
    return Submit(
        [Grid(name, (count,))], code, [0] * count, args, [()] * count, [], numbers, numbers
    )


def test_a_process_after_another_knows_what_it_knew(tmp_path: Path) -> None:
    said: list[str] = []
    for life in range(4):
        state = Scheduler(identity=f"life {life}")
        record = Record(tmp_path, state, 10.0 * life, said.append, sync_s=None, least_bytes=20_000)
        assert len(state.table) == 5 * life
        core.connected(state, 1, "client", 10.0 * life)
        record.connected(1, "client", 10.0 * life)
        wants = [(f"kept-{n}", k) for n in range(life) for k in range(5)]
        messages = [Hello("me", {}), Want(wants, anew=True, heard=0)]
        for i in range(20):
            messages += [
                submit(f"x-{life}-{i}", 50),
                Release([(f"x-{life}-{i}", k) for k in range(50)]),
            ]
        messages.append(submit(f"kept-{life}", 5))
        for message in messages:
            core.received(state, 1, message, (), 10.0 * life)
            record.received(1, message, (), 10.0 * life)
            core.drain(state, 10.0 * life)
            record.flush(10.0 * life)
        # Each of these lives has said 100 kB and more; what is kept is what is needed.
        assert record.journal.size < 40_000
        if life % 2:
            record.close()
        else:
            # A process that is killed closes nothing but the kernel's hold on the directory.
            record.journal.close()
    assert "had" in said[-1] and "15 tasks" in said[-1]
