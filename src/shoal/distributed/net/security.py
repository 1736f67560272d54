"""What makes somebody a member of a cluster: its secret and, between hosts, its certificate.

Both stand in one file, the *cluster file* (``cluster.json``), next to the address: whoever can read
it can use the cluster, and nobody else can.  It is written with mode 0600, and one
that others can read is refused.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import secrets
import ssl
import stat
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from shoal.errors import AuthenticationError, ConfigError

__all__ = [
    "Security",
    "cluster_text",
    "parse_cluster",
    "read_cluster_file",
    "write_cluster_file",
]

SECRET_BYTES = 32
FEWEST_BYTES = 16


@dataclass(frozen=True, init=False)
class Security:
    """The credentials of a cluster.

    Parameters
    ----------
    secret
        At least 16 bytes that only members know.
    ca, cert, key
        For ``tls://``: the certificate of the cluster's authority, that of the members, and its
        key, as PEM.
    host
        The name in the members' certificate; empty for certificates made elsewhere, of which only
        the authority is checked.
    require_encryption
        Accepted: with certificates all connections between hosts are encrypted.
    **files
        Instead of the above, as programs for Dask say it: ``tls_ca_file``, ``tls_client_cert`` and
        ``tls_client_key``, or those of ``scheduler`` or ``worker``; paths, or PEM.  The secret
        follows from the key, so all members need the same one.

    Examples
    --------
    >>> security = Security.new()
    >>> len(security.secret), security.has_tls
    (32, False)
    >>> security
    Security(ca='', cert='', host='')
    """

    secret: bytes = field(repr=False)
    ca: str
    cert: str
    key: str = field(repr=False)
    host: str

    def __init__(
        self,
        secret: bytes = b"",
        ca: str = "",
        cert: str = "",
        key: str = "",
        host: str = "",
        require_encryption: bool | None = None,
        **files: Any,
    ) -> None:
        if files:
            secret, ca, cert, key = from_files(files)
        for name, value in zip(FIELDS, (secret, ca, cert, key, host), strict=True):
            # The dataclass is frozen.
            object.__setattr__(self, name, value)
        # As they were given: those who start workers elsewhere pass on where the files are.
        object.__setattr__(self, "_given", {k: v for k, v in files.items() if v is not None})
        if len(self.secret) < FEWEST_BYTES:
            raise AuthenticationError(
                f"a cluster's secret has at least {FEWEST_BYTES} bytes, this one "
                f"{len(self.secret)}; make one with Security.new(), or read the cluster's file"
            )

    @classmethod
    def new(cls, tls: bool = False) -> Security:
        """Credentials for a new cluster.

        Parameters
        ----------
        tls
            Whether to make certificates as well (some milliseconds).
        """
        secret = secrets.token_bytes(SECRET_BYTES)
        if not tls:
            return cls(secret)
        from shoal.distributed.net.certificates import make_certificates

        host = f"{secrets.token_hex(8)}.cluster.shoal.invalid"
        return cls(secret, *make_certificates(host), host=host)

    @classmethod
    def temporary(cls, **options: Any) -> Security:
        """Credentials with certificates for a new cluster, under the name that Dask has for it.

        Parameters
        ----------
        **options
            Accepted.
        """
        return cls.new(tls=True)

    @property
    def has_tls(self) -> bool:
        """Whether there is a certificate."""
        return bool(self.cert)

    @property
    def require_encryption(self) -> bool:
        """Whether all connections between hosts are encrypted: when there are certificates."""
        return self.has_tls

    def __getattr__(self, name: str) -> Any:
        # As programs for Dask ask for it.  All members show the same certificate.
        field_ = TLS_NAMES.get(name)
        if field_ is not None:
            return self._given.get(name) or getattr(self, field_) or None
        if name in TLS_FIXED:
            return TLS_FIXED[name]
        raise AttributeError(f"Security has no {name!r}; its TLS names are {sorted(TLS_NAMES)}")

    def get_tls_config_for_role(self, role: str) -> dict[str, Any]:
        """The certificates of a role, under the name that Dask has for it.

        Parameters
        ----------
        role
            ``"client"``, ``"worker"`` or ``"scheduler"``.

        Returns
        -------
        dict
            ``ca_file``, ``cert``, ``key`` (the path that was given, else PEM, or None where there
            is none) and ``ciphers``.

        Raises
        ------
        ValueError
            There is no such role.
        """
        if role not in ROLES:
            raise ValueError(f"unknown role {role!r}; wanted one of {', '.join(ROLES)}")
        # The key may stand in the same text as the certificate.
        return {
            "ca_file": self.tls_ca_file,
            "cert": getattr(self, f"tls_{role}_cert"),
            "key": getattr(self, f"tls_{role}_key"),
            "ciphers": None,
        }

    def get_connection_args(self, role: str) -> dict[str, Any]:
        """What a connection that a role opens needs, under the name that Dask has for it.

        Parameters
        ----------
        role
            As for `get_tls_config_for_role`.

        Returns
        -------
        dict
            ``ssl_context`` (None without certificates), ``require_encryption`` and
            ``extra_conn_args``.
        """
        return self._args(role, dialer=True)

    def get_listen_args(self, role: str) -> dict[str, Any]:
        """What a listener of a role needs; see `get_connection_args`.

        Parameters
        ----------
        role
            As for `get_tls_config_for_role`.
        """
        return self._args(role, dialer=False)

    def _args(self, role: str, dialer: bool) -> dict[str, Any]:
        has_cert = self.get_tls_config_for_role(role)["cert"] is not None
        return {
            "ssl_context": self.context(dialer) if has_cert else None,
            "require_encryption": self.require_encryption,
            "extra_conn_args": {},
        }

    def context(self, dialer: bool) -> ssl.SSLContext:
        """TLS 1.3 in which both sides show a certificate of the cluster's authority.

        Parameters
        ----------
        dialer
            For the side that opens connections.
        """
        if not self.has_tls:
            raise AuthenticationError(
                "tls:// needs certificates and this cluster's credentials have none; "
                "make them with Security.new(tls=True)"
            )
        return make_context(self, dialer)


FIELDS = ("secret", "ca", "cert", "key", "host")

ROLES = ("client", "worker", "scheduler")

TLS_NAMES = {
    "tls_ca_file": "ca",
    **{f"tls_{role}_{what}": what for role in ROLES for what in ("cert", "key")},
}
"""Dask's names of the credentials, and the fields that they stand for."""

TLS_FIXED: dict[str, Any] = {
    "tls_min_version": ssl.TLSVersion.TLSv1_3,
    "tls_max_version": None,
    "tls_ciphers": None,
    "extra_conn_args": {},
}
"""What is the same for every cluster."""


def from_files(files: dict[str, Any]) -> tuple[bytes, str, str, str]:
    """Secret, authority, certificate and key from the files that programs for Dask name.

    Parameters
    ----------
    files
        ``tls_ca_file``, ``tls_client_cert``, ``tls_client_key``, ...; paths or PEM.

    Raises
    ------
    TypeError
        There is another name among them.
    ValueError
        The authority, or a certificate, is missing.

    Examples
    --------
    >>> made = Security.new(tls=True)
    >>> found = from_files({"tls_ca_file": made.ca, "tls_worker_cert": made.key + made.cert})
    >>> found[1] == made.ca, found[2].startswith(made.key)
    (True, True)
    """
    known = TLS_NAMES.keys() | TLS_FIXED.keys()
    unknown = files.keys() - known
    if unknown:
        raise TypeError(f"Security knows no {sorted(unknown)}; it knows {sorted(known)}")
    ca = pem(files.get("tls_ca_file"))
    role = next((role for role in ROLES if files.get(f"tls_{role}_cert")), None)
    if not ca or role is None:
        raise ValueError(
            "Security needs tls_ca_file and a certificate with its key, such as tls_client_cert "
            f"and tls_client_key; got {sorted(name for name, value in files.items() if value)}"
        )
    cert = pem(files[f"tls_{role}_cert"])
    # One file may hold both.
    key = pem(files.get(f"tls_{role}_key")) or cert
    digest = hashlib.blake2b(f"{key}{ca}".encode(), digest_size=SECRET_BYTES, person=b"shoal tls")
    return digest.digest(), ca, cert, key if key != cert else ""


def pem(given: Any) -> str:
    """PEM, or the content of the file that has it; empty for None."""
    if given is None:
        return ""
    text = os.fspath(given)
    return text if "-----BEGIN" in text else Path(text).read_text()


@functools.lru_cache(maxsize=8)
def make_context(security: Security, dialer: bool) -> ssl.SSLContext:
    """One for all connections of one kind: it takes a millisecond, and writes a file."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT if dialer else ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_3
    made.check_hostname = dialer and bool(security.host)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_verify_locations(cadata=security.ca)
    # Resumption would save a signature a connection, which is nothing here.
    if not dialer:
        made.num_tickets = 0
    # The library reads keys from files only.
    with tempfile.TemporaryDirectory(prefix="shoal-") as folder:
        path = Path(folder, "member.pem")
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            file.write(security.key + security.cert)
        made.load_cert_chain(path)
    return made


def write_cluster_file(path: str | os.PathLike[str], address: str, security: Security) -> None:
    """Write a cluster's address and credentials where only its owner can read them.

    Parameters
    ----------
    path
        Its folder is made, with mode 0700, where it does not exist.  A reader sees the old file or
        the new one, never half of one.
    address
        Of the scheduler.
    security
        Its credentials.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "private", "cluster.json")
    >>> write_cluster_file(path, "tcp://127.0.0.1:8786", Security.new())
    >>> oct(path.stat().st_mode & 0o777), oct(path.parent.stat().st_mode & 0o777)
    ('0o600', '0o700')
    """
    path = Path(path)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(cluster_text(address, security))
    fresh.replace(path)


def cluster_text(address: str, security: Security) -> str:
    """What a cluster file holds.

    Parameters
    ----------
    address
        Of the scheduler.
    security
        Its credentials.

    Examples
    --------
    >>> security = Security.new()
    >>> parse_cluster(cluster_text("tcp://127.0.0.1:8786", security))[1] == security
    True
    """
    entries = {
        "address": address,
        "secret": security.secret.hex(),
        "ca": security.ca,
        "cert": security.cert,
        "key": security.key,
        "host": security.host,
    }
    return json.dumps(entries, indent=1)


def read_cluster_file(path: str | os.PathLike[str]) -> tuple[str, Security]:
    """The address and the credentials of a cluster.

    Parameters
    ----------
    path
        Of a file that `write_cluster_file` wrote.

    Raises
    ------
    ConfigError
        It is no such file, or others than its owner may read it.

    Examples
    --------
    >>> import tempfile
    >>> path = Path(tempfile.mkdtemp(), "cluster.json")
    >>> security = Security.new()
    >>> write_cluster_file(path, "tcp://127.0.0.1:8786", security)
    >>> read_cluster_file(path) == ("tcp://127.0.0.1:8786", security)
    True
    """
    path = Path(path)
    with open(path) as file:
        mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
        if mode & 0o077:
            raise ConfigError(
                f"{path} holds a cluster's secret and others may read it (mode {mode:04o}); "
                f"chmod 600 {path}"
            )
        text = file.read()
    return parse_cluster(text, str(path))


def parse_cluster(text: str, source: str = "the text") -> tuple[str, Security]:
    """The address and the credentials that a cluster file holds.

    Parameters
    ----------
    text
        What `cluster_text` gave.
    source
        Where it comes from, for the error.

    Raises
    ------
    ConfigError
        It is none.

    Examples
    --------
    >>> parse_cluster("{}")
    Traceback (most recent call last):
    ...
    shoal.errors.ConfigError: the text is no cluster file (KeyError: 'secret'); wanted JSON ...
    """
    try:
        entries = json.loads(text)
        ca, cert, key, host = (str(entries.get(name, "")) for name in FIELDS[1:])
        secret = bytes.fromhex(entries["secret"])
        return str(entries["address"]), Security(secret, ca, cert, key, host)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ConfigError(
            f"{source} is no cluster file ({type(error).__name__}: {error}); wanted JSON with "
            "address and secret, as shoal scheduler writes it"
        ) from error
