"""``shoal worker``: workers of this machine, each a process with a nanny in this one."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
from pathlib import Path
from typing import Any

import click

from shoal.distributed.deploy.members import spec_options
from shoal.distributed.net import Loop, Security, parse, read_cluster_file
from shoal.distributed.node.known import find_known
from shoal.distributed.node.nanny import Nanny
from shoal.distributed.node.spec import WorkerSpec
from shoal.local.cpus import CPU_COUNT

__all__ = ["worker"]

CLOSE_S = 10.0


HELP = """Start workers for the scheduler at ADDRESS, and wait until they end (Ctrl-C).

The secret comes from the cluster file, or is known because the same user started the scheduler
on this machine.

\b
Examples:
    shoal worker
    shoal worker tcp://10.0.0.1:8786 --scheduler-file cluster.json
    shoal worker --nworkers 4 --nthreads 2 --memory-limit '4 GB'
"""


@click.command(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.argument("address", required=False)
@click.option(
    "--scheduler-file",
    type=click.Path(dir_okay=False, path_type=Path),
    default=None,
    help="File with the address and the secret, as `shoal scheduler` wrote it; default: "
    "cluster.json in this folder.",
)
@click.option("--nworkers", default="1", show_default=True, help="Processes; 'auto': by the CPUs.")
@click.option("--nthreads", type=int, default=None, help="Tasks at once in each; default: CPUs.")
@click.option("--name", default=None, help="Name of the worker; with a number if there are more.")
@click.option(
    "--memory-limit",
    default="auto",
    show_default=True,
    help="Of each worker: bytes ('4 GB'), a fraction of the machine's ('0.5'), 'auto', or 0.",
)
@click.option("--resources", default="", help="Such as 'GPU=2 MEM=10e9'.")
@click.option("--local-directory", default=None, help="Where to put what does not fit in memory.")
@click.option("--host", default=None, help="Interface to listen on for other workers.")
@click.option("--death-timeout", default="60s", show_default=True, help="Ends without a scheduler.")
@click.option(
    "--preload", multiple=True, help="Module or file that is loaded before the first task."
)
@click.option("--lifetime", default=None, help="Retires after this time, such as '1h'.")
@click.option("--lifetime-stagger", default=None, help="Give or take a random part of this time.")
@click.option("--lifetime-restart/--no-lifetime-restart", default=False, help="And starts again.")
@click.option("-v", "--verbose", is_flag=True, help="Log what workers do.")
def worker(
    address: str | None,
    scheduler_file: Path | None,
    nworkers: str,
    nthreads: int | None,
    name: str | None,
    memory_limit: str,
    resources: str,
    host: str | None,
    verbose: bool,
    **options: Any,
) -> None:
    """The command; see ``shoal worker --help``.

    Parameters
    ----------
    address, scheduler_file
        Where the scheduler is, and its secret.
    nworkers, nthreads, name, memory_limit, resources, host, **options
        What the workers are to be like.
    verbose
        Whether to log more.

    Examples
    --------
    >>> worker.name
    'worker'
    """
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(levelname)s %(message)s",
    )
    address, security = find_scheduler(address, scheduler_file)
    count = max(1, CPU_COUNT // (nthreads or 1)) if nworkers == "auto" else int(nworkers)
    threads = nthreads or max(1, CPU_COUNT // count)
    base = name or f"{socket.gethostname()}-{os.getpid()}"
    listen = listen_address(address, host)
    fields = spec_options({**options, "memory_limit": memory_limit})
    loop = Loop()
    thread = loop.start("shoal-nannies")
    nannies = [
        Nanny(
            loop,
            WorkerSpec(
                name=base if count == 1 else f"{base}-{number}",
                scheduler=address,
                address=listen,
                nthreads=threads,
                resources=parse_resources(resources),
                **fields,
            ),
            security,
        )
        for number in range(count)
    ]
    try:
        for nanny in nannies:
            nanny.start()
        click.echo(f"{count} worker{'s' * (count > 1)} of {threads} threads for {address}")
        wait_for_end(nannies)
    finally:
        for nanny in nannies:
            threading.Thread(target=nanny.close, args=(CLOSE_S,), daemon=True).start()
        for nanny in nannies:
            nanny.closed.wait(CLOSE_S + 5)
        loop.stop()
        thread.join(5)
    failures = [nanny.failure for nanny in nannies if nanny.failure]
    if failures:
        raise click.ClickException("; ".join(dict.fromkeys(failures)))


def find_scheduler(address: str | None, path: Path | None) -> tuple[str, Security]:
    """Address and credentials, from what was given."""
    if path is None and address is None:
        path = Path("cluster.json")
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


def listen_address(scheduler: str, host: str | None) -> str:
    """Where workers listen: on the interface that leads to the scheduler, if none was given.

    Parameters
    ----------
    scheduler
        Its address.
    host
        As it was given.

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
            family = socket.AF_INET6 if ":" in where.host else socket.AF_INET
            with socket.socket(family, socket.SOCK_DGRAM) as probe:
                # Nothing is sent: the kernel says which interface it would use.
                probe.connect((where.host, where.port or 1))
                host = probe.getsockname()[0]
    return f"{scheme}://[{host}]:0" if ":" in host else f"{scheme}://{host}:0"


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


def wait_for_end(nannies: list[Nanny]) -> None:
    """Wait until all workers have ended, or a signal says that they should."""

    def stop(signum: int, frame: object) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, stop)
    try:
        for nanny in nannies:
            while not nanny.closed.wait(3600):
                pass
    except KeyboardInterrupt:
        click.echo("Stopping")
