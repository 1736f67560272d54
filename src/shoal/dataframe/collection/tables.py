"""Which methods of pandas' are done how: the tables from which classes get most of their methods.

======================  ======================================================================
`ROWWISE`               pandas' method, partition by partition
`REDUCTIONS`            partial results and a tree; with ``axis=1`` row-wise
`CUMULATIVE`            running totals over partitions
`PROPERTIES`            an attribute of each partition
`NOT_HERE`              refused, with what to use instead
======================  ======================================================================

To add a method: put its name in a table, and an example in `tests/unit/test_dataframe_tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["CUMULATIVE", "NOT_HERE", "OPERATORS", "PROPERTIES", "REDUCTIONS", "ROWWISE"]

FLEXIBLE = """
    add sub mul div truediv floordiv mod pow radd rsub rmul rdiv rtruediv rfloordiv rmod rpow
    lt le gt ge eq ne
"""

ROWWISE: Mapping[str, str] = {
    "DataFrame": f"""
        abs astype clip fillna isin isna isnull mask notna notnull replace round where dropna
        add_prefix add_suffix explode eval query select_dtypes combine combine_first
        drop map rename_axis stack melt convert_dtypes infer_objects
        {FLEXIBLE}
    """,
    "Series": f"""
        abs astype between clip fillna isin isna isnull map mask notna notnull replace round where
        dropna explode combine combine_first rename_axis convert_dtypes infer_objects case_when
        {FLEXIBLE}
    """,
    "Index": "astype isin isna isnull notna notnull fillna map rename",
}
"""Names by class."""

REDUCTIONS: Mapping[str, str] = {
    "DataFrame": "sum prod product count min max any all mean var std sem idxmin idxmax",
    "Series": "sum prod product count min max any all mean var std sem idxmin idxmax nunique",
    "Index": "min max nunique",
}
"""Names by class."""

CUMULATIVE = "cumsum cumprod cummin cummax"
"""Of frames and series."""

PROPERTIES: Mapping[str, str] = {
    "DataFrame": "",
    "Series": "",
    "Index": "",
}
"""Names by class."""

OPERATORS = """
    add sub mul truediv floordiv mod pow matmul lt le gt ge eq ne and_ or_ xor
"""
"""Binary operators, by the names of the module `operator`."""

NOT_HERE: Mapping[str, Mapping[str, str]] = {
    "DataFrame": {
        "iat": "use loc or iloc with a column, then compute",
        "at": "use loc, then compute",
        "insert": "use assign, and select the columns in the order you want",
        "update": "use assign with where",
        "transpose": "compute() first: rows of several partitions would become columns",
        "T": "compute() first: rows of several partitions would become columns",
        "to_excel": "compute() first",
        "to_clipboard": "compute() first",
        "swapaxes": "compute() first",
        "plot": "compute() or sample first",
        "interpolate": "use map_overlap with a function that interpolates",
        "tz_localize": "use map_partitions",
    },
    "Series": {
        "iat": "use loc, then compute",
        "at": "use loc, then compute",
        "argsort": "use sort_values; positions over partitions are not known",
        "searchsorted": "use map_partitions, or compute() first",
        "plot": "compute() or sample first",
        "interpolate": "use map_overlap with a function that interpolates",
    },
    "Index": {"searchsorted": "compute() first", "get_loc": "use loc"},
}
"""What is refused, and what to do instead."""
