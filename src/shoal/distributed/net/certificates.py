"""A certificate authority for one cluster, made and forgotten.

Every member of a cluster carries one certificate, signed by an authority that exists for this
cluster only.  The authority's key is thrown away once it has signed, so nobody, a member included,
can make another certificate later.  Elliptic keys (P-256): made in a millisecond.
"""

from __future__ import annotations

import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["make_certificates"]


def make_certificates(host: str, days: float = 3650.0) -> tuple[str, str, str]:
    """A new authority, and the certificate and key of a cluster's members.

    Parameters
    ----------
    host
        The name that the certificate is for; no machine needs to have it.
    days
        How long both are good for.

    Returns
    -------
    tuple[str, str, str]
        The authority's certificate, the members' certificate, and its key, as PEM.

    Examples
    --------
    >>> ca, cert, key = make_certificates("cluster.example")
    >>> ca.splitlines()[0], key.splitlines()[0]
    ('-----BEGIN CERTIFICATE-----', '-----BEGIN PRIVATE KEY-----')
    """
    authority_key = ec.generate_private_key(ec.SECP256R1())
    key = ec.generate_private_key(ec.SECP256R1())
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "authority of one shoal cluster")])
    authority = sign(issuer, authority_key, issuer, authority_key, days, None)
    member = sign(
        x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, host[:64])]),
        key,
        issuer,
        authority_key,
        days,
        host,
    )
    pem = serialization.Encoding.PEM
    private = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return (
        authority.public_bytes(pem).decode(),
        member.public_bytes(pem).decode(),
        private.decode(),
    )


def sign(
    subject: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    issuer: x509.Name,
    issuer_key: ec.EllipticCurvePrivateKey,
    days: float,
    host: str | None,
) -> x509.Certificate:
    """A certificate for a host, or for an authority where there is none."""
    now = datetime.datetime.now(datetime.UTC)
    usage = x509.KeyUsage(
        digital_signature=host is not None,
        key_cert_sign=host is None,
        crl_sign=host is None,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
    issuer_id = x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer_key.public_key())
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        # Clocks of hosts differ.
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=host is None, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(issuer_id, critical=False)
    )
    if host is not None:
        both = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        builder = builder.add_extension(x509.ExtendedKeyUsage(both), critical=False)
        builder = builder.add_extension(
            x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False
        )
    return builder.sign(issuer_key, hashes.SHA256())
