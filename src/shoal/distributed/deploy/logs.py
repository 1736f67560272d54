"""Logs of a cluster's parts as text that a notebook shows folded; and errors that go to a log."""

from __future__ import annotations

import html
import logging
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Log", "Logs", "log_errors"]

logger = logging.getLogger("distributed.utils")


class Log(str):
    """The lines of one log.

    Examples
    --------
    >>> Log("a < b")._repr_html_()
    '<pre><code>a &lt; b</code></pre>'
    """

    __slots__ = ()

    def _repr_html_(self) -> str:
        return f"<pre><code>{html.escape(self.rstrip())}</code></pre>"


class Logs(dict[str, str]):
    """Logs by who wrote them.

    Examples
    --------
    >>> Logs(Scheduler=Log("a"))._repr_html_()
    '<details><summary>Scheduler</summary><pre><code>a</code></pre></details>'
    """

    def _repr_html_(self) -> str:
        return "\n".join(
            f"<details><summary>{html.escape(str(name))}</summary>{Log(text)._repr_html_()}"
            "</details>"
            for name, text in self.items()
        )


@contextmanager
def log_errors() -> Iterator[None]:
    """Log an exception that leaves the block, or the function it decorates, and let it go on.

    Examples
    --------
    >>> with log_errors():
    ...     int("5")
    5
    """
    try:
        yield
    except Exception as error:
        logger.exception("%s", error)
        raise
