"""Scripts for batch systems: what a job is, and how each system wants to be told.

Pure: a `Job` and a `System` in, a script out.  A system is a row of `SYSTEMS`; what differs
between them is there to be read side by side.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from shoal.errors import ClusterError

__all__ = ["SYSTEMS", "Job", "System", "job_id", "render"]


@dataclass(frozen=True)
class Job:
    """A job that runs workers.

    Parameters
    ----------
    name
        Of the job.
    command
        What it runs, as a line for a shell.
    cores
        CPUs that it needs, on one machine.
    memory_bytes
        Memory that it needs.
    walltime_s
        How long it may run; 0: as the system has it.
    queue, account
        Where to put it, and who pays; empty: as the system has it.
    logs
        A folder for what it prints; empty: as the system has it.
    directives
        Further lines for the system, without its prefix.
    skipped
        Words; directives that contain one of them are left out.
    prologue
        Lines for the shell before the command, such as ``module load python``.
    shebang
        The first line.

    Examples
    --------
    >>> Job("a", "true", 2, 4 * 2**30).walltime_s
    0
    """

    name: str
    command: str
    cores: int
    memory_bytes: int
    walltime_s: float = 0
    queue: str = ""
    account: str = ""
    logs: str = ""
    directives: Sequence[str] = ()
    skipped: Sequence[str] = ()
    prologue: Sequence[str] = ()
    shebang: str = "#!/usr/bin/env bash"


@dataclass(frozen=True)
class System:
    """A batch system.

    Parameters
    ----------
    prefix
        Of its lines in a script.
    directives
        The lines of a job, without it.
    submit
        The words that submit a script, whose path follows.
    cancel
        The words that end a job, whose number follows.
    said
        What it says after submitting; the number is the group.

    Examples
    --------
    >>> SYSTEMS["slurm"].submit
    ('sbatch', '--parsable')
    """

    prefix: str
    directives: Callable[[Job], list[str]]
    submit: tuple[str, ...]
    cancel: tuple[str, ...]
    said: str


def clock(seconds: float) -> str:
    """A time as batch systems write it.

    Parameters
    ----------
    seconds
        Any.

    Examples
    --------
    >>> clock(90), clock(36 * 3600)
    ('00:01:30', '36:00:00')
    """
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes // 60:02d}:{minutes % 60:02d}:{rest:02d}"


def mebibytes(nbytes: int) -> int:
    """Whole MiB, rounded up."""
    return math.ceil(nbytes / 2**20)


def slurm(job: Job) -> list[str]:
    """Lines for Slurm."""
    lines = [f"-J {job.name}"]
    lines += [f"-p {job.queue}"] * bool(job.queue) + [f"-A {job.account}"] * bool(job.account)
    lines += ["-n 1", f"--cpus-per-task={job.cores}", f"--mem={mebibytes(job.memory_bytes)}M"]
    lines += [f"-t {clock(job.walltime_s)}"] * bool(job.walltime_s)
    return lines + [f"-o {job.logs}/%x-%j.log"] * bool(job.logs)


def pbs(job: Job) -> list[str]:
    """Lines for PBS."""
    lines = [f"-N {job.name}"]
    lines += [f"-q {job.queue}"] * bool(job.queue) + [f"-A {job.account}"] * bool(job.account)
    lines += [f"-l select=1:ncpus={job.cores}:mem={mebibytes(job.memory_bytes)}MB"]
    lines += [f"-l walltime={clock(job.walltime_s)}"] * bool(job.walltime_s)
    return lines + ["-j oe"] + [f"-o {job.logs}/"] * bool(job.logs)


def sge(job: Job) -> list[str]:
    """Lines for Grid Engine."""
    lines = [f"-N {job.name}"]
    lines += [f"-q {job.queue}"] * bool(job.queue) + [f"-P {job.account}"] * bool(job.account)
    each = math.ceil(mebibytes(job.memory_bytes) / job.cores)
    lines += [f"-pe smp {job.cores}", f"-l h_vmem={each}M"]
    lines += [f"-l h_rt={clock(job.walltime_s)}"] * bool(job.walltime_s)
    return lines + ["-cwd", "-j y"] + [f"-o {job.logs}/"] * bool(job.logs)


def lsf(job: Job) -> list[str]:
    """Lines for LSF."""
    lines = [f"-J {job.name}"]
    lines += [f"-q {job.queue}"] * bool(job.queue) + [f"-P {job.account}"] * bool(job.account)
    lines += [f"-n {job.cores}", '-R "span[hosts=1]"', f"-M {mebibytes(job.memory_bytes)}MB"]
    lines += [f"-W {clock(job.walltime_s)[:-3]}"] * bool(job.walltime_s)
    return lines + [f"-o {job.logs}/%J.log"] * bool(job.logs)


SYSTEMS: dict[str, System] = {
    "slurm": System("#SBATCH", slurm, ("sbatch", "--parsable"), ("scancel",), r"(\d+)"),
    "pbs": System("#PBS", pbs, ("qsub",), ("qdel",), r"(\d+(?:\[\])?(?:\.[\w.-]+)?)"),
    "sge": System("#$", sge, ("qsub",), ("qdel",), r"[Yy]our job (\d+)"),
    "lsf": System("#BSUB", lsf, ("bsub",), ("bkill",), r"<(\d+)>"),
}
"""The batch systems, by name."""


def render(system: System, job: Job) -> str:
    """The script of a job.

    Parameters
    ----------
    system
        Of `SYSTEMS`.
    job
        The job.

    Examples
    --------
    >>> print(render(SYSTEMS["slurm"], Job("a", "shoal worker", 2, 2**30, walltime_s=60)))
    #!/usr/bin/env bash
    <BLANKLINE>
    #SBATCH -J a
    #SBATCH -n 1
    #SBATCH --cpus-per-task=2
    #SBATCH --mem=1024M
    #SBATCH -t 00:01:00
    <BLANKLINE>
    exec shoal worker
    <BLANKLINE>
    """
    lines = [*system.directives(job), *job.directives]
    kept = [line for line in lines if not any(word in line for word in job.skipped)]
    head = [f"{system.prefix} {line}" for line in kept]
    # `exec`: the signals of the system reach the worker, which retires.
    body = [*job.prologue, f"exec {job.command}"]
    return "\n".join([job.shebang, "", *head, "", *body, ""])


def job_id(system: System, said: str) -> str:
    """The number of a job that was submitted.

    Parameters
    ----------
    system
        Of `SYSTEMS`.
    said
        What it said.

    Raises
    ------
    ClusterError
        There is no number in it.

    Examples
    --------
    >>> job_id(SYSTEMS["lsf"], "Job <42> is submitted to queue <normal>.")
    '42'
    >>> job_id(SYSTEMS["pbs"], "42.server-1"), job_id(SYSTEMS["slurm"], "42;cluster")
    ('42.server-1', '42')
    """
    found = re.search(system.said, said)
    if found is None:
        raise ClusterError(f"{system.submit[0]} said {said.strip()!r}, in which is no job's number")
    return found[1]
