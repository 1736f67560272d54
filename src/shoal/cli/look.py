"""Looking at a cluster in a terminal: ``shoal dashboard``, ``why``, ``top``, ``report``, ``logs``.

They connect as clients do, with the cluster file.  What they show are the dashboard's views.
"""

from __future__ import annotations

import ast
import functools
import importlib.util
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from shoal.distributed.client.client import Client
from shoal.distributed.dashboard.access import Access
from shoal.distributed.dashboard.findings import findings
from shoal.distributed.dashboard.model import Model, update
from shoal.distributed.dashboard.views.cluster import summary
from shoal.distributed.dashboard.views.tasks import progress
from shoal.distributed.dashboard.views.workers import workers
from shoal.units import format_bytes, format_time

__all__ = ["COMMANDS", "screen"]

WIDTH = 100


def with_cluster(command: Callable[..., Any]) -> Callable[..., Any]:
    """A command gets a client of the cluster that its options name, as its first argument."""

    @click.option(
        "--scheduler-file",
        type=click.Path(dir_okay=False, path_type=Path),
        default=None,
        help="File with the address and the secret; default: cluster.json in this folder.",
    )
    @click.option("--address", help="Of the scheduler, if this user started it on this machine.")
    @functools.wraps(command)
    def wrapped(address: str | None, scheduler_file: Path | None, **options: Any) -> Any:
        if address is None and scheduler_file is None:
            scheduler_file = Path("cluster.json")
        try:
            client = Client(
                address, scheduler_file=scheduler_file, set_as_default=False, timeout=10
            )
        except (OSError, RuntimeError, ValueError) as error:
            raise click.ClickException(
                f"{error}; give the file that `shoal scheduler` wrote with --scheduler-file"
            ) from error
        with client:
            return command(client, **options)

    return wrapped


@click.command(help="Print the address of the dashboard, with a token that opens it once.")
@with_cluster
@click.option("--metrics-token", is_flag=True, help="Print the bearer token of /metrics instead.")
def dashboard(client: Client, metrics_token: bool) -> None:
    """Where the dashboard is."""
    link = client.dashboard_link
    if link is None:
        raise click.ClickException(
            "this cluster has no dashboard; start the scheduler with --dashboard-address :8787"
        )
    assert client._place is not None
    click.echo(Access(client._place.security.secret).bearer if metrics_token else link)


@click.command(help="Say why the task KEY is not done: what it waits for, and why that waits.")
@click.argument("key")
@with_cluster
def why(client: Client, key: str) -> None:
    """Why a task waits."""
    name: Any = key
    if key.startswith("("):
        try:
            name = ast.literal_eval(key)
        except (SyntaxError, ValueError):
            pass
    click.echo(str(client.why(name)))


@click.command(help="Say where the time and the memory of the last job went, and what to change.")
@with_cluster
def report(client: Client) -> None:
    """Why it was slow."""
    click.echo(str(client.report()))


@click.command(help="Print the last lines of the logs of the scheduler and the workers, in order.")
@with_cluster
@click.option("-n", "--lines", default=100, show_default=True, help="Of each.")
@click.option(
    "--grep", default="", help="Only lines with this text, or of a task with it in its key."
)
@click.option("--worker", "names", multiple=True, help="Only of this worker (name or address).")
def logs(client: Client, lines: int, grep: str, names: tuple[str, ...]) -> None:
    """What was logged."""
    args = {"n": lines, "text": grep}
    call = {"method": "logs", "args": args, "on_error": "return"}
    known = {at: w["name"] for at, w in client.scheduler_info()["workers"].items()}
    found = client._ask("worker.call", workers=list(names) or None, **call)
    rows = [(known.get(at, at), line) for at, said in found.items() for line in said]
    if not names:
        rows += [("scheduler", line) for line in client._ask("scheduler.logs", **args)]
    for who, (level, text, at, key) in sorted(rows, key=lambda row: row[1][2]):
        when = time.strftime("%H:%M:%S", time.localtime(at))
        click.echo("  ".join(filter(None, (when, str(who), level, key, text))))


@click.command(help="Show workers and progress, again and again, until Ctrl-C.")
@with_cluster
@click.option("--interval", default=1.0, show_default=True, help="Seconds between looks.")
@click.option("--once", is_flag=True, help="Show once and end.")
def top(client: Client, interval: float, once: bool) -> None:
    """What happens now."""
    model = Model()
    look(client, model)
    if once:
        click.echo("\n".join(screen(model)))
        return
    show = rich_screen if importlib.util.find_spec("rich") else plain_screen
    try:
        show(client, model, interval)
    except KeyboardInterrupt:
        pass


def look(client: Client, model: Model) -> list[str]:
    """Take what is new into the model; the screen."""
    first = not model.now
    vitals = client._ask("scheduler.vitals", history=first)
    update(
        model, client._ask("scheduler.feed", history=first, **model.cursors), vitals, time.time()
    )
    return screen(model)


def plain_screen(client: Client, model: Model, interval_s: float) -> None:
    """Draw over what was drawn before."""
    while True:
        lines = look(client, model)
        click.clear()
        click.echo("\n".join(lines))
        time.sleep(interval_s)


def rich_screen(client: Client, model: Model, interval_s: float) -> None:
    """The same without flicker."""
    import rich.live
    import rich.text

    with rich.live.Live(screen=True, auto_refresh=False) as live:
        while True:
            live.update(rich.text.Text("\n".join(look(client, model))), refresh=True)
            time.sleep(interval_s)


def screen(model: Model) -> list[str]:
    """The lines of ``shoal top``.

    Parameters
    ----------
    model
        What is known.

    Examples
    --------
    >>> screen(Model())[0]
    'workers 0   threads 0   running 0   to do 0   done 0   failed 0   0 tasks/s'
    """
    n = summary(model, {})
    head = (
        f"workers {n['workers']}   threads {n['threads']}   running {n['running']}   "
        f"to do {n['left']:,}   done {n['done']:,}   failed {n['failed']:,}   "
        f"{n['rate']:,.0f} tasks/s"
    )
    memory = (
        f"memory {format_bytes(n['memory'])} of {format_bytes(n['limit'])}   on disk "
        f"{format_bytes(n['spilled'])}   moved {format_bytes(int(n['network']))}/s"
    )
    lines = [
        head,
        memory,
        "",
        f"{'worker':<16}{'status':<9}{'cpu':>6}{'memory':>12}{'on disk':>12}{'run':>6}{'wait':>7}",
    ]
    for w in list(workers(model, {})["workers"].values())[:30]:
        lines.append(
            f"{w['name'][:15]:<16}{w['status']:<9}{w['cpu']:>5.0f}%{format_bytes(w['memory']):>12}"
            f"{format_bytes(w['spilled']):>12}{w['executing']:>6}"
            f"{w['sent'] + w['queued'] - w['executing']:>7}"
        )
    lines.append("")
    for name, kind in list(progress(model, {})["kinds"].items())[:20]:
        share = kind["done"] / kind["total"] if kind["total"] else 1.0
        left = kind["ready"] + kind["waiting"] + kind["sent"]
        text = f", {format_time(kind['eta_s'])} left" if left and kind["eta_s"] else ""
        bar = ("#" * int(30 * share)).ljust(30, ".")
        lines.append(f"{name[:25]:<26}{bar} {kind['done']:,} of {kind['total']:,}{text}")
    lines += ["", *(str(finding)[: 3 * WIDTH] for finding in findings(model))]
    return lines


COMMANDS = (dashboard, why, top, report, logs)
"""All of them."""
