"""Panels in one file that needs no network: reports, and pictures of streams and profiles.

The file has the dashboard's own scripts and styles inside, as one module, and beside them the
data of the panels, as views made it.  The scripts keep to a form that makes this simple: one
``import { a } from "./b.js"`` a line at the top, ``export`` only in front of declarations, and no
name that two files define (`bundle` checks it).
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

import fsspec

from shoal.distributed.dashboard.model import Model
from shoal.distributed.dashboard.panels import PANELS

__all__ = ["Figure", "figure_of", "page_of"]

SCRIPTS = (
    "format",
    "element",
    "stream",
    "charts",
    "bars",
    "tables",
    "brush",
    "flame",
    "graph",
    "text",
    "draw",
) + ("theme", "report")
"""Modules of ``static`` that a report has, each after those that it imports."""

IMPORT = re.compile(r"^import \{[^}]*\} from \"\./\w+\.js\";\n", re.MULTILINE)
NAME = re.compile(r"^(?:export )?(?:function|const|let|class) (\w+)", re.MULTILINE)


@dataclass(frozen=True)
class Figure:
    """A page in one file.

    Parameters
    ----------
    text
        Its HTML.

    Examples
    --------
    >>> Figure("<p>")._repr_html_().startswith("<iframe")
    True
    """

    text: str

    def save(self, filename: str, **storage_options: Any) -> None:
        """Write it.

        Parameters
        ----------
        filename
            A path or a URL.
        **storage_options
            For `fsspec`.
        """
        with fsspec.open(filename, "w", encoding="utf-8", **storage_options) as file:
            file.write(self.text)

    def _repr_html_(self) -> str:
        inner = html.escape(self.text, quote=True)
        return f'<iframe srcdoc="{inner}" width="100%" height="480" frameborder="0"></iframe>'


@cache
def static_text(name: str) -> str:
    """One file of ``static``."""
    return (resources.files("shoal.distributed.dashboard") / "static" / name).read_text("utf-8")


@cache
def bundle() -> str:
    """All scripts of a report as one module.

    Raises
    ------
    ValueError
        Two of them define the same name.
    """
    defined: dict[str, str] = {}
    out = []
    for name in SCRIPTS:
        text = static_text(f"{name}.js")
        for found in NAME.findall(text):
            if found in defined:
                raise ValueError(f"{name}.js and {defined[found]}.js both define {found}")
            defined[found] = name
        out.append(IMPORT.sub("", text).replace("\nexport ", "\n"))
    return "\n".join(out)


def as_data(value: Any) -> str:
    """JSON that may stand inside of HTML."""
    text = json.dumps(value, default=str, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def page_of(title: str, head: str, panels: Mapping[str, Any]) -> str:
    """A page with some panels and their data.

    Parameters
    ----------
    title
        Of the page.
    head
        HTML above the panels.
    panels
        Data by name, as views made it.

    Examples
    --------
    >>> text = page_of("A report", "<p>hello</p>", {"progress": {"kinds": {}}})
    >>> "://" in text.replace("http://www.w3.org", "").replace("https://github.com", "")
    False
    """
    boxes = "".join(
        f'<section class="panel" id="{name}" data-draw="{PANELS[name].draw}">'
        f'<h2>{html.escape(PANELS[name].title)}</h2><div class="body"></div></section>'
        for name in panels
    )
    plots, own = static_text("uPlot.min.js"), bundle()
    policy = (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
        f"script-src {digest_of(plots)} {digest_of(own)}"
    )
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="content-security-policy" content="{policy}">'
        f"<title>{html.escape(title)}</title>"
        f"<style>{static_text('uPlot.min.css')}{static_text('shoal.css')}</style>"
        f"<script>{plots}</script></head>"
        f'<body data-root=""><header><b class="logo">shoal</b><b>{html.escape(title)}</b>'
        f'<nav></nav><button id="theme">Theme</button></header>{head}'
        f'<main class="page-report">{boxes}</main>'
        f'<script type="application/json" id="data">{as_data(panels)}</script>'
        f'<script type="module">{own}</script></body></html>'
    )


def digest_of(script: str) -> str:
    """What a page's policy calls a script that may run: no other does, whatever the data says."""
    digest = hashlib.sha256(script.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"


def figure_of(panel: str, model: Model, names: Iterable[str] = ()) -> Figure:
    """One panel as a page.

    Parameters
    ----------
    panel
        Its name.
    model
        What is known.
    names
        Further panels.

    Examples
    --------
    >>> "Profile" in figure_of("profile", Model()).text
    True
    """
    shown = {name: PANELS[name].view(model, span_of(model)) for name in (panel, *names)}
    return Figure(page_of(PANELS[panel].title, "", shown))


def span_of(model: Model) -> dict[str, str]:
    """Arguments of views for all that a model knows, and not only the last seconds.

    Parameters
    ----------
    model
        What is known.

    Examples
    --------
    >>> span_of(Model(first=5.0, last_stop=6.0))
    {'begin': '5.0', 'end': '6.0'}
    """
    return {"begin": str(model.first), "end": str(model.last_stop)} if model.first else {}
