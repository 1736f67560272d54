"""What the rules of frames make of expressions, beside how these were written; both sides also run.

``dataframe_rules.txt`` holds the pairs.  After a change that is meant, ``UPDATE_GOLDEN=1`` writes
the file anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal.dataframe.nodes.stage import Stage
from shoal.dataframe.rules import RULES
from shoal.expr.explain import outline
from shoal.expr.rewrite import rewrite

GOLDEN = Path(__file__).with_name("dataframe_rules.txt")

KEYS = np.arange(200)
FRAME = pd.DataFrame({"k": list("abcab") * 4, "x": range(20), "y": [0.5, 1.5, 2.5, 3.5] * 5})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    where = str(tmp_path_factory.mktemp("golden"))
    dd.from_pandas(FRAME, 4).to_parquet(where)
    yield where


def memory() -> Any:
    return dd.from_pandas(FRAME, 4)


def assigned(df: Any) -> Any:
    df = df.assign(z=df.y * 2, unused=1)
    return df[df.x > 7].groupby("k").z.sum()


def twice(df: Any) -> Any:
    some = df[df.x > 3]
    return some[some.k == "a"].y.max()


def shared(df: Any) -> Any:
    return [df.x.sum(), df.y.mean()]


def joined(df: Any) -> Any:
    small = df.partitions[0][["k", "y"]].rename(columns={"y": "w"})
    return df[df.x > 3].merge(df, on="k").merge(small, on="k")[["x_x", "w"]].sum()


def again(df: Any) -> Any:
    by_key = df.shuffle("k")
    return by_key[by_key.x > 1].shuffle("k")


def others(df: Any) -> list[Any]:
    return [df[["k", name]].rename(columns={name: name * 2}) for name in "xy"]


def joined_twice(df: Any) -> Any:
    one, two = others(df)
    return df.merge(one, on="k").merge(two, on="k").shuffle(["k", "xx"])


def moved_once(df: Any) -> Any:
    one, two = others(df)
    return [df.merge(one, on="k").xx.sum(), df.merge(two, on="k").yy.sum()]


def split(df: Any) -> Any:
    """Parts of the filter are of one side, of the other, of their key, and of both."""
    _, other = others(df)
    both = df.merge(other, on="k")
    return both[(both.x > 3) & (both.yy < 2) & (both.k != "c") & (both.x > both.yy)].x.sum()


def stepped(df: Any) -> Any:
    """New names, a type of another column, distinct rows, and none that is missing."""
    df = df.rename(columns={"x": "z"}).astype({"y": "float32"})
    df = df.drop_duplicates(subset=["z", "k"]).dropna()
    return df[df.z > 3]


def of_some_keys(df: Any) -> Any:
    """The number of a row is in no sum, so that groups may be numbered after the filter."""
    sums = df.groupby(["k", "x"]).sum().rename(columns={"y": "total"}).reset_index()
    return sums[(sums.k != "a") & (sums.x > 3) & (sums.total < 3)].total.mean()


def of_some_keys_shown(df: Any) -> Any:
    sums = df.groupby("k").sum().reset_index()
    return sums[sums.k != "a"]


def in_order(df: Any) -> Any:
    by_y = df.sort_values("y")
    return by_y[by_y.x > 3]


def star(df: Any) -> Any:
    _, other = others(df)
    few = dd.from_pandas(pd.DataFrame({"x": range(9), "w": range(9)}), 1)
    return df.merge(other, on="k").merge(few[few.w > 5], on="x")[["x", "yy", "w"]]


def chain(df: Any) -> Any:
    """Each table is joined with the next one; the last one has few rows."""
    tables = [
        dd.from_pandas(pd.DataFrame({f"k{i}": KEYS % 40, f"k{i + 1}": KEYS % 50, f"v{i}": KEYS}), 3)
        for i in range(4)
    ]
    one, two, three, four = tables
    joined = one.merge(two, on="k1").merge(three, on="k2").merge(four[four.v3 < 9], on="k3")
    return joined[["v0", "v1", "v2", "v3"]]


def snow(df: Any) -> Any:
    """A star whose last table was filtered; keys have names of their own."""
    facts = dd.from_pandas(
        pd.DataFrame({"a": KEYS % 30, "b": KEYS % 20, "c": KEYS % 10, "v": KEYS}), 4
    )
    one, two, three = (
        dd.from_pandas(pd.DataFrame({f"{n}id": range(30), f"{n}v": range(30)}), 2) for n in "abc"
    )
    few = three[three.cv < 1]
    joined = facts.merge(one, left_on="a", right_on="aid").merge(two, left_on="b", right_on="bid")
    return joined.merge(few, left_on="c", right_on="cid")[["v", "av", "bv", "cv"]]


def with_a_small_one(df: Any) -> Any:
    small = df.partitions[:1].repartition(npartitions=2)[["k", "y"]]
    by_key = df.repartition(npartitions=8).shuffle("k")
    return by_key.merge(small, on="k", broadcast=True).shuffle("k").x


def piece(part: int, name: str) -> Any:
    return pd.DataFrame({"k": KEYS[part : part + 40] % 23, name: KEYS[part : part + 40]})


def of_unknown_size(name: str) -> Any:
    return dd.from_map(piece, range(9), name=name, meta=piece(0, name).iloc[:0])


def given_to_all(df: Any) -> Any:
    many = dd.from_pandas(FRAME, 8)
    return many.merge(dd.from_pandas(pd.DataFrame({"k": list("abc"), "w": [1, 2, 3]}), 2), on="k")


def given_without_what_nobody_reads(df: Any) -> Any:
    """The small side is small without its texts only."""
    wide = pd.DataFrame({"k": KEYS, "w": KEYS, "text": "x" * 1000})
    return of_unknown_size("x").merge(dd.from_pandas(wide, 2), on="k")[["x", "w"]]


def moved_for_it_is_too_large(df: Any) -> Any:
    return given_without_what_nobody_reads(df)


def moved_for_it_was_said(df: Any) -> Any:
    few = dd.from_pandas(pd.DataFrame({"k": list("abc"), "w": [1, 2, 3]}), 2)
    return dd.from_pandas(FRAME, 8).merge(few, on="k", broadcast=False)


def open_join(df: Any) -> Any:
    few = of_unknown_size("z")
    return of_unknown_size("x").merge(few[few.z < 5], on="k")[["x", "z"]]


def open_shuffle(df: Any) -> Any:
    rows = of_unknown_size("x")
    return rows[rows.x > 30].shuffle("k").x.sum()


def twice_as_text(df: Any) -> Any:
    """The same expression, written twice."""
    return [(df.y * 2).sum(), (df.y * 2).max()]


def in_memory(df: Any) -> Any:
    some = memory()
    return some[some.y * 2 > some.x].groupby("k").x.max()


def joined_in_memory(df: Any) -> Any:
    few = dd.from_pandas(pd.DataFrame({"k": list("abc"), "w": [1, 2, 3]}), 1)
    return memory().merge(few, on="k").assign(v=lambda both: both.w * both.y)[["k", "v"]]


def tiny(df: Any) -> Any:
    """So many partitions that moving pieces between them would be most of the work."""
    return dd.from_pandas(FRAME, 20)


PAIRS: dict[str, Callable[[Any], Any]] = {
    "a chain is one stage, and the file is read for what it uses": lambda df: df[df.x > 3].y + 1,
    "an assignment that nobody reads goes; a filter moves below the other": assigned,
    "two filters are one, and go to the file": twice,
    "a query in text is one of operators": lambda df: df.query("3 < x <= 9 and k in ['a', 'b']").y,
    "a value that is computed stays in the frame": lambda df: df[df.y * 2 > df.x].k,
    "what two results need is read once": shared,
    "the first rows of what is sorted need no order of the others": lambda df: df.sort_values(
        "y"
    ).head(3, compute=False)[["k"]],
    "the largest rows are sought in each partition": lambda df: df.sort_values("y").x.tail(
        2, compute=False
    ),
    "rows for the head are taken first": lambda df: (df[["x", "y"]] + 1).head(2, compute=False),
    "rows for the tail are taken first": lambda df: (df[["x", "y"]] + 1).tail(2, compute=False),
    "counting reads no column": lambda df: df[df.x * 2 > df.y]._reduce("len", reads=frozenset()),
    "footers say how many rows there are": lambda df: (df.x + 1)._reduce("len"),
    "footers say what the largest number is": lambda df: df.x.max(),
    "footers say between which values columns are": lambda df: df[["k", "x"]].min(),
    "footers say how many values there are": lambda df: df[["k", "x"]].count(),
    "footers say how large a frame is": lambda df: df[["k", "y"]].size,
    "truth values that are known go": lambda df: df[(((df.x * 2 > df.y) & True) | False)].y,
    "what no row can meet is not read": lambda df: df[(df.x * 2 > df.y) & False],
    "what is made of known values is known": lambda df: df.x.min() + df.x.count(),
    "a known value goes to the file": lambda df: df[df.x > df.x.min() + 3].y,
    "columns are dropped before rows are moved": joined,
    "parts of a filter go to the sides of a join that they read": split,
    "a filter passes what leaves its columns alone": stepped,
    "of groups that nobody wants no row is read": of_some_keys,
    "rows that are shown have the numbers of all groups": of_some_keys_shown,
    "rows are dropped before they are put in order": in_order,
    "rows that are in place stay there": again,
    "what is joined by a key is in place for the next join, and for more keys": joined_twice,
    "what two joins move is moved once": moved_once,
    "a join that drops rows where they are comes first": star,
    "a chain of joins begins where few rows are": chain,
    "a star of joins begins with the table that was filtered": snow,
    "a small side goes to all partitions, and the others stay": with_a_small_one,
    "what is written twice is computed once": twice_as_text,
    "a table that is known to be small is given to all": given_to_all,
    "a side that is small without what nobody reads is given to all": (
        given_without_what_nobody_reads
    ),
    "a side that may be too large is moved": moved_for_it_is_too_large,
    "a side that is not to be given is moved": moved_for_it_was_said,
    "groups are in as many partitions as are asked for": lambda df: df.groupby("x").y.sum(
        split_out=3
    ),
    "files are read in pieces of as many groups of rows as are asked for": lambda df: df.y + 1,
    "small files are read together, and not put together as tables": lambda df: df.y + 1,
    "left open: which side of a join is small": open_join,
    "left open: how many partitions are left of a shuffle": open_shuffle,
    "left open: in how many ranges there are groups": lambda df: (
        of_unknown_size("x").groupby("k").x.sum()
    ),
    "left open: in how many pieces there are distinct rows": lambda df: (
        of_unknown_size("x").drop_duplicates(subset="k").k.sum()
    ),
    "what the columnar kernel can do is one task": lambda df: df[df.x > 7].groupby("k").y.mean(),
    "columnar: a stage that reads files begins in that kernel": lambda df: df[df.y * 2 > df.x].k,
    "columnar: what has no equivalent there is left to pandas": (
        lambda df: df[df.y * 2 > df.x].k.str.upper()
    ),
    "columnar: dtypes of other kinds are left to pandas": lambda df: df.y + 1,
    "columnar: a partition in memory, where it is asked for": in_memory,
    "columnar: what pandas makes of partitions, where it is asked for": joined_in_memory,
    "columnar: a partition in memory, where it is not asked for": in_memory,
    "aggregations that nobody reads are not computed": lambda df: df.groupby("k").agg(
        {"x": ["sum", "std"], "y": "max"}
    )[[("y", "max")]],
    "tiny partitions in memory are cut less before they are put in order": lambda df: tiny(df)[
        ["k", "x"]
    ].sort_values("x"),
    "tiny partitions are put together before rows are moved": lambda df: (
        tiny(df).persist(scheduler="sync").shuffle("k").y
    ),
    "rows that go back to their places meet in one partition": lambda df: (
        tiny(df).groupby("k").y.cumsum()
    ),
    "an order needs its keys": lambda df: df.sort_values("y").set_index("x", sort=False).k,
}


READ: dict[str, dict[str, Any]] = {
    "files are read in pieces of as many groups of rows as are asked for": {
        "split_row_groups": 2,
        "aggregate_files": True,
    },
    "small files are read together, and not put together as tables": {
        "aggregate_files": True,
        "blocksize": "1MB",
    },
    "columnar: dtypes of other kinds are left to pandas": {"dtype_backend": "numpy_nullable"},
}
"""How files are read, where not as they are."""

OF_ANY_ORDER = ("of joins begins", "is given to all", "left open: which side of a join is small")
"""Parts of the names of pairs whose rows stand in an order that the rules change."""

SETTINGS: dict[str, dict[str, Any]] = {
    "a side that is small without what nobody reads is given to all": {
        "dataframe.replan.broadcast-limit": "10 kB"
    },
    "a side that may be too large is moved": {"dataframe.replan.broadcast-limit": "1 kB"},
    "columnar: a partition in memory, where it is asked for": {"dataframe.engine": "columnar"},
    "columnar: what pandas makes of partitions, where it is asked for": {
        "dataframe.engine": "columnar"
    },
}
"""Under which a pair is made, where not as they are."""


def drawn(roots: list[Any], kernels: bool = False) -> str:
    def told(node: Any) -> str:
        kernel = f", {node.told_kernel()}" if kernels and isinstance(node, Stage) else ""
        return f"{node.label()} {node.shape}{kernel}"

    lines = outline(roots, lambda node: node.sources, lambda node: node.name)
    return "\n".join(f"    {line.text(told)}" for line in lines)


def run(name: str, folder: str) -> tuple[str, list[Any], list[Any]]:
    made = PAIRS[name](dd.read_parquet(folder, **READ.get(name, {})))
    collections = made if isinstance(made, list) else [made]
    before = [one.expr for one in collections]
    # Most pairs show the rules that would be hidden by a whole reduction that becomes one task.
    engine = {"dataframe.engine": "auto" if "columnar" in name else "pandas"}
    with shoal.config.set({**engine, **SETTINGS.get(name, {})}):
        # What is left open is hidden by the plan that runs if nobody looks at sizes.
        last = 2 if name.startswith("left open") else 9
        after, _ = rewrite(before, [rule for rule in RULES if getattr(rule, "phase", 0) <= last])
        drawn_after = drawn(after, kernels=name.startswith("columnar"))
    text = f"# {name}\n\n{drawn(before)}\n\n  ->\n\n{drawn_after}\n"
    return text, collections, [one.__shoal_with_node__(n) for one, n in zip(collections, after)]


def expected() -> dict[str, str]:
    text = GOLDEN.read_text("utf-8") if GOLDEN.exists() else ""
    pairs = [f"# {part}".rstrip() + "\n" for part in f"\n{text}".split("\n# ")[1:]]
    return {pair.split("\n")[0][2:]: pair for pair in pairs}


def test_the_file_has_the_pairs_that_are_here(folder: str) -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text("\n".join(run(name, folder)[0] for name in PAIRS), "utf-8")
    assert list(expected()) == list(PAIRS)


@pytest.mark.parametrize("name", PAIRS)
def test_pair(name: str, folder: str) -> None:
    if "columnar" in name:
        pytest.importorskip("polars")
    text, before, after = run(name, folder)
    assert text == expected()[name]
    with shoal.config.set(scheduler="sync"):
        plain = shoal.compute(*before, optimize_graph=False)
        # What is left open is decided on the way.
        runs = before if name.startswith("left open") else after
        found = shoal.compute(*runs, optimize_graph=name.startswith("left open"))
        for one, other in zip(plain, found, strict=True):
            if any(part in name for part in OF_ANY_ORDER):
                # Joins that move rows keep no order.
                names = list(one)
                one = one.sort_values(names, ignore_index=True)
                other = other.sort_values(names, ignore_index=True)
            assert one.equals(other) if hasattr(one, "equals") else one == other
