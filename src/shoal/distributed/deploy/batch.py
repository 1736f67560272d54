"""Clusters on batch systems: the scheduler in this process, workers in jobs.

A job runs one or more worker processes on one machine.  They find the scheduler through a cluster
file in a folder that all machines see (default: below the home folder), which only its owner can
read.  The system is spoken to by its own commands, through `Run`.
"""

from __future__ import annotations

import asyncio
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar

from shoal.distributed.deploy.commands import shell_line, worker_command
from shoal.distributed.deploy.jobs import SYSTEMS, Job, job_id, render
from shoal.distributed.deploy.spec import ProcessInterface, SpecCluster
from shoal.distributed.net import Security, write_cluster_file
from shoal.distributed.net.interfaces import get_ip, get_ip_interface
from shoal.distributed.node.scheduler import Scheduler
from shoal.errors import ClusterError
from shoal.units import parse_bytes, parse_timedelta

__all__ = [
    "JobQueueCluster",
    "LSFCluster",
    "PBSCluster",
    "SGECluster",
    "SLURMCluster",
    "ThisMachineAsBatch",
]

Run = Callable[[Sequence[str]], str]
"""Runs a command and gives what it printed; raises a ClusterError when it fails."""


def run(words: Sequence[str]) -> str:
    """Run a command of a batch system.

    Parameters
    ----------
    words
        The command.

    Raises
    ------
    ClusterError
        It is not there, or failed; with what it said.

    Examples
    --------
    >>> run(["echo", "Submitted"])
    'Submitted\\n'
    """
    try:
        done = subprocess.run(words, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise ClusterError(
            f"there is no command {words[0]!r} here; run this where jobs can be submitted"
        ) from error
    if done.returncode:
        raise ClusterError(f"{shell_line(list(words))} failed: {done.stderr.strip()}")
    return done.stdout


class ThisMachineAsBatch:
    """A batch system that runs its jobs at once, here: for trying things out, and for tests.

    Examples
    --------
    >>> from shoal.scratch import filetext
    >>> system = ThisMachineAsBatch()
    >>> with filetext("true", ".sh") as script:
    ...     system(["sbatch", "--parsable", script])
    ...     system(["scancel", "1"])
    '1'
    ''
    """

    def __init__(self) -> None:
        self.jobs: dict[str, subprocess.Popen[bytes]] = {}
        self.scripts: list[str] = []

    def __call__(self, words: Sequence[str]) -> str:
        if words[0] in ("scancel", "qdel", "bkill"):
            process = self.jobs[words[-1]]
            process.send_signal(signal.SIGTERM)
            process.wait(30)
            return ""
        self.scripts.append(Path(words[-1]).read_text())
        number = str(len(self.jobs) + 1)
        self.jobs[number] = subprocess.Popen(["bash", words[-1]], start_new_session=True)
        return number


class JobWorker(ProcessInterface):
    """A job with workers.

    Parameters
    ----------
    scheduler
        Its address.
    name
        In the cluster.
    cluster
        Renders the script and runs the commands.

    Examples
    --------
    >>> JobWorker(name=1).job_id
    ''
    """

    def __init__(self, scheduler: str | None = None, name: Any = None, cluster: Any = None) -> None:
        super().__init__(scheduler, name)
        self.cluster = cluster
        self.job_id = ""

    async def start(self) -> None:
        """Submit the job."""
        self.job_id = await asyncio.to_thread(self.cluster.submit, self.name)
        self.status = "running"

    async def close(self) -> None:
        """End it."""
        if self.status == "running":
            self.status = "closed"
            await asyncio.to_thread(self.cluster.cancel, self.job_id)


class JobQueueCluster(SpecCluster):
    """A cluster whose workers are jobs of a batch system; use the class of yours.

    Parameters
    ----------
    n_workers
        Jobs at the beginning.
    cores, memory
        Of a job: CPUs, and bytes or such as ``"16 GB"``.
    processes
        Worker processes in a job, which share these.
    queue, account, walltime
        Where jobs are put, who pays, and how long they may run, such as ``"02:00:00"``.
    job_name
        Of the jobs.
    job_extra_directives, job_directives_skip
        Further lines for the system, and words; lines that contain one of them are left out.
    job_script_prologue
        Lines for the shell before the worker's command.
    interface, host
        On which the scheduler listens: a network interface, or an address of this machine; default:
        that which leads out of here.
    shared_folder
        Which all machines see; default: ``.shoal`` in the home folder.
    log_directory, local_directory
        For what jobs print; for what does not fit into workers' memory.
    python
        An interpreter, on the machines of the jobs, that has shoal.
    worker_options
        Further options of ``shoal worker``.
    scheduler_options
        Of the `Scheduler`.
    shebang
        First line of the script.
    run
        Runs the commands of the system.
    **options
        ``asynchronous``, ``name``, ...

    Examples
    --------
    >>> SLURMCluster.system
    'slurm'
    """

    system: ClassVar[str] = ""

    def __init__(
        self,
        n_workers: int = 0,
        cores: int | None = None,
        memory: Any = None,
        processes: int = 1,
        queue: str | None = None,
        account: str | None = None,
        walltime: Any = None,
        job_name: str = "shoal-worker",
        job_extra_directives: Sequence[str] = (),
        job_directives_skip: Sequence[str] = (),
        job_script_prologue: Sequence[str] = (),
        interface: str | None = None,
        host: str | None = None,
        shared_folder: str | os.PathLike[str] | None = None,
        log_directory: str | None = None,
        local_directory: str | None = None,
        python: str | None = None,
        worker_options: dict[str, Any] | None = None,
        scheduler_options: dict[str, Any] | None = None,
        shebang: str = "#!/usr/bin/env bash",
        run: Run = run,
        **options: Any,
    ) -> None:
        if not cores or not memory:
            raise ValueError(
                f"{type(self).__name__} needs cores= and memory= of a job, such as cores=8, "
                f"memory='16 GB'; got cores={cores!r}, memory={memory!r}"
            )
        self._run_command = run
        self._python = python or sys.executable
        self._shared = Path(shared_folder) if shared_folder else Path.home() / ".shoal"
        self._folder: Path | None = None
        self.processes = processes
        self._job = Job(
            name=job_name,
            command="",
            cores=cores,
            memory_bytes=parse_bytes(memory),
            walltime_s=walltime_seconds(walltime),
            queue=queue or "",
            account=account or "",
            logs=log_directory or "",
            directives=tuple(job_extra_directives),
            skipped=tuple(job_directives_skip),
            prologue=tuple(job_script_prologue),
            shebang=shebang,
        )
        own = {"local_directory": local_directory, "interface": interface}
        self._worker_options = {**shares(self._job, processes), **own, **(worker_options or {})}
        where = host or (get_ip_interface(interface) if interface else get_ip())
        super().__init__(**self._parts(n_workers, where, scheduler_options or {}), **options)

    def _parts(self, n_workers: int, host: str, options: dict[str, Any]) -> dict[str, Any]:
        """The scheduler and the jobs, as a `SpecCluster` takes them."""
        tls = host not in ("127.0.0.1", "localhost")
        scheduler = {
            "host": host,
            "protocol": "tls" if tls else "tcp",
            "security": Security.new(tls=tls),
            **options,
        }
        group = [""] if self.processes == 1 else [f"-{n}" for n in range(self.processes)]
        worker = {"cls": JobWorker, "options": {"cluster": self}, "group": group}
        return {
            "workers": dict.fromkeys(range(n_workers), worker),
            "scheduler": {"cls": Scheduler, "options": scheduler},
            "worker": worker,
        }

    # -- jobs ----------------------------------------------------------------------------------

    def job_script(self, name: Any = 0) -> str:
        """The script of a job.

        Parameters
        ----------
        name
            Of its workers.
        """
        folder = self._folder or self._shared / "cluster"
        words = worker_command(
            self._python, name, self._worker_options, str(folder / "cluster.json")
        )
        job = self._job
        given = {**job.__dict__, "command": shell_line(words)}
        return render(SYSTEMS[self.system], Job(**given))

    def submit(self, name: Any) -> str:
        """Submit a job; its number.

        Parameters
        ----------
        name
            Of its workers.
        """
        if self._folder is None:
            # Its own folder: it goes with the cluster.
            self._folder = self._shared / f"cluster-{self.name}"
            assert self.security is not None
            write_cluster_file(
                self._folder / "cluster.json", str(self.scheduler.address), self.security
            )
        script = self._folder / f"job-{name}.sh"
        script.write_text(self.job_script(name))
        system = SYSTEMS[self.system]
        return job_id(system, self._run_command([*system.submit, str(script)]))

    def cancel(self, number: str) -> None:
        """End a job.

        Parameters
        ----------
        number
            As `submit` gave it.
        """
        self._run_command([*SYSTEMS[self.system].cancel, number])

    def _stop(self) -> None:
        super()._stop()
        if self._folder is not None:
            shutil.rmtree(self._folder, ignore_errors=True)

    # -- more or fewer -------------------------------------------------------------------------

    def scale(
        self, n: int | None = None, memory: Any = None, cores: int | None = None, jobs: int = 0
    ) -> Any:
        """Have so many workers, or jobs.

        Parameters
        ----------
        n
            How many worker processes.
        memory
            Or as many jobs as have so much memory: bytes, or such as ``"64 GB"``.
        cores
            Or as many as have so many CPUs.
        jobs
            Or how many jobs.
        """
        if n is not None:
            jobs = math.ceil(n / self.processes)
        elif jobs == 0 and (memory is not None or cores is not None):
            return super().scale(None, memory, cores)
        return super().scale(jobs)

    def _worker_amount(self, what: str) -> int:
        return self._job.cores if what == "cores" else self._job.memory_bytes


class SLURMCluster(JobQueueCluster):
    """A cluster on Slurm; see `JobQueueCluster`.

    Examples
    --------
    >>> with SLURMCluster(
    ...     cores=4, memory="8 GB", host="127.0.0.1", python="python3"
    ... ) as cluster:
    ...     print(cluster.job_script().splitlines()[4])
    #SBATCH --cpus-per-task=4
    """

    system = "slurm"


class PBSCluster(JobQueueCluster):
    """A cluster on PBS; see `JobQueueCluster`.

    Examples
    --------
    >>> PBSCluster.system
    'pbs'
    """

    system = "pbs"


class SGECluster(JobQueueCluster):
    """A cluster on Grid Engine; see `JobQueueCluster`.

    Examples
    --------
    >>> SGECluster.system
    'sge'
    """

    system = "sge"


class LSFCluster(JobQueueCluster):
    """A cluster on LSF; see `JobQueueCluster`.

    Examples
    --------
    >>> LSFCluster.system
    'lsf'
    """

    system = "lsf"


def shares(job: Job, processes: int) -> dict[str, int]:
    """What each of a job's worker processes gets.

    Parameters
    ----------
    job
        The job.
    processes
        How many there are.

    Examples
    --------
    >>> shares(Job("a", "", cores=8, memory_bytes=16_000), 4)
    {'nworkers': 4, 'nthreads': 2, 'memory_limit': 4000}
    """
    return {
        "nworkers": processes,
        "nthreads": max(1, job.cores // processes),
        "memory_limit": job.memory_bytes // processes,
    }


def walltime_seconds(walltime: Any) -> float:
    """A time as batch systems, or people, write it; 0 for None.

    Parameters
    ----------
    walltime
        ``"HH:MM:SS"``, ``"HH:MM"``, ``"D-HH:MM:SS"``, ``"2 hours"``, or seconds.

    Examples
    --------
    >>> (
    ...     walltime_seconds("01:30:00"),
    ...     walltime_seconds("1-00:00:00"),
    ...     walltime_seconds("2 hours"),
    ... )
    (5400, 86400, 7200)
    """
    if walltime is None:
        return 0
    if not (isinstance(walltime, str) and ":" in walltime):
        seconds: float = parse_timedelta(walltime)
        return seconds
    days, _, clock = walltime.rpartition("-")
    parts = [int(part) for part in clock.split(":")]
    hours, minutes, rest = (*parts, 0)[:3]
    return int(days or 0) * 86400 + hours * 3600 + minutes * 60 + rest
