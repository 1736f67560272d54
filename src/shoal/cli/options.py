"""What the commands have in common: options, where they listen, how they wait and end."""

from __future__ import annotations

import logging
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from shoal.distributed.net import Security
from shoal.distributed.net.interfaces import get_ip_interface
from shoal.distributed.node.spec import parse_memory
from shoal.serialize.messages import message
from shoal.units import parse_timedelta

__all__ = [
    "DURATION",
    "MEMORY",
    "SETTINGS",
    "STDIN",
    "certified",
    "check_preload",
    "host_of",
    "interrupted_by_signals",
    "pid_in",
    "refused",
    "shared",
    "start_log",
]


def written(read: Callable[[str], object]) -> Callable[[Any, Any, Any], Any]:
    """An option's text stays as it is, if a function can read it."""

    def check(context: Any, parameter: Any, value: Any) -> Any:
        try:
            if value is not None:
                read(value)
        except KeyError as error:
            raise click.BadParameter(str(error.args[0])) from error
        except ValueError as error:
            raise click.BadParameter(message(error)) from error
        return value

    return check


DURATION = written(parse_timedelta)
"""Of options such as ``"1 hour"``."""

MEMORY = written(parse_memory)
"""Of options such as ``"4 GB"``, ``"0.5"``, ``"auto"``."""

SETTINGS = {
    "help_option_names": ["-h", "--help"],
    # What follows may be for the --preload modules; `check_preload` says where it is not.
    "ignore_unknown_options": True,
}
"""Of both commands."""

STDIN = Path("-")
"""Instead of a file: what it holds comes on standard input."""

OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option("--interface", default=None, help="Network interface, such as eth0 or ib0."),
    click.option(
        "--preload",
        multiple=True,
        help="Module, file, or text of a module that is loaded first; dask_setup() in it is called."
        "  More than once for several.  Options that this command does not know are passed to it.",
    ),
    click.option(
        "--pid-file", type=click.Path(dir_okay=False), help="Where to write the process id."
    ),
    click.option("--tls-ca-file", default=None, help="PEM file: authority of the certificates."),
    click.option(
        "--tls-cert",
        default=None,
        help="PEM file: certificate of all members.  They need no cluster.json then: the secret of "
        "the cluster follows from the key.",
    ),
    click.option("--tls-key", default=None, help="PEM file: its key."),
    click.option("-v", "--verbose", is_flag=True, help="Log what comes and goes."),
    click.argument("preload_argv", nargs=-1, type=click.UNPROCESSED, metavar="[PRELOAD-ARGS]..."),
)


def shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Give a function the options that both commands have.

    Parameters
    ----------
    command
        Takes them by name.

    Examples
    --------
    >>> @click.command()
    ... @shared
    ... def example(**options): ...
    >>> sorted(p.name for p in example.params)
    ['interface', 'pid_file', 'preload', 'preload_argv', 'tls_ca_file', ..., 'tls_key', 'verbose']
    """
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def certified(ca_file: str | None, cert: str | None, key: str | None) -> Security | None:
    """The credentials in PEM files; None where none are named.

    Parameters
    ----------
    ca_file, cert, key
        Of the authority, the certificate, and its key if that is in a file of its own.

    Raises
    ------
    click.ClickException
        One is missing or cannot be read.

    Examples
    --------
    >>> certified(None, None, None) is None
    True
    """
    if ca_file is None and cert is None and key is None:
        return None
    try:
        return Security(tls_ca_file=ca_file, tls_worker_cert=cert, tls_worker_key=key)
    except (OSError, ValueError) as error:
        raise click.ClickException(f"--tls-ca-file, --tls-cert, --tls-key: {error}") from error


def check_preload(preload: tuple[str, ...], argv: tuple[str, ...]) -> None:
    """Refuse words that nobody would read.

    Parameters
    ----------
    preload
        The modules.
    argv
        Words that the command does not know.

    Raises
    ------
    click.UsageError
        There are such words, and no modules.

    Examples
    --------
    >>> check_preload(("a.py",), ("--mine",))
    >>> check_preload((), ("--mine",))
    Traceback (most recent call last):
    ...
    click.exceptions.UsageError: unknown: --mine; see --help
    """
    if argv and not preload:
        raise click.UsageError(f"unknown: {' '.join(argv)}; see --help")


def host_of(host: str | None, interface: str | None) -> str | None:
    """Where to listen: the host, or the address of the interface.

    Parameters
    ----------
    host, interface
        At most one of them.

    Raises
    ------
    click.ClickException
        There is no such interface, or both were given.

    Examples
    --------
    >>> host_of(None, "lo"), host_of("10.0.0.1", None)
    ('127.0.0.1', '10.0.0.1')
    """
    if interface is None:
        return host
    if host is not None:
        raise click.ClickException("give --host or --interface, not both")
    try:
        return get_ip_interface(interface)
    except ValueError as error:
        raise click.ClickException(str(error)) from error


def start_log(verbose: bool) -> None:
    """Have the log written to standard error.

    Parameters
    ----------
    verbose
        Also what is no warning.

    Examples
    --------
    >>> start_log.__name__
    'start_log'
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )


@contextmanager
def pid_in(path: str | None) -> Iterator[None]:
    """Have this process's number in a file while a ``with`` block runs.

    Parameters
    ----------
    path
        Of the file; None for none.

    Examples
    --------
    >>> from shoal.scratch import tmpfile
    >>> with tmpfile() as name:
    ...     with pid_in(name):
    ...         int(Path(name).read_text()) == os.getpid()
    ...     Path(name).exists()
    True
    False
    """
    if path:
        with refused(OSError, "--pid-file: "):
            Path(path).write_text(f"{os.getpid()}\n")
    try:
        yield
    finally:
        if path:
            Path(path).unlink(missing_ok=True)


@contextmanager
def refused(
    kinds: type[Exception] | tuple[type[Exception], ...], label: str = ""
) -> Iterator[None]:
    """Errors of what a user wrote, in one line and without a traceback.

    Parameters
    ----------
    kinds
        Of errors that can be nothing else in this block.
    label
        In front of what they say.

    Examples
    --------
    >>> with refused(ValueError, "--nworkers: "):
    ...     int("many")
    Traceback (most recent call last):
    ...
    click.exceptions.ClickException: --nworkers: invalid literal for int() with base 10: 'many'
    """
    try:
        yield
    except kinds as error:
        raise click.ClickException(f"{label}{message(error)}") from error


@contextmanager
def interrupted_by_signals() -> Iterator[None]:
    """A ``with`` block that Ctrl-C and SIGTERM end in order.

    What ends it is the first signal.  Further ones, such as those of an impatient user or of a
    supervisor that sends both, would interrupt the end itself.

    Examples
    --------
    >>> with interrupted_by_signals():
    ...     raise KeyboardInterrupt
    Stopping
    """

    def stop(signum: int, frame: object) -> None:
        for each in before:
            signal.signal(each, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {each: signal.signal(each, stop) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    except KeyboardInterrupt:
        click.echo("Stopping")
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
