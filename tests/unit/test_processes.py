"""The executor on worker processes: results, reuse, faults, and that nothing is left running.

Children that must block do so on a FIFO; nobody waits for time to pass.
"""

from __future__ import annotations

import functools
import multiprocessing
import os
import select
import selectors
import signal
import socket
import subprocess
import sys
import textwrap
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor

import cloudpickle
import psutil
import pytest

from shoal.errors import ExecutorError, RemoteError, SerializationError, WorkerDiedError
from shoal.graph.legacy import plan_from_dict
from shoal.graph.plan import make_plan
from shoal.graph.task import Nest, Ref, Template
from shoal.local import process_run
from shoal.local.callbacks import Callback
from shoal.local.process_pool import get_context
from shoal.local.processes import end_workers, run_processes

# The children need not find this module.
cloudpickle.register_pickle_by_value(sys.modules[__name__])


def run(graph, keys, **options):
    single = not isinstance(keys, list)
    plan = plan_from_dict(graph, [keys] if single else keys)
    results = run_processes(plan, **{"num_workers": 2, **options})
    return results[0] if single else results


def calls(func, n):
    """A graph that calls a function with 0, 1, ... n - 1, and its keys."""
    graph = {f"t{i}": (func, i) for i in range(n)}
    return graph, list(graph)


def pids_of(n, **options):
    """The workers that ran some tasks."""
    return set(run(*calls(lambda i: os.getpid(), n), **options))


@pytest.fixture(autouse=True, scope="module")
def _no_worker_survives():
    end_workers()
    # Of tests that ran before, in this process.
    before = children()
    yield
    end_workers()
    assert set(children()) <= set(before)


def children():
    """Processes whose parent this one is."""
    return [child.pid for child in psutil.Process().children()]


def has_ended(pid, timeout_s=60):
    """Wait for the end of a process that need not be a child."""
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([fd], [], [], timeout_s)[0])
    finally:
        os.close(fd)


def wait(path):
    """Wait until somebody writes to a FIFO."""
    with open(path) as file:
        return file.read()


@pytest.fixture
def fifo(tmp_path):
    path = str(tmp_path / "fifo")
    os.mkfifo(path)
    return path


def script(tmp_path, text, **options):
    path = tmp_path / "program.py"
    path.write_text(textwrap.dedent(text))
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    return subprocess.Popen(
        [sys.executable, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
        **options,
    )


# --------------------------------------------------------------------------------- results


def test_results_come_in_the_order_asked_for():
    graph = {"a": 1, "b": (max, "a", 5), "c": (min, "a", "b"), "d": (str, "c")}
    assert run(graph, ["d", "a", "b", "b"]) == ["1", 1, 5, 5]


def test_only_data_needs_no_worker():
    end_workers()
    before = children()
    assert run({"a": 1, "b": [2]}, ["b", "a"]) == [[2], 1]
    assert set(children()) <= set(before)


def test_no_wanted_results():
    assert run({"a": (abs, -1)}, []) == []


def test_templates_and_keyword_arguments():
    def call(*args, **kwargs):
        return args, kwargs

    args = Template((Ref(0), Nest(list, [Ref(1), 7])), {"k": Ref(0)})
    plan = make_plan(
        [None, abs, call, call], [3, (-4,), args, args], [(), (), (0, 1), (0, 1)], "abcd", [2, 3]
    )
    assert run_processes(plan, num_workers=1) == [((3, [4, 7]), {"k": 3})] * 2


def test_closures_and_lambdas_travel():
    base = 10
    graph = {f"t{i}": (lambda x, k=i: x * base + k, i) for i in range(50)}
    assert run(graph, list(graph)) == [i * 10 + i for i in range(50)]


def test_functions_come_back():
    assert run({"f": (lambda: lambda x: x + 1,)}, "f")(2) == 3


def test_instances_of_local_classes_keep_their_class():
    class Point:
        def __init__(self, x):
            self.x = x

    point = run({"p": (Point, 3), "q": (lambda p: Point(p.x + 1), "p")}, "q")
    assert type(point) is Point
    assert point.x == 4


def test_the_main_program_needs_no_guard_and_its_functions_travel(tmp_path):
    program = script(
        tmp_path,
        """
        import dataclasses, sys
        from shoal.graph.legacy import plan_from_dict
        from shoal.local.processes import run_processes

        @dataclasses.dataclass
        class Point:
            x: int

        OFFSET = 5

        def move(point):
            print("moving", file=sys.stdout)
            return Point(point.x + OFFSET)

        plan = plan_from_dict({"p": Point(1), "q": (move, "p")}, ["q"])
        print(run_processes(plan, num_workers=1) == [Point(6)])
        OFFSET = 7
        print(run_processes(plan, num_workers=1) == [Point(8)])
        """,
    )
    out, err = program.communicate(timeout=200)
    assert sorted(out.split()) == ["True", "True", "moving", "moving"]
    assert err == ""


def test_fork_server_and_a_program_without_guard_is_an_error(tmp_path):
    program = script(
        tmp_path,
        """
        from shoal.graph.legacy import plan_from_dict
        from shoal.local.processes import run_processes

        plan = plan_from_dict({"x": (abs, -1)}, ["x"])
        print(run_processes(plan, num_workers=1, context="forkserver"))
        """,
    )
    out, err = program.communicate(timeout=200)
    assert program.returncode != 0
    assert "if __name__ == '__main__'" in err
    assert out == ""


def test_a_chain_too_deep_for_recursion():
    graph = {"t0": (abs, -1)}
    graph.update({f"t{i}": (lambda x: x + 1, f"t{i - 1}") for i in range(1, 20_000)})
    assert run(graph, "t19999") == 20_000
    assert run(graph, list(graph)[::40])[-1] == 19_961


@pytest.mark.parametrize("chunksize", [None, 1, 7])
def test_trees(chunksize):
    graph = {("x", i): (lambda i: i * 0.5, i) for i in range(300)}
    graph.update({("s", i): (sum, [("x", i + k) for k in range(10)]) for i in range(0, 300, 10)})
    graph["total"] = (sum, [("s", i) for i in range(0, 300, 10)])
    assert run(graph, "total", chunksize=chunksize) == sum(i * 0.5 for i in range(300))


def test_large_results_move_between_workers_and_can_be_written_to():
    numpy = pytest.importorskip("numpy")

    def make(i):
        return numpy.full(200_000, i, "f8")

    def double(x):
        x *= 2
        return x

    graph = {("x", i): (make, i) for i in range(8)}
    graph.update({("y", i): (double, ("x", i)) for i in range(8)})
    graph["all"] = (lambda ys: sum(ys), [("y", i) for i in range(8)])
    results = run(graph, ["all", ("y", 1), ("x", 1)])
    assert (results[0] == 2 * sum(range(8))).all()
    assert (results[1] == 2).all()
    results[1][:] = 0
    assert results[0].flags.writeable
    # Each task has an array of its own unless it ran where the array was made.
    assert results[2].shape == (200_000,)


def test_more_large_results_than_file_descriptors_in_a_message():
    numpy = pytest.importorskip("numpy")
    graph = {("x", i): (numpy.full, 40_000, i) for i in range(450)}
    graph["all"] = (lambda xs: [int(x[-1]) for x in xs], [("x", i) for i in range(450)])
    assert run(graph, "all") == list(range(450))


def test_a_constant_array_of_many_tasks():
    numpy = pytest.importorskip("numpy")
    array = numpy.arange(500_000)
    graph = {f"t{i}": (lambda a, k: int(a[k]), array, i) for i in range(20)}
    assert run(graph, list(graph)) == list(range(20))


def on_two_workers(fifo, make):
    """A graph whose first two tasks run on different workers, for a while, and are read by one."""

    def first():
        wait(fifo)
        return slowly(make)

    def second():
        with open(fifo, "w"):
            pass
        return slowly(make)

    return {"a": (first,), "b": (second,), "c": (lambda a, b: a[0] + b[0], "a", "b")}


def slowly(func):
    """Take long enough for the result to stay where it is made."""
    start = time.perf_counter()
    while time.perf_counter() < start + 0.003:
        pass
    return func()


def test_results_that_stayed_with_their_workers_are_fetched(fifo):
    assert run(on_two_workers(fifo, lambda: [1]), "c", chunksize=1) == 2


def test_a_result_that_stayed_and_cannot_be_pickled(fifo):
    graph = on_two_workers(fifo, lambda: [1, sys._getframe()])
    with pytest.raises(SerializationError, match=r"task '[ab]' .*its result .*\[1\] is a frame"):
        run(graph, "c", chunksize=1)
    assert run({"x": (abs, -1)}, "x") == 1


def test_a_worker_that_dies_with_results_that_others_need(fifo):
    def die_soon():
        pid = os.getpid()
        threading.Thread(target=os.kill, args=(pid, signal.SIGKILL)).start()
        return [1]

    with pytest.raises(WorkerDiedError, match="killed by SIGKILL"):
        run(on_two_workers(fifo, die_soon), "c", chunksize=1)


def test_tasks_that_are_read_together_run_together():
    graph = {("x", i): (lambda: slowly(os.getpid),) for i in range(40)}
    graph |= {
        ("s", i): (lambda *pids: {*pids}, *[("x", k) for k in range(i, i + 4)])
        for i in range(0, 40, 4)
    }
    pids_of(2, chunksize=1)
    groups = run(graph, [("s", i) for i in range(0, 40, 4)])
    # Only at the end is a worker given tasks of another one's group.
    assert sum(len(group) == 1 for group in groups) >= 6


def test_callbacks_hear_of_every_task():
    seen = []
    listener = Callback(
        pretask=lambda key, *rest: seen.append(("before", key)),
        posttask=lambda key, result, graph, state, worker: seen.append((key, result, worker)),
    )
    graph = {"a": 1, "b": (lambda a: [a], "a"), "c": (len, "b"), "d": (max, "c", 3)}
    assert run(graph, "d", callbacks=[listener]) == 3
    assert [event[:2] for event in seen] == [
        ("before", "b"),
        ("b", [1]),
        ("before", "c"),
        ("c", 1),
        ("before", "d"),
        ("d", 3),
    ]
    assert seen[-1][2] != os.getpid()


# -------------------------------------------------------------------------------- workers


def test_workers_are_kept_for_the_next_run():
    graph = {"pid": (os.getpid,)}
    first = run(graph, "pid", num_workers=1)
    assert run(graph, "pid", num_workers=1) == first != os.getpid()
    end_workers()
    assert has_ended(first)
    assert run(graph, "pid", num_workers=1) != first


def test_a_kept_worker_that_has_died_is_replaced():
    graph = {"pid": (os.getpid,)}
    first = run(graph, "pid", num_workers=1)
    os.kill(first, signal.SIGKILL)
    assert has_ended(first)
    assert run(graph, "pid", num_workers=1) != first


def test_a_kept_worker_follows_directory_path_and_environment(tmp_path, monkeypatch):
    pid = run({"pid": (os.getpid,)}, "pid", num_workers=1)
    (tmp_path / "module_for_workers.py").write_text("def answer():\n    return 42\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("SHOAL_TEST_VARIABLE", "there")
    import module_for_workers

    graph = {
        "answer": (module_for_workers.answer,),
        "cwd": (os.getcwd,),
        "env": (os.environ.get, "SHOAL_TEST_VARIABLE"),
        "pid": (os.getpid,),
    }
    keys = ["answer", "cwd", "env", "pid"]
    assert run(graph, keys, num_workers=1) == [42, str(tmp_path), "there", pid]


def test_all_workers_hash_a_text_alike():
    assert pids_of(2, chunksize=1)
    assert len(set(run(*calls(lambda i: hash("some text"), 40), chunksize=1))) == 1


def test_a_worker_that_nobody_uses_ends():
    program = """
from shoal.local import process_worker

process_worker.IDLE_S = 0.001
process_worker.main({})
"""
    here, there = socket.socketpair()
    with here, there:
        command = [sys.executable, "-c", program.format(there.fileno())]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
        with subprocess.Popen(command, pass_fds=[there.fileno()], env=environment) as worker:
            assert worker.wait(200) == 0


def test_several_runs_at_once():
    def one(k):
        return run(*calls(lambda x: x + k, 100))

    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(one, range(3))) == [[i + k for i in range(100)] for k in range(3)]


@pytest.mark.parametrize("inner", ["run_processes", "run_threads"])
def test_a_task_may_run_a_plan_of_its_own(inner):
    def outer(name):
        from shoal.graph.legacy import plan_from_dict
        from shoal.local.processes import run_processes
        from shoal.local.threads import run_threads

        runs = {"run_processes": run_processes, "run_threads": run_threads}
        graph = {f"t{i}": (lambda x: x * 2, i) for i in range(4)}
        return runs[name](plan_from_dict(graph, list(graph)), num_workers=2)

    assert run({"x": (outer, inner)}, "x", num_workers=1) == [0, 2, 4, 6]


def test_fork_shows_the_children_what_the_parent_has_now():
    def look():
        return sys.modules.get("a_module_of_the_parent")

    sys.modules["a_module_of_the_parent"] = 1
    try:
        assert run({"x": (look,)}, "x", context="fork") == 1
        sys.modules["a_module_of_the_parent"] = 2
        assert run({"x": (look,)}, "x", context="fork") == 2
        assert run({"x": (look,)}, "x", context="spawn") is None
    finally:
        del sys.modules["a_module_of_the_parent"]


def test_forked_workers_have_random_numbers_of_their_own():
    random = pytest.importorskip("numpy").random

    drawn = run(*calls(lambda i: int(random.randint(1 << 30)), 40), context="fork", chunksize=1)
    assert len(set(drawn)) == 40


def test_fork_server(tmp_path):
    program = script(
        tmp_path,
        """
        from shoal.graph.legacy import plan_from_dict
        from shoal.local.processes import run_processes

        if __name__ == "__main__":
            plan = plan_from_dict({"x": (abs, -1), "y": (lambda x: x + 1, "x")}, ["y"])
            for _ in range(2):
                print(run_processes(plan, num_workers=1, context="forkserver"))
        """,
    )
    assert program.communicate(timeout=200) == ("[2]\n[2]\n", "")


def test_an_unknown_context():
    with pytest.raises(ValueError, match=r"'sporn'.*'spawn'"):
        run({"x": (abs, -1)}, "x", context="sporn")


def test_get_context():
    assert get_context() is multiprocessing.get_context("spawn")
    assert get_context("fork") is multiprocessing.get_context("fork")


def test_the_initializer_runs_once_in_each_worker():
    def start():
        sys.started = getattr(sys, "started", 0) + 1

    def look():
        return getattr(sys, "started", 0)

    graph = {f"t{i}": (look,) for i in range(10)}
    for _ in range(2):
        assert set(run(graph, list(graph), initializer=start)) == {1}
    assert run(graph, "t3") == 0


def test_an_initializer_that_fails():
    def start():
        raise ValueError("no start")

    for _ in range(2):
        with pytest.raises(ValueError, match="no start") as caught:
            run({"x": (abs, -1)}, "x", initializer=start)
        assert "initializer" in caught.value.__notes__[0]


def test_tasks_that_turn_out_slow_do_not_hold_others_back(fifo):
    # Task 50 blocks until task 51 has run, which was sent to the same worker along with it.
    def task(i):
        if i == 50:
            with open(fifo) as file:
                return file.read()
        if i == 51:
            with open(fifo, "w") as file:
                file.write("go on")
        return i

    assert run(*calls(task, 52))[50:] == ["go on", 51]


# --------------------------------------------------------------------------------- failures


def test_an_exception_keeps_class_message_and_traceback():
    def inner(x):
        return 1 / x

    def outer(x):
        return inner(x) + 1

    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        run({"a": (abs, 0), "b": (outer, "a"), "c": (abs, "b")}, "c")
    assert caught.value.__notes__ == ["shoal: task 'b' (" + outer.__qualname__ + ") failed"]
    frames = traceback.extract_tb(caught.value.__traceback__)
    assert [frame.name for frame in frames[-2:]] == ["outer", "inner"]
    assert frames[-1].line == "return 1 / x"
    assert frames[-1].filename == __file__


def test_an_exception_class_of_the_main_program_is_the_same_class():
    class Special(Exception):
        def __init__(self, code):
            super().__init__(code)
            self.code = code

    def fail():
        try:
            raise KeyError("first")
        except KeyError as error:
            raise Special(7) from error

    with pytest.raises(Special) as caught:
        run({"x": (fail,)}, "x")
    assert caught.value.code == 7
    assert isinstance(caught.value.__cause__, KeyError)


def test_an_exception_that_cannot_be_pickled():
    class Odd(Exception):
        def __init__(self, one, two):
            super().__init__(f"{one} and {two}")

    def fail():
        raise Odd("this", "that")

    with pytest.raises(RemoteError, match="Odd: this and that") as caught:
        run({"x": (fail,)}, "x")
    assert "task 'x'" in caught.value.__notes__[0]
    assert traceback.extract_tb(caught.value.__traceback__)[-1].name == "fail"


def test_system_exit_in_a_task_is_passed_on():
    with pytest.raises(SystemExit):
        run({"x": (sys.exit, 3)}, "x")


def test_a_function_that_cannot_be_pickled():
    frame = sys._getframe()
    with pytest.raises(SerializationError, match=r"task 'x'.*variable 'frame' is a frame"):
        run({"x": (lambda: frame,), "y": (abs, -1)}, ["y", "x"])


def test_an_argument_that_cannot_be_pickled():
    graph = {"good": (len, [1]), "bad": (len, [{"frame": sys._getframe()}])}
    with pytest.raises(SerializationError, match=r"task 'bad'.*\['frame'\] is a frame"):
        run(graph, ["good", "bad"])
    with pytest.raises(SerializationError, match=r"task 'value'.*is a frame"):
        run({"value": sys._getframe(), "x": (type, "value")}, "x")


def test_a_result_that_cannot_be_pickled_leaves_the_worker_alone():
    pid = run({"pid": (os.getpid,)}, "pid", num_workers=1)
    with pytest.raises(SerializationError, match=r"task 'x' .*\['lock'\] is a lock"):
        run({"x": (lambda: {"lock": __import__("threading").Lock()},)}, "x", num_workers=1)
    assert run({"pid": (os.getpid,)}, "pid", num_workers=1) == pid


class NoReturn:
    """Pickles, and cannot be unpickled."""

    def __reduce__(self):
        return functools.partial(int, "not a number"), ()


@pytest.mark.parametrize("graph", [{"x": (bool, NoReturn())}, {"x": (bool, "a"), "a": NoReturn()}])
def test_an_argument_that_cannot_be_unpickled(graph):
    with pytest.raises(ValueError, match="not a number") as caught:
        run({**graph, "y": (abs, -1)}, ["y", "x"])
    assert "task 'x' calls" in caught.value.__notes__[0]


def test_a_result_that_cannot_be_unpickled():
    with pytest.raises(ValueError, match="not a number") as caught:
        run({"x": (lambda value: value(), NoReturn)}, "x")
    assert "result of task 'x'" in caught.value.__notes__[0]


def test_a_worker_killed_by_a_signal():
    def die():
        os.kill(os.getpid(), signal.SIGKILL)

    graph, keys = calls(abs, 100)
    with pytest.raises(WorkerDiedError, match=r"killed by SIGKILL.*memory.*ran task 'x' \(.*die\)"):
        run({**graph, "x": (die,)}, [*keys, "x"])
    assert run(graph, keys) == list(range(100))


def test_a_worker_that_exits():
    with pytest.raises(WorkerDiedError, match="ended with exit code 3 while it ran task 'x'"):
        run({"x": (os._exit, 3)}, "x")


def test_a_worker_that_dies_while_a_child_of_its_own_lives(fifo):
    def die():
        if os.fork() == 0:
            wait(fifo)
            os._exit(0)
        os._exit(3)

    with pytest.raises(WorkerDiedError, match="exit code 3"):
        run({"x": (die,)}, "x")


def test_the_first_error_interrupts_other_tasks(fifo, tmp_path, monkeypatch):
    # A machine with much else to do may not run the other worker for a second.
    monkeypatch.setattr(process_run, "GRACE_S", 60.0)

    def block():
        try:
            wait(fifo)
        finally:
            (tmp_path / "cleaned up").write_text(str(os.getpid()))

    def fail():
        with open(fifo, "w"):  # the other task runs
            raise ValueError("stop")

    def never():
        (tmp_path / "ran").touch()

    graph = {"block": (block,), "fail": (fail,), "never": (lambda *args: never(), "block", "fail")}
    with pytest.raises(ValueError, match="stop"):
        run(graph, "never")
    assert not (tmp_path / "ran").exists()
    # An interrupted worker is as good as new.
    assert not has_ended(int((tmp_path / "cleaned up").read_text()), 0)
    assert pids_of(4)


def test_a_task_that_cannot_be_interrupted_is_killed_with_what_it_started(fifo, tmp_path):
    def block(path):
        child = subprocess.Popen(["cat", fifo + "2"])
        with open(path, "w") as file:
            file.write(f"{os.getpid()} {child.pid}")
        while True:
            try:
                wait(fifo)
                child.wait()
            except BaseException:
                continue

    def fail():
        with open(fifo, "w"):
            raise ValueError("stop")

    os.mkfifo(fifo + "2")
    path = str(tmp_path / "pids")
    with pytest.raises(ValueError, match="stop"):
        run({"block": (block, path), "fail": (fail,), "x": (max, "block", "fail")}, "x")
    with open(path) as file:
        assert all(has_ended(int(pid)) for pid in file.read().split())


def test_control_c(fifo, tmp_path):
    parent = os.getpid()

    def block():
        (tmp_path / "pid").write_text(str(os.getpid()))
        os.kill(parent, signal.SIGINT)
        wait(fifo)

    with pytest.raises(KeyboardInterrupt):
        run({"x": (block,)}, "x")
    assert has_ended(int((tmp_path / "pid").read_text()))
    assert run({"x": (abs, -1)}, "x") == 1


def test_no_wait_is_without_end(monkeypatch):
    # A Ctrl-C that came just before it was held up until the next message.
    waits = []
    waiting = selectors.DefaultSelector.select

    def noted(self, timeout=None):
        waits.append(timeout)
        return waiting(self, timeout)

    monkeypatch.setattr(selectors.DefaultSelector, "select", noted)
    assert run({"x": (abs, -1)}, "x") == 1
    assert waits and None not in waits


def test_workers_end_with_a_parent_that_is_killed(tmp_path):
    program = script(
        tmp_path,
        """
        import os
        from shoal.graph.legacy import plan_from_dict
        from shoal.local.processes import run_processes

        def block(path):
            os.mkfifo(path)
            os.write(1, f"{os.getpid()}\\n".encode())
            open(path).read()

        graph = {"a": (block, "one"), "b": (block, "two")}
        run_processes(plan_from_dict(graph, list(graph)), num_workers=2, chunksize=1)
        """,
        cwd=tmp_path,
    )
    pids = [int(program.stdout.readline()) for _ in range(2)]
    program.kill()
    program.communicate(timeout=200)
    assert all(has_ended(pid) for pid in pids)


def test_workers_that_do_not_start(monkeypatch):
    end_workers()
    monkeypatch.setattr("shoal.local.process_pool.get_executable", lambda: "/bin/false")
    with pytest.raises(ExecutorError, match=r"do not start.*exit code 1"):
        run({"x": (abs, -1)}, "x")


def test_a_callback_that_fails_ends_the_run():
    def fail(*args):
        raise ValueError("callback")

    with pytest.raises(ValueError, match="callback"):
        run({"x": (abs, -1)}, "x", callbacks=[Callback(posttask=fail)])
    assert run({"x": (abs, -1)}, "x") == 1


def _computes_again(depth):
    if not depth:
        return [os.getpid()]
    graph = {"x": (_computes_again, depth - 1)}
    return [os.getpid(), *run_processes(plan_from_dict(graph, ["x"]), num_workers=2)[0]]


def test_what_a_task_computes_on_processes_starts_no_more_of_them():
    """Or a task that computes itself, three levels deep, would start fourteen."""
    (pids,) = run({"x": (_computes_again, 3)}, ["x"])
    assert len(pids) == 4
    assert len(set(pids)) == 1
    assert pids[0] != os.getpid()
