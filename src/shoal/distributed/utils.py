"""What programs import from ``distributed.utils``: names only, each has its home elsewhere."""

from __future__ import annotations

from builtins import TimeoutError

from shoal.distributed.client.background import sync
from shoal.distributed.client.loops import LoopRunner, SyncMethodMixin, import_term
from shoal.distributed.deploy.logs import Log, Logs, log_errors
from shoal.distributed.net.interfaces import (
    ensure_ip,
    get_ip,
    get_ip_interface,
    get_ipv6,
    open_port,
)
from shoal.distributed.node.context import thread_state
from shoal.graph.functions import has_keyword
from shoal.graph.naming import key_split
from shoal.scratch import tmp_text

__all__ = [
    "Log",
    "Logs",
    "LoopRunner",
    "SyncMethodMixin",
    "TimeoutError",
    "ensure_ip",
    "get_ip",
    "get_ip_interface",
    "get_ipv6",
    "has_keyword",
    "import_term",
    "key_split",
    "log_errors",
    "open_port",
    "sync",
    "thread_state",
    "tmp_text",
]
