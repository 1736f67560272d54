"""JSON: files with a record a line, cut at line ends; or whole files."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pandas as pd

from shoal.dataframe.collection.base import from_node
from shoal.dataframe.io.csv import fits
from shoal.dataframe.meta import make_meta
from shoal.dataframe.nodes.sources import FromMap
from shoal.io.blocks import plan_blocks, read_block

__all__ = ["read_json"]


def read_json(
    url_path: Any,
    orient: str = "records",
    lines: bool | None = None,
    storage_options: Any = None,
    blocksize: Any = None,
    sample: Any = 2**20,
    encoding: str = "utf-8",
    errors: str = "strict",
    compression: str | None = "infer",
    meta: Any = None,
    engine: Any = None,
    include_path_column: bool | str = False,
    path_converter: Any = None,
    **kwargs: Any,
) -> Any:
    """A frame of JSON files.

    Parameters
    ----------
    url_path
        Paths, URLs or patterns.
    orient
        As `pandas.read_json` has it.
    lines
        A record a line; by default, where ``orient`` is "records".
    storage_options
        Of the file system.
    blocksize
        Bytes in a partition, for files with a record a line; None is whole files.
    sample
        How much of the first file decides about dtypes, in bytes.
    encoding, errors
        Of the text.
    compression
        A codec, or "infer" from the ending of the name.
    meta
        What partitions look like, instead of the sample.
    engine
        A function to be called instead of `pandas.read_json`, or the name of an engine of it.
    include_path_column
        Add a column with the name of the file; a str gives it a name.
    path_converter
        Called with the name of a file; what it returns stands in the column.
    **kwargs
        Of `pandas.read_json`.

    Raises
    ------
    ValueError
        A block size for whole files, or columns that differ; names the file.

    Examples
    --------
    >>> from shoal.io.files import open_file
    >>> with open_file("memory://t.json", "wb") as file:
    ...     _ = file.write(b'{"x": 1}\\n{"x": 2}\\n')
    >>> read_json("memory://t.json", blocksize=9).x.sum().compute()
    np.int64(3)
    """
    lines = orient == "records" if lines is None else lines
    if orient != "records" and lines:
        raise ValueError("Line-delimited JSON is only available with orient='records'.")
    if blocksize and not (orient == "records" and lines):
        raise ValueError("JSON file chunking only allowed for JSON-lines input (orient='records')")
    plan = plan_blocks(
        url_path,
        blocksize=blocksize,
        delimiter=b"\n" if lines else None,
        sample=sample if lines else False,
        compression=compression,
        whole_if_compressed=True,
        **(storage_options or {}),
    )
    options: dict[str, Any] = {"orient": orient, "lines": lines, **kwargs}
    func: Any = engine if callable(engine) else pd.read_json
    if isinstance(engine, str):
        options["engine"] = engine
    column = "path" if include_path_column is True else (include_path_column or None)
    paths = [path_converter(path) if path_converter else path for path in plan.paths]
    reader = JsonReader(func, tuple(options.items()), encoding, errors, column, tuple(paths), None)
    values = [
        (block, path) for blocks, path in zip(plan.blocks, paths, strict=True) for block in blocks
    ]
    is_guess = meta is None
    if is_guess:
        text = plan.sample if isinstance(plan.sample, bytes) else read_block(values[0][0])
        meta = reader.parsed(text, paths[0], plan.paths[0])
    elif column is not None:
        meta = make_meta(meta)
        meta[column] = pd.Categorical([], categories=list(dict.fromkeys(paths)))
    meta = make_meta(meta)
    reader = dataclasses.replace(reader, meta=meta, is_guess=is_guess)
    unknown = (None,) * (len(values) + 1)
    return from_node(FromMap(reader, tuple(values), (), (), meta, unknown, None, "read-json"))


@dataclasses.dataclass(frozen=True, eq=False)
class JsonReader:
    """Reads a block.

    Parameters
    ----------
    func
        `pandas.read_json`, or what is called instead.
    options
        Pairs, of that function.
    encoding, errors
        Of the text.
    path_column
        Name of the column with the name of the file, or None.
    paths
        All values of that column.
    meta
        What partitions look like; None while that is found out.
    is_guess
        Whether the sample told so, and not the user.

    Examples
    --------
    >>> reader = JsonReader(pd.read_json, (("lines", True),), "utf-8", "strict", None, (), None)
    >>> reader.parsed(b'{"x": 1}', None, "t").x.tolist()
    [1]
    """

    func: Any
    options: tuple[tuple[str, Any], ...]
    encoding: str
    errors: str
    path_column: Any
    paths: tuple[Any, ...]
    meta: Any
    is_guess: bool = False

    def __shoal_tokenize__(self) -> Any:
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))

    def __call__(self, block: Any, path: Any) -> Any:
        text = read_block(block)
        if not text.strip():
            return self.meta
        part = self.parsed(text, path, block.path)
        if not isinstance(part, pd.DataFrame):
            return part
        missing = [name for name in self.meta.columns if name not in part.columns]
        if missing:
            raise ValueError(
                f"{block.path}, from byte {block.offset}, has no {missing[0]!r}, which the sample "
                "has; pass meta= with the columns that all blocks have, or a larger blocksize="
            )
        more = [name for name in part.columns if name not in self.meta.columns]
        if more and self.is_guess:
            raise ValueError(
                f"{block.path}, from byte {block.offset}, has {more[0]!r}, which the sample at the "
                "beginning of the first file does not have; pass a larger sample=, or meta= with "
                "the columns that are wanted"
            )
        part = part[list(self.meta.columns)]
        other = {
            name: want
            for name, want in self.meta.dtypes.items()
            if part.dtypes[name] != want and not isinstance(want, pd.CategoricalDtype)
        }
        lost = [name for name, want in other.items() if len(part) and not fits(part[name], want)]
        if lost:
            name = lost[0]
            kinds = {part.dtypes[name].kind, getattr(other[name], "kind", "O")}
            fix = "float64" if kinds <= set("iuf") else "object"
            raise ValueError(
                f"{block.path}, from byte {block.offset}: column {name!r} is {part.dtypes[name]}, "
                f"and {other[name]} in the sample; pass dtype={{{name!r}: {fix!r}}}, or meta="
            )
        return part.astype(other) if other else part

    def parsed(self, text: bytes, path: Any, name: str) -> Any:
        """What pandas makes of some text.

        Parameters
        ----------
        text
            Encoded.
        path
            For the path column.
        name
            Of the file, for messages.
        """
        words = text.decode(self.encoding, self.errors)
        options = dict(self.options)
        told = options.get("dtype")
        texts: dict[Any, Any] = {}
        plain = self.func is pd.read_json and (told is None or isinstance(told, dict))
        # A table tells the dtypes itself.
        plain = plain and options.get("orient") != "table"
        if isinstance(self.meta, pd.DataFrame) and plain:
            dtypes = {k: v for k, v in self.meta.dtypes.items() if k not in (told or {})}
            texts = {k: v for k, v in dtypes.items() if isinstance(v, pd.StringDtype)}
        if texts:
            # A block may have digits only where others have text: they are text there, too.
            options["dtype"] = {**dict.fromkeys(texts, object), **(told or {})}
        try:
            part = self.func(io.StringIO(words), **options)
        except ValueError as error:
            error.add_note(f"while reading {name} as JSON")
            raise
        # Numbers among them stay what they are, which is said later.
        kept = [k for k in texts if k in part.columns and fits(part[k], texts[k])]
        part = part.astype({k: texts[k] for k in kept})
        if self.path_column is not None:
            if self.path_column in part.columns:
                raise ValueError(
                    f"Files already contain the column name: {self.path_column!r}, so the path "
                    "column cannot use this name. Please set `include_path_column` to a unique "
                    "name."
                )
            kinds = list(dict.fromkeys(self.paths))
            part[self.path_column] = pd.Categorical([path] * len(part), categories=kinds)
        return part
