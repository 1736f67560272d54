"""A cluster in Kubernetes: its manifests, and pods that are processes of this machine."""

from __future__ import annotations

import sys

import pytest

from shoal.distributed import Client
from shoal.distributed.deploy.kubernetes import KubeCluster, ThisMachineAsKubernetes
from shoal.distributed.deploy.manifests import Names, scheduler_pod, secret, service, worker_pod
from shoal.distributed.net.interfaces import open_port
from shoal.errors import MissingDependencyError

NAMES = Names("wood", "lab")

WORKER = (
    "exec shoal worker --scheduler-file - --name 3 --nthreads 2 --memory-limit '4 GB' "
    "< /run/shoal/cluster.json"
)


def test_manifests() -> None:
    labels = {"shoal/cluster": "wood", "shoal/role": "worker"}
    made = worker_pod(
        NAMES,
        3,
        {"nthreads": 2, "memory_limit": "4 GB"},
        image="me/shoal",
        env={"A": 1},
        resources={"limits": {"cpu": 2}},
        extra={"nodeSelector": {"disk": "fast"}},
    )
    assert made == {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "wood-worker-3", "namespace": "lab", "labels": labels},
        "spec": {
            "restartPolicy": "OnFailure",
            "containers": [
                {
                    "name": "worker",
                    "image": "me/shoal",
                    "command": [
                        "sh",
                        "-c",
                        WORKER,
                    ],
                    "env": [{"name": "A", "value": "1"}],
                    "volumeMounts": [
                        {"name": "cluster", "mountPath": "/run/shoal", "readOnly": True}
                    ],
                    "resources": {"limits": {"cpu": 2}},
                }
            ],
            "volumes": [
                {
                    "name": "cluster",
                    "secret": {"secretName": "wood-cluster", "defaultMode": 0o400},
                }
            ],
            "nodeSelector": {"disk": "fast"},
        },
    }
    [container] = scheduler_pod(NAMES, {}, image="i")["spec"]["containers"]
    assert container["command"][-1] == (
        "exec shoal scheduler --host 0.0.0.0 --port 8786 --protocol tls --scheduler-file - "
        "< /run/shoal/cluster.json"
    )
    chosen = service(NAMES, "LoadBalancer", 5)["spec"]
    assert (chosen["type"], chosen["ports"][0]["port"]) == ("LoadBalancer", 5)
    assert chosen["selector"] == {"shoal/cluster": "wood", "shoal/role": "scheduler"}
    assert secret(NAMES, "{}")["stringData"] == {"cluster.json": "{}"}


def test_a_cluster_from_its_first_pod_to_its_last() -> None:
    kube = ThisMachineAsKubernetes()
    with KubeCluster(
        "wood",
        "me/shoal",
        n_workers=1,
        worker_options={"nthreads": 1, "nanny": False},
        port=open_port(),
        kube=kube,
    ) as cluster:
        with Client(cluster) as client:
            assert cluster.scheduler_address.startswith("tls://")
            assert client.submit(abs, -1).result() == 1
        assert set(kube.manifests) == {
            ("Secret", "wood-cluster"),
            ("Service", "wood-scheduler"),
            ("Pod", "wood-scheduler"),
            ("Pod", "wood-worker-0"),
        }
        said = str([m for (kind, _), m in kube.manifests.items() if kind != "Secret"])
        assert cluster.security.secret.hex() not in said
    assert not kube.manifests


def test_kr8s_is_asked_for(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "kr8s", None)
    with pytest.raises(MissingDependencyError, match="KubeCluster needs the package 'kr8s'"):
        KubeCluster("wood", "me/shoal")
