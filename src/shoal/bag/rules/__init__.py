"""The rules by which bag expressions are rewritten, in the order in which they are tried.

One rule is one function in a file of its own, from a node to what should stand in its place, or
None.  To add one: write it with an example before and after, add it to `RULES`, and add a pair to
the golden tests, which also run both sides and compare.
"""

from __future__ import annotations

from shoal.bag.rules.finish_in_tree import finish_in_tree
from shoal.bag.rules.fuse_stages import fuse_stages
from shoal.bag.rules.select_through import select_through
from shoal.bag.rules.stage_through_concat import stage_through_concat
from shoal.bag.rules.tree_of_one import tree_of_one

__all__ = ["RULES"]

RULES = (
    select_through,
    stage_through_concat,
    tree_of_one,
    fuse_stages,
    finish_in_tree,
)
