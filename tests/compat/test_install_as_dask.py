"""``import dask`` means shoal: in processes of their own, and with consumers of Dask's protocol."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

import shoal
import shoal.bag
from shoal.compat import install_as_dask, uninstall
from shoal.graph.highlevel import HighLevelGraph
from shoal.graph.naming import replace_name_in_key

SOURCE = str(Path(shoal.__file__).parents[1])
PROTOCOL = [
    "__dask_graph__",
    "__dask_keys__",
    "__dask_layers__",
    "__dask_postcompute__",
    "__dask_postpersist__",
    "__dask_optimize__",
    "__dask_scheduler__",
    "__dask_tokenize__",
]


def python(*args: str, cwd: Path | None = None, **environment: str) -> str:
    """What a fresh interpreter prints; it finds shoal where this one does."""
    path = os.pathsep.join(filter(None, [SOURCE, environment.pop("PYTHONPATH", "")]))
    done = subprocess.run(
        [sys.executable, *args],
        env={**os.environ, "PYTHONPATH": path, **environment},
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def run(program: str, **environment: str) -> str:
    return python("-c", textwrap.dedent(program), **environment)


def inc(x: int) -> int:
    return x + 1


@pytest.fixture
def installed() -> Iterator[None]:
    install_as_dask()
    yield
    uninstall()


# ---------------------------------------------------------------------------------- the names


def test_modules_are_the_same_objects() -> None:
    run(
        """
        import sys
        from shoal.compat import install_as_dask
        install_as_dask()
        import dask.bag as db, dask.config, dask.threaded, dask.diagnostics
        import dask.highlevelgraph, dask.base, dask.utils
        from dask import delayed, compute
        from dask.delayed import Delayed
        import shoal, shoal.delayed
        assert dask is shoal
        for name in list(sys.modules):
            if name.split(".")[0] == "dask":
                assert sys.modules[name] is sys.modules["shoal" + name[4:]], name
                assert sys.modules[name].__spec__.name.startswith("shoal"), name
        assert isinstance(delayed(1), Delayed)
        assert shoal.delayed is delayed
        assert compute(delayed(1)) == (1,)
        with dask.config.set(scheduler="sync"):
            assert shoal.config.get("scheduler") == "sync"
        import importlib, importlib.util
        assert importlib.import_module("dask.order") is shoal.order
        assert importlib.util.find_spec("dask").name == "shoal"
        assert importlib.util.find_spec("dask.core").name == "dask.core"
        """
    )


def test_names_that_shoal_lacks() -> None:
    out = run(
        """
        from shoal.compat import install_as_dask
        install_as_dask()
        for line in ("import dask.nowhere", "from dask.nowhere import x",
                     "from dask import nowhere", "from dask.base import nowhere"):
            try:
                exec(line)
            except ImportError as error:
                print(type(error).__name__, error.name, error)
        """
    )
    first, second, third, fourth = out.splitlines()
    assert first == second
    assert first.startswith(
        "ModuleNotFoundError dask.nowhere No module named 'dask.nowhere': shoal"
    )
    assert "no shoal.nowhere" in first
    assert third.startswith("ImportError")
    assert "shoal" in fourth


def test_an_error_inside_a_module_of_ours_is_not_hidden(installed: None, monkeypatch) -> None:
    from shoal.compat import alias

    def broken(name):
        raise ModuleNotFoundError("No module named 'numpy'", name="numpy")

    monkeypatch.setattr(alias.importlib, "import_module", broken)
    with pytest.raises(ModuleNotFoundError, match="numpy"):
        alias.Finder().find_spec("dask.something")


def fake_dask(folder: Path) -> str:
    (folder / "dask").mkdir()
    (folder / "dask" / "__init__.py").write_text("REAL = True\n")
    (folder / "dask" / "base.py").write_text("")
    return str(folder)


def test_an_installed_dask_is_left_alone_until_then(tmp_path) -> None:
    run(
        """
        import shoal, shoal.compat, shoal.bag
        import dask.base
        assert dask.REAL
        assert not hasattr(shoal.delayed(1), "__dask_graph__")
        """,
        PYTHONPATH=fake_dask(tmp_path),
    )


def test_it_is_too_late_after_the_real_one(tmp_path) -> None:
    out = run(
        """
        import dask.base
        import shoal.compat
        try:
            shoal.compat.install_as_dask()
        except shoal.errors.AlreadyImportedError as error:
            print(error)
        import sys
        assert not hasattr(shoal.delayed(1), "__dask_graph__")
        import dask
        assert dask.REAL
        """,
        PYTHONPATH=fake_dask(tmp_path),
    )
    assert out.startswith(f"dask ({tmp_path}")
    assert "call install_as_dask() first" in out


def test_it_can_be_undone_and_done_twice(tmp_path) -> None:
    run(
        """
        import os
        before = os.environ["PYTHONPATH"]
        from shoal.compat import install_as_dask, uninstall
        install_as_dask(children=True)
        install_as_dask(children=True)
        import dask.bag, shoal
        assert dask.bag is shoal.bag
        uninstall()
        uninstall()
        assert os.environ["PYTHONPATH"] == before
        del dask
        import dask
        assert dask.REAL
        """,
        PYTHONPATH=fake_dask(tmp_path),
    )


# ------------------------------------------------------------------------------------ programs

PROGRAM = """
import sys
import dask
import dask.bag as db
from helper import twice


def name(x):
    import dask.bag
    return dask.bag.__name__


if __name__ == "__main__":
    print(sys.argv[1:], dask.__name__, __name__)
    print(db.from_sequence([1, 2], npartitions=2).map(twice).compute(scheduler="processes"))
    print(set(db.from_sequence([1, 2], npartitions=2).map(name).compute(scheduler="processes")))
"""
HELPER = "import dask\nassert dask.__name__ == 'shoal'\n\ndef twice(x):\n    return 2 * x\n"


@pytest.mark.parametrize("how", ["script", "module"])
def test_programs_run_unmodified(tmp_path, how) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "program.py").write_text(PROGRAM)
    (tmp_path / "sub" / "helper.py").write_text(HELPER)
    if how == "script":
        out = python("-m", "shoal.compat", "sub/program.py", "a", "-m", cwd=tmp_path)
    else:
        out = python("-m", "shoal.compat", "-m", "program", "a", "-m", cwd=tmp_path / "sub")
    assert out.splitlines() == ["['a', '-m'] shoal __main__", "[2, 4]", "{'shoal.bag'}"]


def test_other_children_follow_on_request(tmp_path) -> None:
    (tmp_path / "program.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing, subprocess, sys
            import dask

            def tell(queue):
                queue.put(dask.__name__)

            if __name__ == "__main__":
                context = multiprocessing.get_context("spawn")
                queue = context.Queue()
                child = context.Process(target=tell, args=(queue,))
                child.start()
                print(queue.get(timeout=30), flush=True)
                child.join()
                code = "import sys; early = 'shoal' in sys.modules; "
                code += "import dask; print(early, dask.__name__)"
                subprocess.run([sys.executable, "-c", code], check=True)
            """
        )
    )
    out = python("-m", "shoal.compat", "program.py", cwd=tmp_path)
    assert out.split() == ["shoal", "False", "shoal"]


def test_children_do_not_follow_otherwise(tmp_path) -> None:
    out = run(
        """
        import subprocess, sys
        from shoal.compat import install_as_dask
        install_as_dask()
        subprocess.run([sys.executable, "-c", "import dask; print(dask.REAL)"], check=True)
        """,
        PYTHONPATH=fake_dask(tmp_path),
    )
    assert out == "True\n"


def test_a_hidden_sitecustomize_still_runs(tmp_path) -> None:
    (tmp_path / "sitecustomize.py").write_text("import builtins\nbuiltins.customized = __name__\n")
    out = run(
        """
        import subprocess, sys
        from shoal.compat import install_as_dask
        install_as_dask(children=True)
        code = "import builtins, dask; print(builtins.customized, dask.__name__)"
        subprocess.run([sys.executable, "-c", code], check=True)
        """,
        PYTHONPATH=str(tmp_path),
    )
    assert out == "sitecustomize shoal\n"


def test_usage() -> None:
    assert "usage: python -m shoal.compat SCRIPT" in python("-m", "shoal.compat", "--help")
    done = subprocess.run(
        [sys.executable, "-m", "shoal.compat"],
        env={**os.environ, "PYTHONPATH": SOURCE},
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert done.returncode == 1
    assert "usage" in done.stderr


# ----------------------------------------------------------------------------------- protocol


def collections():
    d = shoal.delayed(inc)(1, dask_key_name="d")
    bag = shoal.bag.from_sequence([1, 2, 3, 4], npartitions=2).map(inc)
    return [
        d,
        shoal.delayed(5),
        d.real,
        bag,
        bag.sum(),
        shoal.bag.concat([bag, bag]),
        shoal.bag.from_delayed([shoal.delayed([1]), shoal.delayed([2])]),
        bag.groupby(lambda x: x % 2),
        bag.repartition(npartitions=3),
        shoal.bag.Bag({("x", 0): [1], ("x", 1): (list, [2])}, "x", 2),
    ]


def consume(collection, rename=None):
    """Compute a collection through Dask's protocol alone, twice: its answer, and rebuilt."""
    graph, keys = collection.__dask_graph__(), collection.__dask_keys__()
    graph = type(collection).__dask_optimize__(graph, keys)
    results = collection.__dask_scheduler__(graph, keys)
    finalize, extra = collection.__dask_postcompute__()
    flat = list(shoal.core.flatten(keys))
    values = dict(zip(flat, shoal.get(graph, flat), strict=True))
    again, more = collection.__dask_postpersist__()
    if rename is None:
        return finalize(results, *extra), again(values, *more), again(graph, *more)
    values = {replace_name_in_key(key, rename): value for key, value in values.items()}
    return again(values, *more, rename=rename)


def test_only_then_do_collections_speak_it() -> None:
    for collection in collections():
        assert not any(hasattr(collection, name) for name in PROTOCOL)
    install_as_dask()
    try:
        for collection in collections():
            assert all(hasattr(collection, name) for name in PROTOCOL)
    finally:
        uninstall()
    assert not any(hasattr(collections()[0], name) for name in PROTOCOL)


@pytest.mark.parametrize("which", range(len(collections())))
def test_consumers_of_the_protocol_get_it_right(installed: None, which) -> None:
    collection = collections()[which]
    expected = collection.compute(scheduler="sync")
    with shoal.config.set(scheduler="sync"):
        answer, computed, rewritten = consume(collection)
        assert answer == expected
        for other in (computed, rewritten):
            assert other.__dask_keys__() == collection.__dask_keys__()
            assert other.compute() == expected
            assert type(other).__name__.startswith(type(collection).__name__[:7])


@pytest.mark.parametrize("which", [0, 3, 4])
def test_rebuilding_under_another_name(installed: None, which) -> None:
    collection = collections()[which]
    (layer,) = collection.__dask_layers__()
    other = consume(collection, {layer: "other"})
    assert other.__dask_layers__() == ("other",)
    assert set(map(replace_name_in_key, other.__dask_graph__(), [{}] * 9)) <= set(
        other.__dask_graph__()
    )
    assert other.compute(scheduler="sync") == collection.compute(scheduler="sync")


def test_layers_hold_the_results(installed: None) -> None:
    for collection in collections():
        graph = collection.__dask_graph__()
        layers = [graph.layers[name] for name in collection.__dask_layers__()]
        keys = list(shoal.core.flatten(collection.__dask_keys__()))
        assert all(any(key in layer for layer in layers) for key in keys)
        graph.validate()


def test_results_are_not_searched_for_keys(installed: None) -> None:
    bag = shoal.bag.from_sequence([1, 2], npartitions=1)
    again, more = bag.__dask_postpersist__()
    (key,) = bag.__dask_keys__()
    rebuilt = again({key: [(inc, 1), key, "x"]}, *more)
    assert rebuilt.compute(scheduler="sync") == [(inc, 1), key, "x"]


def test_building_on_top_of_a_collection(installed: None) -> None:
    import dask

    class Total:
        """A collection as Dask's documentation teaches to write one."""

        __dask_scheduler__ = staticmethod(dask.get)

        def __init__(self, graph, key):
            self.graph, self.key = graph, key

        def __dask_graph__(self):
            return self.graph

        def __dask_keys__(self):
            return [self.key]

        def __dask_layers__(self):
            return (self.key,)

        def __dask_postcompute__(self):
            return (lambda results: results[0]), ()

        def __dask_tokenize__(self):
            return self.key

    bag = shoal.bag.from_sequence([1, 2, 3], npartitions=2).map(inc)
    layer = {"total": (sum, [(sum, key) for key in bag.__dask_keys__()])}
    graph = HighLevelGraph.from_collections("total", layer, dependencies=[bag])
    graph.validate()
    assert graph.dependencies["total"] == set(bag.__dask_layers__())
    assert dask.compute(Total(graph, "total"), bag.sum(), scheduler="sync") == (9, 9)
    assert dask.delayed(inc)(Total(graph, "total")).compute() == 10


def test_a_class_of_the_users_own_says_what_it_speaks(installed: None) -> None:
    from dask.base import DaskMethodsMixin

    class Own(DaskMethodsMixin):
        def __dask_graph__(self):
            return {"x": 1}

        def __dask_keys__(self):
            return ["x"]

        def __dask_postcompute__(self):
            return list, ()

    own = Own()
    assert own.compute() == [1]
    assert not hasattr(own, "__dask_optimize__")
    assert not hasattr(own, "__dask_layers__")
    assert not hasattr(DaskMethodsMixin, "__dask_graph__")


def test_tokens_and_schedulers(installed: None) -> None:
    bag = shoal.bag.from_sequence([1, 2])
    assert bag.__dask_tokenize__() == bag.__shoal_tokenize__()
    assert bag.__dask_scheduler__ is shoal.multiprocessing.get
    assert type(shoal.delayed(1)).__dask_scheduler__ is shoal.threaded.get


def test_the_version_is_that_of_the_dask_that_is_followed() -> None:
    said = run("""
        import shoal
        own = shoal.__version__
        from shoal.compat import install_as_dask, uninstall
        install_as_dask()
        import dask, distributed
        print(dask.__version__ == distributed.__version__ > "2026", dask.__version__ != own)
        uninstall()
        print(shoal.__version__ == own)
    """)
    assert said.split() == ["True"] * 3


def test_in_a_child_the_name_is_the_very_module_too() -> None:
    said = run("""
        import subprocess, sys
        from shoal.compat import install_as_dask
        install_as_dask(children=True)
        ask = (
            "import dask, sys;"
            "print(dask is sys.modules['shoal'] is sys.modules['dask'], dask.__version__)"
        )
        print(subprocess.run([sys.executable, "-c", ask], capture_output=True, text=True).stdout)
        import dask
        print(dask.__version__)
    """)
    same, theirs, ours = said.split()
    assert same == "True" and theirs == ours


def test_what_cannot_be_misread_stands_in_a_graph_as_it_is(installed: None) -> None:
    thing = object()
    kept = shoal.delayed(lambda: thing)().persist(scheduler="sync")
    assert list(kept.dask.values()) == [thing]
    number = shoal.delayed(lambda: 5)().persist(scheduler="sync")
    assert [value.value for value in number.dask.values()] == [5]


def test_settings_of_dask_are_stronger_than_defaults_only(tmp_path: Path) -> None:
    for library, text in {
        "dask": "array: {chunk-size: 1 MiB, slicing: {x: 1}}\nscheduler: sync\nmine: {a: 5}\n",
        "shoal": "scheduler: threads\n",
    }.items():
        (tmp_path / library).mkdir()
        (tmp_path / library / "settings.yaml").write_text(text)
    program = """
        import subprocess, sys
        from shoal.compat import install_as_dask
        install_as_dask(children=True)
        import dask
        names = ["array.chunk-size", "scheduler", "mine.a", "num-workers"]
        print([dask.config.get(name, None) for name in names], flush=True)
        subprocess.run([sys.executable, "-c", "import dask; print(dask.config.get('mine.a'))"])
    """
    told = run(program, XDG_CONFIG_HOME=str(tmp_path), DASK_NUM_WORKERS="3", DASK_MINE__A="6")
    assert told == "['1 MiB', 'threads', 6, 3]\n6\n"


def test_workers_have_addresses_with_hosts_while_dask_means_shoal():
    """Libraries find workers by them: LightGBM."""
    cluster = pytest.importorskip("shoal.distributed").LocalCluster
    install_as_dask()
    try:
        with cluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as made:
            (address,) = made.scheduler_info["workers"]
    finally:
        uninstall()
    assert address.startswith("tcp://127.0.0.1:")
