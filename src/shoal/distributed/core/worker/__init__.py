"""A worker's bookkeeping as a pure state machine.

It knows which tasks the worker was given, which results it holds, what it must fetch from whom,
what to spill and what to tell the scheduler.  It holds no values and runs nothing: the shell does
that (`shoal.distributed.node`), tells it what happened by the functions of `machine`, and takes
from `drain` what is to be done next, as data.

=============  ===================================================================================
`table`        the states of a task, which may follow which, and the table itself
`effects`      what the shell is to do
`machine`      what happens: connections, messages, time, results
`assign`       tasks come, wait for their inputs, become ready, end
`fetch`        from whom to get which inputs, and what to do when one does not come
`memory`       when to spill, to load and to pause
`report`       the columns of the next `Report`
`reconcile`    after a lost connection: what to say, and what the scheduler's answer changes
`validate`     what must be true between two events
=============  ===================================================================================
"""
