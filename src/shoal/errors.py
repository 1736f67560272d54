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
    |  `- SerializationError       ... (also TypeError) a function, argument or result cannot travel
    |- ConfigError                 (also ValueError) a setting that cannot be used
    |  `- MissingSettingError      ... (also KeyError) a setting that nothing has given a value
    `- MissingDependencyError      (also ImportError) an optional package is not installed

A user's own exception is never wrapped in one of these: it is raised as it is, with a note that
names the task.  Each class also derives from the builtin that a caller would expect to catch.
"""

from __future__ import annotations

__all__ = [
    "ConfigError",
    "CycleError",
    "ExecutorError",
    "GraphError",
    "InvalidKeyError",
    "MissingDependencyError",
    "MissingKeyError",
    "MissingSettingError",
    "SerializationError",
    "ShoalError",
    "TokenizationError",
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


class SerializationError(ExecutorError, TypeError):
    """A function, an argument or a result could not be turned into bytes or back.

    Examples
    --------
    >>> issubclass(SerializationError, TypeError)
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


class MissingDependencyError(ShoalError, ImportError):
    """An optional package is needed and not installed; the message gives the pip line.

    Examples
    --------
    >>> issubclass(MissingDependencyError, ImportError)
    True
    """
