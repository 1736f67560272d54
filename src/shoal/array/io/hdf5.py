"""Arrays in HDF5 files."""

from __future__ import annotations

from typing import Any

from shoal.array.collection import Array
from shoal.array.io.storing import store
from shoal.optional import import_required

__all__ = ["to_hdf5"]


def to_hdf5(filename: Any, *args: Any, chunks: Any = True, **kwargs: Any) -> None:
    """Write arrays to an HDF5 file.

    Parameters
    ----------
    filename
        Of the file, which is made where it does not exist.
    *args
        A dataset's path in the file and an array, or a dict of them.
    chunks
        Of the datasets: True for those of the array, None for none, or lengths.
    **kwargs
        For ``h5py.File.require_dataset``, such as ``compression``.

    Raises
    ------
    ValueError
        No arrays, or something else than arrays.

    Examples
    --------
    >>> import os, tempfile
    >>> import h5py
    >>> import shoal.array as da
    >>> path = os.path.join(tempfile.mkdtemp(), "x.h5")
    >>> to_hdf5(path, "/x", da.ones(4, chunks=2))
    >>> with h5py.File(path) as file:
    ...     da.from_array(file["x"]).chunks
    ((4,),)
    """
    if len(args) == 1 and isinstance(args[0], dict):
        data = args[0]
    elif len(args) == 2 and isinstance(args[0], str) and isinstance(args[1], Array):
        data = {args[0]: args[1]}
    else:
        raise ValueError("to_hdf5 takes a file, then {'/path': array}, or '/path', array")
    wrong = [path for path, x in data.items() if not isinstance(x, Array)]
    if wrong:
        raise ValueError(f"{wrong[0]!r} is a {type(data[wrong[0]]).__name__}; use from_array first")
    h5py = import_required("h5py", "writing HDF5 files")
    with h5py.File(filename, mode="a") as file:
        datasets = [
            file.require_dataset(
                path,
                shape=x.shape,
                dtype=x.dtype,
                chunks=tuple([own[0] for own in x.chunks]) if chunks is True else chunks,
                **kwargs,
            )
            for path, x in data.items()
        ]
        store(list(data.values()), datasets)


def to_hdf5_of(self: Array, filename: Any, datapath: str, **kwargs: Any) -> None:
    """Write the array to an HDF5 file; see `shoal.array.to_hdf5`."""
    to_hdf5(filename, datapath, self, **kwargs)
