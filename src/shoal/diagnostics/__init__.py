"""What a computation does while it runs, and what its graph looks like.

Progress, profiles, pictures and opportunistic caching: observers of plans and executors.  Nothing
in here changes what is computed.
"""

from shoal.diagnostics.cache import Cache
from shoal.diagnostics.profile import CacheProfiler, Profiler, ResourceProfiler, visualize
from shoal.diagnostics.progress import ProgressBar
from shoal.local.callbacks import Callback

__all__ = [
    "Cache",
    "CacheProfiler",
    "Callback",
    "Profiler",
    "ProgressBar",
    "ResourceProfiler",
    "visualize",
]
