"""Keys that a client announces, and says later how they are made."""

from __future__ import annotations

from typing import Any

import pytest

from shoal.distributed.core import scheduler as core
from shoal.distributed.core.effects import Send
from shoal.distributed.core.scheduler import Scheduler
from shoal.distributed.core.scheduler.explain import WHY
from shoal.distributed.core.scheduler.names import find
from shoal.distributed.core.scheduler.transitions import PUT, Checked
from shoal.distributed.core.scheduler.validate import validate
from shoal.distributed.protocol import (
    Cancel,
    Code,
    Finished,
    Goodbye,
    Hello,
    Listed,
    Register,
    Release,
    Report,
    Retry,
    Run,
    Submit,
    Want,
)

ME, YOU, WORKER = 1, 2, 9


class World:
    """A scheduler, two clients and a worker."""

    def __init__(self) -> None:
        self.state = Scheduler()
        self.state.table.states = Checked()
        self.inboxes: dict[int, list[Any]] = {ME: [], YOU: [], WORKER: []}
        for party, role in ((ME, "client"), (YOU, "client"), (WORKER, "worker")):
            core.connected(self.state, party, role, 0.0)
            register = Register("w", "sim://w", 1, 0, {}, {}, "w", 1)
            self.say(party, register if party == WORKER else Hello(f"client {party}", {}))

    def say(self, party: int, message: Any) -> None:
        core.received(self.state, party, message, (), 0.0)
        for effect in core.drain(self.state, 0.0):
            if isinstance(effect, Send):
                self.inboxes[effect.party].append(effect.message)
        validate(self.state)

    def work(self) -> None:
        """The worker runs all that comes."""
        while runs := [m for m in self.inboxes[WORKER] if type(m) is Run]:
            self.inboxes[WORKER] = []
            for run in runs:
                n = len(run.ids)
                told = [[8] * n, [0] * n, [0.1] * n, [b"v"] * n, ["int"]]
                self.say(WORKER, Report(run.ids, run.runs, *told))

    def heard(self, party: int) -> tuple[list[Any], dict[Any, str]]:
        """Keys that have ended well, and the kinds of failures of others."""
        finished = [m for m in self.inboxes[party] if type(m) is Finished]
        failed = {
            key: m.reasons[number][0]
            for m in finished
            for key, number in zip(m.failed, m.errors, strict=True)
        }
        return [key for m in finished for key in m.keys], failed


def task(key: str, needs: tuple[str, ...] = (), wanted: bool = False) -> Submit:
    deps = tuple(range(1, 1 + len(needs)))
    code = Code(b"f".ljust(16), b"f")
    return Submit([Listed([key])], [code], [0], [b"1"], [deps], list(needs), [0], [0] * wanted)


@pytest.fixture
def world() -> World:
    world = World()
    world.say(ME, Want(["late"], ahead=True))
    return world


def test_it_may_be_needed_and_wanted_before(world: World) -> None:
    row = find(world.state.names, "late")
    assert world.state.table.states[row] == PUT
    assert "plans it" in WHY[PUT](world.state, row, 0.0)
    world.say(YOU, task("above", ("late",), wanted=True))
    world.say(YOU, Want(["late"]))
    world.say(ME, task("late"))
    world.work()
    assert world.heard(ME) == (["late"], {})
    assert sorted(world.heard(YOU)[0]) == ["above", "late"]


def test_what_is_known_is_not_expected(world: World) -> None:
    world.say(ME, task("late"))
    world.work()
    world.say(YOU, Want(["late"], ahead=True))
    assert world.heard(YOU) == (["late"], {})
    assert not world.state.puts


def test_it_may_be_described_by_another(world: World) -> None:
    world.say(YOU, task("late", wanted=True))
    world.say(ME, task("late"))
    world.work()
    assert world.heard(ME) == world.heard(YOU) == (["late"], {})


def test_let_go_before_it_was_described(world: World) -> None:
    world.say(ME, Release(["late"]))
    assert find(world.state.names, "late") == -1
    world.say(ME, task("late"))
    assert find(world.state.names, "late") == -1


def test_cancelled_before_it_was_described(world: World) -> None:
    world.say(YOU, task("above", ("late",), wanted=True))
    world.say(ME, Cancel(["late"]))
    world.say(ME, task("late"))
    assert world.heard(YOU)[1] == {"above": "cancelled"}
    world.say(YOU, Retry(["above"]))
    world.work()
    assert world.heard(ME) == ([], {})


def test_its_client_leaves(world: World) -> None:
    world.say(YOU, task("above", ("late",), wanted=True))
    world.say(ME, Goodbye("done"))
    assert world.heard(YOU)[1] == {"above": "lost"}
    world.say(YOU, Retry(["above"]))
    assert not [m for m in world.inboxes[WORKER] if type(m) is Run]


def test_what_makes_it_is_not_known(world: World) -> None:
    world.say(YOU, task("above", ("late",), wanted=True))
    world.say(ME, task("late", ("nothing",)))
    assert world.heard(ME)[1] == {"late": "lost"}
    assert world.heard(YOU)[1] == {"above": "lost"}
