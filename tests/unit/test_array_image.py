"""Images from files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from shoal.array.image import imread
from shoal.array.testing import assert_eq


def save(folder: Path, *shapes: tuple[int, ...]) -> list[np.ndarray]:
    images = [np.full(shape, i, "u1") for i, shape in enumerate(shapes)]
    for i, image in enumerate(images):
        np.save(folder / f"{i}.npy", image)
    return images


def test_one_block_an_image(tmp_path: Path) -> None:
    images = save(tmp_path, (4, 3, 2), (4, 3, 2))
    found = imread(f"{tmp_path}/*.npy", np.load)
    assert found.chunks == ((1, 1), (4,), (3,), (2,))
    assert_eq(found, np.stack(images))
    assert_eq(
        imread(f"{tmp_path}/*.npy", np.load, lambda x: x[0]), np.stack([x[0] for x in images])
    )


def test_files_that_pillow_or_skimage_reads(tmp_path: Path) -> None:
    image = pytest.importorskip("PIL.Image")
    pixels = np.arange(12, dtype="u1").reshape(4, 3)
    image.fromarray(pixels).save(tmp_path / "a.png")
    assert_eq(imread(f"{tmp_path}/*.png"), pixels[None])


def test_no_files(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="No files found"):
        imread(f"{tmp_path}/*.png", np.load)


def test_an_image_of_another_shape_is_named(tmp_path: Path) -> None:
    save(tmp_path, (4, 3), (4, 2))
    with pytest.raises(ValueError, match=r"1\.npy.*\(4, 2\).*\(4, 3\)"):
        imread(f"{tmp_path}/*.npy", np.load).compute()
