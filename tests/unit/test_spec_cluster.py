"""Clusters of parts that others define, some of which do not end as they should."""

from __future__ import annotations

import logging

import pytest

from shoal.distributed import Client, LocalCluster, SpecCluster, Worker
from shoal.distributed.deploy.spec import ProcessInterface


class Stubborn(ProcessInterface):
    """A part that cannot be closed."""

    address = "nowhere"

    async def close(self) -> None:
        raise RuntimeError("no, not I")


def test_a_part_that_cannot_be_closed_keeps_no_other_from_it(caplog) -> None:
    options = {"nthreads": 1, "memory_limit": None}
    workers = {
        "a": {"cls": Worker, "options": options},
        "stubborn": {"cls": Stubborn, "group": []},
        "z": {"cls": Worker, "options": options},
    }
    cluster = SpecCluster(workers, worker=workers["a"])
    with cluster, Client(cluster, set_as_default=False) as client:
        made = dict(cluster.workers)
        assert client.submit(abs, -1).result() == 1
        with caplog.at_level(logging.ERROR, "distributed.deploy"):
            client.close()
            cluster.close()
    assert made["a"].closed.is_set() and made["z"].closed.is_set()
    assert cluster.scheduler.status == cluster.status == "closed"
    [said] = [record for record in caplog.records if record.name == "distributed.deploy"]
    assert "worker stubborn of the cluster" in said.getMessage()
    assert said.exc_info is not None and "not I" in str(said.exc_info[1])


def test_a_number_of_workers_that_cannot_be_is_refused() -> None:
    with pytest.raises(ValueError, match="n_workers is at least 0, got -1"):
        LocalCluster(n_workers=-1, processes=False, dashboard_address=None)


@pytest.mark.parametrize("make", [LocalCluster, Client])
def test_an_argument_that_there_is_not_is_refused_by_name(make) -> None:
    with pytest.raises(TypeError, match=r"argument 'nonsense'; it takes .*memory_limit"):
        make(nonsense=3, processes=False, n_workers=0)
    with pytest.raises(TypeError, match=r"'memory_limt'; did you mean memory_limit\?"):
        make(memory_limt=3, processes=False, n_workers=0)
    with pytest.raises(TypeError, match=r"'plugins'; register plugins with client"):
        make(plugins=[], processes=False, n_workers=0)


def test_what_dask_programs_say_of_workers_is_accepted() -> None:
    said = {"blocked_handlers": ["run"], "heartbeat_interval": "1 s", "validate": True}
    with (
        LocalCluster(n_workers=0, processes=False, dashboard_address=None, **said) as cluster,
        pytest.raises(TypeError, match=r"Unexpected keyword arguments: \['n_workers'\]"),
    ):
        Client(cluster, n_workers=2)
