"""Readers that other processes can read with.

An open HDF5 file cannot be sent anywhere.  Its name can: who receives a dataset opens the file for
reading, once in a process.
"""

from __future__ import annotations

import os
import sys
import uuid
from functools import lru_cache
from typing import Any

from shoal.optional import import_required

__all__ = ["HDF5Dataset", "portable", "said_by_name"]


def portable(x: Any) -> Any:
    """Something that is sliced like an array, so that it can be sent to other processes.

    Parameters
    ----------
    x
        A dataset of h5py's, in a file; anything else is returned as it is.

    Examples
    --------
    >>> portable([1, 2])
    [1, 2]
    """
    h5py = sys.modules.get("h5py")
    if h5py is None or not isinstance(x, h5py.Dataset) or not x.name:
        return x
    return HDF5Dataset(x) if os.path.isfile(x.file.filename) else x


def said_by_name(x: Any) -> Any:
    """What tells a reader from others.

    For a dataset of h5py's, in a file on a disk that is open for reading only, it is the file as it
    is now, and the dataset's name.  Of an array of zarr's nothing tells whether its chunks were
    written meanwhile: each is another one.  Anything else is itself.

    Parameters
    ----------
    x
        A reader.

    Examples
    --------
    >>> said_by_name([1, 2])
    [1, 2]
    """
    zarr, h5py = sys.modules.get("zarr"), sys.modules.get("h5py")
    if zarr is not None and isinstance(x, zarr.Array):
        return "zarr array", uuid.uuid4().hex
    if h5py is None or not isinstance(x, h5py.Dataset) or not x.name:
        return x
    file = x.file
    if file.mode != "r" or file.swmr_mode or not os.path.isfile(file.filename):
        return x
    found = os.stat(file.filename)
    state = (found.st_dev, found.st_ino, found.st_mtime_ns, found.st_size)
    return "HDF5 dataset", os.path.realpath(file.filename), state, x.name


class HDF5Dataset:
    """A dataset of h5py's, with all that it offers, which is opened again where it is sent.

    Parameters
    ----------
    dataset
        In a file on a disk that all processes have.

    Examples
    --------
    >>> import pickle, tempfile
    >>> import h5py
    >>> with h5py.File(tempfile.mktemp(suffix=".h5"), "w") as file:
    ...     file["x"] = [1, 2, 3]
    ...     stream = pickle.dumps(HDF5Dataset(file["x"]))
    >>> pickle.loads(stream)[1:]
    array([2, 3])
    """

    __slots__ = ("dataset",)

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __getitem__(self, index: Any) -> Any:
        return self.dataset[index]

    def __getattr__(self, name: str) -> Any:
        return getattr(object.__getattribute__(self, "dataset"), name)

    def __shoal_tokenize__(self) -> Any:
        return said_by_name(self.dataset)

    def __reduce__(self) -> tuple[Any, ...]:
        path = os.path.abspath(self.dataset.file.filename)
        return _opened, (path, self.dataset.name)


def _opened(path: str, name: str) -> HDF5Dataset:
    found = os.stat(path)
    return HDF5Dataset(_file(path, found.st_ino, found.st_mtime_ns)[name])


@lru_cache(maxsize=32)
def _file(path: str, inode: int, mtime_ns: int) -> Any:
    """The open file; another one when there is another file at the path."""
    h5py = import_required("h5py", "reading HDF5 files")
    return h5py.File(path, "r")
