"""Plans that change when sizes are known: the same rows as pandas, and what was decided is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal
import shoal.dataframe as dd
from shoal import config
from shoal.dataframe.nodes.layout import Limits, arrange, regrouped, shared_out
from shoal.dataframe.nodes.open import limit_bytes, skew_bytes
from shoal.distributed import Client
from shoal.memory import runs_where

ROWS = 200


def make(part: int, name: str, keys: int, skew: float = 0.0, rows: int = ROWS) -> Any:
    """Rows of random keys, some of which are all the same."""
    rng = np.random.default_rng([part, len(name)])
    key = rng.integers(0, keys, rows)
    key[rng.random(rows) < skew] = 7
    return pd.DataFrame({"k": key, name: np.arange(rows) + part * rows})


def table(name: str, parts: int = 12, keys: int = 500, skew: float = 0.0) -> Any:
    told: dict[str, Any] = {"name": name, "keys": keys, "skew": skew}
    return dd.from_map(make, range(parts), meta=make(0, rows=0, **told), **told)


def ordered(frame: Any) -> Any:
    return frame.sort_values(list(frame.columns)).reset_index(drop=True)


def decided(frame: Any) -> list[str]:
    """What the last runs decided."""
    lines = frame.explain().splitlines()
    return [line.split("last time: ")[1] for line in lines if "last time: " in line]


def limits(**sizes: str) -> Any:
    told = {f"dataframe.replan.{name.replace('_', '-')}": size for name, size in sizes.items()}
    return config.set(told)


def test_a_side_that_a_filter_made_small_is_given_to_all() -> None:
    large, other = table("x"), table("yy")
    few = other[other.yy % 100 == 5]  # no other test joins these: runs of equal plans are told
    joined = large.merge(few, on="k")
    assert "open: right to all" in joined.explain()
    assert not decided(joined)
    found = joined.compute()
    (text,) = decided(joined)
    assert text.startswith("the right side has ") and "all 12 partitions" in text
    wanted = large.compute().merge(few.compute(), on="k")
    # A side that is given to all leaves the rows of the other one in their order, as pandas does.
    pd.testing.assert_frame_equal(found.reset_index(drop=True), wanted)


def test_only_the_small_side_is_cut() -> None:
    ran: list[int] = []

    def counted(part: int) -> Any:
        ran.append(part)
        return make(part, "x", 50)

    large = dd.from_map(counted, range(12), meta=make(0, "x", 50, rows=0))
    few = table("yy", keys=50)
    joined = large.merge(few[few.yy < 9], on="k")
    with config.set(scheduler="sync"):
        found = joined.k.sum().compute()
    assert sorted(ran) == list(range(12))
    assert found == joined.compute().k.sum()


@pytest.mark.parametrize("how", ["inner", "left", "right", "outer", "leftsemi", "leftanti"])
def test_a_skewed_key_is_cut_and_the_result_is_that_of_pandas(how: str) -> None:
    skewed, other = table("x", skew=0.6), table("yy", keys=4000)
    joined = skewed.merge(other, on="k", how=how)
    with limits(skew_limit="4kB", small_partition="1B", broadcast_limit="1B"):
        found = joined.compute()
        told = decided(joined)
    left, right = skewed.compute(), other.compute()
    if how in ("leftsemi", "leftanti"):
        wanted = left[left.k.isin(right.k) == (how == "leftsemi")]
    else:
        wanted = left.merge(right, on="k", how=how)
    pd.testing.assert_frame_equal(ordered(found), ordered(wanted))
    cut = "skewed cut into" in told[0]
    assert cut == (how in ("inner", "left", "leftsemi", "leftanti")), told


def test_both_sides_may_be_skewed() -> None:
    one, two = table("x", 4, skew=0.5), table("yy", 4, skew=0.5)
    joined = one.merge(two, on="k")
    with limits(skew_limit="2kB", small_partition="1B"):
        found = joined.compute()
        assert "pieces" in decided(joined)[0]
    pd.testing.assert_frame_equal(ordered(found), ordered(one.compute().merge(two.compute())))


def test_two_hundred_tiny_partitions_become_one() -> None:
    many = table("x", 200, keys=50)
    few = many[many.x % 1000 == 1]
    moved = few.shuffle("k")
    doubled = moved.assign(y=moved.x * 2)
    pd.testing.assert_frame_equal(
        ordered(doubled.compute()[["k", "x"]]), ordered(few.compute()), check_like=True
    )
    assert decided(doubled)[0].endswith("in 200 partitions: put together to 1")
    few = few.partitions[:40]
    sums = few.groupby("k", sort=False).x.sum(split_out=40)
    wanted = few.compute().groupby("k").x.sum()
    pd.testing.assert_series_equal(sums.compute().sort_index(), wanted)
    assert "put together to" in decided(sums)[0]


def test_the_number_of_partitions_stays_where_it_can_be_seen() -> None:
    many = table("x", 20)
    few = many[many.x % 100 == 1]
    moved = few.shuffle("k")
    assert len(moved.map_partitions(len).compute()) == 20
    assert moved.persist(scheduler="sync").npartitions == 20
    assert len(shoal.compute(*moved.to_delayed())) == 20
    skewed, other = table("x", skew=0.6), table("yy", keys=4000)
    joined = skewed.merge(other, on="k")
    with limits(skew_limit="4kB", broadcast_limit="1B"):
        counts = joined.map_partitions(len).compute()
        assert "skewed cut into" in decided(joined.map_partitions(len))[0]
        kept = joined.persist(scheduler="sync")
    assert len(counts) == joined.npartitions == kept.npartitions
    assert counts.sum() == len(skewed.compute().merge(other.compute(), on="k"))
    pd.testing.assert_frame_equal(ordered(kept.compute()), ordered(joined.compute()))


def test_decisions_follow_each_other() -> None:
    one, two, three = table("x"), table("yy"), table("zzz")
    inner = one.merge(two[two.yy % 3 == 0], on="k")
    joined = inner.merge(three[three.zzz < 99], on="k")
    found = joined.compute()
    assert len(decided(joined)) == 2
    wanted = one.compute().merge(two[two.yy % 3 == 0].compute(), on="k")
    wanted = wanted.merge(three[three.zzz < 99].compute(), on="k")
    pd.testing.assert_frame_equal(ordered(found), ordered(wanted))


def test_what_is_known_to_be_small_or_read_by_others_is_planned_at_once() -> None:
    small = dd.from_pandas(pd.DataFrame({"k": range(50), "x": range(50)}), 5)
    assert "open until" not in small.merge(small.rename(columns={"x": "y"}), on="k").explain()
    large, other = table("x"), table("yy")
    few = other[other.yy < 9]
    both = shoal.delayed(list)([large.merge(few, on="k"), few.yy.sum()])
    assert "open until" not in both.explain()
    with config.set({"dataframe.replan.enabled": False}):
        assert "open until" not in large.merge(few, on="k").explain()


def test_a_source_is_read_once() -> None:
    ran: list[int] = []

    def counted(part: int) -> Any:
        ran.append(part)
        return make(part, "x", 50)

    frame = dd.from_map(counted, range(6), meta=make(0, "x", 50, rows=0))
    joined = frame[frame.x < 100].merge(frame, on="k")
    with config.set(scheduler="sync"):
        length = len(joined)
    assert sorted(ran) == list(range(6))
    whole = frame.compute()
    assert length == len(whole[whole.x < 100].merge(whole, on="k"))


def test_an_error_in_what_is_computed_first_is_the_users() -> None:
    def broken(part: int) -> Any:
        raise ZeroDivisionError("in a partition")

    other = dd.from_map(broken, range(3), meta=make(0, "yy", 5, rows=0))
    with pytest.raises(ZeroDivisionError, match="in a partition"):
        table("x").merge(other[other.yy > 1], on="k").compute()


def test_a_cluster_decides_alike() -> None:
    large, other = table("x"), table("yy")
    few = large.merge(other[other.yy % 100 == 3], on="k")
    cut = table("x", skew=0.6).merge(table("yy", keys=4000), on="k")
    wanted = [ordered(one.compute(scheduler="sync")) for one in (few, cut)]
    with (
        Client(
            n_workers=2, threads_per_worker=1, processes=False, dashboard_address=None
        ) as client,
        limits(skew_limit="4kB"),
    ):
        found = [one.compute() for one in (few, cut)]
        told = [decided(few)[0], decided(cut)[0]]
        later = client.compute(cut).result()
    for one, two in zip(found, wanted, strict=True):
        pd.testing.assert_frame_equal(ordered(one), two)
    assert told[0].startswith("the right side") and "skewed cut into" in told[1]
    pd.testing.assert_frame_equal(ordered(later), wanted[1])


def test_the_same_data_give_the_same_rows_in_the_same_order_wherever_parts_are() -> None:
    joined = table("x", skew=0.6).merge(table("yy", keys=4000), on="k")
    with limits(skew_limit="4kB"):
        one = joined.compute()
        with config.set({"shuffle-memory": "1kB"}):
            two = joined.compute()
    pd.testing.assert_frame_equal(one, two)


@pytest.mark.parametrize("seed", range(4))
def test_every_part_is_read_once_by_each_pair_that_may_meet(seed: int) -> None:
    rng = np.random.default_rng(seed)
    targets = int(rng.integers(1, 30))
    sizes = {
        side: (rng.pareto(0.7, (int(rng.integers(1, 9)), targets)) * 10).astype(int).tolist()
        for side in ("left", "right")
    }
    pieces = arrange(sizes, Limits(50, 200), ("left", "right"), merge=True)
    met: dict[tuple[int, int, int], int] = {}
    lists = {side: regrouped(pieces, side, len(rows)) for side, rows in sizes.items()}
    for i, one in enumerate(lists["left"]):
        for j, two in enumerate(lists["right"]):
            for a, b in zip(one, two, strict=True):
                for target in set(a) & set(b):
                    met[i, j, target] = met.get((i, j, target), 0) + 1
    everything = len(lists["left"]) * len(lists["right"]) * targets
    assert len(met) == everything and set(met.values()) == {1}


def test_groups_hold_everything_in_order() -> None:
    for count in (1, 2, 5, 50):
        groups = shared_out([5, 0, 1, 90, 2, 3], count)
        assert [i for group in groups for i in group] == list(range(6))
        assert 1 <= len(groups) <= count


def skewed(how: str, left: Any, right: Any) -> bool:
    """Whether partitions are cut; the rows are those of pandas."""
    made = left.merge(right, on="k", how=how)
    told = {"broadcast_limit": "1 B", "skew_limit": "2 kiB", "small_partition": "1 B"}
    with limits(**told):
        found = made.compute(scheduler="sync")
    wanted = left.compute().merge(right.compute(), on="k", how=how)
    pd.testing.assert_frame_equal(ordered(found), ordered(wanted))
    return any("skewed cut into" in text for text in decided(made))


@pytest.mark.parametrize(
    ("how", "moved"), [("inner", "left"), ("inner", "right"), ("left", "left"), ("right", "right")]
)
def test_a_skewed_side_is_cut_beside_one_that_is_where_it_has_to_be(how: str, moved: str) -> None:
    sides = {"left": table("x", skew=0.5), "right": table("yy", keys=40_000)}
    if moved == "right":
        sides = {"left": table("x", keys=40_000), "right": table("yy", skew=0.5)}
    still = "right" if moved == "left" else "left"
    sides[still] = sides[still].shuffle("k", npartitions=12)
    assert skewed(how, **sides)


def test_a_side_that_was_open_itself_is_where_it_has_to_be() -> None:
    large, other = table("x", skew=0.5), table("yy", keys=40_000)
    right = other[other.yy % 3 > 0].shuffle("k", npartitions=12)
    assert skewed("inner", large, right)
    # Rows of the side that is moved may not be apart from their like.
    assert not skewed("left", right, large.rename(columns={"x": "z"}))


def test_how_many_partitions_there_are_does_not_change_beside_one_that_stays() -> None:
    large, other = table("x", skew=0.5), table("yy", keys=40_000).shuffle("k", npartitions=12)
    made = large.merge(other, on="k")
    with limits(broadcast_limit="1 B", skew_limit="2 kiB", small_partition="1 B"):
        kept = made.persist(scheduler="sync")
    assert kept.npartitions == made.npartitions == 12
    pd.testing.assert_frame_equal(
        ordered(kept.compute()), ordered(large.compute().merge(other.compute(), on="k"))
    )


def test_a_partition_is_cut_where_workers_are_small() -> None:
    assert skew_bytes() == limit_bytes("skew-limit")
    with runs_where(lambda: 160 << 20):
        assert skew_bytes() == 10 << 20
