"""What libraries that train on a cluster ask of it: where workers are, and what they are like."""

from __future__ import annotations

from urllib.parse import urlparse

from shoal.distributed import Client, LocalCluster, comm, get_worker


def test_workers_have_a_host_and_a_port_where_a_protocol_is_named() -> None:
    # LightGBM makes a list of machines of the workers' addresses.
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, protocol="tcp", dashboard_address=None
        ) as local,
        Client(local) as client,
    ):
        workers = list(client.scheduler_info()["workers"])
        assert {urlparse(each).hostname for each in workers} == {"127.0.0.1"}
        assert all(comm.get_address_host_port(each)[1] for each in workers)
        # XGBoost asks the worker.
        threads = client.submit(lambda: get_worker().state.nthreads, workers=workers[:1])
        assert threads.result() == 1
        parts = client.map(lambda n: bytes(n), [10**6, 10**6], workers=workers[1:])
        assert client.submit(len, parts[0], workers=workers[:1]).result() == 10**6
