"""Labels of columns that a Parquet file cannot have: of several levels, and what is no text.

A column of a file has a name.  pandas writes ``('a', 'x')`` for a label of two levels and says in
the footer what the labels were, unless it writes no index; so both directions know the names.
"""

from __future__ import annotations

import json
from typing import Any

import pandas as pd
import pyarrow as pa

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.nodes.rowwise import Rename

__all__ = ["StoredLabels", "flat_names", "several_levels", "stored_labels", "with_levels"]

TEXT = ("unicode", "string", "empty")
"""What pandas calls labels that are names of columns as they are."""


def several_levels(labels: pd.Index) -> pd.MultiIndex | None:
    """Labels if they have several levels; else None.

    Parameters
    ----------
    labels
        Of columns.

    Examples
    --------
    >>> several_levels(pd.Index(["x"])) is None
    True
    """
    return labels if isinstance(labels, pd.MultiIndex) else None


def flat_names(labels: Any) -> pd.Index:
    """The names of columns in a file.

    Parameters
    ----------
    labels
        Of several levels.

    Examples
    --------
    >>> flat_names([("a", 1)]).tolist()
    ["('a', 1)"]
    """
    return pd.Index([str(label) for label in labels])


def with_levels(table: Any, labels: pd.MultiIndex) -> Any:
    """A table whose footer says of which levels the labels of its columns are.

    Parameters
    ----------
    table
        Of a frame with flat names.
    labels
        What its columns were called.

    Examples
    --------
    >>> labels = pd.MultiIndex.from_tuples([("a", 1)])
    >>> table = pa.Table.from_pandas(pd.DataFrame([[5]], columns=flat_names(labels)))
    >>> with_levels(table, labels).to_pandas().columns.tolist()
    [('a', 1)]
    """
    told = pa.Schema.from_pandas(pd.DataFrame(columns=labels), preserve_index=True).metadata
    levels = {"column_indexes": json.loads(told[b"pandas"])["column_indexes"]}
    known = dict(table.schema.metadata or {})
    pandas = {**json.loads(known.get(b"pandas", b"{}")), **levels}
    return table.replace_schema_metadata({**known, b"pandas": json.dumps(pandas).encode()})


class StoredLabels:
    """The labels that the footer says, by the names of columns.

    Parameters
    ----------
    names
        Of columns in the files.
    labels
        What they were called in the frame that was written.

    Examples
    --------
    >>> stored = StoredLabels(["('a', 1)"], pd.MultiIndex.from_tuples([("a", 1)]))
    >>> stored.name(("a", 1)), stored.name("x")
    ("('a', 1)", 'x')
    """

    def __init__(self, names: Any, labels: pd.Index) -> None:
        self.labels = labels
        self._places = {name: i for i, name in enumerate(names)}
        self._names = dict(zip(labels, names, strict=True))

    def name(self, label: Any) -> Any:
        """The column in the files; what is no label, as it is.

        Parameters
        ----------
        label
            What a user calls it.
        """
        return self._names.get(label, label)

    def restored(self, frame: Any) -> Any:
        """A frame with its labels.

        Parameters
        ----------
        frame
            As it is in the files.
        """
        names = tuple(frame.columns)
        labels = self.labels.take([self._places[name] for name in names])
        return from_node(Rename(frame._node, names, labels))


def stored_labels(schema: Any, names: list[str]) -> StoredLabels | None:
    """The labels of columns, where they are not their names.

    Parameters
    ----------
    schema
        Of the files, with what pandas has written into the footer.
    names
        Of columns in it that are not the index.

    Examples
    --------
    >>> stored_labels(pa.schema({"x": pa.int64()}), ["x"]) is None
    True
    """
    told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    levels = told.get("column_indexes") or []
    if not levels or (len(levels) == 1 and levels[0].get("pandas_type") in TEXT):
        return None
    labels = schema.empty_table().select(names).to_pandas().columns
    if len(labels) != len(names) or labels.equals(pd.Index(names)):
        return None
    return StoredLabels(names, labels)
