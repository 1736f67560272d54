"""The dashboard's model and what follows from it: views, findings, metrics, changes."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

pytest.importorskip("starlette")

from shoal.distributed.core.scheduler.methods.feed import WORKER
from shoal.distributed.dashboard.delta import apply, delta
from shoal.distributed.dashboard.findings import RULES, findings
from shoal.distributed.dashboard.metrics import exposition
from shoal.distributed.dashboard.model import MERGE_S, Model, update
from shoal.distributed.dashboard.panels import PANELS
from shoal.distributed.dashboard.views.cluster import summary
from shoal.distributed.dashboard.views.profile import flatten
from shoal.distributed.dashboard.views.stream import MOST, stream
from shoal.distributed.dashboard.views.tasks import progress
from shoal.distributed.node.results import pack_error

GIB = 1 << 30
T0 = 1_700_000_000.0


def worker(number: int, threads: int = 1, status: str = "running", **metrics: Any) -> list[Any]:
    """A row of ``scheduler.feed``."""
    known = {
        "number": number,
        "address": f"tcp://w{number}",
        "name": f"w{number}",
        "host": "h",
        "pid": 100 + number,
        "threads": threads,
        "limit": GIB,
        "status": status,
        "since": 0.0,
        "heard": 0.0,
        "held": 0,
        "nbytes": 0,
        "sent": 0,
        "queued": 0,
        "occupancy": 0.0,
        "metrics": {"memory": 100 << 20, "managed": 10 << 20, "cpu": 90.0, **metrics},
    }
    return [known[name] for name in WORKER]


def kind(name: str, ended: int, total_s: float, left: int = 0, erred: int = 0) -> list[Any]:
    states = {"memory": ended, "ready": left}
    seconds = total_s / max(1, ended)
    return [name, states, ended, erred, seconds, 100, total_s, 0, ended, erred]


def report(number: int, name: str, runs: list[tuple[float, float]], nbytes: int = 28) -> list[Any]:
    """Runs of one kind on one worker: (start after T0, seconds)."""
    keys = [f"{name}-{number}-{i}" for i in range(len(runs))]
    starts = [T0 + start for start, _ in runs]
    spent = [seconds for _, seconds in runs]
    return [f"tcp://w{number}", keys, [name] * len(runs), starts, spent, [nbytes] * len(runs)]


def model_of(*feeds: dict[str, Any], vitals: Any = ()) -> Model:
    """A model after some answers, half a second apart unless they say when (``at``)."""
    model = Model()
    told = list(vitals) or [{}] * len(feeds)
    for i, (feed, more) in enumerate(zip(feeds, told)):
        at = feed.pop("at", 0.5 * i)
        base = {"now": at, "began": 0.0, "epoch": 1, "workers": [worker(0), worker(1)], "kinds": []}
        update(model, {**base, **feed}, more, T0 + at)
    return model


def even(count: int = 20, seconds: float = 0.5) -> list[Any]:
    return [report(n, "inc", [(i * seconds, seconds) for i in range(count)]) for n in (0, 1)]


def healthy() -> Model:
    kinds = [kind("inc", 40, 20.0)]
    return model_of({"stream": [2, even(), []], "kinds": kinds, "at": 10.0})


def straggling() -> Model:
    slow = report(1, "inc", [(2.0 * i, 2.0) for i in range(5)])
    kinds = [kind("inc", 25, 20.0)]
    return model_of({"stream": [2, [even()[0], slow], []], "kinds": kinds, "at": 10.0})


def tiny_tasks() -> Model:
    runs = [(i * 0.004, 0.0002) for i in range(1500)]
    reports = [report(n, "inc", runs) for n in (0, 1)]
    return model_of({"stream": [2, reports, []], "kinds": [kind("inc", 3000, 0.6)], "at": 6.0})


def skewed_partition() -> Model:
    runs = [(i * 0.1, 0.1) for i in range(20)]
    reports = [report(0, "agg", runs), report(1, "agg", [*runs[:10], (1.0, 9.0)])]
    return model_of({"stream": [2, reports, []], "kinds": [kind("agg", 31, 12.0)], "at": 10.0})


def spilling() -> Model:
    full = [worker(0, spilled=GIB), worker(1)]
    return model_of({"stream": [2, even(), []], "workers": full, "at": 10.0})


def without_room() -> Model:
    full = worker(0, memory=GIB, managed=GIB >> 10)
    full[WORKER.index("status")], full[WORKER.index("limit")] = "paused", GIB + (GIB >> 3)
    return model_of({"stream": [2, even(), []], "workers": [full, worker(1)], "at": 10.0})


def transfers() -> Model:
    flows = [1, [(9.0, "tcp://w0", [("tcp://w1", 500 << 20, 9.0)])]]
    return model_of({"stream": [2, even(), []], "flows": flows, "at": 10.0})


def gil() -> Model:
    busy = {"workers": [worker(0, 4, executing=4, cpu=100.0, gil=0.9), worker(1)]}
    return model_of({"stream": [2, even(), []], **busy}, *[dict(busy) for _ in range(5)])


def leak() -> Model:
    grow = [
        {"workers": [worker(0, memory=(100 + 60 * i) << 20), worker(1), worker(2)], "at": 2.0 * i}
        for i in range(8)
    ]
    return model_of(*grow)


def failures() -> Model:
    data = pack_error(ValueError("no price"))
    entries = [
        [1.0, ["bad", i], "bad", "tcp://w0", "raised", data, 0, i % 2 == 0] for i in range(10)
    ]
    return model_of({"stream": [2, even(), []], "failures": [10, entries], "at": 10.0})


def huge() -> Model:
    reports = [report(0, "load", [(0.0, 1.0), (1.0, 1.0)], nbytes=GIB // 2)]
    return model_of({"stream": [1, reports, []], "at": 2.0})


def few_tasks() -> Model:
    many = [worker(n) for n in range(8)]
    return model_of({"stream": [1, [report(0, "inc", [(0.0, 5.0)])], []], "workers": many, "at": 5})


def busy_scheduler() -> Model:
    vitals = [{"loop_s": 0.95 * i} for i in range(5)]
    feeds = [{"at": float(i), "stream": [i, even(2), []]} for i in range(5)]
    return model_of(*feeds, vitals=vitals)


def nobody_may() -> Model:
    return model_of({"kinds": [kind("inc", 0, 0.0, left=5)], "unplaced": 5})


CASES: dict[str, Callable[[], Model]] = {
    "straggler": straggling,
    "tiny": tiny_tasks,
    "skewed": skewed_partition,
    "cramped": without_room,
    "spilling": spilling,
    "transferring": transfers,
    "gil": gil,
    "leaking": leak,
    "failing": failures,
    "huge": huge,
    "few": few_tasks,
    "scheduler": busy_scheduler,
    "stuck": nobody_may,
}


@pytest.mark.parametrize("name", CASES)
def test_each_case_is_found_first(name: str) -> None:
    found = findings(CASES[name]())
    assert found and found[0].name == name, [str(f) for f in found]
    assert any(c.isdigit() for c in found[0].says), "it gives no number"
    assert found[0].advice and 0 < found[0].share <= 1


def test_every_rule_has_a_case_and_a_healthy_cluster_has_none() -> None:
    assert len(CASES) == len(RULES)
    assert findings(healthy()) == []
    assert findings(Model()) == []


@pytest.mark.parametrize("name", PANELS)
@pytest.mark.parametrize("case", CASES)
def test_views_are_plain_data(name: str, case: str) -> None:
    found = PANELS[name].view(CASES[case](), {})
    assert msgspec.json.decode(msgspec.json.encode(found)) == json.loads(json.dumps(found))


def test_numbers_of_a_run() -> None:
    model = healthy()
    shown = summary(model, {})
    assert (shown["workers"], shown["threads"], shown["done"]) == (2, 2, 40)
    assert progress(model, {})["kinds"]["inc"]["total"] == 40
    bars = stream(model, {})["bars"]
    assert len(bars) == 40 and {bar[0] for bar in bars.values()} == {"0", "1"}
    assert abs(sum(model.ran_s.values()) - 20.0) < 1e-9


def test_short_runs_are_one_bar_and_keep_their_time() -> None:
    model = tiny_tasks()
    assert sum(bar.count for bar in model.bars) == 3000
    assert len(model.bars) < 50
    assert abs(sum(bar.busy for bar in model.bars) - 0.6) < 1e-6


def test_runs_at_once_have_lanes_of_their_own() -> None:
    runs = [(0.0, 1.0), (0.1, 1.0), (0.2, 1.0), (1.3, 1.0)]
    model = model_of({"stream": [1, [report(0, "inc", runs)], []], "at": 3.0})
    lanes = {}
    for bar in model.bars:
        lanes.setdefault(bar.lane, []).append((bar.start, bar.stop))
    assert len(lanes) == 3
    for spans in lanes.values():
        assert all(a[1] <= b[0] + MERGE_S for a, b in pairwise(spans))


def many_workers(count: int, threads: int = 4) -> Model:
    """Each worker runs something all the time, told of in pieces of 0.2 s, for a minute."""
    workers = [worker(n, threads) for n in range(count)]
    for row in workers:
        row[WORKER.index("host")] = f"host{row[0] % 3}"
    runs = [(i * 0.2, 0.199) for i in range(300)]
    reports = [report(n, "inc", runs) for n in range(count)]
    return model_of({"stream": [count, reports, []], "workers": workers, "at": 60.0})


def test_a_stream_of_many_workers_has_pages_and_a_bound() -> None:
    model = many_workers(150, 1)
    pages = [stream(model, {"page": str(n), "window": "40"}) for n in (1, 2, 3, 9)]
    assert [page["page"] for page in pages] == [1, 2, 3, 3]
    names = [row[1] for page in pages[:3] for row in page["rows"]]
    assert names == [f"w{n}" for n in range(150)], "sorted by the numbers in their names"
    for page in pages:
        assert 100 < len(page["bars"]) <= MOST and page["total"] == 150
        assert len(json.dumps(page)) < 1_000_000
    (found,) = stream(model, {"match": "w149"})["rows"]
    assert found[1] == "w149"
    hosts = stream(model, {"by": "host"})
    assert [row[1] for row in hosts["rows"]] == ["host0", "host1", "host2"]
    assert {bar[0] for bar in hosts["bars"].values()} == {"host0", "host1", "host2"}
    # 50 workers of one thread that always run: all of a host's threads are busy.
    assert all(bar[5] > 0.9 for bar in hosts["bars"].values() if bar[4] - bar[3] > 0.5)
    assert stream(model, {"match": "nobody"})["total"] == 0


def test_bars_keep_their_names_and_their_sums() -> None:
    """What is merged because it is short is still all there, and does not change later."""
    model = many_workers(60)
    shown = stream(model, {"window": "50"})
    runs = sum(bar[6] for bar in shown["bars"].values())
    assert abs(runs - 60 * 50 / 0.2) <= 60 * 3 and len(shown["bars"]) < runs / 2
    update(model, {"now": 62.0, "workers": [worker(n, 4) for n in range(60)], "kinds": []}, {}, 0)
    model.now = T0 + 62
    later = stream(model, {"window": "50"})["bars"]
    same = [name for name, bar in shown["bars"].items() if bar[3] > T0 + 15]
    assert len(same) > 100 and all(later[name] == shown["bars"][name] for name in same)


def test_a_time_without_visitors_is_filled_in() -> None:
    """Samples that the scheduler took meanwhile come once, and in order."""
    row = [100.0, 50.0, 0.0, 90.0, 1.0, 0.0, 0.0]
    history = {"total": [[t, *row] for t in range(8)], "workers": {"0": [[0.0, *row]]}}
    model = model_of(
        {"at": 3.5, "history": {**history, "total": history["total"][:4]}},
        {"at": 4.0},
        {"at": 7.5, "history": history},
    )
    times = [sample[0] - T0 for sample in model.total]
    assert times == [0.0, 1.0, 2.0, 3.0, 3.5, 4.0, 5.0, 6.0, 7.0, 7.5]


def test_old_bars_are_forgotten(monkeypatch: Any) -> None:
    monkeypatch.setattr("shoal.distributed.dashboard.model.BARS", 50)
    model = many_workers(3)
    assert len(model.bars) == 50 == sum(len(bars) for bars in model.bars_of.values())


def test_sums_begin_anew_with_the_next_job() -> None:
    first = {"stream": [2, even(), []], "epoch": 1}
    second = {"stream": [3, [report(0, "dec", [(20.0, 1.0)])], []], "epoch": 2}
    model = model_of(first, second)
    assert dict(model.runs) == {("tcp://w0", "dec"): 1}


rebuilt: list[str] = []


def rebuild(text: str) -> Exception:
    rebuilt.append(text)
    return ValueError(text)


def test_what_a_task_raised_is_read_and_not_rebuilt() -> None:
    class Odd(Exception):
        def __reduce__(self) -> Any:
            return rebuild, ("no price",)

    def fail() -> None:
        raise Odd("no price")

    try:
        fail()
    except Odd as error:
        data = pack_error(error)
    rebuilt.clear()
    entry = [1.0, ["bad", 3], "bad", "tcp://w0", "raised", data, 1, False]
    model = model_of({"failures": [1, [entry]]})
    failure = model.failures[0]
    assert failure.error.endswith("Odd: no price")
    assert "in fail" in failure.trace and "Traceback" in failure.trace
    assert failure.key == "('bad', 3)"
    assert not rebuilt


def test_metrics_can_be_read() -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    families = list(parser.text_string_to_metric_families(exposition(gil())))
    names = {family.name for family in families}
    assert {"shoal_worker_process_memory_bytes", "shoal_tasks_ended"} <= names
    units = ("_seconds", "_bytes", "_ratio", "_workers", "_tasks", "_clients", "_fds", "_threads")
    for family in families:
        assert family.type == "counter" or family.name.endswith(units), family.name


def test_metrics_escape_names() -> None:
    text = exposition(model_of({"kinds": [kind('a"b\\c\nd', 1, 1.0)]}))
    assert 'kind="a\\"b\\\\c\\nd"' in text


def test_a_flame_graph_adds_up() -> None:
    leaf = {"count": 2, "identifier": "g;b.py;2", "description": {}, "children": {}}
    one = {"count": 3, "identifier": "f;a.py;1", "description": {}, "children": {"g": leaf}}
    two = {"count": 1, "identifier": "h;c.py;3", "description": {}, "children": {}}
    tree = {"count": 4, "identifier": "root", "description": {}, "children": {"f": one, "h": two}}
    frames = {frame[0]: frame for frame in flatten(tree)}
    assert frames["f"][3:] == [0, 0, 3, 1] and frames["g"][3:] == [1, 0, 2, 2]
    assert frames["h"][3:] == [0, 3, 1, 1]


plain = st.recursive(
    st.none()
    | st.integers(-5, 5)
    | st.text("ab", max_size=2)
    | st.lists(st.integers(0, 3), max_size=3),
    lambda inner: st.dictionaries(st.text("abc", max_size=2), inner, max_size=4),
    max_leaves=12,
)
states = st.dictionaries(st.text("abc", max_size=2), plain, max_size=5)


@given(states, states)
def test_a_change_leads_from_one_state_to_the_next(old: Any, new: Any) -> None:
    change = delta(old, new)
    assert apply(old, change) == new
    assert delta(new, new) == {}


def test_what_ran_before_the_job_is_shown_and_not_counted() -> None:
    """Who opens the page late sees the bars of before, and the sums of the job that runs."""
    reports = [report(0, "old", [(0.0, 9.0)]), report(0, "new", [(9.0, 0.5)])]
    failed = [[1.0, "x", kind, "tcp://w0", "killed", b"", 0, False] for kind in ("old", "new")]
    flow = [1.0, "tcp://w0", [("tcp://w1", 50, 0.5)]]
    model = model_of(
        {
            "stream": [7, reports, []],
            "flows": [9, [flow, flow]],
            "failures": [5, failed],
            "epoch_from": (6, 8, 4),
            "at": 10.0,
        }
    )
    assert dict(model.runs) == {("tcp://w0", "new"): 1}
    assert {bar.kind for bar in model.bars} == {"old", "new", "transfer"}
    assert dict(model.moved) == {("tcp://w1", "tcp://w0"): 50}
    assert dict(model.failed) == {("new", "tcp://w0"): 1} and len(model.failures) == 2
