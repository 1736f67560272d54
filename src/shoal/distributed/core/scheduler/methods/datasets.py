"""Named things that outlive the client that named them: datasets and metadata.

``datasets.publish {name, keys, data, override?}``, ``datasets.get {name}`` (``{"keys", "data"}``,
or None), ``datasets.list``, ``datasets.unpublish {name}``; ``data`` is what the client needs to
make its object again, opaque.  The keys are wanted as long as the dataset is published.
``metadata.set {keys, value}``, ``metadata.get {keys}``: a tree of small values, by path.
"""

from __future__ import annotations

from typing import Any

from shoal.distributed.core.scheduler.methods.calls import Method, MethodError
from shoal.distributed.core.scheduler.methods.queues import hand_over, keep, let_item_go
from shoal.distributed.core.scheduler.records import Party
from shoal.distributed.core.scheduler.state import Scheduler

__all__ = ["METHODS"]


def published(state: Scheduler) -> dict[Any, Any]:
    """All datasets: name to (keys, data, how often each key is kept)."""
    found: dict[Any, Any] = state.machines.setdefault("datasets", {})
    return found


def publish(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Name a dataset."""
    name = as_name(args["name"])
    known = published(state)
    if name in known:
        if not args.get("override"):
            raise MethodError("KeyError", f"a dataset {name!r} is published already")
        unpublish(state, who, request, args, now)
    counts: dict[Any, int] = {}
    for key in args["keys"]:
        keep(state, f"dataset {name}", counts, ("future", key))
    known[name] = (args["keys"], args["data"], counts)


def get(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A dataset; its keys are wanted by the client from now on."""
    found = published(state).get(as_name(args["name"]))
    if found is None:
        return None
    value = {"keys": found[0], "data": found[1]}
    return hand_over(state, who.party, value, [("future", key) for key in found[0]])


def names(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """Names of all datasets."""
    return list(published(state))


def unpublish(state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float) -> Any:
    """A dataset is named no more."""
    name = as_name(args["name"])
    found = published(state).pop(name, None)
    if found is not None:
        for key in found[0]:
            let_item_go(state, f"dataset {name}", found[2], ("future", key))


def as_name(name: Any) -> Any:
    """A name as msgpack gave it."""
    return tuple(name) if isinstance(name, list) else name


def set_metadata(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """Keep a value at a path."""
    tree = state.machines.setdefault("metadata", {})
    *path, last = [as_name(key) for key in args["keys"]]
    for key in path:
        tree = tree.setdefault(key, {})
        if not isinstance(tree, dict):
            raise MethodError("ValueError", f"{args['keys']}: {key!r} is a value, not a branch")
    tree[last] = args["value"]


def get_metadata(
    state: Scheduler, who: Party, request: int, args: dict[str, Any], now: float
) -> Any:
    """The value at a path."""
    tree: Any = state.machines.setdefault("metadata", {})
    for key in args["keys"]:
        if not isinstance(tree, dict) or as_name(key) not in tree:
            raise MethodError("KeyError", f"there is no metadata at {args['keys']}")
        tree = tree[as_name(key)]
    return tree


METHODS: dict[str, Method] = {
    "datasets.publish": publish,
    "datasets.get": get,
    "datasets.list": names,
    "datasets.unpublish": unpublish,
    "metadata.set": set_metadata,
    "metadata.get": get_metadata,
}
