"""Templates for notebooks, for libraries that add their own to Dask's.

shoal writes its HTML without templates; these are Jinja's, which has to be installed.
"""

from __future__ import annotations

import functools
from typing import Any

from shoal.graph.naming import key_split, typename
from shoal.optional import import_required
from shoal.units import format_bytes, format_time

__all__ = ["FILTERS", "TEMPLATE_PATHS", "get_environment", "get_template"]

TEMPLATE_PATHS: list[str] = []
"""Folders in which templates are looked for."""

FILTERS = {
    "format_bytes": format_bytes,
    "format_time": format_time,
    "key_split": key_split,
    "type": type,
    "typename": typename,
}
"""What templates may do with values."""


@functools.cache
def get_environment() -> Any:
    """Jinja's environment, made when first asked for.

    Examples
    --------
    >>> get_environment().from_string("{{ n | format_bytes }}").render(n=2048)  # doctest: +SKIP
    '2.00 kiB'
    """
    jinja2: Any = import_required("jinja2", "templates")
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATE_PATHS),
        autoescape=jinja2.select_autoescape(),
    )
    # The list itself, which Jinja copied: folders may come later.
    made.loader.searchpath = TEMPLATE_PATHS
    made.filters.update(FILTERS)
    return made


def get_template(name: str) -> Any:
    """A template from one of the folders.

    Parameters
    ----------
    name
        Of its file.

    Examples
    --------
    >>> get_template("array.html.j2").render(shape=(2, 3))  # doctest: +SKIP
    '<b>2 x 3</b>'
    """
    return get_environment().get_template(name)
