"""A cluster in Kubernetes: pods for the scheduler and the workers, from a program anywhere.

`Kube` is the seam to Kubernetes, with what a cluster needs of it; `Kr8s` is it with the package
kr8s, and `ThisMachineAsKubernetes` runs the pods' commands here.  The program reaches the scheduler
through a port that is forwarded to its pod.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

from shoal.distributed.deploy.commands import program, shell_line
from shoal.distributed.deploy.hosts import Running, ThisHost
from shoal.distributed.deploy.manifests import (
    FOLDER,
    PORT,
    Names,
    scheduler_pod,
    secret,
    service,
    worker_pod,
)
from shoal.distributed.deploy.spec import ProcessInterface, SpecCluster
from shoal.distributed.net import Security, cluster_text
from shoal.distributed.node.known import own_folder
from shoal.optional import import_required

__all__ = ["Kr8s", "Kube", "KubeCluster", "ThisMachineAsKubernetes"]

START_S = 300
"""How long a pod may take to start: its image may have to be fetched."""


class Kube(Protocol):
    """What a cluster needs of Kubernetes.

    Examples
    --------
    >>> kube: Kube = ThisMachineAsKubernetes()
    """

    async def create(self, manifest: dict[str, Any]) -> None:
        """Create something.

        Parameters
        ----------
        manifest
            Its description.
        """

    async def delete(self, kind: str, name: str, namespace: str) -> None:
        """Delete something, if it is there.

        Parameters
        ----------
        kind, name, namespace
            Which.
        """

    async def reach(self, pod: str, namespace: str, port: int) -> str:
        """Wait until a pod runs, and find out where this program reaches it: ``"host:port"``.

        Parameters
        ----------
        pod, namespace
            Which.
        port
            That it listens on.
        """

    async def close(self) -> None:
        """Let go of what was opened."""


class Kr8s:
    """Kubernetes, through the package kr8s, with the credentials that kubectl would use.

    Examples
    --------
    >>> Kr8s.__name__
    'Kr8s'
    """

    def __init__(self) -> None:
        self._objects: Any = import_required("kr8s.asyncio.objects", "KubeCluster")
        self._made: dict[tuple[str, str, str], Any] = {}
        self._forwards: list[Any] = []

    async def create(self, manifest: dict[str, Any]) -> None:
        """Create something.

        Parameters
        ----------
        manifest
            Its description.
        """
        # Since 0.14 of kr8s a plain function, before that a coroutine.
        made = self._objects.object_from_spec(manifest)
        if asyncio.iscoroutine(made):
            made = await made
        await made.create()
        where = manifest["metadata"]
        self._made[manifest["kind"], where["name"], where["namespace"]] = made

    async def delete(self, kind: str, name: str, namespace: str) -> None:
        """Delete something, if it is there.

        Parameters
        ----------
        kind, name, namespace
            Which.
        """
        made = self._made.pop((kind, name, namespace), None)
        if made is not None:
            with contextlib.suppress(Exception):
                await made.delete()

    async def reach(self, pod: str, namespace: str, port: int) -> str:
        """Wait until a pod runs, and forward a port to it.

        Parameters
        ----------
        pod, namespace
            Which.
        port
            That it listens on.
        """
        made = self._made["Pod", pod, namespace]
        await made.wait("condition=Ready", timeout=START_S)
        forward = made.portforward(port, local_port="auto")
        self._forwards.append(forward)
        return f"127.0.0.1:{await forward.start()}"

    async def close(self) -> None:
        """End the forwarding."""
        forwards, self._forwards = self._forwards, []
        for forward in forwards:
            await forward.stop()


class ThisMachineAsKubernetes:
    """A Kubernetes whose pods are processes of this machine: for trying things out, and for tests.

    Attributes
    ----------
    manifests
        What there is, by kind and name.

    Examples
    --------
    >>> ThisMachineAsKubernetes().manifests
    {}
    """

    def __init__(self) -> None:
        self.manifests: dict[tuple[str, str], dict[str, Any]] = {}
        self._folder = ""
        self._running: dict[str, Running] = {}

    async def create(self, manifest: dict[str, Any]) -> None:
        """Create something; a pod's command is run.

        Parameters
        ----------
        manifest
            Its description.
        """
        name = manifest["metadata"]["name"]
        self.manifests[manifest["kind"], name] = manifest
        if manifest["kind"] == "Secret":
            self._folder = self._folder or own_folder("kubernetes")
            for file, text in manifest["stringData"].items():
                # The names of services mean this machine.
                entries = json.loads(text)
                port = entries["address"].rpartition(":")[2]
                here = json.dumps({**entries, "address": f"tls://127.0.0.1:{port}"})
                Path(self._folder, file).write_text(here)
        elif manifest["kind"] == "Pod":
            [container] = manifest["spec"]["containers"]
            line = container["command"][-1].replace(FOLDER, self._folder)
            line = line.replace("exec shoal ", f"exec {shell_line(program(sys.executable))} ")
            running = await ThisHost().start(["sh", "-c", line.replace("0.0.0.0", "127.0.0.1")])
            running.listen()
            self._running[name] = running

    async def delete(self, kind: str, name: str, namespace: str) -> None:
        """Delete something; the command of a pod is ended.

        Parameters
        ----------
        kind, name, namespace
            Which.
        """
        self.manifests.pop((kind, name), None)
        running = self._running.pop(name, None) if kind == "Pod" else None
        if running is not None:
            await running.end()

    async def reach(self, pod: str, namespace: str, port: int) -> str:
        """Where a pod is reached.

        Parameters
        ----------
        pod, namespace
            Which.
        port
            That it listens on.
        """
        return f"127.0.0.1:{port}"

    async def close(self) -> None:
        """Remove the files."""
        shutil.rmtree(self._folder, ignore_errors=True)


class KubeScheduler(ProcessInterface):
    """The scheduler's secret, service and pod.

    Parameters
    ----------
    kube
        Where.
    names
        Of the cluster.
    service_type, port
        Of the service.
    options
        Of ``shoal scheduler``.
    pod
        As for `shoal.distributed.deploy.manifests.pod`.

    Examples
    --------
    >>> names, pod = Names("wood", "lab"), {"image": "me/shoal"}
    >>> KubeScheduler(ThisMachineAsKubernetes(), names, "ClusterIP", 1, {}, pod).status
    'created'
    """

    def __init__(
        self,
        kube: Kube,
        names: Names,
        service_type: str,
        port: int,
        options: Mapping[str, Any],
        pod: Mapping[str, Any],
    ) -> None:
        super().__init__(name="scheduler")
        self.kube = kube
        self.names = names
        self.security = Security.new(tls=True)
        self._port = port
        text = cluster_text(f"tls://{names.host}:{port}", self.security)
        self._manifests = [
            secret(names, text),
            service(names, service_type, port),
            scheduler_pod(names, options, port, **pod),
        ]

    async def start(self) -> None:
        """Create them, and wait until the scheduler can be reached."""
        for manifest in self._manifests:
            await self.kube.create(manifest)
        names = self.names
        where = await self.kube.reach(names.scheduler, names.namespace, self._port)
        self.address = f"tls://{where}"
        self.status = "running"

    async def close(self) -> None:
        """Delete them."""
        self.status = "closed"
        for manifest in reversed(self._manifests):
            place = manifest["metadata"]
            await self.kube.delete(manifest["kind"], place["name"], place["namespace"])
        await self.kube.close()


class KubeWorker(ProcessInterface):
    """The pod of a worker.

    Parameters
    ----------
    scheduler
        Its address, for this program; workers have another one.
    name
        In the cluster.
    kube, names
        Where, and of which cluster.
    options
        Of ``shoal worker``.
    pod
        As for `shoal.distributed.deploy.manifests.pod`.

    Examples
    --------
    >>> KubeWorker(None, 3, None, None, {}, {}).name
    3
    """

    def __init__(
        self,
        scheduler: str | None,
        name: Any,
        kube: Kube,
        names: Names,
        options: Mapping[str, Any],
        pod: Mapping[str, Any],
    ) -> None:
        super().__init__(scheduler, name)
        self.kube = kube
        self.names = names
        self._options = options
        self._pod = pod

    async def start(self) -> None:
        """Create it; the worker joins the scheduler by itself."""
        await self.kube.create(worker_pod(self.names, self.name, self._options, **self._pod))
        self.status = "running"

    async def close(self) -> None:
        """Delete it."""
        self.status = "closed"
        await self.kube.delete("Pod", self.names.worker(self.name), self.names.namespace)


class KubeCluster(SpecCluster):
    """A cluster in Kubernetes.

    Parameters
    ----------
    name
        Of the cluster: up to 40 small letters, digits and ``-``.
    image
        With Python and shoal, and what tasks need.
    namespace
        Where to put it.
    n_workers
        At the beginning.
    env
        Environment variables of all pods.
    resources
        Of a worker's pod: ``{"requests": {"memory": "2Gi"}, "limits": {"cpu": 2}}``.
    worker_options, scheduler_options
        Of ``shoal worker`` and ``shoal scheduler``.
    scheduler_service_type, port
        Of the service.
    pod_spec
        Further fields of all pods' specifications, such as ``{"nodeSelector": ...}``.
    kube
        Kubernetes; default: through kr8s.
    **options
        ``asynchronous``, ...

    Examples
    --------
    >>> KubeCluster("My Cluster", "me/shoal", kube=ThisMachineAsKubernetes())
    Traceback (most recent call last):
    ...
    ValueError: a cluster in Kubernetes is named by up to 40 small letters, digits and '-', got ...
    """

    def __init__(
        self,
        name: str,
        image: str,
        namespace: str = "default",
        n_workers: int = 0,
        env: Mapping[str, str] | None = None,
        resources: Mapping[str, Any] | None = None,
        worker_options: Mapping[str, Any] | None = None,
        scheduler_options: Mapping[str, Any] | None = None,
        scheduler_service_type: str = "ClusterIP",
        port: int = PORT,
        pod_spec: Mapping[str, Any] | None = None,
        kube: Kube | None = None,
        **options: Any,
    ) -> None:
        names = Names(name, namespace)
        place: Kube = Kr8s() if kube is None else kube
        pod = {"image": image, "env": env, "extra": pod_spec}
        scheduler = {
            "kube": place,
            "names": names,
            "service_type": scheduler_service_type,
            "port": port,
            "options": scheduler_options or {},
            "pod": pod,
        }
        worker = {
            "kube": place,
            "names": names,
            "options": worker_options or {},
            "pod": {**pod, "resources": resources},
        }
        each = {"cls": KubeWorker, "options": worker}
        super().__init__(
            workers=dict.fromkeys(range(n_workers), each),
            scheduler={"cls": KubeScheduler, "options": scheduler},
            worker=each,
            name=name,
            **options,
        )
