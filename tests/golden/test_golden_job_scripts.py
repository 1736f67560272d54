"""Scripts for batch systems, line by line."""

from __future__ import annotations

import pytest

from shoal.distributed.deploy.jobs import SYSTEMS, Job, job_id, render
from shoal.errors import ClusterError

FULL = Job(
    name="work",
    command="python3 -m shoal.cli worker --name 0",
    cores=4,
    memory_bytes=8 * 10**9,
    walltime_s=5400,
    queue="short",
    account="physics",
    logs="/logs",
    directives=("--gres=gpu:1",),
    prologue=("module load python", "source env/bin/activate"),
)
PLAIN = Job("work", "true", cores=1, memory_bytes=2**30)

SCRIPTS = {
    ("slurm", FULL): """\
#!/usr/bin/env bash

#SBATCH -J work
#SBATCH -p short
#SBATCH -A physics
#SBATCH -n 1
#SBATCH --cpus-per-task=4
#SBATCH --mem=7630M
#SBATCH -t 01:30:00
#SBATCH -o /logs/%x-%j.log
#SBATCH --gres=gpu:1

module load python
source env/bin/activate
exec python3 -m shoal.cli worker --name 0
""",
    ("pbs", FULL): """\
#!/usr/bin/env bash

#PBS -N work
#PBS -q short
#PBS -A physics
#PBS -l select=1:ncpus=4:mem=7630MB
#PBS -l walltime=01:30:00
#PBS -j oe
#PBS -o /logs/
#PBS --gres=gpu:1

module load python
source env/bin/activate
exec python3 -m shoal.cli worker --name 0
""",
    ("sge", FULL): """\
#!/usr/bin/env bash

#$ -N work
#$ -q short
#$ -P physics
#$ -pe smp 4
#$ -l h_vmem=1908M
#$ -l h_rt=01:30:00
#$ -cwd
#$ -j y
#$ -o /logs/
#$ --gres=gpu:1

module load python
source env/bin/activate
exec python3 -m shoal.cli worker --name 0
""",
    ("lsf", FULL): """\
#!/usr/bin/env bash

#BSUB -J work
#BSUB -q short
#BSUB -P physics
#BSUB -n 4
#BSUB -R "span[hosts=1]"
#BSUB -M 7630MB
#BSUB -W 01:30
#BSUB -o /logs/%J.log
#BSUB --gres=gpu:1

module load python
source env/bin/activate
exec python3 -m shoal.cli worker --name 0
""",
    ("slurm", PLAIN): """\
#!/usr/bin/env bash

#SBATCH -J work
#SBATCH -n 1
#SBATCH --cpus-per-task=1
#SBATCH --mem=1024M

exec true
""",
}


@pytest.mark.parametrize("system, job", SCRIPTS, ids=lambda value: str(value)[:5])
def test_scripts(system: str, job: Job) -> None:
    assert render(SYSTEMS[system], job) == SCRIPTS[system, job]


def test_directives_can_be_left_out() -> None:
    job = Job("work", "true", 1, 2**30, skipped=["--mem", "-n 1"])
    assert "--mem" not in render(SYSTEMS["slurm"], job)
    assert "#SBATCH -n 1" not in render(SYSTEMS["slurm"], job)


@pytest.mark.parametrize(
    "system, said, number",
    [
        ("slurm", "1234567\n", "1234567"),
        ("slurm", "1234567;cluster\n", "1234567"),
        ("pbs", "1234.server.example\n", "1234.server.example"),
        ("pbs", "1234[].server\n", "1234[].server"),
        ("sge", 'Your job 55 ("work") has been submitted\n', "55"),
        ("lsf", "Job <77> is submitted to default queue <normal>.\n", "77"),
    ],
)
def test_numbers_of_jobs(system: str, said: str, number: str) -> None:
    assert job_id(SYSTEMS[system], said) == number


def test_a_system_that_says_something_else() -> None:
    with pytest.raises(ClusterError, match="bsub said 'no such queue', in which is no job's num"):
        job_id(SYSTEMS["lsf"], "no such queue")
