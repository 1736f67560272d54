"""Settings that all tests share.

Tests are reproducible by default: hypothesis draws the same examples in every run of `make test`
(a failure in CI is then a failure here), and `HYPOTHESIS_PROFILE=search` draws new ones, more of
them, for a machine that has the time.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

# Two noisy cores: a deadline for one example would only measure the neighbours.
settings.register_profile(
    "repeat", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("search", deadline=None, max_examples=2_000)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "repeat"))
