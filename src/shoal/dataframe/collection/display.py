"""How a frame is shown: its schema and divisions as a table, without computing anything."""

from __future__ import annotations

from typing import Any

import pandas as pd

from shoal.dataframe.meta import kind_of_categories
from shoal.dataframe.rules.walk import sources_first

__all__ = ["html_of", "structure", "text_of", "to_html", "to_string"]


def structure(collection: Any) -> Any:
    """A pandas object of strings with a row a division: dtypes in the first, then dots.

    Parameters
    ----------
    collection
        A frame, series or index.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> structure(from_dict({"x": [1, 2]}, npartitions=2).x).tolist()
    ['int64', '...', '...']
    """
    meta = collection._meta
    count = collection.npartitions
    labels = [str(label) for label in collection.divisions]
    if not collection.known_divisions:
        labels = [""] * (count + 1)
    index = pd.Index(labels, name=f"npartitions={count}", dtype=object)

    def column(dtype: Any) -> list[str]:
        return [kind_of_categories(dtype) or str(dtype), *["..."] * count]

    if isinstance(meta, pd.DataFrame):
        cells = {i: column(dtype) for i, dtype in enumerate(meta.dtypes)}
        out = pd.DataFrame(cells, index=index, dtype=object)
        out.columns = meta.columns
        return out
    kind = getattr(meta, "dtype", type(meta).__name__)
    return pd.Series(column(kind), index=index, name=getattr(meta, "name", None), dtype=object)


def to_string(self: Any, max_rows: int = 5) -> str:
    """The schema as a table in text.

    Parameters
    ----------
    max_rows
        How many divisions to list.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> print(from_dict({"x": [1, 2]}, npartitions=2).to_string())
                       x
    npartitions=2
    0              int64
    1                ...
    1                ...
    """
    table = structure(self)
    if table.ndim == 1:
        text: str = table.to_string(max_rows=max_rows, name=False, dtype=False, header=True)
        return text
    text = table.to_string(max_rows=max_rows)
    return text


def to_html(self: Any, max_rows: int = 5) -> str:
    """The schema as a table in HTML, as notebooks show it.

    Parameters
    ----------
    max_rows
        How many divisions to list.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> "npartitions=2" in from_dict({"x": [1, 2]}, npartitions=2).to_html()
    True
    """
    return html_of(self, max_rows)


def html_of(collection: Any, max_rows: int) -> str:
    """The schema as HTML.

    Parameters
    ----------
    collection
        A frame, series or index.
    max_rows
        How many divisions to list.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> html_of(from_dict({"x": [1]}, npartitions=1), 5).splitlines()[0]
    '<div><strong>shoal DataFrame Structure:</strong></div>'
    """
    table = structure(collection)
    frame = table.to_frame() if table.ndim == 1 else table
    title = f"<div><strong>shoal {type(collection).__name__} Structure:</strong></div>"
    body = frame.to_html(max_rows=max_rows, notebook=False)
    return f"{title}\n{body}\n<div>{_footer(collection)}</div>"


def text_of(collection: Any) -> str:
    """What ``repr`` gives.

    Parameters
    ----------
    collection
        A frame, series or index.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> text_of(from_dict({"x": [1]}, npartitions=1)).splitlines()[0]
    'shoal DataFrame Structure:'
    """
    empty = "Empty " if collection.ndim == 2 and not len(collection._meta.columns) else ""
    title = f"{empty}shoal {type(collection).__name__} Structure:"
    name = getattr(collection, "name", None) if collection.ndim == 1 else None
    tail = [f"Name: {name}, dtype: {collection.dtype}"] if name is not None else []
    return "\n".join([title, to_string(collection), *tail, _footer(collection)])


def _footer(collection: Any) -> str:
    node = collection._node
    count = len(sources_first([node]))
    return f"Name: {node.name.rsplit('-', 1)[0]}, {count} expression{'s' * (count != 1)}"
