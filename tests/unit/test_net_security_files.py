"""Credentials as programs for Dask name them: certificates in files."""

from __future__ import annotations

import pickle

import pytest

from shoal.distributed import Client, LocalCluster, Scheduler, Security, Worker
from shoal.errors import AuthenticationError


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict[str, str]:
    made, folder = Security.new(tls=True), tmp_path_factory.mktemp("certificates")
    (folder / "ca.pem").write_text(made.ca)
    (folder / "both.pem").write_text(made.key + made.cert)
    both = str(folder / "both.pem")
    return {"tls_ca_file": str(folder / "ca.pem"), "tls_client_cert": both, "tls_client_key": both}


def test_members_with_the_same_files(files) -> None:
    security = Security(**files, require_encryption=True)
    assert pickle.loads(pickle.dumps(security)) == security == Security(**files)
    with (
        Scheduler(host="tls://127.0.0.1", security=security) as scheduler,
        Worker(scheduler.address, nthreads=1, host="tls://127.0.0.1", security=security),
        Client(scheduler.address, security=security) as client,
    ):
        assert scheduler.address.startswith("tls://")
        assert client.submit(abs, -1).result() == 1
        stranger = Security.temporary()
        with pytest.raises(AuthenticationError):
            Client(scheduler.address, security=stranger, timeout=60)


def test_a_cluster_with_certificates_of_its_own() -> None:
    with LocalCluster(n_workers=1, processes=False, security=True) as cluster:
        assert cluster.scheduler_address.startswith("tls://")
        with Client(cluster) as client:
            assert client.submit(abs, -1).result() == 1


def test_mistakes(files) -> None:
    with pytest.raises(ValueError, match=r"needs tls_ca_file and a certificate.*got \['tls_ca_f"):
        Security(tls_ca_file=files["tls_ca_file"])
    with pytest.raises(TypeError, match=r"Security knows no \['tls_ca'\]"):
        Security(tls_ca="x")
    with pytest.raises(AuthenticationError, match="at least 16 bytes"):
        Security()


@pytest.mark.parametrize("role", ["client", "worker", "scheduler"])
def test_credentials_under_the_names_that_dask_has_for_them(role) -> None:
    made = Security.new(tls=True)
    assert made.tls_ca_file == made.ca and made.require_encryption
    assert getattr(made, f"tls_{role}_cert") == made.cert
    assert getattr(made, f"tls_{role}_key") == made.key
    config = made.get_tls_config_for_role(role)
    assert config == {"ca_file": made.ca, "cert": made.cert, "key": made.key, "ciphers": None}
    for args, dialer in (
        (made.get_connection_args(role), True),
        (made.get_listen_args(role), False),
    ):
        assert args["ssl_context"] is made.context(dialer)
        assert args["require_encryption"] is True and args["extra_conn_args"] == {}
    plain = Security.new()
    assert getattr(plain, f"tls_{role}_cert") is None and not plain.require_encryption
    assert plain.get_connection_args(role)["ssl_context"] is None


def test_who_starts_workers_elsewhere_hears_where_the_files_are(files) -> None:
    made = Security(**files)
    assert made.tls_client_key == files["tls_client_key"]
    config = made.get_tls_config_for_role("client")
    assert (config["ca_file"], config["cert"]) == (files["tls_ca_file"], files["tls_client_cert"])
    # What was not given for a role is told as PEM.
    assert made.get_tls_config_for_role("worker")["cert"] == made.cert
    assert pickle.loads(pickle.dumps(made)).tls_ca_file == files["tls_ca_file"]


def test_names_that_credentials_do_not_have() -> None:
    plain = Security.new()
    with pytest.raises(AttributeError, match="tls_foobar"):
        plain.tls_foobar
    with pytest.raises(ValueError, match="supervisor"):
        plain.get_tls_config_for_role("supervisor")
