"""The rules by which frame expressions are rewritten, in the order in which they are tried.

One rule is one function in a file of its own.  There are six phases (`shoal.expr.rewrite`):

1. *Logical* rules move filters, projections and limits towards the sources, and into them.
2. *Columnar*: what the columnar kernel can compute whole becomes one task.
3. *Open*: joins with a side that is surely small are told to give it to all partitions of the
   other one; shuffles whose sizes are not known, and frames of which nobody knows whether their
   labels are the same, are planned when they run (`shoal.expr.adapt`).
4. *Physical*: what a logical node computes is replaced by nodes that do it.
5. *Stages*: operations on the same partition become one task.
6. *Kernels*: stages that read files begin in the columnar kernel, as far as that goes; others
   have operations in it where that is asked for.

Some of what an optimiser does needs no rule, and is found elsewhere:

* Common subexpressions, and shuffles that are used twice, are one node: equal expressions have one
  name (`shoal.expr.node`), and rules that would part what two readers share ask how many there are.
* How large the pieces of files are is said by footers when a reader is made, before there is an
  expression (`shoal.dataframe.io.parquet_plan`): the number of partitions is what users see.
* A join of one partition, rows that are in place already, and cuts at known divisions are ways of
  `shoal.dataframe.nodes.moves.Join.physical`; what is not known before it runs is left open by
  `leave_open`, and decided by `shoal.dataframe.nodes.open` and its like.

To add one: write it with an example before and after, add it to `RULES`, and add a pair to the
golden tests, which also run both sides and compare.
"""

from __future__ import annotations

from shoal.dataframe.rules.answer_known import answer_known
from shoal.dataframe.rules.column_of import column_of
from shoal.dataframe.rules.columnar_region import columnar_region
from shoal.dataframe.rules.columnar_stages import columnar_stages
from shoal.dataframe.rules.compare_labels import compare_labels
from shoal.dataframe.rules.filter_below import filter_below
from shoal.dataframe.rules.filter_groups import filter_groups
from shoal.dataframe.rules.filter_into_reader import filter_into_reader
from shoal.dataframe.rules.filter_through import filter_through
from shoal.dataframe.rules.fold_constants import fold_constants
from shoal.dataframe.rules.fuse_stages import fuse_stages
from shoal.dataframe.rules.gather_small import gather_small
from shoal.dataframe.rules.give_to_all import give_to_all
from shoal.dataframe.rules.head_through import head_through
from shoal.dataframe.rules.leave_open import leave_open
from shoal.dataframe.rules.meet_in_fewer import meet_in_fewer
from shoal.dataframe.rules.merge_filters import merge_filters
from shoal.dataframe.rules.order_joins import order_joins
from shoal.dataframe.rules.prune_columns import prune_columns
from shoal.dataframe.rules.to_physical import to_physical
from shoal.dataframe.rules.top_of_sorted import top_of_sorted

__all__ = ["RULES"]

RULES = (
    # phase 0
    column_of,
    answer_known,
    fold_constants,
    merge_filters,
    filter_through,
    filter_below,
    filter_groups,
    filter_into_reader,
    head_through,
    top_of_sorted,
    order_joins,
    prune_columns,
    # phase 1
    columnar_region,
    # phase 2
    give_to_all,
    meet_in_fewer,
    compare_labels,
    leave_open,
    # phase 3
    to_physical,
    gather_small,
    # phase 4
    fuse_stages,
    # phase 5
    columnar_stages,
)
