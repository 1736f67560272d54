"""A finished picture: bytes in one format, a file if wanted, something that a notebook shows.

Everything in this package that draws returns one.  A notebook asks an object for its picture
through methods with agreed names, so IPython is neither needed nor imported.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

__all__ = ["FORMATS", "Picture", "place"]

FORMATS = {
    "svg": "image/svg+xml",
    "png": "image/png",
    "jpeg": "image/jpeg",
    "pdf": "application/pdf",
    "dot": "text/vnd.graphviz",
    "mermaid": "text/vnd.mermaid",
    "text": "text/plain",
}
"""Formats of pictures, and what each is called in a notebook."""

ENDINGS = {"jpg": "jpeg", "gv": "dot", "mmd": "mermaid", "txt": "text"}
"""File name endings that are not the format's own name."""

TEXTUAL = frozenset({"svg", "dot", "mermaid", "text"})


class Picture:
    """A picture in one format.

    Parameters
    ----------
    data
        The picture itself, as it stands in a file.
    format
        One of `FORMATS`.
    text
        The same in words, for a terminal.
    path
        The file it was written to, if it was.
    note
        What a reader has to know: that tasks were drawn in groups, for instance.

    Examples
    --------
    >>> picture = Picture(b"a -> b", "text")
    >>> print(picture)
    a -> b
    """

    __slots__ = ("data", "format", "note", "path", "text")

    def __init__(
        self,
        data: bytes,
        format: str,
        text: str = "",
        path: Path | None = None,
        note: str = "",
    ) -> None:
        self.data = data
        self.format = format
        self.text = text
        self.path = path
        self.note = note

    def save(self, path: str | Path) -> Path:
        """Write the picture to a file.

        Parameters
        ----------
        path
            The file's name; its format is the picture's, whatever the name ends in.

        Returns
        -------
        pathlib.Path
        """
        self.path = Path(path)
        self.path.write_bytes(self.data)
        return self.path

    def __str__(self) -> str:
        return self.data.decode() if self.format in TEXTUAL else repr(self)

    def __repr__(self) -> str:
        where = f" in {str(self.path)!r}" if self.path else ""
        note = f": {self.note}" if self.note else ""
        return f"<Picture: {self.format}, {len(self.data)} bytes{where}{note}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        own = self.data.decode() if self.format in TEXTUAL else self.data
        return {"text/plain": self.text or repr(self), FORMATS[self.format]: own}

    def _repr_svg_(self) -> str | None:
        return self.data.decode() if self.format == "svg" else None

    def _repr_png_(self) -> bytes | None:
        return self.data if self.format == "png" else None


def place(
    filename: str | Path | None, format: str | None, default: str = "svg"
) -> tuple[Path | None, str]:
    """Where a picture goes, and in which format.

    Parameters
    ----------
    filename
        With or without an ending; None for no file.
    format
        None: what the file's ending says, else ``default``.
    default
        The format when nothing says one.

    Returns
    -------
    path, format
        A format that is given and is not the file's ending is appended to the name.

    Raises
    ------
    ValueError
        A format that nobody can draw.

    Examples
    --------
    >>> place("graph.pdf", None), place("graph", None), place("graph.pdf", "svg")
    ((PosixPath('graph.pdf'), 'pdf'), (PosixPath('graph.svg'), 'svg'),
     (PosixPath('graph.pdf.svg'), 'svg'))
    """
    given = None if format is None else format.lower().removeprefix(".")
    chosen = None if given is None else ENDINGS.get(given, given)
    if chosen is not None and chosen not in FORMATS:
        raise ValueError(f"unknown format {format!r}; wanted one of {', '.join(FORMATS)}")
    if filename is None:
        return None, chosen or default
    path = Path(filename)
    ending = path.suffix[1:].lower()
    said = ENDINGS.get(ending, ending)
    if said in FORMATS and chosen in (None, said):
        return path, said
    return path.with_name(f"{path.name}.{given or default}"), chosen or default
