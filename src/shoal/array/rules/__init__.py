"""The rules by which array expressions are rewritten, in the order in which they are tried.

One rule is one function in a file of its own, from a node to what should stand in its place, or
None.  To add one: write it with an example before and after, add it to `RULES`, and add a pair to
the golden tests, which also run both sides and compare.

What is moved goes towards the sources: parts are taken before anything is computed, and only then
is what stands in a row fused.
"""

from __future__ import annotations

from shoal.array.rules.fold_constants import fold_constants
from shoal.array.rules.fuse_along import fuse_along
from shoal.array.rules.fuse_elementwise import fuse_elementwise
from shoal.array.rules.fuse_reduction import fuse_reduction
from shoal.array.rules.inline_sources import inline_sources
from shoal.array.rules.join_permutes import join_permutes
from shoal.array.rules.join_slices import join_slices
from shoal.array.rules.join_slivers import join_slivers
from shoal.array.rules.rechunk_permute import rechunk_permute
from shoal.array.rules.rechunk_source import rechunk_source
from shoal.array.rules.result_alone import result_alone
from shoal.array.rules.share_partials import share_partials
from shoal.array.rules.slice_broadcast import slice_broadcast
from shoal.array.rules.slice_concatenate import slice_concatenate
from shoal.array.rules.slice_elementwise import slice_elementwise
from shoal.array.rules.slice_permute import slice_permute
from shoal.array.rules.slice_rechunk import slice_rechunk
from shoal.array.rules.slice_reduction import slice_reduction
from shoal.array.rules.slice_reshape import slice_reshape
from shoal.array.rules.slice_source import slice_source
from shoal.array.rules.symmetric_product import symmetric_product
from shoal.expr.rewrite import Rule

__all__ = ["RULES"]

RULES: tuple[Rule, ...] = (
    join_permutes,
    join_slices,
    slice_source,
    slice_elementwise,
    slice_permute,
    slice_broadcast,
    slice_concatenate,
    slice_reduction,
    slice_reshape,
    slice_rechunk,
    rechunk_source,
    rechunk_permute,
    fold_constants,
    share_partials,
    symmetric_product,
    join_slivers,
    result_alone,
    fuse_elementwise,
    fuse_along,
    fuse_reduction,
    inline_sources,
)
