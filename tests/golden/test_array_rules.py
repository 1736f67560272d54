"""What the rules of arrays make of expressions, beside how these were written; both sides also run.

``array_rules.txt`` holds the pairs.  After a change that is meant, ``UPDATE_GOLDEN=1`` writes the
file anew; read the difference before it is committed.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import shoal
import shoal.array as da
from shoal.array.rules import RULES
from shoal.array.testing import assert_eq
from shoal.collection import rules_of
from shoal.expr.explain import outline
from shoal.expr.rewrite import rewrite

GOLDEN = Path(__file__).with_name("array_rules.txt")

X = np.arange(60.0).reshape(6, 10)


class Dataset:
    """Something that is sliced like an array."""

    shape, dtype, ndim = X.shape, X.dtype, 2

    def __getitem__(self, index: Any) -> Any:
        return X[index]

    def __shoal_tokenize__(self) -> str:
        return "the dataset of the golden tests"


def blocks(chunks: Any = (4, 3)) -> Any:
    return da.from_array(X, chunks=chunks)


def stored() -> Any:
    return da.from_array(Dataset(), chunks=(4, 3))


def shared() -> list[Any]:
    x = blocks() + 1
    return [x.sum(), (x * 2).max()]


CASES: dict[str, Callable[[], Any]] = {
    "a chain is one task a block": lambda: np.sqrt((blocks() + 1) * 2 + blocks() ** 2),
    "a reduction takes a chain tile by tile": lambda: ((blocks() - 1) * 2 + blocks() ** 2).sum(),
    "a transform's rows are taken while they are near": lambda: abs(
        da.fft.fft(blocks((4, -1)) + 1)
    ).sum(axis=1),
    "a transposed operand is a view": lambda: (blocks(3)[:, :6] + blocks(3)[:, :6].T).mean(axis=0),
    "what is used twice is computed once": shared,
    "what only one expression uses twice is taken up": lambda: (
        (blocks() + 1) * 2 + (blocks() + 1) ** 2
    ).max(axis=1),
    "a repeated operand is not computed for every block": lambda: blocks() - (blocks()[0] * 2 + 1),
    "constants are part of the program": lambda: (
        blocks() * da.full((6, 10), 2, chunks=(4, 3)) + da.ones((6, 10), chunks=(4, 3))
    ),
    "only the part of a file that is needed is read": lambda: ((stored() + 1) * 2)[1:5:2, 3].sum(),
    "transposing twice": lambda: blocks().T.T,
    "a part of a part": lambda: blocks()[1:5][::2, 3:][1],
    "a part of a transposed array": lambda: blocks().T[2:4, 1:][:, 0],
    "a part of arrays side by side": lambda: da.concatenate([blocks(), blocks() + 1])[1:5, 2:],
    "a part of a stack": lambda: da.stack([blocks(), blocks() + 1])[1, 2:],
    "a part of a reduction along another axis": lambda: stored().sum(axis=0)[2:5] + 1,
    "a part of a reduction that keeps its axes": lambda: stored().sum(axis=0, keepdims=True)[0, 2],
    "a part of an array in another shape": lambda: (
        (stored() + 1).rechunk((4, 10)).reshape(6, 2, 5)[1:5, :, :]
    ),
    "a part of a flat array": lambda: (stored() + 1).rechunk((2, 10)).ravel()[20:40],
    "a part of an array in other blocks": lambda: (blocks() + 1).rechunk((2, 10))[:2],
    "a part of a repeated array": lambda: da.broadcast_to(blocks(), (3, 6, 10))[1:, 2, ::2],
    "half of a symmetric product is computed": lambda: blocks() @ blocks().T,
    "the same of the transposed first": lambda: blocks().T @ blocks() + 1,
    "a transposed array in other blocks": lambda: blocks().T.rechunk((5, 6)) + 1,
    "a product is computed in blocks without slivers": lambda: (
        da.from_array(np.eye(65)[:6], chunks=64) @ da.from_array(np.eye(65), chunks=64)
    ),
    "a function of one value is one value": lambda: (
        blocks() - np.sqrt(da.full((6, 10), 8, chunks=(4, 3)) * 2).T[0, 0]
    ),
    "one value is made where it is used": lambda: (
        da.ones((6, 9), chunks=3) - da.ones((6, 9), chunks=3).mean(axis=0)
    ),
    "a mean takes the sums of a deviation": lambda: (
        (blocks() - blocks().mean(axis=0)) / blocks().std(axis=0)
    ),
    "singular values need no vectors": lambda: da.linalg.svd(da.from_array(X.T, chunks=(4, 6)))[1],
    "a sequence is made where it is used": lambda: da.arange(100, chunks=10)[20:40:2].rechunk(3),
}


def case(name: str) -> list[Any]:
    made = CASES[name]()
    return made if isinstance(made, list) else [made]


def shown(roots: list[Any]) -> str:
    lines = outline(
        roots,
        lambda node: [s for s in node.sources if hasattr(s, "label")],
        lambda node: node.name,
    )
    return "\n".join(f"    {line.text(lambda n: f'{n.label()} {n.array_shape}')}" for line in lines)


def pair(name: str) -> str:
    roots = [x.__shoal_node__() for x in case(name)]
    new, steps = rewrite(roots, rules_of(roots))
    rules = ", ".join(dict.fromkeys(step.rule for step in steps)) or "none"
    return f"{name}\n  as written\n{shown(roots)}\n  rewritten by {rules}\n{shown(new)}\n"


def test_pairs_are_as_agreed() -> None:
    text = "\n".join(pair(name) for name in CASES)
    if os.environ.get("UPDATE_GOLDEN"):
        GOLDEN.write_text(text, "utf-8")
    assert text == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize("name", CASES)
def test_both_sides_give_the_same(name: str) -> None:
    written = shoal.compute(*case(name), optimize_graph=False, scheduler="sync")
    for lazy, value in zip(case(name), written, strict=True):
        assert_eq(lazy, value)


def test_every_rule_has_a_pair() -> None:
    used = set()
    for name in CASES:
        roots = [x.__shoal_node__() for x in case(name)]
        used |= {step.rule for step in rewrite(roots, rules_of(roots))[1]}
    assert used >= {rule.__name__ for rule in RULES}
