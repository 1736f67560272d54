"""A scheduler that is killed and comes back with its journal loses nothing, and repeats little."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from shoal.distributed.node.journal import Journal, read
from shoal.distributed.sim import errands
from shoal.distributed.sim.faults import Plan, make_plan
from shoal.distributed.sim.world import World


def restarted(seed: int) -> World:
    """A run whose scheduler is killed once or twice, and nothing else goes wrong."""
    plan, random = make_plan(seed), Random(seed)
    count = random.choice((1, 1, 2))
    plan.faults = [(random.random() * plan.seconds, "restart_scheduler") for _ in range(count)]
    plan.taste = replace(plan.taste, raising=0.0, flaky=0.0, killing=0.0, late=0.0, actor=0.0)
    # What is cancelled is computed anew by who wants it again, and a worker that is sent away by a
    # user takes its results along.
    plan.storms, plan.runners = 0.0, 0
    world = World(seed, plan)
    world.run()
    return world


def test_hardly_any_task_that_has_ended_runs_again() -> None:
    worlds = [restarted(seed) for seed in range(40)]
    ended = sum(len(world.over) for world in worlds)
    again = sum(sum(world.over.values()) - len(world.over) for world in worlds)
    assert sum(world.restarts for world in worlds) > 30
    assert ended > 1000
    # What was cancelled, or let go and wanted anew by another user, is computed twice rightly.
    assert again <= 0.05 * ended


def test_who_holds_something_holds_it_when_the_scheduler_is_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(errands, "ERRANDS", (errands.lock, errands.lease))
    held = 0
    for seed in range(20):
        random = Random(seed)
        restarts = [(0.3 + 4 * random.random(), "restart_scheduler") for _ in range(4)]
        plan = Plan(workers=1, runners=6, faults=restarts)
        world = World(seed, plan)
        start = world.start_scheduler

        def start_again(world: World = world, start: Callable[[], None] = start) -> None:
            nonlocal held
            held += sum(map(len, world.shared.holders.values()))
            start()

        world.start_scheduler = start_again  # type: ignore[method-assign]
        world.run()  # it says who was given what another one holds
    assert held > 20


def test_what_a_run_recorded_survives_a_file(tmp_path: Path) -> None:
    world = restarted(3)
    journal = Journal(tmp_path, sync_s=None)
    journal.begin(world.journal)
    journal.close()
    assert read(tmp_path).records == world.journal
