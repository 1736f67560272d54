"""What a cluster asks of Kubernetes, as manifests.  Pure: names and options in, dictionaries out.

A cluster is a secret (the cluster file), a service, a pod for the scheduler and one for each
worker.  All carry the label ``shoal/cluster``, so that ``kubectl delete all,secret -l
shoal/cluster=NAME`` removes what a crashed program has left.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from shoal.distributed.deploy.commands import flags, shell_line

__all__ = ["PORT", "Names", "pod", "scheduler_pod", "secret", "service", "worker_pod"]

PORT = 8786
FOLDER = "/run/shoal"
"""Where pods find the secret."""

Manifest = dict[str, Any]


class Names:
    """What the parts of a cluster are called.

    Parameters
    ----------
    cluster, namespace
        Names of the cluster and of its namespace.

    Raises
    ------
    ValueError
        Kubernetes would not take the cluster's name.

    Examples
    --------
    >>> names = Names("wood", "lab")
    >>> names.scheduler, names.worker(3), names.host
    ('wood-scheduler', 'wood-worker-3', 'wood-scheduler.lab')
    """

    def __init__(self, cluster: str, namespace: str) -> None:
        if not re.fullmatch(r"[a-z]([a-z0-9-]{0,38}[a-z0-9])?", cluster):
            raise ValueError(
                f"a cluster in Kubernetes is named by up to 40 small letters, digits and '-', got "
                f"{cluster!r}"
            )
        self.cluster = cluster
        self.namespace = namespace
        self.scheduler = f"{cluster}-scheduler"
        self.secret = f"{cluster}-cluster"
        self.host = f"{self.scheduler}.{namespace}"

    def worker(self, name: Any) -> str:
        """The pod of a worker."""
        return f"{self.cluster}-worker-{name}"

    def metadata(self, name: str, role: str) -> Manifest:
        """Name and labels of a part."""
        labels = {"shoal/cluster": self.cluster, "shoal/role": role}
        return {"name": name, "namespace": self.namespace, "labels": labels}


def secret(names: Names, text: str) -> Manifest:
    """The secret that holds the cluster file.

    Parameters
    ----------
    names
        Of the cluster.
    text
        The cluster file.

    Examples
    --------
    >>> secret(Names("wood", "lab"), "{}")["stringData"]
    {'cluster.json': '{}'}
    """
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": names.metadata(names.secret, "secret"),
        "stringData": {"cluster.json": text},
    }


def service(names: Names, kind: str = "ClusterIP", port: int = PORT) -> Manifest:
    """The service by which pods find the scheduler.

    Parameters
    ----------
    names
        Of the cluster.
    kind
        Its type.
    port
        Of the scheduler.

    Examples
    --------
    >>> service(Names("wood", "lab"))["spec"]["type"]
    'ClusterIP'
    """
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": names.metadata(names.scheduler, "scheduler"),
        "spec": {
            "type": kind,
            "selector": {"shoal/cluster": names.cluster, "shoal/role": "scheduler"},
            "ports": [{"name": "scheduler", "port": port, "targetPort": port}],
        },
    }


def pod(
    names: Names,
    name: str,
    role: str,
    words: list[str],
    *,
    image: str,
    env: Mapping[str, str] | None = None,
    resources: Mapping[str, Any] | None = None,
    extra: Mapping[str, Any] | None = None,
) -> Manifest:
    """A pod that runs a command, with the cluster file on its standard input.

    Parameters
    ----------
    names
        Of the cluster.
    name, role
        Of the pod.
    words
        The command.
    image
        With Python and shoal.
    env
        Environment variables.
    resources
        ``{"requests": ..., "limits": ...}``.
    extra
        Further fields of the pod's specification.

    Examples
    --------
    >>> made = pod(Names("wood", "lab"), "a", "worker", ["shoal", "worker"], image="me/shoal")
    >>> made["spec"]["containers"][0]["command"][-1]
    'exec shoal worker < /run/shoal/cluster.json'
    """
    container: Manifest = {
        "name": role,
        "image": image,
        # `exec`: the signal that ends the pod reaches the worker, which retires.
        "command": ["sh", "-c", f"exec {shell_line(words)} < {FOLDER}/cluster.json"],
        "env": [{"name": key, "value": str(value)} for key, value in (env or {}).items()],
        "volumeMounts": [{"name": "cluster", "mountPath": FOLDER, "readOnly": True}],
    }
    if resources:
        container["resources"] = dict(resources)
    volume = {"name": "cluster", "secret": {"secretName": names.secret, "defaultMode": 0o400}}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": names.metadata(name, role),
        "spec": {
            "restartPolicy": "OnFailure",
            "containers": [container],
            "volumes": [volume],
            **(extra or {}),
        },
    }


def scheduler_pod(
    names: Names, options: Mapping[str, Any], port: int = PORT, **more: Any
) -> Manifest:
    """The pod of the scheduler.

    Parameters
    ----------
    names
        Of the cluster.
    options
        Of ``shoal scheduler``.
    port
        Where it listens.
    **more
        As for `pod`.

    Examples
    --------
    >>> made = scheduler_pod(Names("wood", "lab"), {}, image="me/shoal")
    >>> made["metadata"]["name"]
    'wood-scheduler'
    """
    fixed = {"host": "0.0.0.0", "port": port, "protocol": "tls", "scheduler_file": "-"}
    words = ["shoal", "scheduler", *flags({**fixed, **options})]
    return pod(names, names.scheduler, "scheduler", words, **more)


def worker_pod(names: Names, name: Any, options: Mapping[str, Any], **more: Any) -> Manifest:
    """The pod of a worker.

    Parameters
    ----------
    names
        Of the cluster.
    name
        Of the worker.
    options
        Of ``shoal worker``.
    **more
        As for `pod`.

    Examples
    --------
    >>> made = worker_pod(Names("wood", "lab"), 3, {"nthreads": 2}, image="me/shoal")
    >>> made["metadata"]["name"]
    'wood-worker-3'
    """
    words = ["shoal", "worker", "--scheduler-file", "-", "--name", str(name), *flags(options)]
    return pod(names, names.worker(name), "worker", words, **more)
