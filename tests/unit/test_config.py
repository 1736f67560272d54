"""shoal.config: where settings come from, and how they are read and changed."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
import sys
import threading
import warnings
from collections import OrderedDict, namedtuple

import pytest
import yaml

from shoal import config
from shoal.errors import ConfigError, MissingSettingError, SerializationError

DEFAULTS_FILE = pathlib.Path(config.__file__).with_name("shoal.yaml")


def write(path, settings):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(settings if isinstance(settings, str) else yaml.safe_dump(settings))
    return path


def run_python(code, *options, **env):
    """Run code in a fresh interpreter that sees no settings but those of `env`."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("SHOAL_", "XDG_"))}
    source = str(pathlib.Path(config.__file__).parents[1])
    return subprocess.run(
        [sys.executable, *options, "-c", code],
        env={**clean, "PYTHONPATH": source, "HOME": "/nonexistent", **env},
        capture_output=True,
        text=True,
        timeout=200,
    )


# -- the packaged defaults ------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key",
    [
        "scheduler",
        "num_workers",
        "pool",
        "chunksize",
        "delayed_pure",
        "temporary-directory",
        "shuffle",
        "tokenize.ensure-deterministic",
        "multiprocessing.context",
        "multiprocessing.initializer",
        "optimization.fuse.active",
        "optimization.fuse.ave-width",
        "optimization.fuse.delayed",
        "visualization.engine",
        "bag.npartitions",
        "bag.split-every",
    ],
)
def test_default_is_known(key):
    config.get(key, config=config.defaults[0])


def test_collections_choose_scheduler_workers_and_pool_by_default():
    known = config.defaults[0]
    assert [known[key] for key in ("scheduler", "num_workers", "pool")] == [None, None, None]


def test_every_default_has_a_comment():
    lines = [line.strip() for line in DEFAULTS_FILE.read_text().splitlines() if line.strip()]
    settings = [i for i, line in enumerate(lines) if not line.startswith("#") and line[-1] != ":"]
    assert len(settings) > 15
    assert [lines[i] for i in settings if not lines[i - 1].startswith("#")] == []


def test_global_names_are_one_dict():
    assert config.config is config.global_config
    assert {"config", "defaults", "global_config"} <= {*dir(config)}
    assert not hasattr(config, "no_such_name")


def test_star_import_finds_every_public_name():
    namespace = {}
    exec("from shoal.config import *", namespace)
    assert {*config.__all__} <= {*namespace}
    assert namespace["config"] is config.config


# -- get and pop ----------------------------------------------------------------------------------


def test_get():
    settings = {"x": 1, "y": {"a": 2}}
    assert config.get("x", config=settings) == 1
    assert config.get("y.a", config=settings) == 2
    assert config.get("y", config=settings) == {"a": 2}
    assert config.get("y.b", 123, config=settings) == 123
    assert config.get("y.b", None, config=settings) is None


@pytest.mark.parametrize("value", [1, None, "b", [1], {"c": 1}])
def test_get_below_a_value_is_missing(value):
    assert config.get("a.b", 7, config={"a": value}) == 7
    with pytest.raises(KeyError):
        config.get("a.b", config={"a": value})


def test_get_finds_either_spelling():
    settings = {"x-y": {"a_b": 1}}
    for key in ("x_y.a_b", "x-y.a-b", "x_y.a-b"):
        assert config.get(key, config=settings) == 1


@pytest.mark.parametrize("given", ["baz", False, True, 0, {"hello": "world"}, ["one"]])
def test_override_with_comes_first(given):
    assert config.get("foo", override_with=given, config={"foo": "bar"}) == given
    assert config.get("foo", override_with=given, config={}) == given
    assert config.get("foo", override_with=None, config={"foo": "bar"}) == "bar"


@pytest.mark.parametrize(
    "key, hint",
    [
        ("tokenise.ensure-deterministic", "did you mean 'tokenize.ensure-deterministic'?"),
        ("num-worker", "did you mean 'num_workers'?"),
        ("bag.zzz", "the section 'bag' has: npartitions"),
        ("zzz", "there are: scheduler"),
        ("zzz.yyy", "pass a default"),
    ],
)
def test_missing_setting_names_itself_and_the_nearest(key, hint):
    with pytest.raises(MissingSettingError) as caught:
        config.get(key, config=config.defaults[0])
    assert str(caught.value).startswith(f"no setting {key!r}")
    assert hint in str(caught.value)
    assert isinstance(caught.value, KeyError)


def test_pop():
    settings = {"foo": {"ba-r": 1, "baz": 2}, "asd": 3}
    assert config.pop("foo.ba_r", config=settings) == 1
    assert config.pop("asd", config=settings) == 3
    assert config.pop("asd", default=4, config=settings) == 4
    assert settings == {"foo": {"baz": 2}}
    for key in ("asd", "foo.baz.deep", "no.such"):
        with pytest.raises(KeyError, match=key):
            config.pop(key, config=settings)


def test_canonical_name():
    section = {"foo-bar": 1, "fizz_buzz": 2, "a-b_c": 3, 5: 4}
    assert config.canonical_name("foo_bar", section) == "foo-bar"
    assert config.canonical_name("fizz-buzz", section) == "fizz_buzz"
    assert config.canonical_name("a_b-c", section) == "a-b_c"
    assert config.canonical_name("new_key", section) == "new_key"
    assert config.canonical_name("new-key", section) == "new-key"
    assert config.canonical_name(5, section) == 5


# -- set ------------------------------------------------------------------------------------------


def test_set_as_a_function_stays():
    settings = {"e_f": 0, "g-h": 1}
    config.set({"abc.x": 123, "a_b": 2, "c-d": 3, "e-f": 4, "g_h": 5}, config=settings)
    assert settings == {"abc": {"x": 123}, "a_b": 2, "c-d": 3, "e_f": 4, "g-h": 5}


def test_set_as_a_context_manager_restores():
    with config.set(abc=123) as settings:
        assert settings is config.config
        assert config.get("abc") == 123
        with config.set({"abc": 456, "new.deep.er": 1}):
            assert config.get("abc") == 456
            assert config.get("new") == {"deep": {"er": 1}}
        assert config.get("abc") == 123
        assert "new" not in config.config
    assert "abc" not in config.config


def test_set_merges_into_a_section_by_name_and_replaces_it_by_mapping():
    settings = {"a": {"b": 1}}
    with config.set({"a.c": 2}, config=settings):
        assert settings == {"a": {"b": 1, "c": 2}}
    with config.set({"a": {"c": 2}}, config=settings):
        assert settings == {"a": {"c": 2}}
    with config.set({"a.b.c": 2}, config=settings):
        assert settings == {"a": {"b": {"c": 2}}}
    assert settings == {"a": {"b": 1}}


def test_set_takes_keywords_after_the_mapping():
    settings = {}
    given = {"foo": {"bar": 1, "baz": 2}}
    with config.set(given, config=settings, foo__buzz=3, foo__bar=4):
        assert settings == {"foo": {"bar": 4, "baz": 2, "buzz": 3}}
    assert settings == {}
    assert given == {"foo": {"bar": 1, "baz": 2}}


def test_set_keeps_the_object_it_was_given():
    lock, cache = threading.Lock(), {}
    with config.set(lock_=lock, cache=cache):
        assert config.get("lock_") is lock
        assert config.get("cache") is cache


def test_set_restores_after_an_exception():
    settings = {"x": 1}
    with pytest.raises(ZeroDivisionError), config.set(x=2, y=3, config=settings):
        1 / 0
    assert settings == {"x": 1}


def test_set_may_be_entered_again():
    settings = {"x": 1}
    block = config.set(x=2, config=settings)
    for _ in range(2):
        with block:
            assert settings == {"x": 2}
        assert settings == {"x": 1}


def test_set_as_a_decorator_applies_during_each_call():
    settings = {"x": 1}

    @config.set({"x": 2}, config=settings)
    def read(deeper):
        """Read it."""
        return [settings["x"], *(read(False) if deeper else [])]

    assert settings == {"x": 1}
    assert read(True) == [2, 2]
    assert settings == {"x": 1}
    assert read.__doc__ == "Read it."


def test_set_refuses_to_decorate_what_runs_later():
    async def coroutine():
        pass

    def generator():
        yield

    settings = {"x": 1}
    for function in (coroutine, generator):
        with pytest.raises(TypeError, match=f"{function.__name__}.*inside it"):
            config.set(x=2, config=settings)(function)
    assert settings == {"x": 1}


def test_plain_set_inside_a_block_is_undone_with_it():
    settings = {"x": 1}
    with config.set(x=2, config=settings):
        kept = config.set(x=3, config=settings)
        assert settings == {"x": 3}
    assert settings == {"x": 1}
    del kept


# -- set and threads ------------------------------------------------------------------------------


def in_threads(*functions):
    """Run functions in threads to their end; raise what one raised."""
    errors = []

    def run(function):
        try:
            function()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(f,)) for f in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def test_overlapping_blocks_of_two_threads_restore():
    settings = {"x": 0}
    first_entered, second_entered, first_left = (threading.Event() for _ in range(3))

    def first():
        with config.set(x=1, config=settings):
            first_entered.set()
            assert second_entered.wait(60)
        first_left.set()

    def second():
        assert first_entered.wait(60)
        with config.set(x=2, config=settings):
            second_entered.set()
            assert first_left.wait(60)
            assert settings == {"x": 2}  # not the value from before the first block

    in_threads(first, second)
    assert settings == {"x": 0}


def test_block_that_ends_before_another_thread_enters_its_own():
    settings = {"x": 0}
    changed, first_left = threading.Event(), threading.Event()

    def second():
        block = config.set(x=2, config=settings)
        changed.set()
        assert first_left.wait(60)
        with block:
            assert settings == {"x": 2}

    def first():
        with config.set(x=1, config=settings):
            thread = threading.Thread(target=second)
            thread.start()
            assert changed.wait(60)
        first_left.set()
        thread.join()

    in_threads(first)
    assert settings == {"x": 0}


def test_many_threads_leave_the_settings_as_they_were():
    settings = {"x": 0, "section": {"y": 1}}
    start = threading.Barrier(4)

    def work(me):
        start.wait()
        for i in range(200):
            with config.set({"x": me, "section.y": i, f"new.n{me}": i}, config=settings):
                sum(range(500))  # long enough for another thread to come in between
                with config.set({"section_.z": me, "x": i}, config=settings):
                    sum(range(500))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        in_threads(*(lambda me=me: work(me) for me in range(4)))
    finally:
        sys.setswitchinterval(interval)
    assert settings == {"x": 0, "section": {"y": 1}}


def test_readers_never_miss_a_setting_during_refresh():
    known = [{"a": {"b_c": 1}, "d": 2}]

    class Watched(dict):
        """Looks, after every step of a change, whether what should be there is."""

        steps = 0

    def watched(name):
        def change(self, *args):
            result = getattr(dict, name)(self, *args)
            assert config.get("a.b-c", config=self) == 1
            assert config.get("d", config=self) == 2
            Watched.steps += 1
            return result

        return change

    for name in ("__setitem__", "__delitem__", "clear", "pop", "popitem", "update"):
        setattr(Watched, name, watched(name))

    settings = Watched(config.merge(*known), old=1)
    config.refresh(settings, known, paths=[], env={"SHOAL_NEW": "1"})
    assert settings == {"a": {"b_c": 1}, "d": 2, "new": 1}
    assert Watched.steps > 0


def test_lock_is_reentrant():
    settings = {}
    with config.config_lock, config.set(x=1, config=settings):
        assert settings == {"x": 1}


def test_first_use_in_many_threads_reads_once():
    code = """
import threading, warnings
from shoal import config
start, seen = threading.Barrier(8), []
def first_use():
    start.wait()
    seen.append((config.get("bag.split-every"), id(config.config), len(config.defaults)))
threads = [threading.Thread(target=first_use) for _ in range(8)]
for t in threads: t.start()
for t in threads: t.join()
print(len(seen), len(set(seen)))
"""
    done = run_python(code)
    assert (done.stdout, done.stderr) == ("8 1\n", "")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_child_can_change_settings_while_parent_threads_do():
    settings = {}
    done = threading.Event()

    def busy():
        while not done.is_set():
            with config.set(x=1, config=settings):
                pass

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        for _ in range(15):
            child = os.fork()
            if not child:
                signal.alarm(10)  # a deadlock ends in SIGALRM
                with config.set(y=1, config={}):
                    os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        done.set()
        for thread in threads:
            thread.join()


# -- update, merge, defaults ----------------------------------------------------------------------


def test_update_prefers_new():
    old = {"x": 2, "z": 3, "y": OrderedDict({"b": 2})}
    result = config.update(old, {"x": 1, "y": {"a": 1}})
    assert result is old
    assert old == {"x": 1, "y": {"a": 1, "b": 2}, "z": 3}


def test_update_prefers_old():
    old = {"x": 2, "z": 3, "y": {"a": 3, "b": 2}}
    config.update(old, {"x": 1, "y": {"a": 1, "c": 1}}, priority="old")
    assert old == {"x": 2, "y": {"a": 3, "b": 2, "c": 1}, "z": 3}


def test_update_replaces_old_defaults_only():
    defaults = {"x": 1, "y": 1, "z": {"a": 1, "b": 1}}
    old = {"x": 1, "y": 2, "z": {"a": 1, "b": 2}, "c": 2, "c2": {"d": 2}}
    new = {"x": 3, "y": 3, "z": {"a": 3, "b": 3}, "c": 3, "c2": {"d": 3}}
    config.update(old, new, priority="new-defaults", defaults=defaults)
    assert old == {"x": 3, "y": 2, "z": {"a": 3, "b": 2}, "c": 2, "c2": {"d": 2}}


@pytest.mark.parametrize("value", [None, 1, [1, 2]])
@pytest.mark.parametrize("priority", ["new", "old", "new-defaults"])
def test_a_section_replaces_a_plain_value(value, priority):
    assert config.update({"x": value}, {"x": {"y": 1}}, priority) == {"x": {"y": 1}}


def test_update_keeps_the_spelling_that_is_there():
    assert config.update({"a-b": 1, 1: 2}, {"a_b": 2, 1: 3}) == {"a-b": 2, 1: 3}


def test_merge_shares_nothing():
    first, second = {"x": 1, "y": {"a": 1}}, {"x": 2, "z": 3, "y": {"b": 2}}
    merged = config.merge(first, second)
    assert merged == {"x": 2, "y": {"a": 1, "b": 2}, "z": 3}
    merged["y"]["a"] = 9
    assert (first, second) == ({"x": 1, "y": {"a": 1}}, {"x": 2, "z": 3, "y": {"b": 2}})


def test_update_defaults():
    known = [{"a": 1, "b": {"c": 1}}, {"a": 2, "b": {"d": 2}}]
    settings = {"a": 2, "b": {"c": 1, "d": 3}, "extra": 0}
    new = {"a": 0, "b": {"c": 0, "d": 0}, "new-extra": 0}
    config.update_defaults(new, settings, defaults=known)
    assert known[2:] == [new]
    assert settings == {"a": 0, "b": {"c": 0, "d": 3}, "extra": 0, "new-extra": 0}


# -- environment ----------------------------------------------------------------------------------


def test_collect_env():
    env = {
        "SHOAL_A_B": "123",
        "SHOAL_C": "True",
        "SHOAL_D": "hello",
        "SHOAL_E__X": "123",
        "SHOAL_E__Y": "4.5",
        "SHOAL_F": '[1, 2, "3"]',
        "SHOAL_G": "/not/a/literal",
        "SHOAL_H": "128 MiB",
        "FOO": "not a setting",
        "DASK_SCHEDULER": "not ours",
    }
    assert config.collect_env(env) == {
        "a_b": 123,
        "c": True,
        "d": "hello",
        "e": {"x": 123, "y": 4.5},
        "f": [1, 2, "3"],
        "g": "/not/a/literal",
        "h": "128 MiB",
    }


def test_variables_that_locate_settings_are_no_settings():
    assert config.collect_env({"SHOAL_CONFIG": "/x", "SHOAL_ROOT_CONFIG": "/y"}) == {}


def test_collect_env_reads_the_process(monkeypatch):
    monkeypatch.setenv("SHOAL_FOO", "bar")
    assert config.collect_env()["foo"] == "bar"
    assert config.collect([])["foo"] == "bar"


@pytest.mark.parametrize("respell", [str, str.lower, str.upper])
@pytest.mark.parametrize(
    "text, value", [("None", None), ("Null", None), ("False", False), ("True", True)]
)
def test_words_in_any_case(text, value, respell):
    assert config.interpret_value(respell(text)) is value


@pytest.mark.parametrize("text", ["", "[1", "a b", "1 +", "\0", "[" * 500, "{1: [2]}[1]", "x" * 9])
def test_text_that_is_no_literal_stays_text(text):
    assert config.interpret_value(text) == text


@pytest.mark.parametrize("names", [["SHOAL_A", "SHOAL_A__B"], ["SHOAL_A__B", "SHOAL_A"]])
def test_section_wins_over_a_variable_of_its_name(names):
    assert config.collect_env(dict.fromkeys(names, "1")) == {"a": {"b": 1}}


# -- files ----------------------------------------------------------------------------------------


def test_collect_yaml_of_files_and_directories(tmp_path):
    a = write(tmp_path / "one" / "a.yaml", {"x": 1, "y": {"a": 1}})
    b = write(tmp_path / "one" / "b.yml", {"x": 2, "z": 3, "y": {"b": 2}})
    c = write(tmp_path / "c.json", '{"z": [4]}')
    write(tmp_path / "one" / "notes.txt", "not settings: [")
    (tmp_path / "one" / "directory.yaml").mkdir()
    pairs = list(config.collect_yaml([tmp_path / "one", c], return_paths=True))
    assert [path for path, _ in pairs] == [a, b, c]
    merged = config.merge(*config.collect_yaml([str(tmp_path / "one"), str(c)]))
    assert merged == {"x": 2, "y": {"a": 1, "b": 2}, "z": [4]}


def test_files_are_read_in_order_of_path_then_name(tmp_path, monkeypatch):
    for i in range(9):
        write(tmp_path / f"{i}.yaml", {"k": i})
    write(tmp_path / "a" / "b.yaml", {"k": 10})
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda path: listdir(path)[::-1])
    within = [{"k": i} for i in range(9)]
    assert list(config.collect_yaml([tmp_path, tmp_path / "a"])) == [*within, {"k": 10}]
    assert list(config.collect_yaml([tmp_path / "a", tmp_path])) == [{"k": 10}, *within]


def test_absent_and_empty_files_are_passed_over(tmp_path):
    empty = write(tmp_path / "empty.yaml", "# only a comment\n")
    paths = [empty, tmp_path / "no.yaml", tmp_path / "no", empty / "below"]
    assert list(config.collect_yaml(paths)) == []


@pytest.mark.parametrize("kind", ["file", "directory"])
def test_unreadable_is_passed_over(tmp_path, monkeypatch, kind):
    a = write(tmp_path / "a.yaml", {"x": 1})
    write(tmp_path / "b.yaml", {"y": 2})

    def refuse(original, forbidden):
        # Not chmod: the tests may run as root, who may read everything.
        def replacement(path, *args):
            if pathlib.Path(path) == forbidden:
                raise PermissionError(13, "Permission denied", str(path))
            return original(path, *args)

        return replacement

    if kind == "file":
        monkeypatch.setattr(pathlib.Path, "read_bytes", refuse(pathlib.Path.read_bytes, a))
        assert list(config.collect_yaml([tmp_path])) == [{"y": 2}]
    else:
        monkeypatch.setattr(os, "listdir", refuse(os.listdir, tmp_path))
        assert list(config.collect_yaml([tmp_path])) == []


@pytest.mark.parametrize(
    "content, reason",
    [
        (b"{", "original error message"),
        (b"a: [1, 2", "original error message"),
        (b"a: \xff\xfe", "original error message"),
        (b"a: !!python/object:os.system {}", "original error message"),
        (b"[1234]", "must have a dict"),
        (b"scheduler threads", "must have a dict"),
    ],
)
def test_malformed_file_is_named(tmp_path, content, reason):
    file = tmp_path / "a.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        list(config.collect_yaml([tmp_path]))
    assert str(file) in str(caught.value)
    assert "is malformed" in str(caught.value)
    assert reason in str(caught.value)
    assert isinstance(caught.value, ValueError)


def test_malformed_file_leaves_the_settings(tmp_path):
    write(tmp_path / "a.yaml", "{")
    settings = {"x": 1}
    with pytest.raises(ConfigError):
        config.refresh(settings, [{"y": 1}], [tmp_path], env={})
    assert settings == {"x": 1}


def test_paths_containing_key(tmp_path):
    a = write(tmp_path / "a.yaml", {"x": 1, "y": {"a-a": 1}})
    b = write(tmp_path / "b.yaml", {"x": 2, "y": {"b": 2}})
    assert list(config.paths_containing_key("y.a_a", paths=[a, b])) == [a]
    assert list(config.paths_containing_key("x", paths=[tmp_path])) == [a, b]
    assert list(config.paths_containing_key("w", paths=[a, b])) == []


def test_collect_puts_the_environment_over_files(tmp_path):
    write(tmp_path / "a.yaml", {"x": 1, "y": {"a": 1}})
    write(tmp_path / "b.yaml", {"x": 2})
    env = {"SHOAL_W": "4", "SHOAL_Y__A": "5"}
    assert config.collect([tmp_path], env=env) == {"w": 4, "x": 2, "y": {"a": 5}}


def test_refresh_forgets_what_is_gone():
    known, settings = [], {}
    config.update_defaults({"a": 1}, settings, known)
    for env, expected in [({"SHOAL_B": "2"}, {"b": 2}), ({"SHOAL_C": "3"}, {"c": 3})]:
        config.refresh(settings, known, paths=[], env=env)
        assert settings == {"a": 1, **expected}


def search_paths(code="", **env):
    code = f"""
import site
site.PREFIXES = []
{code}
from shoal import config
print(config.paths, config.PATH, sep="\\n")
"""
    done = run_python(code, **env)
    assert done.stderr == ""
    paths, write_to = done.stdout.splitlines()
    return eval(paths), write_to


def test_search_paths():
    prefix = os.path.join(sys.prefix, "etc", "shoal")
    system = ["/etc/shoal", prefix]
    home = "/h/.config/shoal"
    assert search_paths(HOME="/h") == ([*system, home], home)
    assert search_paths(HOME="/h", SHOAL_CONFIG="/mine") == ([*system, home, "/mine"], "/mine")
    assert search_paths(HOME="/h", SHOAL_CONFIG="") == ([*system, home], home)
    assert search_paths(HOME="/h", SHOAL_ROOT_CONFIG="/r") == (["/r", prefix, home], home)
    assert search_paths(HOME="/h", SHOAL_CONFIG=prefix)[0] == ["/etc/shoal", home, prefix]
    more = search_paths("site.PREFIXES = ['/opt']", HOME="/h")
    assert more[0] == [*system, "/opt/etc/shoal", home]


def test_xdg_directory_replaces_dot_config():
    system = ["/etc/shoal", os.path.join(sys.prefix, "etc", "shoal")]
    assert search_paths(HOME="/h", XDG_CONFIG_HOME="/x") == ([*system, "/x/shoal"], "/x/shoal")
    # The specification: relative paths are to be ignored.
    assert search_paths(HOME="/h", XDG_CONFIG_HOME="x")[1] == "/h/.config/shoal"


# -- unknown settings in files --------------------------------------------------------------------


def warnings_of(settings, tmp_path, known=None, env=None):
    write(tmp_path / "user.yaml", settings)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        config.refresh({}, [known or config.defaults[0]], [tmp_path], env or {})
    return [str(w.message) for w in caught]


def test_unknown_setting_warns_with_file_and_nearest(tmp_path):
    (text,) = warnings_of({"tokenize": {"ensure-determinstic": True}}, tmp_path)
    assert text == (
        f"unknown setting 'tokenize.ensure-determinstic' in {tmp_path / 'user.yaml'}; "
        "did you mean 'tokenize.ensure-deterministic'?"
    )


@pytest.mark.parametrize(
    "settings, nearest",
    [
        ({"num_worker": 3}, "num_workers"),
        ({"optimisation": {"fuse": {"active": True}}}, "optimization"),
        ({"optimization": {"fusion": {"active": True}}}, "optimization.fuse"),
        ({"bag": {"split-evry": 4, "npartitions": 3}}, "bag.split-every"),
    ],
)
def test_nearest_setting(settings, nearest, tmp_path):
    (text,) = warnings_of(settings, tmp_path)
    assert text.endswith(f"did you mean {nearest!r}?")


def test_unknown_setting_without_a_near_one(tmp_path):
    (text,) = warnings_of({"zzz": 3}, tmp_path)
    assert text == f"unknown setting 'zzz' in {tmp_path / 'user.yaml'}"


def test_known_settings_and_sections_of_other_packages_do_not_warn(tmp_path):
    settings = {
        "num-workers": 3,
        "temporary_directory": "/tmp",
        "scheduler": {"anything": 1},
        "jobqueue": {"slurm": {"cores": 8}},
    }
    assert warnings_of(settings, tmp_path) == []


def test_names_in_an_empty_default_section_are_free(tmp_path):
    settings = {"logging": {"shoal.local": "info"}}
    assert warnings_of(settings, tmp_path, known={"logging": {}, "loging": 1}) == []


def test_environment_does_not_warn(tmp_path):
    assert warnings_of({}, tmp_path, env={"SHOAL_NUM_WORKER": "3"}) == []


# -- names that moved -----------------------------------------------------------------------------

MOVED = r"'fuse[-_]ave[-_]width' is deprecated; use 'optimization\.fuse\.ave-width'"


@pytest.mark.parametrize(
    "args, kwargs",
    [
        ((), {"fuse_ave_width": 123}),
        (({"fuse_ave_width": 123},), {}),
        (({"fuse-ave-width": 123},), {}),
    ],
)
def test_set_of_an_earlier_name(args, kwargs):
    before = config.get("optimization.fuse.ave-width")
    with pytest.warns(FutureWarning, match=MOVED) as caught, config.set(*args, **kwargs):
        assert config.get("optimization.fuse.ave-width") == 123
    assert config.get("optimization.fuse.ave-width") == before
    assert [w.filename for w in caught] == [__file__]


def test_earlier_name_in_the_environment():
    settings = {}
    with pytest.warns(FutureWarning, match=MOVED):
        config.refresh(settings, paths=[], env={"SHOAL_FUSE_AVE_WIDTH": "123"})
    assert config.get("optimization.fuse.ave-width", config=settings) == 123


@pytest.mark.parametrize("key", ["fuse-ave-width", "fuse_ave_width"])
def test_earlier_name_in_files_warns_once(tmp_path, key):
    settings = {}
    write(tmp_path / "1.yaml", {key: 1})
    write(tmp_path / "2.yaml", {key: 2})
    with pytest.warns(FutureWarning, match=MOVED) as caught:
        config.refresh(settings, paths=[tmp_path], env={})
    assert len(caught) == 1
    assert config.get("optimization.fuse.ave-width", config=settings) == 2


def test_present_name_in_a_stronger_file_silences_the_earlier_one(tmp_path):
    settings = {}
    write(tmp_path / "1.yaml", {"fuse-ave-width": 123, "fuse-max-width": 456})
    write(tmp_path / "2.yaml", {"optimization": {"fuse": {"ave_width": 789}}})
    with pytest.warns(FutureWarning, match=r"optimization\.fuse\.max-width") as caught:
        config.refresh(settings, [], [tmp_path], env={})
    assert len(caught) == 1
    assert config.get("optimization.fuse.ave-width", config=settings) == 789
    assert config.get("optimization.fuse.max-width", config=settings) == 456


def test_present_name_in_a_weaker_file_gives_way(tmp_path):
    settings = {}
    write(tmp_path / "1.yaml", {"optimization": {"fuse": {"ave-width": 789}}})
    write(tmp_path / "2.yaml", {"fuse-ave-width": 123})
    with pytest.warns(FutureWarning, match=MOVED):
        config.refresh(settings, [], [tmp_path], env={})
    assert settings == {"optimization": {"fuse": {"ave-width": 123}}}


def test_setting_that_is_gone(tmp_path, monkeypatch):
    monkeypatch.setitem(config.deprecations, "bag.shape", None)
    settings = {}
    with pytest.raises(ConfigError, match=r"'bag\.shape' no longer exists"):
        config.set({"x": 1, "bag.shape": 123}, config=settings)
    assert settings == {}

    write(tmp_path / "1.yaml", {"bag": {"shape": 456, "split-every": 3}})
    with pytest.warns(FutureWarning, match=r"ignore-deprecated\.bag\.shape"):
        config.refresh(settings, [], [tmp_path], env={})
    assert settings == {"bag": {"split-every": 3}}

    write(tmp_path / "2.yaml", {"ignore-deprecated": {"bag": {"shape": 456}}})
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        config.refresh(settings, config.defaults, [tmp_path], env={})
    assert settings["bag"]["split-every"] == 3


def test_rename():
    moved = {
        "foo-bar": "foo.bar",
        "x.y": "foo.y",
        "a.b": "ab",
        "not-found": "not.found",
        "super.old": "super",
        "gone": None,
    }
    settings = {
        "foo_bar": 1,
        "x": {"y": 2, "z": 3},
        "a": {"b": None},
        "super": {"old": 4},
        "gone": 5,
    }
    applied = config.rename(moved, config=settings)
    assert applied == {old: new for old, new in moved.items() if old != "not-found"}
    assert settings == {
        "foo": {"bar": 1, "y": 2},
        "x": {"z": 3},
        "a": {},
        "ab": None,
        "super": 4,
    }


# -- other functions ------------------------------------------------------------------------------


def test_expand_environment_variables(monkeypatch):
    monkeypatch.setenv("FOO", "foo")
    point = namedtuple("point", "x y")("$FOO", 1)
    given = {"a": "$FOO", "b": [1, "${FOO}"], "c": ("$FOO",), "d": {"$FOO"}, "e": 1, "f": point}
    assert config.expand_environment_variables(given) == {
        "a": "foo",
        "b": [1, "foo"],
        "c": ("foo",),
        "d": {"foo"},
        "e": 1,
        "f": point,
    }
    assert config.expand_environment_variables("$NO_SUCH_VARIABLE") == "$NO_SUCH_VARIABLE"


def test_ensure_file_comments_and_never_overwrites(tmp_path):
    source = write(tmp_path / "lake.yaml", "# depth\nlake:\n\n  depth: 3\n")
    directory = tmp_path / "deep" / "user"
    config.ensure_file(source, directory)
    (copy,) = directory.iterdir()
    assert copy.name == "lake.yaml"
    assert copy.read_text() == "# depth\n# lake:\n\n#   depth: 3\n"
    copy.write_text("lake: {depth: 4}")
    config.ensure_file(source, directory, comment=False)
    assert copy.read_text() == "lake: {depth: 4}"
    copy.unlink()
    config.ensure_file(str(source), str(directory), comment=False)
    assert yaml.safe_load(copy.read_text()) == {"lake": {"depth": 3}}


def test_ensure_file_writes_to_path(tmp_path, monkeypatch):
    source = write(tmp_path / "lake.yaml", {"lake": 1})
    monkeypatch.setattr(config, "PATH", str(tmp_path / "user"))
    config.ensure_file(source)
    assert (tmp_path / "user" / "lake.yaml").exists()


def test_ensure_file_passes_over_a_place_it_cannot_write(tmp_path):
    source = write(tmp_path / "lake.yaml", {"lake": 1})
    config.ensure_file(source, source / "below-a-file")
    assert list(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize(
    "settings, name",
    [
        ({"a": 1, "pool": threading.Lock()}, "'pool'"),
        ({"a": {"b": {"c": print, "d": 1}}}, "'a.b.c'"),
        (print, "a builtin_function_or_method"),
    ],
)
def test_serialize_names_what_cannot_travel(settings, name):
    with pytest.raises(SerializationError, match=name) as caught:
        config.serialize(settings)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize("text", ["!!", "e", "bm90IGpzb24=", "/w=="])
def test_deserialize_refuses_other_text(text):
    with pytest.raises(ConfigError, match=r"is not settings that shoal\.config\.serialize wrote"):
        config.deserialize(text)


def test_environment_comes_before_inherited_settings():
    env = {
        "SHOAL_INTERNAL_INHERIT_CONFIG": config.serialize({"a": {"b-c": 1, "d": 2}, "e": 3}),
        "SHOAL_A__B_C": "4",
    }
    assert config.collect_env(env) == {"a": {"b-c": 4, "d": 2}, "e": 3}


@pytest.mark.parametrize("text", ["!!", config.serialize([1, 2])])
def test_inherited_settings_that_cannot_be_used(text):
    with pytest.raises(ConfigError, match="SHOAL_INTERNAL_INHERIT_CONFIG"):
        config.collect_env({"SHOAL_INTERNAL_INHERIT_CONFIG": text})


def test_child_process_inherits():
    inherited = config.serialize({"bag": {"split-every": 77}})
    done = run_python(
        "from shoal import config; print(config.get('bag'))",
        SHOAL_INTERNAL_INHERIT_CONFIG=inherited,
        DASK_BAG__NPARTITIONS="3",
    )
    assert (done.stdout, done.stderr) == ("{'npartitions': 100, 'split-every': 77}\n", "")


# -- the first use --------------------------------------------------------------------------------


def test_import_reads_nothing():
    done = run_python("import shoal.config, sys; print('yaml' in sys.modules)", SHOAL_CONFIG="/no")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_malformed_user_file_is_an_error_at_the_first_use_and_can_be_mended(tmp_path):
    file = write(tmp_path / "broken.yaml", "{")
    code = f"""
from shoal import config
for use in (lambda: config.get("scheduler"), lambda: config.config, lambda: config.set(x=1)):
    try:
        use()
    except ValueError as error:
        print({str(file)!r} in str(error))
open({str(file)!r}, "w").write("scheduler: sync")
print(config.get("scheduler"))
"""
    done = run_python(code, SHOAL_CONFIG=str(file))
    assert (done.stdout.split(), done.stderr) == (["True", "True", "True", "sync"], "")


def test_warnings_as_errors_do_not_lose_the_settings(tmp_path):
    file = write(tmp_path / "user.yaml", {"num_worker": 3, "bag": {"split-every": 5}})
    code = """
from shoal import config
try:
    config.config
except UserWarning as warning:
    print(warning)
print(config.get("bag.split-every"))
"""
    done = run_python(code, "-W", "error", SHOAL_CONFIG=str(file))
    assert done.stdout.splitlines() == [
        f"unknown setting 'num_worker' in {file}; did you mean 'num_workers'?",
        "5",
    ]
    assert done.stderr == ""
