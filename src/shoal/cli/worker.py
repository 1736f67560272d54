"""``shoal worker``: workers of this machine, each a process with a nanny in this one."""

from __future__ import annotations

import os
import socket
import sys
import threading
from pathlib import Path
from typing import Any

import click

from shoal.cli.options import (
    DURATION,
    MEMORY,
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
from shoal.distributed.deploy.members import spec_options
from shoal.distributed.net import Loop, Security, parse, parse_cluster, read_cluster_file
from shoal.distributed.net.interfaces import get_ip, get_ipv6
from shoal.distributed.node.known import find_known
from shoal.distributed.node.nanny import Nanny
from shoal.distributed.node.spec import WorkerSpec
from shoal.distributed.node.worker import Worker
from shoal.errors import ConfigError
from shoal.local.cpus import CPU_COUNT

__all__ = ["worker"]

CLOSE_S = 10.0


HELP = """Start workers for the scheduler at ADDRESS, and wait until they end (Ctrl-C).

The secret comes from the cluster file (--scheduler-file; default: cluster.json in this folder,
where no ADDRESS is given), or is known because the same user started the scheduler on this
machine.

\b
Examples:
    shoal worker
    shoal worker tcp://10.0.0.1:8786 --scheduler-file cluster.json
    shoal worker --nworkers 4 --nthreads 2 --memory-limit '4 GB'
    shoal worker --nworkers auto --resources 'GPU=2' --local-directory /scratch
    shoal worker --lifetime 1h --lifetime-stagger 5m --lifetime-restart

Settings of the configuration (distributed.worker...) hold where no option says otherwise.
"""


@click.command(help=HELP, context_settings=SETTINGS)
@click.argument("address", required=False)
@click.option(
    "--scheduler-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File with the address and the secret, as `shoal scheduler` wrote it; '-': it is read "
    "from standard input.",
)
@click.option("--nworkers", default="1", show_default=True, help="Processes; 'auto': by the CPUs.")
@click.option(
    "--nthreads",
    type=click.IntRange(0),
    default=None,
    help="Tasks at once in each; default, and 0: CPUs.",
)
@click.option("--name", default=None, help="Name of the worker; with a number if there are more.")
@click.option(
    "--memory-limit",
    callback=MEMORY,
    default="auto",
    show_default=True,
    help="Of each worker: bytes ('4 GB'), a fraction of the machine's ('0.5'), 'auto', or 0.",
)
@click.option("--resources", default="", help="Such as 'GPU=2 MEM=10e9'.")
@click.option("--local-directory", default=None, help="Where to put what does not fit in memory.")
@click.option("--host", default=None, help="Interface to listen on for other workers.")
@click.option(
    "--protocol",
    type=click.Choice(["tcp", "tls", "tcp://", "tls://"]),
    default="tcp",
    help="Of the scheduler's address, where it has none.",
)
@click.option(
    "--worker-port", type=click.IntRange(0, 65535), default=0, help="Port for that; 0 for any."
)
@click.option(
    "--nanny/--no-nanny",
    default=True,
    show_default=True,
    help="Whether the worker is a process of its own, that is watched and started again.",
)
@click.option(
    "--death-timeout",
    callback=DURATION,
    default="60s",
    show_default=True,
    help="Ends after so long without a scheduler.",
)
@click.option(
    "--lifetime", callback=DURATION, default=None, help="Retires after this time, such as '1h'."
)
@click.option(
    "--lifetime-stagger",
    callback=DURATION,
    default=None,
    help="Give or take a random part of this time.",
)
@click.option(
    "--lifetime-restart/--no-lifetime-restart", default=None, help="Whether it starts again."
)
@shared
def worker(
    address: str | None,
    scheduler_file: Path | None,
    nworkers: str,
    nthreads: int | None,
    name: str | None,
    host: str | None,
    interface: str | None,
    protocol: str,
    worker_port: int,
    nanny: bool,
    resources: str,
    pid_file: str | None,
    verbose: bool,
    preload: tuple[str, ...],
    preload_argv: tuple[str, ...],
    tls_ca_file: str | None,
    tls_cert: str | None,
    tls_key: str | None,
    **options: Any,
) -> None:
    """The command; see ``shoal worker --help``.

    Parameters
    ----------
    address, scheduler_file
        Where the scheduler is, and its secret.
    nworkers, nthreads, name, resources, nanny, **options
        What the workers are to be like.
    host, interface, worker_port
        Where they listen.
    protocol
        ``"tcp"`` or ``"tls"``.
    pid_file, verbose
        What to write.
    preload, preload_argv
        What is loaded first, and words for it.
    tls_ca_file, tls_cert, tls_key
        Instead of the secret.

    Examples
    --------
    >>> worker.name
    'worker'
    """
    start_log(verbose)
    if address is not None and address.startswith("-"):
        # An option that this command does not know, and nobody else.
        preload_argv = (address, *preload_argv)
        address = None
    check_preload(preload, preload_argv)
    if address is not None and "://" not in address:
        address = f"{protocol.removesuffix('://')}://{address}"
    own = certified(tls_ca_file, tls_cert, tls_key)
    with refused((ConfigError, ValueError)):
        address, security = find_scheduler(address, scheduler_file, own)
    count, threads = shape(nworkers, nthreads)
    if count > 1 and (worker_port or not nanny):
        raise click.UsageError("--worker-port and --no-nanny are for a single worker")
    base = name or f"{socket.gethostname()}-{os.getpid()}"
    options["resources"] = parse_resources(resources) or None
    options |= {"preload": preload or None, "preload_argv": preload_argv or None}
    where = listen_address(address, host_of(host, interface), worker_port)
    with refused((ValueError, TypeError, KeyError)):
        spec = WorkerSpec(
            name=base,
            scheduler=address,
            address=where,
            nthreads=threads,
            nanny=nanny,
            **spec_options(options),
        )
    names = [base] if count == 1 else [f"{base}-{number}" for number in range(count)]
    with pid_in(pid_file):
        run([spec.replace(name=each) for each in names], security)


def shape(nworkers: str, nthreads: int | None) -> tuple[int, int]:
    """How many workers with how many threads.

    Parameters
    ----------
    nworkers
        A number, or ``"auto"``.
    nthreads
        None: as many as there are CPUs for each.

    Examples
    --------
    >>> shape("3", 2)
    (3, 2)
    """
    if nworkers != "auto" and not (nworkers.isdigit() and int(nworkers)):
        raise click.ClickException(f"--nworkers is a number from 1 on or 'auto', got {nworkers!r}")
    count = max(1, CPU_COUNT // (nthreads or 1)) if nworkers == "auto" else int(nworkers)
    return count, nthreads or max(1, CPU_COUNT // count)


def run(specs: list[WorkerSpec], security: Security) -> None:
    """Start workers, and wait until they end."""
    loop = Loop()
    thread = loop.start("shoal-workers")
    make = Nanny if specs[0].nanny else Worker
    members: list[Any] = [make(loop, spec, security) for spec in specs]
    many, first = len(members), specs[0]
    try:
        with interrupted_by_signals():
            for member in members:
                say_when_registered(member, first)
                member.start()
            workers = f"{many} worker{'s' * (many > 1)} of {first.nthreads} threads"
            click.echo(f"{workers} for {first.scheduler}")
            for member in members:
                # In short waits, so that signals are seen on every platform.
                while not member.closed.wait(3600):
                    pass
    finally:
        for member in members:
            threading.Thread(target=member.close, daemon=True).start()
        for member in members:
            member.closed.wait(CLOSE_S + 5)
        loop.stop()
        thread.join(5)
    failures = [text for member in members if (text := getattr(member, "failure", ""))]
    if failures:
        raise click.ClickException("; ".join(dict.fromkeys(failures)))


def say_when_registered(member: Any, spec: WorkerSpec) -> None:
    """Say so when a worker has joined; programs that submit jobs read this line."""

    def say() -> None:
        click.echo(f"Registered to: {spec.scheduler}", err=True)

    def wait() -> None:
        member.registered.wait()
        if not member.failure:
            say()

    if spec.nanny:
        member.waiting.append(say)
    else:
        threading.Thread(target=wait, name="shoal-registered", daemon=True).start()


def find_scheduler(
    address: str | None, path: Path | None, own: Security | None = None
) -> tuple[str, Security]:
    """Address and credentials, from what was given."""
    if own is not None and address is not None:
        return str(parse(address)), own
    if path is None and address is None:
        path = Path("cluster.json")
    if path == STDIN:
        written, security = parse_cluster(sys.stdin.read(), "standard input")
        return address or written, security
    if path is not None:
        try:
            written, security = read_cluster_file(path)
        except OSError as error:
            raise click.ClickException(
                f"{error}; give the file that `shoal scheduler` wrote with --scheduler-file"
            ) from error
        return address or written, security
    address = str(parse(address or ""))
    known = find_known(address)
    if known is None:
        raise click.ClickException(
            f"nothing is known of the cluster at {address}; copy its cluster.json here and give it "
            "with --scheduler-file"
        )
    return address, known.security


def listen_address(scheduler: str, host: str | None, port: int = 0) -> str:
    """Where workers listen: on the interface that leads to the scheduler, if none was given.

    Parameters
    ----------
    scheduler
        Its address.
    host
        As it was given.
    port
        0 for any.

    Examples
    --------
    >>> listen_address("tcp://127.0.0.1:8786", None)
    'tcp://127.0.0.1:0'
    >>> listen_address("tls://10.0.0.1:8786", "10.0.0.2")
    'tls://10.0.0.2:0'
    """
    where = parse(scheduler)
    scheme = "tls" if where.scheme == "tls" else "tcp"
    if host is None:
        host = "127.0.0.1"
        if where.scheme != "unix":
            find = get_ipv6 if ":" in where.host else get_ip
            host = find(where.host, where.port or 1)
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def parse_resources(text: str) -> dict[str, float]:
    """Amounts by name, as they are written on the command line.

    Parameters
    ----------
    text
        Such as ``"GPU=2 MEM=10e9"``.

    Examples
    --------
    >>> parse_resources("GPU=2, MEM=10e9"), parse_resources("")
    ({'GPU': 2.0, 'MEM': 10000000000.0}, {})
    """
    found = {}
    for part in text.replace(",", " ").split():
        name, _, amount = part.partition("=")
        try:
            found[name] = float(amount)
        except ValueError:
            raise click.ClickException(f"--resources: {part!r} is no NAME=AMOUNT") from None
    return found
