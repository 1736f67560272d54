"""Whole clusters under virtual time: every seed ends as it must.

A seed that fails prints the command that replays it.  ``make sim`` runs 2,000 of them; the number
is in SHOAL_SIM_SEEDS.
"""

from __future__ import annotations

import os

import pytest

from shoal.distributed.sim.world import SimulationError, run

SEEDS = int(os.environ.get("SHOAL_SIM_SEEDS", "240"))
CHUNK = 20


@pytest.mark.parametrize("first", range(0, SEEDS, CHUNK))
def test_seeds(first: int) -> None:
    failed = []
    for seed in range(first, min(first + CHUNK, SEEDS)):
        try:
            run(seed)
        except SimulationError as error:
            failed.append(str(error))
    assert not failed, "\n\n".join(failed)


@pytest.mark.parametrize(
    "seed",
    [
        pytest.param(66, id="a worker that was asked died, and its nanny said so first"),
        pytest.param(414, id="a worker was asked that is dying"),
        pytest.param(55, id="a client did not hear that it had been forgotten"),
        pytest.param(250, id="a cancelled run failed, and a task that runs alone never began"),
        pytest.param(539, id="a run that goes on under another number takes too long"),
        pytest.param(301926, id="items given back to a queue were not, after a restart"),
        pytest.param(311051, id="a worker was kept for a run whose second copy had been faster"),
        pytest.param(9121404, id="a task was asked back for ever while its inputs were fetched"),
    ],
)
def test_what_seeds_have_found_stays_mended(seed: int) -> None:
    run(seed)
