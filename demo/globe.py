"""A second job: an array in a file, its mean over time, and a picture.

    make demo                          # or: python demo/globe.py [--days N] [--scheduler NAME]

1. Temperatures of every day on a grid of one degree are made up (latitude, season, weather), in
   blocks, and written to an HDF5 file as they come.
2. The file is read in blocks: the mean and the standard deviation of every place, and the day on
   which the whole globe deviates most from its mean, are one computation.
3. The means are drawn as demo-output/globe.png.

The same is then done by NumPy, with the whole file in memory, and the answers must be equal.
"""

from __future__ import annotations

import argparse
import struct
import time
import zlib
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import shoal
import shoal.array as da

OUTPUT = Path(__file__).resolve().parent.parent / "demo-output"
BLOCK = 30
"""Days in a block: 8 MB."""

COLD, MILD, HOT = (33, 60, 160), (240, 240, 225), (180, 30, 35)


def weather(days: int) -> da.Array:
    """Temperatures in degrees Celsius: day, latitude, longitude."""
    day = da.arange(days, chunks=BLOCK, dtype="f4")[:, None, None]
    latitude = da.deg2rad(da.linspace(-90, 90, 181, chunks=181, dtype="f4"))[None, :, None]
    longitude = da.deg2rad(da.arange(360, chunks=360, dtype="f4"))[None, None, :]
    season = 15 * da.sin(latitude) * da.cos((day - 200) * np.float32(2 * np.pi / 365))
    land = 5 * da.sin(2 * longitude + da.sin(3 * latitude)) * da.cos(latitude)
    noise = da.random.default_rng(1).standard_normal((days, 181, 360), chunks=(BLOCK, 181, 360))
    return (45 * da.cos(latitude) - 18 + season + land + 3 * noise).astype("f4")


def study(x: Any) -> tuple[Any, Any, Any]:
    """Mean and standard deviation of each place, and of each day how far it is from the mean."""
    mean = x.mean(axis=0)
    return mean, x.std(axis=0), (x - mean).mean(axis=(1, 2))


def draw(values: np.ndarray, path: Path, scale: int = 3) -> None:
    """Numbers as colours, in a PNG file; the first row at the bottom."""
    low, high = float(values.min()), float(values.max())
    part = ((values[::-1] - low) / (high - low)).repeat(scale, axis=0).repeat(scale, axis=1)
    stops = np.array([COLD, MILD, HOT], "f8")
    colours = [np.interp(part, [0, 0.6, 1], stops[:, channel]) for channel in range(3)]
    pixels = np.stack(colours, axis=-1).astype("u1")
    height, width, _ = pixels.shape
    # Each row of a PNG begins with the number of a filter; 0 is none.
    rows = np.concatenate([np.zeros((height, 1), "u1"), pixels.reshape(height, -1)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")]
    with path.open("wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n")
        for kind, data in parts:
            file.write(struct.pack(">I", len(data)) + kind + data)
            file.write(struct.pack(">I", zlib.crc32(kind + data)))


def main() -> None:
    """Write the file, study it, draw it, and check the answers against NumPy's."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--days", type=int, default=730)
    parser.add_argument("--scheduler", help="threads (default), processes or sync")
    options = parser.parse_args()
    OUTPUT.mkdir(exist_ok=True)
    path = OUTPUT / "globe.h5"
    path.unlink(missing_ok=True)
    start = time.perf_counter()
    da.to_hdf5(path, "temperature", weather(options.days))
    seconds = time.perf_counter() - start
    print(f"\n{path.name}: {path.stat().st_size / 2**20:.0f} MiB written in {seconds:.1f} s")

    with h5py.File(path, "r") as file:
        x = da.from_array(file["temperature"], chunks=(BLOCK, 181, 360))
        print(f"  {x}")
        print(f"  mean: {x.mean(axis=0).explain().splitlines()[-1]}")
        start = time.perf_counter()
        mean, std, daily = shoal.compute(*study(x), scheduler=options.scheduler)
        ours = time.perf_counter() - start
        start = time.perf_counter()
        expected = study(file["temperature"][:].astype("f8"))
        plain = time.perf_counter() - start
    draw(mean, OUTPUT / "globe.png")
    day = int(np.argmax(np.abs(daily)))
    print(f"  coldest place {mean.min():.1f} degrees, warmest {mean.max():.1f}")
    print(f"  standard deviation of a place {std.mean():.1f} degrees")
    print(f"  day {day} is {daily[day]:+.3f} degrees from the mean")
    print(f"A map of the means: {OUTPUT / 'globe.png'}")
    for own, theirs in zip((mean, std, daily), expected, strict=True):
        np.testing.assert_allclose(own, theirs, rtol=1e-4, atol=1e-4)
    print(f"  shoal: {ours:.1f} s in blocks of 8 MB, NumPy: {plain:.1f} s in memory; equal answers")


if __name__ == "__main__":
    main()
