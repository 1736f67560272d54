"""``shoal scheduler``: a scheduler as a process of its own."""

from __future__ import annotations

import logging
import os
import signal
from pathlib import Path

import click

from shoal.distributed.net import Security, read_cluster_file
from shoal.distributed.node.scheduler import Scheduler

__all__ = ["scheduler"]


HELP = """Start a scheduler, and wait until it ends (Ctrl-C).

\b
Examples:
    shoal scheduler
    shoal scheduler --host 0.0.0.0 --scheduler-file ~/private/cluster.json
    shoal scheduler --journal ~/private/journal
"""


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--host", default="127.0.0.1", show_default=True, help="Interface to listen on.")
@click.option("--port", default=8786, show_default=True, help="Port to listen on; 0 for any.")
@click.option(
    "--protocol",
    type=click.Choice(["tcp", "tls"]),
    default=None,
    help="Default: tcp on this machine only (127.0.0.1, localhost), tls otherwise.",
)
@click.option(
    "--scheduler-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=Path("cluster.json"),
    show_default=True,
    help="Where to write the address and the secret (mode 0600).  One that is there keeps its "
    "secret, so that workers and clients can come back after a restart.",
)
@click.option(
    "--journal",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory to remember submitted work in: a scheduler that was killed goes on when it "
    "is started again with the same directory, port and cluster file.",
)
@click.option("--pid-file", type=click.Path(dir_okay=False), help="Where to write the process id.")
@click.option("-v", "--verbose", is_flag=True, help="Log workers that come and go.")
def scheduler(
    host: str,
    port: int,
    protocol: str | None,
    scheduler_file: Path,
    journal: Path | None,
    pid_file: str | None,
    verbose: bool,
) -> None:
    """The command; see ``shoal scheduler --help``.

    Parameters
    ----------
    host, port, protocol
        Where to listen.
    scheduler_file, journal, pid_file
        What to write.
    verbose
        Whether to log more.

    Examples
    --------
    >>> scheduler.name
    'scheduler'
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    if protocol is None:
        protocol = "tcp" if host in ("127.0.0.1", "localhost", "::1") else "tls"
    security = credentials(scheduler_file, tls=protocol == "tls")
    try:
        node = Scheduler(
            addresses=[f"{protocol}://{host}:{port}"],
            security=security,
            scheduler_file=scheduler_file,
            journal=journal,
        ).start()
    except BlockingIOError as error:
        raise click.ClickException(str(error)) from error
    except OSError as error:
        raise click.ClickException(f"{error}; choose another --port, or 0 for any") from error
    if pid_file:
        Path(pid_file).write_text(f"{os.getpid()}\n")
    click.echo(f"Scheduler at {node.address}")
    click.echo(f"Workers: shoal worker --scheduler-file {scheduler_file}")
    try:
        wait_for_end(node)
    finally:
        node.close("the scheduler was stopped")
        if pid_file:
            Path(pid_file).unlink(missing_ok=True)


def credentials(path: Path, tls: bool) -> Security:
    """The credentials in a cluster file, if there is one that will do; else new ones.

    Parameters
    ----------
    path
        Of the cluster file.
    tls
        Whether certificates are needed.

    Examples
    --------
    >>> len(credentials(Path("there is no such file"), tls=False).secret)
    32
    """
    if path.exists():
        security = read_cluster_file(path)[1]
        if security.has_tls or not tls:
            return security
    return Security.new(tls=tls)


def wait_for_end(node: Scheduler) -> None:
    """Wait until a scheduler ends, or a signal says that it should."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        # In short waits, so that signals are seen on every platform.
        while not node.wait(3600):
            pass
    except KeyboardInterrupt:
        click.echo("Stopping")
