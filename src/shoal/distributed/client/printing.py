"""What tasks say where the client is: by `print` and `warn` of this module, and any other way.

The first two go to every client, as Dask's do.  All else that a task writes on its worker
(`shoal.distributed.node.echo`) comes to the clients that asked for the task.
"""

from __future__ import annotations

import builtins
import pickle
import sys
import warnings
from typing import Any

from shoal.distributed.client.current import client_of
from shoal.distributed.node.context import find_worker
from shoal.distributed.node.echo import place_of
from shoal.distributed.node.output import already_told

__all__ = ["handle_print", "handle_printed", "handle_warn", "print", "warn"]


def print(
    *args: Any,
    sep: str | None = " ",
    end: str | None = "\n",
    file: Any = None,
    flush: bool = False,
) -> None:
    """Print here and, inside of a task, at every client.

    Parameters
    ----------
    *args, sep, end, flush
        As for the builtin.
    file
        Standard output (also as 1), standard error (also as 2), or None.

    Examples
    --------
    >>> print("hello")
    hello
    """
    if sep is not None and not isinstance(sep, str):
        raise TypeError(f"sep must be None or a string, not {type(sep).__name__}")
    if end is not None and not isinstance(end, str):
        raise TypeError(f"end must be None or a string, not {type(end).__name__}")
    stream = {1: sys.stdout, 2: sys.stderr}.get(file, file) if isinstance(file, int) else file
    worker = find_worker()
    if worker is not None:
        to_error = stream is sys.stderr
        if stream not in (None, sys.stdout, sys.stderr):
            raise TypeError(f"a task can print to stdout and stderr only, got file={file!r}")
        text = (" " if sep is None else sep).join(map(str, args)) + ("\n" if end is None else end)
        value = {"text": text, "stderr": to_error}
        client_of(worker)._link.call("events.log", topic="print", value=value)
    with already_told():
        builtins.print(*args, sep=sep, end=end, file=stream, flush=flush)


def warn(
    message: Any,
    category: type[Warning] = UserWarning,
    stacklevel: int = 1,
    source: Any = None,
) -> None:
    """Warn here and, inside of a task, at every client.

    Parameters
    ----------
    message, category, stacklevel, source
        As for `warnings.warn`.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     warn("careful")
    >>> str(caught[0].message)
    'careful'
    """
    worker = find_worker()
    if worker is not None:
        if isinstance(message, Warning):
            category = type(message)
        value = {"text": str(message), "category": category.__name__}
        client_of(worker)._link.call("events.log", topic="warn", value=value)
    with already_told():
        warnings.warn(message, category, stacklevel=stacklevel + 1, source=source)


STREAMS = (None, 1, 2)
"""What an event may say of where to print: standard output, or error (2)."""


def handle_print(event: Any) -> None:
    """Print what a task printed.

    Parameters
    ----------
    event
        ``(time, {"text", "stderr"})``, or any other event of the topic.

    Examples
    --------
    >>> handle_print((0.0, {"text": "hello", "stderr": False}))
    hello
    """
    said = event[1]
    if isinstance(said, dict) and "text" in said:
        out = sys.stderr if said.get("stderr") else sys.stdout
        builtins.print(said["text"], end="", file=out, flush=True)
    elif isinstance(said, dict):
        _print_as_asked(said)
    else:
        builtins.print(said, flush=True)  # noqa: T201


def _print_as_asked(said: dict[str, Any]) -> None:
    """``{"args", "sep", "end", "file", "flush"}``, as for the builtin."""
    args = said.get("args")
    if not isinstance(args, list | tuple):
        raise TypeError(f"args must be a tuple, got {type(args).__name__}: {args!r}")
    wanted = said.get("file")
    if wanted not in STREAMS:
        raise TypeError(f"file must be None, 1 or 2, got {wanted!r}")
    stream = sys.stderr if wanted == 2 else sys.stdout
    builtins.print(
        *args,
        sep=said.get("sep", " "),
        end=said.get("end", "\n"),
        file=stream,
        flush=bool(said.get("flush")),
    )


def handle_printed(event: Any) -> None:
    """Print what tasks wrote on a worker whose output is not the one of this process.

    Parameters
    ----------
    event
        ``(time, {"said": [(key, "stdout" or "stderr", text)], "places": {stream: place}})``.

    Examples
    --------
    >>> said = [("x", "stdout", "hello\\n"), ("x", "stdout", "again\\n")]
    >>> handle_printed((0.0, {"said": said, "places": {"stdout": "elsewhere"}}))
    hello
    again
    """
    said, places = event[1]["said"], event[1]["places"]
    for name, descriptor in (("stdout", 1), ("stderr", 2)):
        text = "".join(text for _, stream, text in said if stream == name)
        # A LocalCluster's workers have inherited the terminal: there the line stands already.
        if text and (places[name] or None) != place_of(descriptor):
            stream = getattr(sys, name)
            stream.write(text)
            stream.flush()


def handle_warn(event: Any) -> None:
    """Warn as a task did.

    Parameters
    ----------
    event
        ``(time, {"text", "category"})``, or any other event of the topic.

    Examples
    --------
    >>> with warnings.catch_warnings(record=True) as caught:
    ...     warnings.simplefilter("always")
    ...     handle_warn((0.0, {"text": "careful", "category": "UserWarning"}))
    >>> caught[0].category
    <class 'UserWarning'>
    """
    said = event[1]
    text = said
    category: type[Warning] = UserWarning
    if isinstance(said, dict):
        text = said.get("text", said.get("message"))
        if text is None:
            raise TypeError(f"an event of the topic 'warn' needs a 'message', got {said!r}")
        if isinstance(text, bytes):
            text = pickle.loads(text)
        named = getattr(builtins, str(said.get("category")), UserWarning)
        if isinstance(named, type) and issubclass(named, Warning):
            category = named
    warnings.warn(str(text), category, stacklevel=1)
