"""Frames written as text: CSV and JSON, a file a partition, or all in one.

Files take their names when all are there, so a failed write leaves what was there before.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from shoal.collection import compute as compute_all
from shoal.dataframe.collection.base import FrameBase, from_node
from shoal.dataframe.nodes.rowwise import MapEach
from shoal.delayed import delayed
from shoal.io.files import open_files
from shoal.io.staging import Staged, discard, new_mark, publish, staged, staged_name

__all__ = ["to_csv", "to_json"]


def to_csv(
    df: Any,
    filename: Any,
    single_file: bool = False,
    encoding: str = "utf-8",
    mode: str = "wt",
    name_function: Any = None,
    compression: Any = None,
    compute: bool = True,
    scheduler: Any = None,
    storage_options: Any = None,
    header_first_partition_only: bool | None = None,
    compute_kwargs: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a frame or series as CSV files, one a partition, or one in all.

    Parameters
    ----------
    df
        A frame or series.
    filename
        A pattern whose ``*`` becomes the partition's number, a folder, or a list of names; with
        ``single_file`` a name.
    single_file
        Write one file, partition after partition.
    encoding
        Of the text.
    mode
        "wt", "at" to append (with ``single_file``), or "xt" to refuse files that are there.
    name_function
        From the partition's number to what replaces ``*``.
    compression
        A codec, or "infer" from the names.
    compute
        False for delayed values, one a file.
    scheduler, compute_kwargs
        Of `shoal.compute`.
    storage_options
        Of the file system.
    header_first_partition_only
        Whether only the first file has the names of columns; by default, where there is one.
    **kwargs
        Of `pandas.DataFrame.to_csv`.

    Returns
    -------
    list
        The names of the files, or delayed values.

    Examples
    --------
    >>> from shoal.dataframe import from_dict, read_csv
    >>> to_csv(from_dict({"x": [1, 2]}, npartitions=2), "memory://csv/*.csv", index=False)
    ['/csv/0.csv', '/csv/1.csv']
    >>> read_csv("memory://csv/*.csv").x.compute().tolist()
    [1, 2]
    """
    if single_file and name_function is not None:
        raise ValueError("name_function is not supported under the single file mode")
    first_only = single_file if header_first_partition_only is None else header_first_partition_only
    if single_file and not first_only:
        raise ValueError(
            "header_first_partition_only cannot be False in the single file mode: the names of "
            "columns would stand among the rows"
        )
    if "a" in mode and not single_file:
        raise ValueError(
            f"mode={mode!r} appends to one file, and each partition has a file of its own: pass "
            "single_file=True, or other names"
        )
    header = kwargs.pop("header", True)
    rest = header if not first_only else False
    options = [{**kwargs, "header": header if i == 0 else rest} for i in range(df.npartitions)]
    how = Writing("to_csv", mode, encoding, compression, storage_options or {}, single_file)
    told = {**({} if scheduler is None else {"scheduler": scheduler}), **(compute_kwargs or {})}
    return how.write(df, filename, options, name_function, compute, told)


def to_json(
    df: Any,
    url_path: Any,
    orient: str = "records",
    lines: bool | None = None,
    storage_options: Any = None,
    compute: bool = True,
    encoding: str = "utf-8",
    errors: str = "strict",
    compression: Any = None,
    compute_kwargs: Any = None,
    name_function: Any = None,
    **kwargs: Any,
) -> Any:
    """Write a frame or series as JSON files, one a partition.

    Parameters
    ----------
    df
        A frame or series.
    url_path
        A pattern whose ``*`` becomes the partition's number, a folder, or a list of names.
    orient
        As pandas has it.
    lines
        A record a line; by default, where ``orient`` is "records".
    storage_options
        Of the file system.
    compute
        False for delayed values, one a file.
    encoding, errors
        Of the text.
    compression
        A codec, or "infer" from the names.
    compute_kwargs
        Of `shoal.compute`.
    name_function
        From the partition's number to what replaces ``*``.
    **kwargs
        Of `pandas.DataFrame.to_json`.

    Returns
    -------
    list
        The names of the files, or delayed values.

    Examples
    --------
    >>> from shoal.dataframe import from_dict
    >>> to_json(from_dict({"x": [1, 2]}, npartitions=1), "memory://json/*.json")
    ['/json/0.json']
    """
    lines = orient == "records" if lines is None else lines
    if orient != "records" and lines:
        raise ValueError("Line-delimited JSON is only available with orient='records'.")
    options = [{**kwargs, "orient": orient, "lines": lines}] * df.npartitions
    how = Writing("to_json", "wt", encoding, compression, storage_options or {}, False, errors)
    return how.write(df, url_path, options, name_function, compute, dict(compute_kwargs or {}))


@dataclasses.dataclass(frozen=True)
class Writing:
    """How partitions become text in files; not public."""

    method: str
    mode: str
    encoding: str
    compression: Any
    storage: Mapping[str, Any]
    single: bool
    errors: str = "strict"
    mark: str = dataclasses.field(default_factory=new_mark)

    def write(
        self,
        df: Any,
        names: Any,
        options: Sequence[Mapping[str, Any]],
        name_function: Any,
        compute: bool,
        told: dict[str, Any],
    ) -> Any:
        """Write the partitions; names of files, or delayed values.

        Parameters
        ----------
        df
            A frame or series.
        names
            Of files, as the user gave them.
        options
            Of pandas' method, for each partition.
        name_function
            Makes names.
        compute
            False for delayed values.
        told
            Of `shoal.compute`.
        """
        targets = open_files(
            [names] if self.single else names,
            "wb",
            self.compression,
            name_function=name_function,
            num=1 if self.single else df.npartitions,
            **self.storage,
        )
        if "x" in self.mode:
            for one in targets:
                if one.fs.exists(one.path):
                    raise FileExistsError(f"{one.path} is there, and mode='x' replaces nothing")
        if self.single:
            files = [self._one(df, targets[0], options)]
        else:
            values = tuple(zip(targets, options, strict=True))
            unknown = (None,) * (df.npartitions + 1)
            args = (self._write_part, (df._node,), (), values, "", unknown, self.method)
            files = FrameBase.to_delayed(from_node(MapEach(*args)))
        fs = targets[0].fs
        if not compute:
            return [delayed(_finish)(fs, [file])[0] for file in files]
        try:
            return compute_all(delayed(_finish)(fs, files), **told)[0]
        except BaseException:
            discard(fs, {one.path.rpartition("/")[0] for one in targets}, self.mark)
            raise

    def _one(self, df: Any, target: Any, options: Any) -> Any:
        """One file: text is made in parallel, and written by one task after another."""
        unknown = (None,) * (df.npartitions + 1)
        node = MapEach(self._text, (df._node,), (), tuple(options), "", unknown, self.method)
        written = None
        start = "".encode(self.encoding)  # what an encoding puts before text, once in a file
        for part in FrameBase.to_delayed(from_node(node)):
            written = delayed(self._append)(part, target, start, written)
        return written

    def _text(self, part: Any, options: Any) -> bytes:
        text = getattr(part, self.method)(**options)
        return str(text).encode(self.encoding, self.errors)

    def _write_part(self, part: Any, value: Any) -> Staged:
        target, options = value
        fs, path = target.fs, target.path
        with staged(fs, path, self.mark) as name, _renamed(target, name) as file:
            file.write(self._text(part, options))
        temporary = staged_name(path, self.mark)
        return Staged(temporary, path, fs.size(temporary))

    def _append(self, text: bytes, target: Any, start: bytes, before: Staged | None) -> Staged:
        """Add text to a file that has a temporary name."""
        fs, path = target.fs, target.path
        name = staged_name(path, self.mark)
        goes_on = before is not None
        if before is not None:
            _cut_back(fs, name, before.size)
        elif "a" in self.mode and fs.exists(path):
            fs.copy(path, name)
            goes_on = True
        with _renamed(target, name, "ab" if goes_on else "wb") as file:
            file.write(text.removeprefix(start) if goes_on else text)
        return Staged(name, path, fs.size(name))


def _renamed(target: Any, path: str, mode: str = "wb") -> Any:
    """An open file of fsspec's with another name."""
    return type(target)(target.fs, path, mode, target.compression)


def _cut_back(fs: Any, path: str, size: int) -> None:
    """Undo what a task wrote that runs again, for its worker was lost before it said so."""
    if fs.size(path) > size:
        fs.pipe_file(path, fs.cat_file(path, end=size))


def _finish(fs: Any, files: Sequence[Staged]) -> list[str]:
    """Files take their names."""
    publish(fs, files)
    return [one.name for one in files]
