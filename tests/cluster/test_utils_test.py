"""Clusters for tests of programs, as tests written for Dask use them."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest

from shoal.distributed import Client
from shoal.distributed.utils_test import (  # noqa: F401
    async_poll_for,
    captured_logger,
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


@gen_test()
async def test_to_wait_for_what_must_come() -> None:
    answers = iter([False, False, True])

    async def soon() -> bool:
        return next(answers)

    await async_poll_for(soon, timeout=30, period=0)
    said: list[str] = []
    with pytest.raises(pytest.fail.Exception):
        await async_poll_for(lambda: False, timeout=0, fail_func=lambda: said.append("late"))
    assert said == ["late"]


def test_what_a_logger_says_is_kept_for_the_test(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("shoal.tests.said")
    with captured_logger(log, level=logging.WARNING, propagate=False) as said:
        log.info("not this")
        log.warning("this")
    log.warning("later")
    assert said.getvalue() == "this\n"
    assert caplog.messages == ["later"]
