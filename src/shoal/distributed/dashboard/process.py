"""The dashboard's process: from its first line to its end.

It is started by `shoal.distributed.node.door`, with a listening socket, and a socket over which it
is told where the scheduler is.  When that socket or the connection to the scheduler ends, so
does the process.
"""

from __future__ import annotations

import asyncio
import gc
import os
import pickle
import socket
import threading
from typing import Any, NoReturn

import uvicorn

from shoal.distributed.dashboard.access import Access, local_names
from shoal.distributed.dashboard.app import make_app
from shoal.distributed.dashboard.patience import Patient
from shoal.distributed.dashboard.source import Source
from shoal.distributed.node.process import LENGTH

__all__ = ["main"]

IDLE_S = 900.0
"""After so long without a page the process ends; the next visitor starts another."""

LOOK_S = 5.0


def main(listener: int, tether: int) -> NoReturn:
    """Serve until nobody needs it any more; then end the process.

    Parameters
    ----------
    listener
        Descriptor of the listening socket.
    tether
        Descriptor of the socket to the scheduler's process.

    Examples
    --------
    `shoal.distributed.node.door.Door` starts it.

    >>> main.__name__
    'main'
    """
    theirs = socket.socket(fileno=tether)
    with theirs.makefile("rb") as file:
        size = LENGTH.unpack(file.read(LENGTH.size))[0]
        scheduler, security, options = pickle.loads(file.read(size))
    threading.Thread(target=end_with, args=(theirs,), daemon=True).start()
    source = Source(scheduler, security)
    source.open()
    source.link.ended.add_callback(lambda _: os._exit(0))
    sock = socket.socket(fileno=listener)
    hosts = local_names(options["host"]) | {socket.gethostname().lower()}
    access = Access(security.secret, hosts | set(options["hosts"]), set(options["origins"]))
    app = make_app(source, access, options["prefix"], sock.getsockname()[1])
    gc.freeze()
    asyncio.run(serve(app, sock))
    os._exit(0)


async def serve(app: Any, sock: socket.socket) -> None:
    """Serve, as long as somebody comes."""
    config = uvicorn.Config(
        app,
        http=Patient,
        ws="none",
        lifespan="off",
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=20,
        h11_max_incomplete_event_size=16_384,
        limit_concurrency=200,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[attr-defined]

    async def watch() -> None:
        while app.state.visits.idle_s() < IDLE_S:
            await asyncio.sleep(LOOK_S)
        server.should_exit = True

    watching = asyncio.ensure_future(watch())
    await server.serve(sockets=[sock])
    watching.cancel()


def end_with(theirs: socket.socket) -> None:
    """End the process when the scheduler's has ended."""
    try:
        while theirs.recv(4096):
            pass
    except OSError:
        pass
    os._exit(0)
