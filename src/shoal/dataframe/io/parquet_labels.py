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
        What they were called in the frame that was written; None: as they are called.

    Examples
    --------
    >>> stored = StoredLabels(["('a', 1)"], pd.MultiIndex.from_tuples([("a", 1)]))
    >>> stored.names([("a", 1), "x"]), stored.filters([(("a", 1), ">", 5)])
    (["('a', 1)", 'x'], [("('a', 1)", '>', 5)])
    """

    def __init__(self, names: Any, labels: pd.Index | None) -> None:
        self.labels = labels
        self._places = {name: i for i, name in enumerate(names)}
        self._names = {} if labels is None else dict(zip(labels, names, strict=True))

    def names(self, labels: Any) -> Any:
        """The columns in the files; what is no label, as it is.

        Parameters
        ----------
        labels
            What a user calls them; None for all.
        """
        return None if labels is None else [self._names.get(label, label) for label in labels]

    def filters(self, given: Any) -> Any:
        """Filters of columns in the files.

        Parameters
        ----------
        given
            Filters of labels, as `read_parquet` has them.
        """
        if not self._names or not isinstance(given, list | tuple):
            return given
        if len(given) == 3 and isinstance(given[1], str):
            return (self._names.get(given[0], given[0]), *given[1:])
        return [self.filters(one) for one in given]

    def restored(self, frame: Any) -> Any:
        """A frame with its labels.

        Parameters
        ----------
        frame
            As it is in the files.
        """
        if self.labels is None:
            return frame
        names = tuple(frame.columns)
        labels = self.labels.take([self._places[name] for name in names])
        return from_node(Rename(frame._node, names, labels))


def stored_labels(schema: Any, index: tuple[str, ...], keys: tuple[str, ...]) -> StoredLabels:
    """The labels of columns, where they are not their names.

    Parameters
    ----------
    schema
        Of the files, with what pandas has written into the footer.
    index, keys
        Names in it that are the index, and keys of paths: beside these all are names.

    Examples
    --------
    >>> stored_labels(pa.schema({"x": pa.int64()}), (), ()).labels is None
    True
    """
    names = [name for name in schema.names if name not in (*index, *keys)]
    told = json.loads((schema.metadata or {}).get(b"pandas", b"{}"))
    levels = told.get("column_indexes") or []
    if not levels or (len(levels) == 1 and levels[0].get("pandas_type") in TEXT):
        return StoredLabels(names, None)
    labels = schema.empty_table().select(names).to_pandas().columns
    plain = len(labels) != len(names) or labels.equals(pd.Index(names)) or bool(keys)
    return StoredLabels(names, None if plain else labels)
