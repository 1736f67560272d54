"""Clusters on batch systems, on one that runs its jobs here."""

from __future__ import annotations

import stat

import pytest

from shoal.distributed import Client
from shoal.distributed.deploy.batch import (
    LSFCluster,
    PBSCluster,
    SGECluster,
    SLURMCluster,
    ThisMachineAsBatch,
    run,
    walltime_seconds,
)
from shoal.errors import ClusterError


def test_jobs_from_submission_to_end(tmp_path) -> None:
    system = ThisMachineAsBatch()
    with SLURMCluster(
        n_workers=1,
        cores=2,
        processes=2,
        memory="2 GB",
        host="127.0.0.1",
        shared_folder=tmp_path,
        run=system,
    ) as cluster:
        with Client(cluster) as client:
            client.wait_for_workers(2, timeout=200)
            assert sorted(client.gather(client.map(abs, [-1, -2]))) == [1, 2]
            infos = client.scheduler_info()["workers"].values()
            assert {info["name"] for info in infos} == {"0-0", "0-1"}
            assert {info["memory_limit"] for info in infos} == {10**9}
        [folder] = tmp_path.iterdir()
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700
        assert stat.S_IMODE((folder / "cluster.json").stat().st_mode) == 0o600
        secret = cluster.security.secret.hex()
        assert not any(secret in script for script in system.scripts)
        cluster.scale(jobs=0)
        assert not cluster.workers
    assert all(job.wait(200) is not None for job in system.jobs.values())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "kind, line",
    [
        (SLURMCluster, "#SBATCH --cpus-per-task=8"),
        (PBSCluster, "#PBS -l select=1:ncpus=8:mem=15259MB"),
        (SGECluster, "#$ -pe smp 8"),
        (LSFCluster, "#BSUB -n 8"),
    ],
)
def test_scripts_of_all_systems(kind, line) -> None:
    with kind(
        cores=8,
        memory="16 GB",
        processes=4,
        walltime="02:00:00",
        python="python3",
        host="127.0.0.1",
        local_directory="/scratch",
        worker_options={"death_timeout": "2 min"},
    ) as cluster:
        script = cluster.job_script("a")
        assert line in script.splitlines()
        command = script.splitlines()[-1]
        assert command.startswith("exec python3 -m shoal.cli worker --scheduler-file ")
        assert command.endswith(
            "--name a --nworkers 4 --nthreads 2 --memory-limit 4000000000 "
            "--local-directory /scratch --death-timeout '2 min'"
        )


def test_amounts_and_jobs() -> None:
    with SLURMCluster(cores=4, memory="8 GB", processes=2, host="127.0.0.1") as cluster:
        asked: list[int] = []
        cluster._scale = asked.append
        cluster.scale(3)
        cluster.scale(jobs=5)
        cluster.scale(cores=10)
        cluster.scale(memory="20 GB")
        assert asked == [2, 5, 3, 3]


def test_mistakes() -> None:
    with pytest.raises(ValueError, match="SLURMCluster needs cores= and memory="):
        SLURMCluster(cores=4)
    with pytest.raises(ClusterError, match="there is no command 'no-such-command' here"):
        run(["no-such-command"])
    with pytest.raises(ClusterError, match="ls /nowhere-at-all failed: ls: "):
        run(["ls", "/nowhere-at-all"])


def test_walltimes() -> None:
    assert walltime_seconds("10:30") == 10 * 3600 + 30 * 60
    assert walltime_seconds("2-01:00:00") == 49 * 3600
    assert walltime_seconds(None) == 0
