"""What the bag's rules make of expressions, beside how these were written; both sides also run.

``bag_rules.txt`` holds the pairs.  After a change that is meant, ``UPDATE_GOLDEN=1`` writes the
file anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from operator import add
from pathlib import Path
from typing import Any

import pytest

import shoal
import shoal.bag as db
from shoal.bag.rules import RULES
from shoal.collection import rules_of
from shoal.expr.explain import outline
from shoal.expr.rewrite import rewrite

GOLDEN = Path(__file__).with_name("bag_rules.txt")


def odd(x: int) -> int:
    return x % 2


def words() -> Any:
    return db.from_sequence(["a b a", "b c", "a"], npartitions=3)


def numbers() -> Any:
    return db.range(12, npartitions=4)


def shared() -> list[Any]:
    doubled = numbers().map(abs).map(add, 1)
    return [doubled.sum(), doubled.max()]


def self_map() -> Any:
    # The same partition is read by two arguments: an iterator could serve only one.
    bag = numbers().map(abs)
    return bag.map(add, bag)


def annotated() -> Any:
    with shoal.annotate(priority=1):
        bag = numbers().map(abs)
    return bag.map(abs)


def read() -> Any:
    words().to_textfiles("memory://golden/*.txt", scheduler="sync")
    return db.read_text("memory://golden/*.txt").str.split().flatten()


CASES: dict[str, Callable[[], Any]] = {
    "a chain becomes one stage, with its source": lambda: (
        words().map(str.split).flatten().filter(None).remove(str.isupper).pluck(0)
    ),
    "a file is read where its lines are used": lambda: read().map(len),
    "two bags side by side join one stage": lambda: db.map(
        add, numbers().map(abs), numbers().map(odd).map(abs)
    ),
    "an item is computed once and not in every partition": lambda: (
        numbers().map(abs).map(add, numbers().max().apply(abs))
    ),
    "what is used twice is computed once": shared,
    "a range is made twice rather than kept": lambda: [numbers().sum(), numbers().max()],
    "an argument that repeats is not fused": self_map,
    "stages with different annotations stay apart": annotated,
    "counting is the first level of the tree": lambda: words().map(str.split).count(),
    "the largest counts are taken where counts meet": lambda: (
        words().str.split().flatten().frequencies().topk(1, key=1).pluck(0)
    ),
    "a bag of one partition needs no tree": lambda: words().repartition(1).map(len).sum(),
    "only wanted partitions are selected at the source": lambda: (
        words().map(str.split).flatten().take(2, npartitions=2, compute=False)
    ),
    "the first elements come from one part of a concatenation": lambda: db.concat(
        [numbers().map(abs), words()]
    ).take(2, compute=False),
    "a stage over a concatenation joins each part": lambda: db.concat(
        [numbers().filter(odd), numbers()]
    ).map(abs),
    "groups are written by the stage before and counted by the one after": lambda: (
        numbers().map(abs).groupby(odd).starmap(lambda key, group: (key, len(group)))
    ),
}


def rewritten(roots: list[Any]) -> list[Any]:
    nodes = [root.__shoal_node__() for root in roots]
    return rewrite(nodes, rules_of(nodes))[0]


def picture(nodes: list[Any]) -> str:
    lines = outline(
        nodes,
        lambda node: [s for s in node.sources if hasattr(s, "label")],
        lambda node: node.name,
    )
    return "\n".join(f"    {line.text(lambda n: f'{n.label()} {n.shape}')}" for line in lines)


def section(title: str, roots: list[Any]) -> str:
    before = picture([root.__shoal_node__() for root in roots])
    return f"# {title}\n\n{before}\n\n  ->\n\n{picture(rewritten(roots))}\n"


def roots_of(title: str) -> list[Any]:
    made = CASES[title]()
    return made if isinstance(made, list) else [made]


def sections() -> dict[str, str]:
    parts = ["# " + part for part in GOLDEN.read_text().split("# ")[1:]]
    return {part.splitlines()[0][2:]: part.rstrip() for part in parts}


@pytest.fixture(scope="module", autouse=True)
def update() -> None:
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text("\n".join(section(title, roots_of(title)) for title in CASES))


@pytest.mark.parametrize("title", CASES)
def test_rewritten_as_written_down(title: str) -> None:
    assert section(title, roots_of(title)).rstrip() == sections()[title]


@pytest.mark.parametrize("title", CASES)
def test_both_sides_compute_the_same(title: str) -> None:
    roots = roots_of(title)
    before = shoal.compute(*roots, scheduler="sync", optimize_graph=False)
    after = shoal.compute(*roots, scheduler="sync")
    assert before == after


def test_the_file_holds_no_forgotten_pair() -> None:
    assert sections().keys() == CASES.keys()


def test_every_rule_is_seen_at_work() -> None:
    used: set[str] = set()
    for title in CASES:
        nodes = [root.__shoal_node__() for root in roots_of(title)]
        used.update(step.rule for step in rewrite(nodes, rules_of(nodes))[1])
    assert used == {rule.__name__ for rule in RULES}
