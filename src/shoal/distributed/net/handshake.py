"""Two sides prove to each other that they have the cluster's secret; pure, without sockets.

::

    dialer    ->  hello                                 64 bytes
    listener  ->  hello, proof                          64 + 32
    dialer    ->  proof                                 32

    hello     magic 8 | lowest version 2 | highest version 2 | role 16 | zeros 4 | nonce 32
    proof     HMAC-SHA256(secret, side | binding | dialer's hello | listener's hello)

Nothing that a side sends is looked into beyond these fixed bytes before its proof has been checked.

A proof is bound to the side that makes it (so it cannot be reflected), to both fresh nonces (so it
cannot be replayed), to both roles and version ranges (so neither can be changed on the way), and
to the transport: its scheme, and over TLS the listener's certificate.  The secret itself never
travels, and no proof helps anybody to guess 32 random bytes.

The listener proves first.  A dialer with the wrong secret therefore learns that it
is the wrong one, and need not guess from a closed connection.  Versions are compared
after the proofs: an error that names versions comes from a member of the cluster.
"""

from __future__ import annotations

import hmac
import struct

from shoal.errors import AuthenticationError, FrameError, ProtocolVersionError

__all__ = ["HELLO_BYTES", "NONCE_BYTES", "PROOF_BYTES", "VERSIONS", "Handshake"]

MAGIC = b"\x89shoal\r\n"
HELLO = struct.Struct("<8sHH16s4s32s")
HELLO_BYTES = HELLO.size
NONCE_BYTES = 32
PROOF_BYTES = 32

VERSIONS = (1, 1)
"""The lowest and the highest version of the protocol that this code speaks."""


class Handshake:
    """One side of a handshake.

    Parameters
    ----------
    dialer
        Whether this side opened the connection.
    secret
        Of the cluster.
    role
        Of this side, at most 16 ASCII characters.
    nonce
        32 random bytes, new for each connection.
    binding
        What both sides see of the transport beneath.
    versions
        The lowest and the highest that this side speaks.

    Attributes
    ----------
    wanted
        How many bytes of the other side `receive` wants next; 0 when the handshake is done.
    peer_role
        The other side's; to be believed when the handshake is done.
    version
        The highest that both sides speak; 0 until the handshake is done.
    farewell
        What is to be sent after `receive` has failed: the dialer's proof where only the versions
        differ, so that the listener's log names them as well.

    Examples
    --------
    >>> here = Handshake(True, b"secret", "client", b"1" * 32)
    >>> there = Handshake(False, b"secret", "scheduler", b"2" * 32)
    >>> answer = there.receive(here.start())
    >>> there.receive(here.receive(answer))
    b''
    >>> here.peer_role, there.peer_role, here.wanted, there.wanted
    ('scheduler', 'client', 0, 0)
    """

    def __init__(
        self,
        dialer: bool,
        secret: bytes,
        role: str,
        nonce: bytes,
        *,
        binding: bytes = b"",
        versions: tuple[int, int] = VERSIONS,
    ) -> None:
        if not (role.isascii() and 0 < len(role) <= 16):
            raise ValueError(f"a role has 1 to 16 ASCII characters, not {role!r}")
        self.dialer = dialer
        self.versions = versions
        self.peer_role = ""
        self.version = 0
        self.farewell = b""
        self.wanted = HELLO_BYTES + PROOF_BYTES if dialer else HELLO_BYTES
        self._secret = secret
        self._binding = binding
        self._hello = HELLO.pack(MAGIC, *versions, role.encode(), b"", nonce)
        self._theirs = b""

    def start(self) -> bytes:
        """What this side sends before it has received anything."""
        return self._hello if self.dialer else b""

    def receive(self, data: bytes) -> bytes:
        """Take as many bytes as are wanted, and give those to send next.

        Parameters
        ----------
        data
            Exactly ``wanted`` bytes.

        Raises
        ------
        FrameError
            The other side does not speak this protocol at all.
        AuthenticationError
            Its proof is wrong.
        ProtocolVersionError
            It is a member of the cluster and speaks no version that this side does.
        """
        if not self._theirs:
            self._theirs = data[:HELLO_BYTES]
            if not self._theirs.startswith(MAGIC):
                raise FrameError(f"the other side does not speak shoal's protocol: {data[:16]!r}")
            if not self.dialer:
                self.wanted = PROOF_BYTES
                return self._hello + self._proof(False)
            data = data[HELLO_BYTES:]
        if not hmac.compare_digest(self._proof(not self.dialer), data):
            raise AuthenticationError(
                "the other side does not have this cluster's secret; "
                "use the cluster file (cluster.json) of the cluster that listens there"
            )
        # A proof for our own nonce would be a mirror; sides in proofs exclude it, this says so.
        _, low, high, role, _, nonce = HELLO.unpack(self._theirs)
        if nonce == self._hello[-NONCE_BYTES:]:
            raise AuthenticationError("the other side sent this side's own nonce back")
        self.peer_role = role.rstrip(b"\0").decode("ascii", "replace")
        self.farewell = self._proof(True) if self.dialer else b""
        self._agree(low, high)
        self.wanted = 0
        return self.farewell

    def _proof(self, dialer: bool) -> bytes:
        """The proof of one side over everything that was said."""
        hellos = (self._hello, self._theirs) if self.dialer else (self._theirs, self._hello)
        side = b"dialer" if dialer else b"listener"
        parts = (side, self._binding, *hellos)
        data = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
        return hmac.digest(self._secret, data, "sha256")

    def _agree(self, low: int, high: int) -> None:
        """The highest version that both sides speak."""
        version = min(high, self.versions[1])
        if version < max(low, self.versions[0]):
            raise ProtocolVersionError(
                f"the other side ({self.peer_role}) speaks {span(low, high)} of the protocol, this "
                f"side {span(*self.versions)}; install the same version of shoal on both"
            )
        self.version = version


def span(low: int, high: int) -> str:
    """A range of versions in words.

    >>> span(1, 1), span(2, 4)
    ('version 1', 'versions 2 to 4')
    """
    return f"version {low}" if low == high else f"versions {low} to {high}"
