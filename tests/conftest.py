"""Settings that all tests share.

Tests are reproducible by default: hypothesis draws the same examples in every run of `make test`
(a failure in CI is then a failure here), and `HYPOTHESIS_PROFILE=search` draws new ones, more of
them, for a machine that has the time.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.internal.conjecture import providers

# Two noisy cores: a deadline for one example would only measure the neighbours.
settings.register_profile(
    "repeat", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2_000)
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "repeat")
settings.load_profile(PROFILE)
if PROFILE == "repeat":
    # Hypothesis also tries numbers and strings that it finds in the modules that are loaded, and
    # these are other ones in each process and with each order of tests: there is no setting for it.
    assert hasattr(providers.HypothesisProvider, "_local_constants")
    providers.HypothesisProvider._local_constants = providers.Constants()

# What a shell runs beside itself ignores this signal, and so would all programs that tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)


def descriptors() -> set[tuple[int, str]]:
    """What this process has open: numbers, and what they are."""
    found = set()
    for name in os.listdir("/proc/self/fd"):
        with suppress(OSError):
            found.add((int(name), os.readlink(f"/proc/self/fd/{name}")))
    return found


@pytest.fixture
def opened() -> Callable[[], set[tuple[int, str]]]:
    """Tells what this process has open that it had not when the test began.

    How many there are tells nothing: what tests before this one have left (a socket in a cycle of
    references, a pool's memory) may be closed at any time.
    """
    before = descriptors()
    return lambda: descriptors() - before
