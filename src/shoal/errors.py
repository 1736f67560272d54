"""Every exception that shoal raises of its own accord.

The tree::

    ShoalError
    |- GraphError                  a graph that cannot be planned
    |  |- CycleError               ... (also RuntimeError) a task depends on itself
    |  |- MissingKeyError          ... (also KeyError) a key that no task computes
    |  `- InvalidKeyError          ... (also TypeError) something that cannot name a task
    |- TokenizationError           (also RuntimeError) no deterministic token exists
    |- ExecutorError               (also RuntimeError) an executor could not do its part
    |  |- WorkerDiedError          ... a child process ended before its task did
    |  |- RemoteError              ... an exception of another process that cannot be rebuilt here
    |  `- SerializationError       ... (also TypeError) a function, argument or result cannot travel
    |- ClusterError                (also RuntimeError) a cluster could not do what was asked
    |  |- ClosedClientError        ... the client was closed before
    |  |- FutureCancelledError     ... (also concurrent.futures.CancelledError) nobody computes it
    |  |- KilledWorker             ... the task was running on too many workers that died
    |  |- Reschedule               ... raised by a task: run it again, perhaps elsewhere
    |  |- LostResultError          ... (also CancelledError) a result is gone for good
    |  |- SpillError               ... a result could not be written to disk, or read back
    |  |  `- SpillFullError        ... there is no space for it
    |  |- TaskTimeoutError         ... (also TimeoutError) the task ran longer than it may
    |  `- UnrunnableTaskError      ... no worker may run the task
    |- CommunicationError          (also ConnectionError) two processes cannot speak, or no longer
    |  |- ConnectionLostError      ... the other side is gone
    |  |- ConnectTimeoutError      ... (also TimeoutError) the other side does not answer
    |  |- AuthenticationError      ... (also PermissionError) it does not have the cluster's secret
    |  |- ProtocolVersionError     ... (also RuntimeError) no version that both sides speak
    |  `- FrameError               ... (also ValueError) bytes that are no message, or too many
    |- ConfigError                 (also ValueError) a setting that cannot be used
    |  `- MissingSettingError      ... (also KeyError) a setting that nothing has given a value
    |- NoFilesError                (also FileNotFoundError, ValueError) no file matches a pattern
    |- TextDecodingError           (also UnicodeDecodeError) a file is not text in the encoding
    |- AvroSchemaError             (also ValueError, AssertionError) a schema that cannot be written
    |- AlreadyImportedError        (also RuntimeError) too late to let ``import dask`` mean shoal
    `- MissingDependencyError      (also ImportError) an optional package is not installed
    PerformanceWarning              (a UserWarning) it works, and will be slow or take much memory

A user's own exception is never wrapped in one of these: it is raised as it is, with a note that
names the task.  Each class also derives from the builtin that a caller would expect to catch.
"""

from __future__ import annotations

from concurrent.futures import CancelledError

__all__ = [
    "AlreadyImportedError",
    "AuthenticationError",
    "AvroSchemaError",
    "ClosedClientError",
    "ClusterError",
    "CommunicationError",
    "ConfigError",
    "ConnectTimeoutError",
    "ConnectionLostError",
    "CycleError",
    "ExecutorError",
    "FrameError",
    "FutureCancelledError",
    "GraphError",
    "InvalidKeyError",
    "KilledWorker",
    "LostResultError",
    "MissingDependencyError",
    "MissingKeyError",
    "MissingSettingError",
    "NoFilesError",
    "PerformanceWarning",
    "ProtocolVersionError",
    "RemoteError",
    "Reschedule",
    "SerializationError",
    "ShoalError",
    "SpillError",
    "SpillFullError",
    "TaskTimeoutError",
    "TextDecodingError",
    "TokenizationError",
    "UnrunnableTaskError",
    "WorkerDiedError",
]


class ShoalError(Exception):
    """Base class of shoal's own exceptions.

    Examples
    --------
    >>> issubclass(CycleError, ShoalError)
    True
    """


class GraphError(ShoalError):
    """A graph that cannot be planned.

    Examples
    --------
    >>> issubclass(MissingKeyError, GraphError)
    True
    """


class CycleError(GraphError, RuntimeError):
    """A task depends, through other tasks, on its own result.

    Examples
    --------
    >>> import shoal
    >>> shoal.get({"a": (abs, "b"), "b": (abs, "a")}, "a")
    Traceback (most recent call last):
    ...
    shoal.errors.CycleError: the graph has a cycle: 'a' -> 'b' -> 'a'; a task cannot wait for itself
    """


class MissingKeyError(GraphError, KeyError):
    """A key that was asked for, or that a task refers to, and that no task computes.

    Examples
    --------
    >>> import shoal
    >>> shoal.get({"a": 1}, "b")
    Traceback (most recent call last):
    ...
    shoal.errors.MissingKeyError: no task computes 'b' (asked for as a result)
    """

    def __str__(self) -> str:
        # KeyError would show the repr of the sentence.
        return str(self.args[0]) if self.args else ""


class InvalidKeyError(GraphError, TypeError):
    """Something that cannot be the name of a task.

    Examples
    --------
    >>> issubclass(InvalidKeyError, TypeError)
    True
    """


class TokenizationError(ShoalError, RuntimeError):
    """An object has no token that would be the same in another process.

    Examples
    --------
    >>> issubclass(TokenizationError, RuntimeError)
    True
    """


class ExecutorError(ShoalError, RuntimeError):
    """An executor could not do its part; the task itself did not fail.

    Examples
    --------
    >>> issubclass(WorkerDiedError, ExecutorError)
    True
    """


class WorkerDiedError(ExecutorError):
    """A child process ended before the task it was running did.

    Examples
    --------
    >>> issubclass(WorkerDiedError, RuntimeError)
    True
    """


class RemoteError(ExecutorError):
    """Stands for an exception of another process whose class cannot be pickled or imported here.

    Its message is the class and the message of that exception; its traceback is that exception's.

    Examples
    --------
    >>> issubclass(RemoteError, RuntimeError)
    True
    """


class SerializationError(ExecutorError, TypeError):
    """A function, an argument or a result could not be turned into bytes or back.

    Examples
    --------
    >>> issubclass(SerializationError, TypeError)
    True
    """


class CommunicationError(ShoalError, ConnectionError):
    """Two processes of a cluster cannot speak to each other, or cannot any longer.

    Examples
    --------
    >>> issubclass(CommunicationError, OSError)
    True
    """


class ConnectionLostError(CommunicationError):
    """The other side of a connection ended, or can no longer be reached.

    Examples
    --------
    >>> issubclass(ConnectionLostError, CommunicationError)
    True
    """


class ConnectTimeoutError(CommunicationError, TimeoutError):
    """Nobody answered at an address in the time given.

    Examples
    --------
    >>> issubclass(ConnectTimeoutError, TimeoutError)
    True
    """


class AuthenticationError(CommunicationError, PermissionError):
    """The other side does not prove that it has the cluster's secret.

    Examples
    --------
    >>> issubclass(AuthenticationError, PermissionError)
    True
    """


class ProtocolVersionError(CommunicationError, RuntimeError):
    """The two sides have no version of the protocol in common; the message names both.

    Examples
    --------
    >>> issubclass(ProtocolVersionError, RuntimeError)
    True
    """


class FrameError(CommunicationError, ValueError):
    """Bytes that are no message of this protocol, or that claim more than the limits allow.

    Examples
    --------
    >>> issubclass(FrameError, ValueError)
    True
    """


class ClusterError(ShoalError, RuntimeError):
    """A cluster, or the connection to it, could not do what was asked.

    Examples
    --------
    >>> issubclass(KilledWorker, ClusterError)
    True
    """


class ClosedClientError(ClusterError):
    """Something was asked of a client that is closed.

    Examples
    --------
    >>> issubclass(ClosedClientError, ClusterError)
    True
    """


class FutureCancelledError(ClusterError, CancelledError):
    """A future whose task nobody computes: it was cancelled, or its client or cluster is gone.

    Examples
    --------
    >>> import concurrent.futures
    >>> issubclass(FutureCancelledError, concurrent.futures.CancelledError)
    True
    """


class KilledWorker(ClusterError):
    """Several workers died while they ran a task, so it is not tried on another one.

    Attributes
    ----------
    task
        Its key.
    last_worker
        Address of the worker that died last.

    Examples
    --------
    >>> issubclass(KilledWorker, RuntimeError)
    True
    """

    task: object = None
    last_worker: str = ""


class Reschedule(ClusterError):
    """Raised by a task that cannot run here and now: it is run again, perhaps on another worker.

    Examples
    --------
    >>> issubclass(Reschedule, RuntimeError)
    True
    """


class LostResultError(ClusterError, CancelledError):
    """The only copy of data is gone, and no task can make it again.

    Examples
    --------
    >>> issubclass(LostResultError, RuntimeError)
    True
    """


class SpillError(ClusterError):
    """A result that a worker could not write to its disk, or that is not there as it was written.

    Examples
    --------
    >>> issubclass(SpillError, RuntimeError)
    True
    """


class SpillFullError(SpillError):
    """There is no space on a worker's disk, or in its quota, for a result.

    Examples
    --------
    >>> issubclass(SpillFullError, SpillError)
    True
    """


class TaskTimeoutError(ClusterError, TimeoutError):
    """A task ran for longer than its ``timeout`` allows.

    Examples
    --------
    >>> issubclass(TaskTimeoutError, TimeoutError)
    True
    """


class UnrunnableTaskError(ClusterError):
    """No worker of the cluster may run a task, whatever comes.

    Examples
    --------
    >>> issubclass(UnrunnableTaskError, RuntimeError)
    True
    """


class ConfigError(ShoalError, ValueError):
    """A setting, or a file of settings, that cannot be used.

    Examples
    --------
    >>> issubclass(ConfigError, ValueError)
    True
    """


class MissingSettingError(ConfigError, KeyError):
    """A setting that was asked for and that neither the defaults nor a user gave a value.

    Examples
    --------
    >>> from shoal import config
    >>> config.get("bag.split-evry", config={"bag": {"split-every": 8}})
    Traceback (most recent call last):
    ...
    shoal.errors.MissingSettingError: no setting 'bag.split-evry'; did you mean 'bag.split-every'?
    """

    def __str__(self) -> str:
        # KeyError would show the repr of the sentence.
        return str(self.args[0]) if self.args else ""


class NoFilesError(ShoalError, FileNotFoundError, ValueError):
    """No file matches what was asked for.

    A ValueError too, for that is what programs written for Dask expect.

    Examples
    --------
    >>> import errno
    >>> print(NoFilesError(errno.ENOENT, "no file matches", "*.txt"))
    [Errno 2] no file matches: '*.txt'
    """


class TextDecodingError(ShoalError, UnicodeDecodeError):
    """Bytes of a file that are not text in the encoding they were read with.

    ``object``, ``start`` and ``end`` are those of `UnicodeDecodeError`, for a short piece of the
    file around the bytes; ``path`` and ``offset`` say where in which file they are (after
    decompression).

    Examples
    --------
    >>> error = TextDecodingError("utf-8", b"caf\\xe9", 3, 4, "unexpected end of data")
    >>> error.path, error.offset = "menu.txt", 1003
    >>> print(error)
    menu.txt: byte 0xe9 at offset 1003 is not 'utf-8' text (unexpected end of data);
    pass the file's encoding=, or errors='replace' to read on
    """

    path: str | None = None
    offset: int | None = None

    def __str__(self) -> str:
        if self.path is None or self.offset is None:
            return UnicodeDecodeError.__str__(self)
        bad = self.object[self.start : self.end]
        return (
            f"{self.path}: byte{'s' if len(bad) > 1 else ''} 0x{bad.hex()} at offset {self.offset} "
            f"{'are' if len(bad) > 1 else 'is'} not {self.encoding!r} text ({self.reason}); "
            "pass the file's encoding=, or errors='replace' to read on"
        )


class AvroSchemaError(ShoalError, ValueError, AssertionError):
    """A schema that no Avro file can be written with.

    An AssertionError too, for that is what programs written for Dask expect.

    Examples
    --------
    >>> issubclass(AvroSchemaError, ValueError)
    True
    """


class MissingDependencyError(ShoalError, ImportError):
    """An optional package is needed and not installed; the message gives the pip line.

    Examples
    --------
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """


class AlreadyImportedError(ShoalError, RuntimeError):
    """Another library was imported before shoal was asked to take its place.

    Examples
    --------
    >>> issubclass(AlreadyImportedError, RuntimeError)
    True
    """


class PerformanceWarning(UserWarning):
    """An operation works, and will be slow or take much memory; the message says what helps.

    Examples
    --------
    >>> issubclass(PerformanceWarning, Warning)
    True
    """
