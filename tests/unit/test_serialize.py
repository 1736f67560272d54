"""Bytes and back: by name or value, buffers aside, what an error says, exceptions that travel."""

from __future__ import annotations

import functools
import importlib
import pickle
import subprocess
import sys
import textwrap
import threading
import traceback
import types

import cloudpickle
import pytest

from shoal.errors import RemoteError, SerializationError
from shoal.local.failure import mark_failed
from shoal.serialize.culprit import find_culprit
from shoal.serialize.exceptions import dump_exception, load_exception
from shoal.serialize.messages import message
from shoal.serialize.pickles import ASIDE_BYTES, Frames, dumps, is_picklable, loads

numpy = pytest.importorskip("numpy")


def unrelated():
    return numpy.arange(3)


def small(a, b):
    return a + b


def uses_unrelated():
    return unrelated()


# ------------------------------------------------------------------------------- pickles


def test_functions_of_modules_go_by_name():
    head = dumps(small).head
    assert b"small" in head
    assert b"unrelated" not in head
    assert len(head) < 200


def test_local_functions_go_by_value_without_what_they_do_not_use():
    def other():
        return unrelated()

    def local(a):
        return a + 1

    head = dumps(local).head
    assert b"local" in head
    assert b"other" not in head
    assert b"unrelated" not in head
    assert loads(Frames(head))(1) == 2


def test_the_main_program_goes_by_value():
    """Its names mean something else in another process, and plain pickle does not say so."""
    program = """
        import sys
        from shoal.serialize.pickles import dumps

        class Point:
            x = 3

        def func():
            return Point().x

        sys.stdout.buffer.write(dumps([func, Point()]).head)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        capture_output=True,
        check=True,
        env={"PYTHONPATH": ":".join(p for p in sys.path if p)},
    )
    func, point = loads(Frames(done.stdout))
    assert (func(), point.x) == (3, 3)


@pytest.mark.parametrize("names", [["__mp_main__"], ["__mp_main__", "__main__"]])
def test_the_main_program_of_a_child_goes_by_value(names, monkeypatch):
    module = types.ModuleType("__mp_main__")
    exec("def func(): return 5", module.__dict__)
    with monkeypatch.context() as patched:
        for name in names:
            patched.setitem(sys.modules, name, module)
        head = dumps(module.func).head
    cloudpickle.unregister_pickle_by_value(module)
    assert loads(Frames(head))() == 5


def test_a_registered_module_goes_by_value(tmp_path, monkeypatch):
    (tmp_path / "module_by_value.py").write_text("def func():\n    return 7\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("module_by_value")
    by_name = dumps(module.func).head
    cloudpickle.register_pickle_by_value(module)
    by_value = dumps([module.func]).head
    cloudpickle.unregister_pickle_by_value(module)
    monkeypatch.delitem(sys.modules, "module_by_value")
    (tmp_path / "module_by_value.py").unlink()
    importlib.invalidate_caches()
    assert loads(Frames(by_value))[0]() == 7
    with pytest.raises(ImportError):
        loads(Frames(by_name))


def test_text_that_looks_like_the_main_program_is_only_slower():
    texts = ["__main__", "if __name__ == '__main__':", "__mp_main__"]
    assert loads(dumps(texts)) == texts


def test_a_changed_global_is_not_remembered():
    namespace = {"__name__": "__main__", "offset": 1}
    exec("def func(x): return x + offset", namespace)
    assert loads(dumps(namespace["func"]))(1) == 2
    namespace["offset"] = 10
    assert loads(dumps(namespace["func"]))(1) == 11


def test_large_buffers_stand_beside_the_stream_and_are_not_copied():
    array = numpy.zeros(ASIDE_BYTES)
    frames = dumps({"a": array, "small": numpy.arange(3)})
    (buffer,) = frames.buffers
    assert len(frames.head) < 1_000
    assert frames.nbytes == len(frames.head) + array.nbytes
    array[5] = 1
    assert numpy.frombuffer(buffer)[5] == 1
    assert numpy.shares_memory(loads(frames)["a"], array)


@pytest.mark.parametrize("order", ["C", "F", "strided", "readonly"])
def test_arrays_come_back_equal_and_writable(order):
    array = numpy.arange(40_000.0).reshape(200, 200)
    if order == "F":
        array = numpy.asfortranarray(array)
    elif order == "strided":
        array = array[::2, ::3]
    elif order == "readonly":
        array.flags.writeable = False
    frames = dumps(array)
    copy = loads(Frames(frames.head, [bytearray(buffer) for buffer in frames.buffers]))
    assert (copy == array).all()
    assert copy.dtype == array.dtype


def test_frames_can_be_pickled_themselves():
    frames = dumps([numpy.arange(10_000), "text"])
    array, text = loads(pickle.loads(pickle.dumps(frames)))
    assert (array == numpy.arange(10_000)).all()
    assert text == "text"


# ------------------------------------------------------------------------------- culprits


class Holder:
    __slots__ = ("inside", "other")

    def __init__(self, inside):
        self.inside = inside


class Plain:
    def __init__(self, inside):
        self.inside = inside

    def method(self):
        return self.inside


def closure_over(thing):
    return lambda: thing


def default_of(thing):
    return lambda x=thing: x


@pytest.mark.parametrize(
    ("wrap", "path"),
    [
        (lambda x: x, ""),
        (lambda x: [1, (2, x)], "[1][1]"),
        (lambda x: {"a": {"b": x}}, "['a']['b']"),
        (lambda x: {(1, x)}, " element[1]"),
        (lambda x: {x: 1}, " key"),
        (Holder, ".inside"),
        (lambda x: Plain(Holder(x)), ".inside.inside"),
        (lambda x: Plain(x).method, ".__self__.inside"),
        (closure_over, " variable 'thing'"),
        (default_of, ".__defaults__[0]"),
        (lambda x: functools.partial(small, x), ".args[0]"),
        (lambda x: ValueError(1, x), ".args[1]"),
    ],
)
def test_the_message_says_which_part_is_to_blame(wrap, path):
    lock = threading.Lock()
    with pytest.raises(SerializationError) as caught:
        dumps(wrap(lock), "the thing")
    text = str(caught.value)
    assert text.startswith("the thing cannot be pickled: it")
    assert f"{path}" in text
    assert "is a lock (TypeError: cannot pickle '_thread.lock' object)" in text


def test_global_variables_of_a_function_are_looked_at():
    namespace = {"__name__": "__main__", "lock": threading.Lock()}
    exec("def func(): return lock", namespace)
    with pytest.raises(SerializationError, match="its part global 'lock' is a lock"):
        dumps(namespace["func"])


def test_an_object_that_contains_itself():
    loop = [threading.Lock()]
    loop.insert(0, loop)
    with pytest.raises(SerializationError, match=r"\[1\] is a lock"):
        dumps(loop)


def test_too_deep():
    deep = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(SerializationError, match="nested too deeply"):
        dumps(deep)


def test_an_object_whose_own_code_fails():
    class Stubborn:
        def __reduce__(self):
            raise ValueError("never")

    with pytest.raises(SerializationError, match=r"a Stubborn.*ValueError: never") as caught:
        dumps([Stubborn()])
    assert isinstance(caught.value.__cause__, ValueError)
    assert find_culprit([1, Stubborn()], is_picklable)[0] == "[1]"


def test_an_object_whose_own_error_says_nothing():
    class Stubborn:
        def __reduce__(self):
            raise Mute

    with pytest.raises(SerializationError, match=r"Mute: \(its __str__ raised RuntimeError\)"):
        dumps([Stubborn()])


# ----------------------------------------------------------------------------- exceptions


def caught_from(func):
    try:
        func()
    except BaseException as error:
        return error
    raise AssertionError


def travel(error):
    return load_exception(pickle.loads(pickle.dumps(dump_exception(error))))


def test_the_traceback_looks_as_if_it_had_happened_here():
    def divide(x):
        return (1 +
                x / 0)  # fmt: skip

    def outer():
        return divide(3) * 2

    error = caught_from(outer)
    there = travel(error)
    assert type(there) is ZeroDivisionError
    assert traceback.format_exception(there) == traceback.format_exception(error)
    frame = traceback.extract_tb(there.__traceback__)[-1]
    assert (frame.name, frame.filename, frame.line) == ("divide", __file__, "x / 0)  # fmt: skip")


def test_causes_contexts_and_notes_travel():
    def fail():
        try:
            try:
                raise KeyError("first")
            except KeyError as error:
                raise ValueError("second") from error
        except ValueError as error:
            error.add_note("a note")
            raise OSError("third")  # noqa: B904

    error = caught_from(fail)
    there = travel(error)
    assert traceback.format_exception(there) == traceback.format_exception(error)
    hidden = caught_from(lambda: exec("try:\n 1/0\nexcept Exception:\n raise KeyError from None"))
    assert "ZeroDivision" not in "".join(traceback.format_exception(travel(hidden)))


def test_a_long_recursion():
    def recurse(n):
        return recurse(n + 1)

    there = travel(caught_from(lambda: recurse(0)))
    assert isinstance(there, RecursionError)
    assert len(traceback.extract_tb(there.__traceback__)) > 500


class TwoArguments(Exception):
    def __init__(self, one, two):
        super().__init__(one)


class HoldsLock(Exception):
    def __init__(self):
        self.lock = threading.Lock()


class BadText(HoldsLock):
    def __str__(self):
        raise RuntimeError


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (TwoArguments("one", "two"), "TwoArguments: one"),
        (HoldsLock(), "HoldsLock: "),
        (BadText(), "BadText: (its __str__ raised RuntimeError)"),
    ],
)
def test_an_exception_that_cannot_travel_arrives_as_a_description(error, text):
    error.add_note("a note")

    def fail():
        raise error

    there = travel(caught_from(fail))
    assert type(there) is RemoteError
    assert str(there) == f"{__name__}.{text}"
    assert there.__notes__ == ["a note"]
    assert traceback.extract_tb(there.__traceback__)[-1].name == "fail"


class Mute(Exception):
    def __str__(self):
        raise RuntimeError("no words")

    def __reduce__(self):
        raise RuntimeError("no pickle either")


class Noted(Mute):
    @property
    def __notes__(self):
        raise RuntimeError("no notes")


@pytest.mark.parametrize("notes", [5, [Mute()], ("one", Mute()), "text", "\ud800", {}])
def test_whatever_is_noted_on_an_exception_it_arrives(notes):
    error = Mute()
    error.__notes__ = notes
    there = travel(mark_failed(error, "x", abs))
    assert type(there) is RemoteError and "its __str__ raised RuntimeError" in str(there)
    assert all(note.encode() for note in there.__notes__)


def test_an_exception_that_cannot_be_described_arrives_as_its_name():
    there = travel(mark_failed(Noted(), "x", abs))
    assert str(there).endswith("Noted, which cannot be described (RuntimeError)")


def test_half_a_pair_of_surrogates_in_a_message_can_be_sent():
    assert message(ValueError("a\ud800")) == "a\\ud800"


@pytest.mark.parametrize("length", [10, 200_000, 3_000_000])
def test_a_long_exception_arrives_whole_and_is_described_in_few_words(length):
    error = ValueError("a" + "x" * length + "z")
    error.add_note("n" * length)
    packed = dump_exception(error)
    there = load_exception(packed)
    assert type(there) is ValueError and there.args == error.args
    assert there.__notes__ == error.__notes__
    _, (_, said, notes), *_ = packed
    assert len(said) <= 100_100 and len(notes[0]) <= 100_100
    assert said[0] == "a" and said[-1] == "z"
    assert ("characters left out" in said) is (length > 100_000)


def test_an_exception_that_holds_arrays_arrives_as_its_class():
    data = numpy.arange(50_000)
    there = travel(KeyError(data))
    assert type(there) is KeyError and (there.args[0] == data).all()


def test_an_exception_that_is_far_too_large_arrives_as_its_description():
    there = travel(ValueError("a" + "x" * 20_000_000 + "z"))
    assert type(there) is RemoteError and len(str(there)) < 101_000
    assert str(there).startswith("ValueError: axx") and str(there).endswith("xxz")
    assert "[... 19,900,002 characters left out ...]" in str(there)


def test_exceptions_without_columns():
    code = compile("def fail():\n    raise KeyError\n", "made up.py", "exec")
    namespace = {}
    exec(code, namespace)
    bare = namespace["fail"].__code__.replace(co_linetable=b"\xf8\x00\xf8\x02\xf8\x00\xf8\x00")
    namespace["fail"].__code__ = bare
    there = travel(caught_from(namespace["fail"]))
    assert traceback.extract_tb(there.__traceback__)[-1].filename == "made up.py"


def test_a_long_stream_travels_as_a_buffer_and_is_not_copied() -> None:
    text, array = "x" * 3_000_000, bytearray(b"y" * 100_000)
    frames = dumps([text, pickle.PickleBuffer(array)])
    assert len(frames.head) < 1000
    assert min(len(buffer) for buffer in frames.buffers) == 100_000
    came = loads(Frames(bytes(frames.head), [bytearray(b) for b in frames.buffers]))
    assert came[0] == text and bytes(came[1]) == bytes(array)
    came[1][0] = 5  # what could be written to, still can
