"""Files over HTTP, from a server on this machine: one that sends ranges, and one that does not."""

from __future__ import annotations

import gzip
import re
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shoal.io.blocks import plan_blocks, read_block
from shoal.io.files import open_files
from shoal.io.text import iter_text, plan_text

pytest.importorskip("aiohttp")

LINES = b"".join(b"line %d\n" % i for i in range(2000))
FILES = {
    "/a.txt": LINES,
    "/b.txt.gz": gzip.compress(LINES),
    "/cut.txt.gz": gzip.compress(LINES)[:-9],
}
INDEX = b"".join(b'<a href="%s">x</a>' % name[1:].encode() for name in FILES)


class _Handler(BaseHTTPRequestHandler):
    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self.answer(body=False)

    def do_GET(self) -> None:
        self.answer(body=True)

    def answer(self, body: bool) -> None:
        data = {**FILES, "/": INDEX}.get(self.path.partition("?")[0])
        if data is None:
            self.send_error(404)
            return
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", ""))
        if wanted and self.server.sends_ranges:  # type: ignore[attr-defined]
            start = int(wanted[1])
            stop = min(int(wanted[2] or len(data)) + 1, len(data))
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{stop - 1}/{len(data)}")
            data = data[start:stop]
        else:
            self.send_response(200)
        if self.server.sends_ranges:  # type: ignore[attr-defined]
            self.send_header("Accept-Ranges", "bytes")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        if body:
            self.wfile.write(data)


@pytest.fixture(scope="module", params=[True, False], ids=["ranges", "no ranges"])
def server(request: pytest.FixtureRequest) -> Iterator[ThreadingHTTPServer]:
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        server.sends_ranges = request.param  # type: ignore[attr-defined]
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def root(server: ThreadingHTTPServer) -> str:
    return f"http://127.0.0.1:{server.server_port}/"


def test_whole_files(root: str) -> None:
    for name in ("a.txt", "b.txt.gz"):
        (target,) = open_files(root + name, "rb", "infer")
        with target as file:
            assert file.read() == LINES


def test_patterns_and_queries(root: str) -> None:
    assert [target.path for target in open_files(root + "*.txt")] == [root + "a.txt"]
    (target,) = open_files(root + "a.txt?version=2", "rb")
    with target as file:
        assert file.read(6) == b"line 0"


def test_lines(root: str) -> None:
    expected = LINES.decode().splitlines(keepends=True)
    for name in ("a.txt", "b.txt.gz"):
        (part,) = plan_text(root + name)
        assert list(iter_text(part)) == expected


def test_blocks(root: str, server: ThreadingHTTPServer) -> None:
    plan = plan_blocks(root + "a.txt", blocksize=5000, delimiter=b"\n", sample=3)
    assert plan.sample == b"line 0\n"
    (blocks,) = plan.blocks
    assert len(blocks) == len(LINES) // 5000
    # Without ranges a block can be read only as far as the file from its beginning is at hand.
    if server.sends_ranges:  # type: ignore[attr-defined]
        assert b"".join(map(read_block, blocks)) == LINES
    else:
        with pytest.raises(ValueError, match=r"a\.txt.*blocksize=None"):
            b"".join(map(read_block, blocks))


def test_what_is_not_there(root: str) -> None:
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        plan_blocks(root + "nothing.txt")
    (part,) = plan_text(root + "nothing.txt")
    with pytest.raises(FileNotFoundError, match=r"nothing\.txt"):
        list(iter_text(part))
    with pytest.raises(FileNotFoundError, match=r"\*\.csv"):
        plan_text(root + "*.csv")


def test_a_truncated_file(root: str) -> None:
    (part,) = plan_text(root + "cut.txt.gz")
    with pytest.raises(EOFError, match=r"cut\.txt\.gz ends before its gzip data do"):
        list(iter_text(part))
