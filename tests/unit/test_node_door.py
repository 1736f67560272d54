"""The dashboard's door: what it starts ends, whatever goes wrong on the way."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

from shoal.distributed.net import Loop, Security
from shoal.distributed.node import door as doors
from shoal.distributed.node.door import Door


@pytest.mark.parametrize("what", ["sendall", "pidfd_open"])
def test_a_process_that_cannot_be_told_what_to_serve_is_ended(what, monkeypatch):
    started = []
    popen, pair = subprocess.Popen, socket.socketpair

    class Broken(socket.socket):
        def sendall(self, data):
            raise BrokenPipeError("nobody reads")

    def fail(pid):
        raise OSError("no descriptor is left")

    def start(command, **options):
        started.append(popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE))
        return started[-1]

    def broken_pair():
        ours, theirs = pair()
        return Broken(fileno=ours.detach()), theirs

    monkeypatch.setattr(doors.subprocess, "Popen", start)
    if what == "sendall":
        monkeypatch.setattr(doors.socket, "socketpair", broken_pair)
    else:
        monkeypatch.setattr(os, "pidfd_open", fail)
    door = Door(Loop(), ("127.0.0.1", 0))
    door.open("inproc://nobody", Security.new())
    door._knock(0)
    with started[0] as child:
        assert child.returncode == -9
    door.close()
