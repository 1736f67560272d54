"""Bringing the elements of a group together, whichever partition they are in.

Two ways to the same result: through files (`disk`), and through other tasks (`tasks`).  Both
collect the elements of each partition by key first, so a key is hashed once for a batch and not
once for an element, and both send a key where `hashing` says.
"""

from __future__ import annotations

from typing import Any

from shoal import config
from shoal.bag.arguments import whole_number
from shoal.bag.elementwise import then
from shoal.bag.kernels import as_key
from shoal.bag.nodes import BagNode, Stage, Tree, one_step
from shoal.bag.shuffle.disk import (
    collect_partition,
    count_buckets,
    index_files,
    spill_groups,
)
from shoal.bag.shuffle.spill import SpillDirectory
from shoal.bag.shuffle.tasks import TaskShuffle, join_groups, key_groups
from shoal.bag.steps import step
from shoal.collection import choose_scheduler
from shoal.expr.annotate import current_annotations
from shoal.expr.lower import Lowering
from shoal.graph.layers import Each
from shoal.graph.task import Ref

__all__ = ["SpillPlace", "groupby"]


class SpillPlace(BagNode):
    """A directory for the files of one run; it lives as long as the run's plan.

    Parameters
    ----------
    parent
        Where; None: the system's directory for temporary files.

    Examples
    --------
    >>> SpillPlace(None).shape
    ()
    """

    __slots__ = ()
    fields = ("parent",)
    prefix = "groupby-files"
    npartitions = None

    def place(self, lowering: Lowering) -> None:
        """Data that removes the directory when it is let go, so each plan has its own."""
        lowering.add_data(self.name, (SpillDirectory(self.parent),))


def groupby(
    bag: Any,
    grouper: Any,
    method: str | None = None,
    npartitions: int | None = None,
    blocksize: int = 2**20,
    max_branch: int | None = None,
    shuffle: str | None = None,
) -> Any:
    """Bring all elements of a group together.

    Parameters
    ----------
    bag
        Of any elements.
    grouper, method, npartitions, blocksize, max_branch, shuffle
        As `Bag.groupby` has them.

    Raises
    ------
    ValueError, TypeError
        An argument cannot be used.

    Examples
    --------
    >>> import shoal.bag as db
    >>> groups = groupby(db.range(6, 2), lambda x: x % 2, shuffle="tasks", npartitions=1)
    >>> groups.compute(scheduler="sync")
    [(0, [0, 2, 4]), (1, [1, 3, 5])]
    """
    if method is not None:
        raise TypeError(f"groupby's method= is now shuffle=; pass shuffle={method!r}")
    count = bag.npartitions if npartitions is None else whole_number("npartitions", npartitions)
    shuffle = shuffle or config.get("shuffle", None) or _default_shuffle(bag)
    get = as_key(grouper)
    if shuffle == "disk":
        return type(bag)(_through_files(bag, get, count, blocksize))
    if shuffle == "tasks":
        return type(bag)(_through_tasks(bag, get, count, max_branch))
    raise ValueError(f"shuffle is 'disk' or 'tasks', got {shuffle!r}")


def _default_shuffle(bag: Any) -> str:
    # A client's workers need not share a disk.
    return "tasks" if hasattr(choose_scheduler(collections=[bag]), "__shoal_run__") else "disk"


def _through_files(bag: Any, grouper: Any, npartitions: int, blocksize: int) -> Stage:
    told = current_annotations()
    buckets = count_buckets(npartitions)
    place = SpillPlace(config.get("temporary-directory", None), annotations=told)
    write = step(spill_groups, grouper, buckets, blocksize, Ref(1), Ref(0), title="groupby-spill")
    written = Stage((bag._node, place), (write,), bag.npartitions, annotations=told)
    names = Tree(written, list, list, None, "groupby-barrier", None, annotations=told)
    share = buckets // npartitions
    note = step(index_files, share, npartitions, Ref(1), Ref(0), title="groupby-index")
    index = Stage((names, place), (note,), None, annotations=told)
    read = step(collect_partition, share, Ref(1), Ref(0), Ref(2), title="groupby-collect")
    partitions = Each(range(npartitions))
    return Stage((index, place, partitions), (read,), npartitions, annotations=told)


def _through_tasks(bag: Any, grouper: Any, npartitions: int, max_branch: int | None) -> Stage:
    if max_branch is not None:
        # There are no stages that would branch; who says so gets no other result.
        whole_number("max_branch", max_branch, 2)
    told = current_annotations()
    keyed = then(bag, step(key_groups, grouper, npartitions, Ref(0), title="groupby-key"))
    shuffled = TaskShuffle(keyed._node, npartitions, annotations=told)
    return one_step(shuffled, step(join_groups, Ref(0), title="groupby-join"), told)
