"""Names that libraries import from modules of Dask's that shoal has not."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import shoal
from shoal.compat import install_as_dask, uninstall
from shoal.compat.moved import MOVED, stand_in

TABLES = ("CPU_COUNT", "FILTERS", "TEMPLATE_PATHS")
"""Names that are no functions."""

OTHER_THINGS = ("shoal.distributed.core", "shoal.distributed.protocol")
"""Modules of shoal's that have nothing to do with Dask's of the same name."""


@pytest.fixture
def installed() -> Iterator[None]:
    install_as_dask()
    yield
    uninstall()


@pytest.mark.parametrize("name", MOVED)
def test_every_name_has_a_home(name: str) -> None:
    if name.startswith("shoal.array"):
        pytest.importorskip("numpy")
    if name.startswith("shoal.dataframe"):
        pytest.importorskip("pandas")
    module = stand_in(name)
    assert dir(module) == sorted(MOVED[name])
    assert all(callable(getattr(module, each)) for each in dir(module) if each not in TABLES)


@pytest.mark.parametrize("name", MOVED)
def test_shoal_itself_has_no_such_module(name: str) -> None:
    if name in OTHER_THINGS:
        assert not set(MOVED[name]) & {*vars(importlib.import_module(name))} - {"Status"}
        return
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module(name)


def test_they_are_imported_under_dasks_names(installed: None) -> None:
    pytest.importorskip("numpy")
    from dask.array.utils import assert_eq  # type: ignore[import-not-found]
    from distributed.lock import Lock  # type: ignore[import-not-found]

    from shoal.array import testing
    from shoal.distributed import Lock as ours

    assert assert_eq is testing.assert_eq and Lock is ours
    with pytest.raises(ImportError, match="nothing_such"):
        from dask.array.utils import nothing_such  # noqa: F401


def test_names_of_the_package_above(installed: None) -> None:
    pytest.importorskip("pandas")
    import dask.dataframe as dd  # type: ignore[import-not-found]
    from dask.dataframe.io import from_dask_array, read_csv  # type: ignore[import-not-found]
    from dask.dataframe.io.io import from_pandas  # type: ignore[import-not-found]
    from dask.optimization import toposort  # type: ignore[import-not-found]

    assert (from_pandas, from_dask_array) == (dd.from_pandas, dd.from_dask_array)
    assert read_csv is dd.read_csv and dd.demo.make_timeseries
    assert toposort({"a": 1}) == ["a"]
    with pytest.raises(ImportError, match="nothing_such"):
        from dask.dataframe.io import nothing_such  # noqa: F401
    uninstall()
    assert not hasattr(importlib.import_module("shoal.dataframe.io"), "read_csv")


def test_they_go_and_may_come_back(installed: None) -> None:
    importlib.import_module("distributed.lock")
    uninstall()
    assert "distributed.lock" not in sys.modules
    install_as_dask()
    importlib.import_module("distributed.lock")


@pytest.mark.parametrize(
    "name", ["dask", "distributed.cli.dask_worker", "distributed.cli.dask_scheduler"]
)
def test_job_scripts_find_the_commands(name: str) -> None:
    pytest.importorskip("click")
    path = [*map(str, Path(shoal.__file__).parents[1:2]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-m", "shoal.compat", "-m", name, "--help"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path)},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0 and "Usage:" in done.stdout, done.stderr


def test_modules_are_attributes_and_hide_no_functions(installed: None) -> None:
    pytest.importorskip("numpy")
    import dask.array as da  # type: ignore[import-not-found]
    from dask.array.rechunk import plan_rechunk  # type: ignore[import-not-found]

    assert callable(plan_rechunk) and callable(da.utils.assert_eq)
    assert da.rechunk(da.ones(4, chunks=4), 2).chunks == ((2, 2),)
    uninstall()
    assert not hasattr(da, "utils")
    assert da.rechunk(da.ones(4, chunks=4), 2).chunks == ((2, 2),)
