"""``shoal scheduler``: a scheduler as a process of its own."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import click

from shoal.cli.options import (
    DURATION,
    SETTINGS,
    STDIN,
    certified,
    check_preload,
    host_of,
    interrupted_by_signals,
    pid_in,
    refused,
    shared,
    start_log,
)
from shoal.distributed.dashboard.access import link_of
from shoal.distributed.net import Security, parse_cluster, read_cluster_file
from shoal.distributed.node.scheduler import Scheduler
from shoal.errors import CommunicationError, ConfigError

__all__ = ["scheduler"]

GC_THRESHOLDS = (500_000, 5, 20)
"""What is known of tasks is much and holds no cycles; what does (errors, connections) is little.
Python's own setting takes a tenth more of the scheduler's time, and 100,000 young objects still a
fifteenth: they are messages and tasks that wait, and all there still when they are looked at."""


HELP = """Start a scheduler, and wait until it ends (Ctrl-C).

It writes cluster.json, with its address and the secret of the cluster.  Workers and clients need
that file; whoever can read it can run code on the cluster.

\b
Examples:
    shoal scheduler
    shoal scheduler --interface eth0 --scheduler-file ~/private/cluster.json
    shoal scheduler --journal ~/private/journal --idle-timeout '1 hour'
    shoal scheduler --preload my_plugins.py
"""


@click.command(help=HELP, context_settings=SETTINGS)
@click.option("--host", default=None, help="Interface to listen on; default: this machine only.")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8786,
    show_default=True,
    help="Port to listen on; 0 for any.",
)
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
    "secret, so that workers and clients can come back after a restart.  '-': the secret is read "
    "from standard input, and nothing is written.",
)
@click.option(
    "--journal",
    type=click.Path(file_okay=False, path_type=Path),
    help="A directory to remember submitted work in: a scheduler that was killed goes on when it "
    "is started again with the same directory, port and cluster file.",
)
@click.option(
    "--idle-timeout",
    callback=DURATION,
    default=None,
    help="Ends after so long without work: '1 hour'.",
)
@click.option(
    "--dashboard-address",
    default=":8787",
    show_default=True,
    help="Where the dashboard is; the next free port is taken when that one is in use.",
)
@click.option("--dashboard-prefix", default=None, help="Path in front of its pages, for proxies.")
@click.option("--dashboard/--no-dashboard", default=True, help="Whether there is one.")
@shared
def scheduler(
    host: str | None,
    port: int,
    dashboard: bool,
    dashboard_address: str,
    protocol: str | None,
    scheduler_file: Path,
    interface: str | None,
    pid_file: str | None,
    verbose: bool,
    preload: tuple[str, ...],
    preload_argv: tuple[str, ...],
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    **options: Any,
) -> None:
    """The command; see ``shoal scheduler --help``.

    Parameters
    ----------
    host, port, protocol, interface
        Where to listen.
    dashboard, dashboard_address
        Whether there is a dashboard, and where.
    scheduler_file, pid_file
        What to write.
    verbose
        Whether to log more.
    preload, preload_argv
        What is loaded first, and words for it.
    tls_ca_file, tls_cert, tls_key
        Certificates made elsewhere, instead of new credentials.
    **options
        Of the scheduler.

    Examples
    --------
    >>> scheduler.name
    'scheduler'
    """
    start_log(verbose)
    check_preload(preload, preload_argv)
    where = host_of(host, interface) or "127.0.0.1"
    own = certified(tls_ca_file, tls_cert, tls_key)
    if protocol is None:
        protocol = "tls" if own else "tcp" if where in ("127.0.0.1", "localhost", "::1") else "tls"
    with refused((ConfigError, OSError)):
        security = own or credentials(scheduler_file, tls=protocol == "tls")
    try:
        node = Scheduler(
            addresses=[f"{protocol}://{where}:{port}"],
            security=security,
            scheduler_file=None if scheduler_file == STDIN else scheduler_file,
            preload=preload or None,
            preload_argv=preload_argv or None,
            dashboard_address=dashboard_address if dashboard else None,
            **options,
        ).start()
    except CommunicationError as error:
        raise click.ClickException(f"{error}; choose another --port, or 0 for any") from error
    except (OSError, ConfigError) as error:
        raise click.ClickException(str(error)) from error
    except ModuleNotFoundError as error:
        if error.name not in preload:
            raise
        raise click.ClickException(f"--preload: {error}") from error
    gc.freeze()
    gc.set_threshold(*GC_THRESHOLDS)
    with pid_in(pid_file), interrupted_by_signals():
        click.echo(f"Scheduler at {node.address}")
        if scheduler_file != STDIN:
            click.echo(f"Workers: shoal worker --scheduler-file {scheduler_file}")
        link = link_of(node.state.dashboard, node.security.secret)
        if link is not None:
            click.echo(f"Dashboard: {link}")
        try:
            # In short waits, so that signals are seen on every platform.
            while not node.wait(3600):
                pass
        finally:
            node.close("the scheduler was stopped")


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
    if path == STDIN:
        return parse_cluster(sys.stdin.read(), "standard input")[1]
    if path.exists():
        security = read_cluster_file(path)[1]
        if security.has_tls or not tls:
            return security
    return Security.new(tls=tls)
