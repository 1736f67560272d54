"""The rules by which array expressions are rewritten, in the order in which they are tried.

One rule is one function in a file of its own, from a node to what should stand in its place, or
None.  To add one: write it with an example before and after, add it to `RULES`, and add a pair to
the golden tests, which also run both sides and compare.
"""

from __future__ import annotations

from shoal.array.rules.join_permutes import join_permutes

__all__ = ["RULES"]

RULES = (join_permutes,)
