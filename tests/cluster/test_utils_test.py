"""Clusters for tests of programs, as tests written for Dask use them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from shoal.distributed import Client
from shoal.distributed.utils_test import (  # noqa: F401
    cleanup,
    client,
    cluster_fixture,
    gen_cluster,
    gen_test,
    inc,
    loop,
)


def test_fixtures(client: Any, loop: Any) -> None:  # noqa: F811
    assert client.submit(inc, 1).result() == 2
    assert len(client.scheduler_info()["workers"]) == 2


@gen_cluster(nthreads=[("127.0.0.1", 3)], client=True, config={"array.slicing.split": True})
async def test_a_cluster_in_arguments(
    client: Any,  # noqa: F811
    scheduler: Any,
    worker: Any,
    tmp_path: Path,
) -> None:
    assert tmp_path.exists()
    assert client.asynchronous and await client.submit(inc, 1) == 2
    assert (await client.nthreads()) == {worker.address: 3}


@gen_cluster(client=True)
async def test_all_of_it_as_one(*everything: Any) -> None:
    made, _, a, b = everything
    assert isinstance(made, Client) and a.address != b.address


@gen_test()
async def test_a_coroutine(tmp_path: Path) -> None:
    assert tmp_path.exists()
