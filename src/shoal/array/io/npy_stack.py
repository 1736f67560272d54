"""Stacks of ``.npy`` files: a file for each block along one axis."""

from __future__ import annotations

import os
import pickle
from typing import Any

import numpy as np

from shoal.array.collection import Array
from shoal.array.kernels.store import load_stack_block
from shoal.array.nodes.sources import Generated
from shoal.array.rechunking import rechunk
from shoal.collection import compute
from shoal.delayed import delayed
from shoal.graph.token import tokenize

__all__ = ["from_npy_stack", "to_npy_stack"]


def to_npy_stack(dirname: Any, x: Array, axis: int = 0) -> None:
    """Write an array as a stack of files.

    Parameters
    ----------
    dirname
        A directory, made where it does not exist.
    x
        The array.
    axis
        Along which it is cut into files; along the others blocks become whole.

    Examples
    --------
    >>> import tempfile
    >>> import shoal.array as da
    >>> folder = tempfile.mkdtemp()
    >>> to_npy_stack(folder, da.arange(4, chunks=2))
    >>> from_npy_stack(folder).chunks
    ((2, 2),)
    """
    axis %= x.ndim
    x = rechunk(x, {i: -1 for i in range(x.ndim) if i != axis})
    folder = os.fspath(dirname)
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "info"), "wb") as file:
        pickle.dump({"chunks": x.chunks, "dtype": x.dtype, "axis": axis}, file)
    blocks = x.to_delayed().reshape(-1)
    save = delayed(np.save, pure=False)
    compute([save(os.path.join(folder, f"{i}.npy"), block) for i, block in enumerate(blocks)])


def from_npy_stack(dirname: Any, mmap_mode: str | None = "r") -> Array:
    """Read a stack of files that `to_npy_stack` has written.

    Parameters
    ----------
    dirname
        The directory.  Its file ``info`` is a pickle, so it must come from someone you trust.
    mmap_mode
        As `numpy.load` takes it; None to read files whole.

    Examples
    --------
    >>> import tempfile
    >>> import shoal.array as da
    >>> folder = tempfile.mkdtemp()
    >>> to_npy_stack(folder, da.arange(4, chunks=2))
    >>> from_npy_stack(folder).compute()
    array([0, 1, 2, 3])
    """
    folder = os.fspath(dirname)
    path = os.path.join(folder, "info")
    with open(path, "rb") as file:
        info = pickle.load(file)
    chunks, dtype, axis = info["chunks"], np.dtype(info["dtype"]), info["axis"]
    told = (("folder", folder), ("axis", axis), ("mmap_mode", mmap_mode))
    name = f"from-npy-stack-{tokenize(told, os.path.getmtime(path))}"
    kind = np.empty((0,) * len(chunks), dtype)
    chunks = tuple(map(tuple, chunks))
    node = Generated(load_stack_block, ("index",), told, chunks, kind, "from-npy-stack", name=name)
    return Array(node)
