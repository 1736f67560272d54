"""State machines of the cluster, pure: events in, effects out.

No sockets, threads, clocks, randomness or settings in here; what they would give arrives in
events and arguments.  So a test, a simulation and a real cluster run the same code, and what
happened can be replayed from the list of what came in.
"""

from shoal.distributed.core.status import Status

__all__ = ["Status"]
