"""Sizes and durations as text."""

from __future__ import annotations

from datetime import timedelta

import pytest

from shoal.units import format_bytes, format_time, parse_bytes, parse_timedelta


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("100", 100),
        ("100 MB", 100_000_000),
        ("100M", 100_000_000),
        ("5kB", 5000),
        ("5.4 kB", 5400),
        ("1kiB", 1024),
        ("1Mi", 2**20),
        ("3 TiB", 3 * 2**40),
        ("10PB", 10**16),
        ("1e6", 10**6),
        ("1e6 kB", 10**9),
        ("MB", 10**6),
        (" 7 b ", 7),
        (".5GB", 500_000_000),
        ("-5", -5),
        ("1.9", 1),
        (123, 123),
        (5.0, 5),
    ],
)
def test_parse_bytes(text: str | float, size: int) -> None:
    assert parse_bytes(text) == size


@pytest.mark.parametrize("text", ["", " ", "5 foos", "10 MiBs", "1e", "inf", "1 2", "kB 5"])
def test_parse_bytes_says_which_units_there_are(text: str) -> None:
    with pytest.raises(ValueError, match=r"one of B, kB, .* PiB"):
        parse_bytes(text)


def test_parse_bytes_of_no_size() -> None:
    with pytest.raises(TypeError, match="None"):
        parse_bytes(None)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("100ms", 0.1),
        ("5S", 5),
        ("5.5 s", 5.5),
        ("1 second", 1),
        ("3.3 milliseconds", 0.0033),
        ("3500 us", 0.0035),
        ("1 ns", 1e-9),
        ("2m", 120),
        ("2 minutes", 120),
        ("1.5 h", 5400),
        ("5 days", 432_000),
        ("2 w", 1_209_600),
        ("-3s", -3),
        ("hour", 3600),
        (3, 3),
        ("3", 3),
        (timedelta(milliseconds=100), 0.1),
        (timedelta(seconds=2), 2),
    ],
)
def test_parse_timedelta(text: str | float | timedelta, seconds: float) -> None:
    assert parse_timedelta(text) == pytest.approx(seconds, rel=1e-12)


def test_a_whole_number_of_seconds_is_an_int() -> None:
    assert isinstance(parse_timedelta("2m"), int)
    assert isinstance(parse_timedelta(timedelta(seconds=2)), int)


def test_parse_timedelta_defaults() -> None:
    assert parse_timedelta(None) is None
    assert parse_timedelta("1", default="ms") == 0.001
    assert parse_timedelta("1ms", default=False) == 0.001
    with pytest.raises(ValueError, match="missing a time unit"):
        parse_timedelta(1, default=False)
    with pytest.raises(TypeError, match="default"):
        parse_timedelta("1", default=None)  # type: ignore[arg-type]


def test_parse_timedelta_names_the_units() -> None:
    with pytest.raises(KeyError, match=r"Invalid time unit: foo\. Valid units are: .*hours"):
        parse_timedelta("1 foo")
    with pytest.raises(ValueError, match="'1 2'"):
        parse_timedelta("1 2")


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (920, "920 B"),
        (930, "0.91 kiB"),
        (1024, "1.00 kiB"),
        (2**20 * 0.9, "0.90 MiB"),
        (5 * 2**30, "5.00 GiB"),
        (2**40, "1.00 TiB"),
        (2**60, "1024.00 PiB"),
    ],
)
def test_format_bytes(size: float, text: str) -> None:
    assert format_bytes(size) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0, "0.00 us"),
        (1e-7, "0.10 us"),
        (1e-3, "1.00 ms"),
        (1.4, "1.40 s"),
        (600, "600.00 s"),
        (1000.4, "16m 40s"),
        (7201, "2hr 0m"),
        (123456.78, "34hr 17m"),
        (1234567.8, "14d 6hr"),
    ],
)
def test_format_time(seconds: float, text: str) -> None:
    assert format_time(seconds) == text
