"""Which methods of pandas' are done how: the tables from which classes get most of their methods.

======================  ======================================================================
`ROWWISE`               pandas' method, partition by partition
`REDUCTIONS`            partial results and a tree; with ``axis=1`` row-wise
`CUMULATIVE`            running totals over partitions
`PROPERTIES`            an attribute of each partition
`TOPICS`                functions of the module for a topic
`GROUP_METHODS`         of groupings, where rows of a group are brought together
`WINDOW_METHODS`        of moving windows
`RESAMPLE_METHODS`      of bins of time
`ACCESSORS`             of ``str``, ``dt``, ``cat``, ``list`` and ``struct``
`EAGER`                 computed, then pandas' method
`NOT_HERE`              refused, with what to use instead
======================  ======================================================================

To add a method: put its name in a table, and an example in `tests/unit/test_dataframe_tables.py`.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = [
    "ACCESSORS",
    "CUMULATIVE",
    "EAGER",
    "FLEXIBLE",
    "GROUP_METHODS",
    "LIKE_ROWS",
    "NOT_HERE",
    "OF_ALL_ROWS",
    "OF_COLUMNS",
    "OPERATORS",
    "PROPERTIES",
    "REDUCTIONS",
    "REMEDIES",
    "RESAMPLE_METHODS",
    "ROWWISE",
    "ROW_ARGUMENTS",
    "SOME_ROWS",
    "TOPICS",
    "UPSAMPLE_METHODS",
    "WINDOW_METHODS",
]

FLEXIBLE = """
    add sub mul div truediv floordiv mod pow radd rsub rmul rdiv rtruediv rfloordiv rmod rpow
    lt le gt ge eq ne
"""
"""Operators as methods, of frames and series."""

ROW_ARGUMENTS = frozenset(
    [*FLEXIBLE.split(), "where", "mask", "clip", "combine", "combine_first", "fillna", "divide"]
    + ["between", "compare"]
)
"""Methods whose pandas arguments are matched with the rows by label."""

ROWWISE: Mapping[str, str] = {
    "DataFrame": f"""
        abs clip fillna isna isnull mask notna notnull replace round where dropna divide
        add_prefix add_suffix explode select_dtypes combine combine_first
        filter at_time between_time droplevel multiply subtract set_axis transform
        rename_axis stack convert_dtypes infer_objects
        {FLEXIBLE}
    """,
    "Series": f"""
        abs between clip fillna isna isnull map mask notna notnull replace round where divide
        dropna explode combine combine_first rename_axis convert_dtypes infer_objects
        add_prefix add_suffix filter at_time between_time droplevel multiply subtract repeat
        transform
        {FLEXIBLE}
    """,
    "Index": "isna isnull notna notnull fillna map rename dropna where round repeat "
    "droplevel infer_objects replace",
}
"""Names by class."""

OF_COLUMNS: Mapping[str, frozenset[str]] = {
    "add_prefix": frozenset(["prefix"]),
    "add_suffix": frozenset(["suffix"]),
    "filter": frozenset(["items", "like", "regex"]),
    "select_dtypes": frozenset(["include", "exclude"]),
    "set_axis": frozenset(["labels"]),
}
"""Of frames: methods that choose columns or name them, by the arguments with which they do."""

REDUCTIONS: Mapping[str, str] = {
    "DataFrame": "sum prod product count min max any all mean var std sem idxmin idxmax",
    "Series": "sum prod product count min max any all mean var std sem idxmin idxmax nunique",
    "Index": "min max nunique any all",
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

TOPICS: Mapping[str, Mapping[str, str]] = {
    "overlap": {
        "DataFrame Series": "map_overlap shift diff ffill bfill pct_change",
        "Index": "map_overlap",
    },
    "rolling": {"DataFrame Series": "rolling"},
    "growing": {"DataFrame Series": "expanding ewm interpolate"},
    "ranking": {
        "DataFrame Series": "rank duplicated first_valid_index last_valid_index",
        "Series Index": "argmax argmin searchsorted",
    },
    "inplace": {"DataFrame Series": "compare update", "DataFrame": "insert isetitem corrwith"},
    "resample": {"DataFrame Series": "asfreq resample"},
    "statistics": {
        "DataFrame": "skew kurtosis kurt=kurtosis cov corr quantile median median_approximate mode "
        "describe nunique_approx",
        "Series": "skew kurtosis kurt=kurtosis cov corr autocorr quantile median "
        "median_approximate mode describe nunique_approx",
        "Index": "nunique_approx",
    },
    "sampling": {"DataFrame Series": "sample random_split"},
    "reshape": {"DataFrame": "categorize pivot_table melt"},
    "wide": {
        "DataFrame": "pivot transpose unstack swaplevel reorder_levels",
        "Series": "unstack swaplevel reorder_levels",
    },
    "display": {"DataFrame Series": "to_string", "DataFrame": "to_html"},
    "columns": {"DataFrame": "rename xs"},
    "queries": {"DataFrame": "query eval=evaluate"},
    "conversion": {
        "DataFrame": "astype to_dask_array to_bag to_records to_timestamp to_backend memory_usage "
        "memory_usage_per_partition nbytes info squeeze itertuples iterrows dot",
        "Series": "astype to_dask_array to_bag to_timestamp to_backend memory_usage "
        "memory_usage_per_partition squeeze dot",
        "Index": "astype to_dask_array to_bag to_backend memory_usage",
    },
    "matching": {"DataFrame Series": "align isin equals", "Index": "isin equals"},
    "indexing": {"DataFrame Series": "drop reindex asof"},
    "order": {"DataFrame Series": "sort_index truncate tz_convert tz_localize to_period"},
    "aggregate": {
        "DataFrame Series": "agg aggregate=agg",
        "DataFrame": "value_counts get map=map_values",
    },
    "io.parquet_write": {"DataFrame": "to_parquet"},
    "io.text_files": {"DataFrame Series": "to_csv to_json"},
    "io.orc": {"DataFrame": "to_orc"},
    "io.sql": {"DataFrame Series": "to_sql"},
    "io.hdf": {"DataFrame Series": "to_hdf"},
    "io.arrow": {
        "DataFrame": "from_arrow __arrow_c_stream__=arrow_c_stream "
        "__arrow_c_schema__=arrow_c_schema",
    },
    "inspect": {
        "DataFrame Series Index": "compute_current_divisions enforce_runtime_divisions simplify "
        "pprint",
    },
}
"""Functions that are methods, by module of `shoal.dataframe.collection` and classes."""

WINDOW_METHODS = """
    agg aggregate apply count cov corr kurt max mean median min quantile rank sem skew std sum var
    first last nunique
"""
"""Of `pandas.api.typing.Rolling`."""

LIKE_ROWS = frozenset(
    ["cumsum", "cumprod", "cumcount", "cummin", "cummax", "ffill", "bfill", "shift", "diff"]
    + ["pct_change", "rank"]
)
"""Of pandas' groupings: a value for each row, at its place."""

SOME_ROWS = frozenset(["head", "tail", "nth", "filter", "sample"])
"""Of pandas' groupings: some of the rows, in their order."""

GROUP_METHODS = """
    cumsum cumprod cumcount cummin cummax ffill bfill shift diff pct_change rank median quantile
    cov corr corrwith idxmin idxmax value_counts unique head tail nth describe skew kurt
    is_monotonic_increasing is_monotonic_decreasing ngroup nlargest nsmallest take sample ohlc
    filter
"""
"""Of pandas' groupings, done where rows of each group have been brought together."""

RESAMPLE_METHODS = """
    agg aggregate apply count first last max mean median min nunique ohlc prod quantile sem size
    std sum var
"""
"""Of `pandas.api.typing.Resampler`: a row for each bin."""

UPSAMPLE_METHODS = "asfreq bfill ffill nearest"
"""Of `pandas.api.typing.Resampler`: the rows at the bins' labels."""

ACCESSORS: Mapping[str, tuple[str, str]] = {
    "str": (
        """
        capitalize casefold center contains count decode encode endswith extract find findall
        fullmatch get index isalnum isalpha isascii isdecimal isdigit islower isnumeric isspace
        istitle isupper join len ljust lower lstrip match normalize pad removeprefix
        removesuffix repeat replace rfind rindex rjust rstrip slice slice_replace
        startswith strip swapcase title translate upper wrap zfill
        """,
        "",
    ),
    "dt": (
        """
        as_unit ceil day_name floor isocalendar month_name normalize round strftime to_period
        to_pydatetime to_pytimedelta to_timestamp total_seconds tz_convert tz_localize asfreq
        """,
        """
        components date day day_of_week day_of_year dayofweek dayofyear days days_in_month
        daysinmonth end_time hour is_leap_year is_month_end is_month_start is_quarter_end
        is_quarter_start is_year_end is_year_start microsecond microseconds minute month nanosecond
        nanoseconds quarter qyear second seconds start_time time timetz week weekday
        weekofyear year
        """,
    ),
    "cat": (
        """
        add_categories as_ordered as_unordered remove_categories rename_categories
        reorder_categories
        """,
        "codes",
    ),
    "list": ("len", ""),
    "struct": ("field explode", ""),
}
"""Methods and attributes of accessors that work partition by partition."""

EAGER: Mapping[str, str] = {
    "DataFrame": "to_excel to_clipboard to_feather to_stata to_xml to_iceberg to_pickle to_latex "
    "to_markdown to_dict to_numpy to_xarray",
    "Series": "to_excel to_clipboard to_pickle to_latex to_markdown to_dict to_numpy to_list "
    "tolist to_xarray item",
    "Index": "to_numpy to_list tolist item",
}
"""Names by class: the whole is computed, and pandas' method called, for its result is in memory."""

NUMBERED = "rows are not numbered over partitions; use reset_index(drop=True), which does in each"
ALONG_COLUMNS = "which columns stay is not known before computing: choose them by name"

OF_ALL_ROWS: Mapping[str, Mapping[str, str]] = {
    "dropna": {"ignore_index": NUMBERED, "axis": ALONG_COLUMNS},
    "explode": {"ignore_index": NUMBERED},
    "fillna": {"limit": "it is counted over all rows; use ffill(limit=) or bfill(limit=), or none"},
    "sort_values": {
        "key": "sort by a column that has what the key gives, made with assign",
        "axis": "rows have one order; compute() first to sort columns by the values of a row",
    },
    "set_index": {"verify_integrity": "compare len(df.index.unique()) with len(df)"},
}
"""Arguments of methods that need more than a partition, by method, and what to do instead."""

COMPUTE_FIRST = "compute() first"
WHOLE = "it needs all rows in one place: compute() first, or use map_partitions or reduction"
LABELS = "rows are not found by number or label one at a time: use loc, then compute()"
PICTURE = "compute() or sample() first, then draw"
IN_MEMORY = "compute() first: the result is in memory anyway"

NOT_HERE: Mapping[str, Mapping[str, str]] = {
    "DataFrame": {
        "at iat take": LABELS,
        "plot hist boxplot": PICTURE,
        "reindex_like": WHOLE,
        "from_records": "make a pandas frame and use from_pandas, or from_map",
        "attrs flags set_flags": "partitions have none; keep them beside the frame",
        "sparse style": COMPUTE_FIRST,
        "select": "use assign and a list of columns",
    },
    "Series": {
        "at iat iloc get xs take pop": LABELS,
        "plot hist": PICTURE,
        "info": "use describe, dtype and memory_usage",
        "argsort": "use sort_values; positions over partitions are not known",
        "factorize reindex_like set_axis": WHOLE,
        "array": IN_MEMORY,
        "from_arrow": "make a pandas series and use from_pandas",
        "attrs flags set_flags": "partitions have none; keep them beside the series",
        "sparse": COMPUTE_FIRST,
    },
    "Index": {
        "get_loc get_indexer get_indexer_for get_indexer_non_unique get_slice_bound slice_indexer "
        "slice_locs asof asof_locs take delete insert": LABELS,
        "argsort": "positions over partitions are not known: use sort_values of a series",
        "union intersection difference symmetric_difference join reindex": "use concat or "
        "merge of frames with these indexes",
        "duplicated factorize diff sortlevel sort_values groupby drop": WHOLE,
        "array": IN_MEMORY,
        "from_range start stop step": "use the divisions, or min() and max()",
        "asi8": "use astype('int64')",
        "to_pydatetime": IN_MEMORY,
        "freq freqstr inferred_freq resolution is_normalized": WHOLE,
        "indexer_at_time indexer_between_time": "use at_time or between_time of the frame",
    },
    "GroupBy": {
        "level dtype": "use the frame's own dtypes and index",
        "groups indices": "compute() the keys first, or use get_group",
        "boxplot hist plot": PICTURE,
    },
}
"""What is refused, and what to do instead: names, and the remedy."""

REMEDIES: Mapping[str, Mapping[str, str]] = {
    cls: {name: remedy for names, remedy in entries.items() for name in names.split()}
    for cls, entries in NOT_HERE.items()
}
"""The same by name."""
