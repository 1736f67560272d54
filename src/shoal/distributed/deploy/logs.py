"""Logs of a cluster's parts as text that a notebook shows folded."""

from __future__ import annotations

import html

__all__ = ["Log", "Logs"]


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
