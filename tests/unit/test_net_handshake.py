"""The handshake: who gets in, who does not, and what each is told."""

from __future__ import annotations

import pytest

from shoal.distributed.net.handshake import HELLO_BYTES, PROOF_BYTES, Handshake
from shoal.errors import AuthenticationError, FrameError, ProtocolVersionError

SECRET = b"s" * 32


def dialer(secret: bytes = SECRET, nonce: bytes = b"d" * 32, **options: object) -> Handshake:
    return Handshake(True, secret, "client", nonce, **options)


def listener(secret: bytes = SECRET, nonce: bytes = b"l" * 32, **options: object) -> Handshake:
    return Handshake(False, secret, "scheduler", nonce, **options)


def run(here: Handshake, there: Handshake) -> None:
    there.receive(here.receive(there.receive(here.start())))


def test_both_sides_learn_who_the_other_is() -> None:
    here, there = dialer(), listener()
    run(here, there)
    assert (here.wanted, there.wanted) == (0, 0)
    assert (here.peer_role, there.peer_role) == ("scheduler", "client")
    assert (here.version, there.version) == (1, 1)


def test_no_side_sends_more_than_256_bytes() -> None:
    here, there = dialer(), listener()
    answer = there.receive(here.start())
    assert len(here.start()) + len(here.receive(answer)) == HELLO_BYTES + PROOF_BYTES <= 256
    assert len(answer) == HELLO_BYTES + PROOF_BYTES


def test_a_dialer_with_another_secret_is_told_so() -> None:
    here, there = dialer(b"x" * 32), listener()
    with pytest.raises(AuthenticationError, match=r"cluster\.json"):
        here.receive(there.receive(here.start()))
    assert here.farewell == b""


def test_a_listener_refuses_who_cannot_prove() -> None:
    here, there = dialer(), listener()
    there.receive(here.start())
    with pytest.raises(AuthenticationError):
        there.receive(bytes(PROOF_BYTES))
    assert there.wanted  # not done


def test_a_proof_cannot_be_replayed() -> None:
    here, there = dialer(), listener()
    answer = there.receive(here.start())
    proof = here.receive(answer)
    again = listener(nonce=b"m" * 32)  # a listener's nonce is new each time
    again.receive(here.start())
    with pytest.raises(AuthenticationError):
        again.receive(proof)
    # Nor the listener's: to a dialer with a new nonce.
    with pytest.raises(AuthenticationError):
        dialer(nonce=b"e" * 32).receive(answer)


def test_a_listeners_proof_cannot_be_reflected() -> None:
    there = listener()
    answer = there.receive(dialer().start())
    with pytest.raises(AuthenticationError):
        there.receive(answer[HELLO_BYTES:])


def test_a_dialers_hello_cannot_be_reflected() -> None:
    # The attacker has no secret; it hands the dialer's own words to a second dialer and back.
    here = dialer()
    with pytest.raises(AuthenticationError):
        here.receive(here.start() + bytes(PROOF_BYTES))
    # A member that is made to answer with the dialer's own nonce.
    here, there = dialer(), listener(nonce=b"d" * 32)
    with pytest.raises(AuthenticationError, match="own nonce"):
        here.receive(there.receive(here.start()))


@pytest.mark.parametrize("at", [8, 10, 12, 20, 30, HELLO_BYTES - 1])
def test_no_byte_of_a_hello_can_be_changed_on_the_way(at: int) -> None:
    here, there = dialer(), listener()
    hello = bytearray(here.start())
    hello[at] ^= 1
    with pytest.raises(AuthenticationError):
        here.receive(there.receive(bytes(hello)))
    here, there = dialer(), listener()
    answer = bytearray(there.receive(here.start()))
    answer[at] ^= 1
    with pytest.raises(AuthenticationError):
        here.receive(bytes(answer))


def test_a_proof_holds_for_one_transport() -> None:
    here, there = dialer(binding=b"tls certificate 1"), listener(binding=b"tls certificate 2")
    with pytest.raises(AuthenticationError):
        here.receive(there.receive(here.start()))


@pytest.mark.parametrize(
    ("mine", "theirs", "agreed"),
    [((1, 1), (1, 1), 1), ((1, 3), (2, 5), 3), ((2, 4), (1, 2), 2), ((3, 3), (1, 9), 3)],
)
def test_the_highest_version_of_both(
    mine: tuple[int, int], theirs: tuple[int, int], agreed: int
) -> None:
    here, there = dialer(versions=mine), listener(versions=theirs)
    run(here, there)
    assert (here.version, there.version) == (agreed, agreed)


@pytest.mark.parametrize(("mine", "theirs"), [((1, 1), (2, 4)), ((5, 6), (2, 4))])
def test_an_error_on_both_sides_names_both_versions(
    mine: tuple[int, int], theirs: tuple[int, int]
) -> None:
    here, there = dialer(versions=mine), listener(versions=theirs)
    with pytest.raises(ProtocolVersionError, match=r"scheduler\) speaks versions 2 to 4 .* this"):
        here.receive(there.receive(here.start()))
    with pytest.raises(ProtocolVersionError, match=r"client\) speaks .* side versions 2 to 4"):
        there.receive(here.farewell)
    assert here.version == there.version == 0


def test_another_protocol() -> None:
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".ljust(HELLO_BYTES)
    with pytest.raises(FrameError, match="does not speak"):
        listener().receive(request)
    with pytest.raises(FrameError, match="does not speak"):
        dialer().receive(request + bytes(PROOF_BYTES))


@pytest.mark.parametrize("role", ["", "x" * 17, "ß"])
def test_a_role_has_few_plain_characters(role: str) -> None:
    with pytest.raises(ValueError, match="role"):
        Handshake(True, SECRET, role, b"d" * 32)
