"""Images as arrays: one file is one block."""

from __future__ import annotations

import glob
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from shoal.array.arrangement import stack
from shoal.array.collection import Array
from shoal.array.conversion import from_delayed
from shoal.delayed import delayed
from shoal.errors import MissingDependencyError
from shoal.optional import import_required

__all__ = ["imread"]


def imread(
    filename: str,
    imread: Callable[[str], Any] | None = None,
    preprocess: Callable[[Any], Any] | None = None,
) -> Array:
    """Read images of one shape and type; a block for each, along a new first axis.

    Parameters
    ----------
    filename
        A pattern such as ``"photos/*.png"``; files come in the order of their names.
    imread
        A function of a file's name; by default that of scikit-image or of Pillow, whichever is
        installed.
    preprocess
        A function of each image.

    Raises
    ------
    ValueError
        No file has such a name.  When computed: an image differs from the first, which is named.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> for name in "ab":
    ...     np.save(folder / f"{name}.npy", np.ones((4, 3), "u1"))
    >>> imread(f"{folder}/*.npy", np.load).shape
    (2, 4, 3)
    """
    read = imread or _reader()
    names = sorted(glob.glob(filename))
    if not names:
        raise ValueError(f"No files found under name {filename}")
    first = np.asarray(_read(names[0], read, preprocess))
    load = delayed(
        partial(_read, imread=read, preprocess=preprocess, like=(first.shape, first.dtype))
    )
    blocks = [from_delayed(load(name), first.shape, dtype=first.dtype) for name in names]
    return stack(blocks)


def _reader() -> Callable[[str], Any]:
    try:
        found: Callable[[str], Any] = import_required("skimage.io", "imread").imread
    except MissingDependencyError:
        pillow = import_required("PIL.Image", "imread")
        return partial(_with_pillow, pillow)
    return found


def _with_pillow(pillow: Any, name: str) -> Any:
    with pillow.open(name) as image:
        return np.asarray(image)


def _read(name: str, imread: Any, preprocess: Any, like: Any = None) -> Any:
    """An image, which has to be like the first."""
    image = imread(name)
    if preprocess is not None:
        image = preprocess(image)
    if like is not None:
        image = np.asarray(image)
        if (image.shape, image.dtype) != like:
            raise ValueError(
                f"the image {name!r} has shape {image.shape} and type {image.dtype}, and the first "
                f"one {like[0]} and {like[1]}; read images of different kinds apart, or make them "
                "alike with preprocess="
            )
    return image
