"""A whole cluster in one thread, under virtual time, from one seed.

The state machines are the real ones (`shoal.distributed.core`); this folder plays everything around
them: the clock, the network, threads, disks, processes that die and come back, and users.  A
run is decided by its seed alone, so whatever goes wrong can be looked at again::

    python -m shoal.distributed.sim --seed 17 --trace

=============  ===================================================================================
`clock`        virtual time: a heap of what is to happen
`network`      connections as TCP gives them, and what can happen to them
`graphs`       random graphs of tiny tasks, and what a serial run makes of them
`node`         what the shells have in common: an inbox, turns, a clock of its own
`scheduler`    the scheduler's shell
`threads`      a worker's threads
`storage`      a worker's memory and disk
`worker`       a worker's shell
`client`       a client's shell, and what its user does
`faults`       what goes wrong in a run, and when
`checks`       what must be true of every run
`world`        all of it together
=============  ===================================================================================
"""
