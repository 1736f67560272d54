"""The numbers that decisions rest on; the shell makes them from the configuration."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Settings"]


@dataclass(frozen=True, slots=True)
class Settings:
    """What may be set.

    Parameters
    ----------
    ahead_s
        Work that a worker is given in advance, for each of its threads.
    most_ahead_s
        The same for a worker that had nothing left when its reports came, while there was more.
    message_s
        What it takes us to hear of a worker that tasks have ended, and to send it others.
    spare
        Tasks that each thread of a worker has in advance, however long they take.
    most
        Tasks that a worker has at most.
    region
        So many sources are kept for a worker that takes some (`sources`), until it is known how
        long they take.
    region_s
        What those that are kept for a worker may take.
    region_share
        Of a worker's memory, what those may make that are kept for it.
    drop_delay_s
        How long a worker that is sent nothing else may not hear what it can let go of; so that a
        thousand workers are not sent a message each for one result.
    unknown_s
        How long a task is thought to take, at most, before one of its kind has ended.
    kinds
        Where there are more kinds of tasks than this, nothing is guessed of one from the others.
    unknown_bytes
        How large its result is thought to be.
    bandwidth
        Bytes a second between workers, until it was measured.
    latency_s
        What a transfer costs apart from its bytes.
    target
        Share of a worker's memory limit above which it gets no new sources.
    steal_s
        A task is moved to an idle worker only when that saves more than this.
    allowed_failures
        How many workers may die during runs of one task before it is given up.
    silence_s
        A worker that says nothing for so long is fenced off.
    recover_s
        How long a scheduler that comes back waits for workers that were there.
    nanny_s
        How long the end of a worker's connection waits for its nanny to say what has happened.
    missed_s
        How long a worker without a nanny that has died may take to be back, before clients whose
        tasks wait for it are warned.
    no_workers_s
        How long tasks wait for a worker that may run them before they fail; 0: for ever.
    unreached_s
        A worker that another one could not reach gets no work for so long.
    client_grace_s
        How long the wants of a client outlive its connection.
    heard_delay_s
        How long a client may have to keep what it said after it was taken.
    lease_s
        A lease of a semaphore that was not refreshed for so long is free.
    timeout_grace_s
        How long after its timeout a task is given up for its worker.
    inline_bytes
        Results up to this size travel with the report; told to the workers.
    idle_codes, idle_bytes
        Functions kept although no task uses them, and how many bytes they have together.
    speculate
        Start a second copy of a task that takes this many times longer than others of its
        kind; 0: never.
    story
        Numbers of tasks in the record of what happened.
    events
        Events kept for each topic.
    stream
        Runs that are remembered with their times.
    computations
        Times from the first task to the last that are remembered.

    Examples
    --------
    >>> Settings(spare=2).allowed_failures
    3
    """

    ahead_s: float = 0.01
    most_ahead_s: float = 0.05
    message_s: float = 50e-6
    spare: int = 1
    most: int = 2_000
    region: int = 64
    region_s: float = 0.1
    region_share: float = 0.01
    drop_delay_s: float = 0.02
    unknown_s: float = 0.5
    kinds: int = 100
    unknown_bytes: int = 1_000
    bandwidth: float = 500e6
    latency_s: float = 0.001
    target: float = 0.6
    steal_s: float = 0.02
    allowed_failures: int = 3
    silence_s: float = 5.0
    nanny_s: float = 1.0
    missed_s: float = 2.0
    no_workers_s: float = 0.0
    unreached_s: float = 10.0
    client_grace_s: float = 10.0
    recover_s: float = 2.0
    heard_delay_s: float = 0.1
    lease_s: float = 30.0
    timeout_grace_s: float = 5.0
    inline_bytes: int = 4_096
    idle_codes: int = 1_000
    idle_bytes: int = 32_000_000
    speculate: float = 0.0
    story: int = 200_000
    events: int = 10_000
    stream: int = 100_000
    computations: int = 100
