"""The command ``shoal``: one subcommand for each kind of process."""

from __future__ import annotations

import click

from shoal.cli.look import COMMANDS
from shoal.cli.scheduler import scheduler
from shoal.cli.worker import worker

__all__ = ["shoal"]


HELP = """Parallel and distributed computing in Python.

A cluster is one scheduler and any number of workers:

\b
    shoal scheduler                    # writes cluster.json
    shoal worker                       # reads it; on every machine
    python -c "from shoal.distributed import Client; Client(scheduler_file='cluster.json')"

And to look at it: shoal dashboard, shoal top, shoal why KEY, shoal report, shoal logs.

cluster.json holds the address and the secret of the cluster.  Whoever can read it can run
code there, and nobody else can: copy it to the machines that belong, and to no others.
"""


@click.group(help=HELP, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="shoal")
def shoal() -> None:
    """The command; see ``shoal --help``.

    Examples
    --------
    >>> sorted(shoal.commands)
    ['dashboard', 'logs', 'report', 'scheduler', 'top', 'why', 'worker']
    """


shoal.add_command(scheduler)
shoal.add_command(worker)
for command in COMMANDS:
    shoal.add_command(command)
