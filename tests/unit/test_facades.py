"""Names stand where programs written for Dask import them from, and are the same objects."""

from __future__ import annotations

import ast
import importlib
import pickle
import threading
from pathlib import Path

import pytest

import shoal
from shoal.context import globalmethod
from shoal.dispatch import Dispatch
from shoal.duck import is_arraylike, is_dataframe_like, is_index_like, is_series_like
from shoal.local.locks import SerializableLock
from shoal.scratch import filetexts, tmp_cwd, tmpdir, tmpfile
from shoal.typing import DaskCollection, no_default

FACADES = {
    "base": "compute persist optimize visualize tokenize normalize_token is_dask_collection "
    "unpack_collections DaskMethodsMixin get_scheduler annotate get_annotations clone_key "
    "replace_name_in_key get_name_from_key get_collection_names key_split flatten",
    "cache": "Cache",
    "callbacks": "Callback add_callbacks",
    "context": "globalmethod",
    "core": "flatten istask ishashable iskey get get_dependencies get_deps toposort quote literal "
    "validate_key subs reverse_dict getcycle isdag",
    "diagnostics": "ProgressBar Profiler ResourceProfiler CacheProfiler Callback",
    "graph_manipulation": "bind checkpoint clone wait_on",
    "hashing": "hash_buffer hash_buffer_hex",
    "highlevelgraph": "HighLevelGraph Layer MaterializedLayer",
    "local": "get_sync",
    "multiprocessing": "get",
    "optimization": "cull fuse fuse_linear inline inline_functions functions_of",
    "order": "order",
    "sizeof": "sizeof",
    "system": "CPU_COUNT cpu_count",
    "threaded": "get",
    "tokenize": "tokenize normalize_token TokenizationError",
    "typing": "DaskCollection Graph Key NestedKeys no_default",
    "utils": "parse_bytes format_bytes parse_timedelta funcname typename key_split M methodcaller "
    "Dispatch SerializableLock apply ensure_dict tmpfile tmpdir sizeof import_required "
    "is_arraylike is_dataframe_like is_series_like is_index_like natural_sort_key has_keyword",
}
ONLY_PASSES_ON = "base cache callbacks core hashing optimization order system tokenize utils"


@pytest.mark.parametrize("module", FACADES)
def test_names_are_there(module) -> None:
    found = importlib.import_module(f"shoal.{module}")
    missing = [name for name in FACADES[module].split() if not hasattr(found, name)]
    assert not missing


@pytest.mark.parametrize("module", ONLY_PASSES_ON.split())
def test_facades_have_no_logic(module) -> None:
    source = Path(importlib.import_module(f"shoal.{module}").__file__).read_text()
    for node in ast.parse(source).body[1:]:
        names = [t.id for t in node.targets] if isinstance(node, ast.Assign) else []
        assert isinstance(node, ast.ImportFrom) or names == ["__all__"]


def test_functions_win_over_modules_of_the_same_name() -> None:
    importlib.import_module("shoal.tokenize")
    importlib.import_module("shoal.delayed")
    assert shoal.tokenize(1) == shoal.tokenize(1)
    assert shoal.delayed(1).compute() == 1


def test_a_name_for_a_scheduler() -> None:
    from shoal.collection import named_schedulers

    named_schedulers["mine"] = lambda dsk, keys, **kwargs: [123 for _ in keys]
    try:
        assert shoal.delayed(1).compute(scheduler="mine") == 123
        with shoal.config.set(scheduler="mine"):
            assert shoal.delayed(1).compute() == 123
    finally:
        del named_schedulers["mine"]
    with pytest.raises(ValueError, match="unknown scheduler 'mine'"):
        shoal.delayed(1).compute(scheduler="mine")


def test_compute_as_if_collection() -> None:
    from shoal.base import compute_as_if_collection

    seen = []

    class Theirs:
        @staticmethod
        def __dask_scheduler__(dsk, keys, **kwargs):
            return shoal.get(dsk, keys)

        @staticmethod
        def __dask_optimize__(dsk, keys, **kwargs):
            seen.append(keys)
            return {**dsk, "x": 2}

    assert compute_as_if_collection(Theirs, {"x": 1, "y": (abs, "x")}, [["y"], "x"]) == ((2,), 2)
    assert seen == [[["y"], "x"]]


def test_dispatch() -> None:
    size = Dispatch("size")
    size.register((int, float), lambda x, unit=1: x * unit)

    @size.register_lazy("decimal")
    def _():
        import decimal

        size.register(decimal.Decimal, lambda x: "decimal")

    import decimal

    class Sub(decimal.Decimal):
        pass

    assert (size(2, unit=3), size(Sub(1)), size(True)) == (6, "decimal", True)
    with pytest.raises(TypeError, match="size knows nothing of the type list"):
        size([])
    size.register(object, lambda x: "any")
    assert size([]) == "any"


def test_locks_of_one_name_are_one() -> None:
    lock, other = SerializableLock(), SerializableLock()
    copy = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(lock))))
    with lock:
        assert copy.locked()
        assert not copy.acquire(blocking=False)
        assert not copy.acquire(timeout=0.001)
        with other:
            pass
    first = SerializableLock("a")
    assert SerializableLock("a").lock is first.lock
    assert shoal.tokenize(lock) == shoal.tokenize(copy) != shoal.tokenize(other)


def test_a_lock_guards_between_threads() -> None:
    inside = []

    def work(lock):
        with lock:
            inside.append(1)
            assert len(inside) == 1
            inside.pop()

    lock = SerializableLock()
    threads = [
        threading.Thread(target=work, args=(pickle.loads(pickle.dumps(lock)),)) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not lock.locked()


def test_scratch_files_go_away() -> None:
    with tmpfile("csv") as name, tmpdir() as folder, tmp_cwd() as here:
        assert name.endswith(".csv")
        Path(name).mkdir()
        Path(folder, "x").write_text("x")
        assert Path(here).samefile(Path.cwd())
    assert not any(map(Path.exists, map(Path, (name, folder, here))))
    with tmpfile() as name:
        assert not name.endswith(".")
    with filetexts({"a/b.txt": "one"}) as names:
        assert Path(names[0]).read_text() == "one"


def test_ducks() -> None:
    np, pd = pytest.importorskip("numpy"), pytest.importorskip("pandas")
    frame = pd.DataFrame({"x": [1]})
    things = [frame, frame.x, frame.index, np.ones(2), [1], "x", pd.DataFrame, np.ndarray]
    tests = [is_dataframe_like, is_series_like, is_index_like, is_arraylike]
    for i, test in enumerate(tests):
        assert [test(thing) for thing in things] == [i == j for j in range(len(things))], test


def test_globalmethod() -> None:
    class Thing:
        f = globalmethod(len, key="thing-f", falsey=id)

        @globalmethod(key="thing-g")
        def g():
            return 1

    assert Thing.f is len
    assert Thing().g() == 1
    with shoal.config.set({"thing-f": sum}):
        assert Thing().f is sum
    with shoal.config.set({"thing-f": False}):
        assert Thing.f is id
    with shoal.config.set({"thing-g": 5}), pytest.raises(TypeError, match="'thing-g' stands for a"):
        _ = Thing.g


def test_typing() -> None:
    assert not isinstance(shoal.delayed(1), DaskCollection)
    assert pickle.loads(pickle.dumps(no_default)) is no_default
    assert repr(no_default) == "<no_default>"


def test_collections_are_found_in_rarer_containers() -> None:
    from collections import OrderedDict

    x = shoal.delayed(1)
    ordered = OrderedDict(b=x, a=2)
    (found, listed) = shoal.compute(ordered, (item for item in [x, 3]), scheduler="sync")
    assert (found, type(found)) == (OrderedDict(b=1, a=2), OrderedDict)
    assert listed == [1, 3]
    generator = (item for item in [x, 3])
    assert shoal.compute(generator, x, traverse=False, scheduler="sync")[0] is generator


def test_the_settings_choose_the_context_of_processes() -> None:
    from shoal.multiprocessing import get_context

    assert get_context().get_start_method() == "spawn"
    with shoal.config.set({"multiprocessing.context": "fork"}):
        assert get_context().get_start_method() == "fork"
