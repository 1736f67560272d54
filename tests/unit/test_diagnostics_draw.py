"""Pictures of graphs: every format, every option, and clear errors where something lacks."""

from __future__ import annotations

import re
import sys
from operator import add, neg
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree

import pytest

import shoal.bag
from shoal.diagnostics.draw import draw, draw_stages
from shoal.diagnostics.picture import Picture, place
from shoal.errors import CycleError, MissingDependencyError, ShoalError
from shoal.expr.explain import Box
from shoal.graph.legacy import plan_from_dict

GRAPH: dict[Any, Any] = {
    "a": 1,
    "b": 2,
    "c": (neg, "a"),
    "d": (neg, "b"),
    "e": (add, "c", "d"),
    "f": (sum, ["a", "e"]),
}
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def no_painters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Neither Graphviz nor cairosvg, whatever is installed."""
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setitem(sys.modules, "cairosvg", None)
    monkeypatch.chdir(tmp_path)


def graphviz(folder: Path, program: str) -> None:
    """A program in the place of Graphviz' dot."""
    (folder / "bin").mkdir()
    script = folder / "bin" / "dot"
    script.write_text(f"#!{sys.executable}\nimport sys\nsource = sys.stdin.read()\n{program}\n")
    script.chmod(0o755)


def words(picture: Picture) -> list[str]:
    root = ElementTree.fromstring(picture.data)
    return [element.text or "" for element in root.iter(f"{SVG}text")]


def tips(picture: Picture) -> set[str]:
    root = ElementTree.fromstring(picture.data)
    return {element.text or "" for element in root.iter(f"{SVG}title")}


# -- SVG


def test_svg_has_a_shape_for_each_task_result_and_value() -> None:
    picture = draw(GRAPH)
    assert picture.format == "svg"
    assert sorted(words(picture)) == sorted(["a", "b", *"cdef", "neg", "neg", "add", "sum"])
    assert "'c': neg" in tips(picture)
    assert "'a': int" in tips(picture)


def test_svg_of_a_plan() -> None:
    picture = draw(plan_from_dict(GRAPH, ["e"]))
    assert "f" not in words(picture)


def test_collapse_outputs_leaves_tasks_and_values() -> None:
    picture = draw(GRAPH, collapse_outputs=True)
    root = ElementTree.fromstring(picture.data)
    assert len(list(root.iter(f"{SVG}g"))) == 6
    assert {"neg", "c", "a"} <= set(words(picture))


def test_verbose_writes_whole_keys() -> None:
    key = ("sum-" + "0a" * 16, 0, 1)
    graph = {key: (abs, -1), "b-" + "0b" * 16: (abs, key), "c": (abs, "b-" + "0b" * 16)}
    assert sorted(words(draw(graph))) == ["0, 1", "abs", "abs", "abs", "c"]
    assert str(draw(graph, format="text")).splitlines() == [
        "c  abs",
        "b  abs",
        "('sum', 0, 1)  abs",
    ]
    assert {str(key), "b-" + "0b" * 16} <= set(words(draw(graph, verbose=True)))


def test_order_as_colour_and_number() -> None:
    picture = draw(GRAPH, color="order", collapse_outputs=True, cmap=["#000000", "#ff0000"])
    order = list(plan_from_dict(GRAPH, list(GRAPH)).order)
    assert f"f #{order.index(5)}" in words(picture)
    assert b'fill="#ff0000"' in picture.data


@pytest.mark.parametrize("rankdir", ["BT", "TB", "LR", "RL"])
def test_direction(rankdir: str) -> None:
    root = ElementTree.fromstring(draw(GRAPH, rankdir=rankdir).data)
    at = {
        element.text: (float(element.get("x", 0)), float(element.get("y", 0)))
        for element in root.iter(f"{SVG}text")
    }
    (ax, ay), (fx, fy) = at["a"], at["f"]
    distance = {"BT": ay - fy, "TB": fy - ay, "LR": fx - ax, "RL": ax - fx}[rankdir]
    assert distance > 100


def test_attributes_of_single_nodes_and_of_all() -> None:
    data = {"a": {"shape": "circle", "label": "first", "color": "#123456"}}
    functions = {"c": {"label": "<minus>", "fillcolor": "#654321", "shape": "box"}}
    picture = draw(
        GRAPH,
        data_attributes=data,
        function_attributes=functions,
        node_attr={"penwidth": "3", "fontsize": "20"},
        edge_attr={"color": "#abcdef"},
    )
    text = picture.data.decode()
    assert {"first", "<minus>"} <= set(words(picture))
    for expected in ("<ellipse", 'stroke="#123456"', 'fill="#654321"', 'stroke-width="3"'):
        assert expected in text
    assert 'stroke="#abcdef"' in text
    assert data == {"a": {"shape": "circle", "label": "first", "color": "#123456"}}


def test_words_of_the_user_are_escaped() -> None:
    key = '<b a="1">&\\\n'
    assert key in words(draw({key: (abs, -1)}, verbose=True))
    assert '[label="<b a=\\"1\\">&\\\\\\n",' in str(draw({key: 1}, format="dot", verbose=True))
    assert '["#lt;b a=#quot;1#quot;#gt;&\\ "]' in str(
        draw({key: 1}, format="mermaid", verbose=True)
    )


def test_large_graph_is_drawn_layer_by_layer() -> None:
    graph = {("load", i): (abs, -i) for i in range(1000)}
    graph |= {("inc", i): (neg, ("load", i)) for i in range(1000)}
    graph["total"] = (sum, list(graph)[1000:])
    picture = draw(graph)
    assert {"load", "inc", "total", "1,000 tasks", "1 task"} <= set(words(picture))
    assert "2,001 tasks and values drawn as 3 layers" in picture.note
    assert picture.note in words(picture)
    assert picture.note in repr(picture)
    assert len(words(draw(graph, max_tasks=3000, collapse_outputs=True))) > 2001
    for format in ("text", "dot", "mermaid"):
        assert "2,001" in str(draw(graph, format=format))


def test_layers_that_read_each_other_are_drawn() -> None:
    graph: dict[Any, Any] = {"inc-0": (abs, -1)}
    for i in range(1, 400):
        graph[f"dec-{i}"] = (neg, f"inc-{i - 1}")
        graph[f"inc-{i}"] = (abs, f"dec-{i}")
    assert {"inc", "dec", "400 tasks", "399 tasks"} <= set(words(draw(graph)))
    assert "dec  399 tasks  neg" in str(draw(graph, format="text"))


def test_a_bad_graph_is_an_error() -> None:
    with pytest.raises(CycleError):
        draw({"a": (abs, "b"), "b": (abs, "a")})


def test_an_empty_graph() -> None:
    assert words(draw({})) == []
    assert str(draw({}, format="text")) == ""


# -- text, DOT, Mermaid


def test_text() -> None:
    assert str(draw(GRAPH, format="text")).splitlines() == [
        "f  sum",
        "├─ [1] a  int",
        "└─ e  add",
        "   ├─ c  neg",
        "   │  see [1] a  int",
        "   └─ d  neg",
        "      b  int",
    ]


def test_text_of_a_chain_of_a_hundred_thousand() -> None:
    graph: dict[Any, Any] = {0: "data"}
    graph |= {i: (str, i - 1) for i in range(1, 100_000)}
    lines = str(draw(graph, format="text", max_tasks=10**6)).splitlines()
    assert lines[0] == "99999  str"
    assert lines[-1] == "… 99,500 more"


def test_dot() -> None:
    source = str(draw(GRAPH, format="dot", graph_attr={"bgcolor": "#eeeeee"}, rankdir="LR"))
    assert 'graph [rankdir="LR", bgcolor="#eeeeee"];' in source
    assert len(re.findall(r"n\d+ \[label=", source)) == 10
    assert source.count(" -> ") == 10
    assert set(re.findall(r'shape="(\w+)"', source)) == {"box", "circle"}
    styled = str(draw(GRAPH, format="dot", node_attr={"fillcolor": "red"}))
    assert styled.count("fillcolor") == 1
    assert 'color="#' in str(draw(GRAPH, format="dot", color="order", cmap="RdBu"))


def test_mermaid() -> None:
    source = str(draw(GRAPH, format="mermaid"))
    assert source.startswith("flowchart BT\n")
    assert source.count(" --> ") == 10
    assert source.count('(["') == 4


# -- files and formats


@pytest.mark.parametrize(
    ("filename", "format", "file", "chosen"),
    [
        ("graph", None, "graph.svg", "svg"),
        ("graph", "mermaid", "graph.mermaid", "mermaid"),
        ("graph.dot", None, "graph.dot", "dot"),
        ("graph.gv", None, "graph.gv", "dot"),
        ("graph.mmd", None, "graph.mmd", "mermaid"),
        ("graph.txt", "text", "graph.txt", "text"),
        ("graph.SVG", None, "graph.SVG", "svg"),
        ("graph.pdf", "svg", "graph.pdf.svg", "svg"),
        ("graph.pdf.svg", None, "graph.pdf.svg", "svg"),
        ("v1.2", None, "v1.2.svg", "svg"),
        ("graph", ".SVG", "graph.svg", "svg"),
        ("graph.jpg", None, "graph.jpg", "jpeg"),
    ],
)
def test_file_and_format(filename: str, format: str | None, file: str, chosen: str) -> None:
    assert place(filename, format) == (Path(file), chosen)


def test_file_is_written(tmp_path: Path) -> None:
    name = "$(touch never)"
    picture = draw(GRAPH, tmp_path / name)
    assert picture.path == tmp_path / f"{name}.svg"
    assert picture.path.read_bytes() == picture.data
    assert [path.name for path in tmp_path.iterdir()] == [f"{name}.svg"]


def test_no_file_without_a_name(tmp_path: Path) -> None:
    draw(GRAPH)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("option", "match"),
    [
        ({"format": "bmp"}, "unknown format 'bmp'; wanted one of svg"),
        ({"rankdir": "UP"}, "unknown rankdir 'UP'; wanted one of 'BT'"),
        ({"color": "age"}, "unknown color 'age'"),
        ({"cmap": "jet", "color": "order"}, "unknown cmap 'jet'; wanted one of 'viridis'"),
        ({"cmap": ["red"]}, "two or more colours"),
        ({"engine": "not-real"}, "unknown engine 'not-real'"),
    ],
)
def test_unknown_options_say_what_is_known(option: dict[str, Any], match: str) -> None:
    with pytest.raises(ValueError, match=match):
        draw(GRAPH, **option)


# -- painters


@pytest.mark.parametrize("format", ["png", "pdf"])
def test_without_a_painter_the_error_names_both(format: str) -> None:
    with pytest.raises(MissingDependencyError, match=r"graphviz.*pip install cairosvg.*svg, text"):
        draw(GRAPH, format=format)


def test_jpeg_needs_graphviz(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cairosvg", SimpleNamespace())  # type: ignore[arg-type]
    with pytest.raises(MissingDependencyError, match="install graphviz") as caught:
        draw(GRAPH, format="jpeg")
    assert "cairosvg" not in str(caught.value)


@pytest.mark.parametrize(("format", "function"), [("png", "svg2png"), ("pdf", "svg2pdf")])
def test_cairosvg_paints_our_svg(
    format: str, function: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def paint(bytestring: bytes, scale: float) -> bytes:
        return b"%.3f " % scale + bytestring[:4]

    monkeypatch.setitem(sys.modules, "cairosvg", SimpleNamespace(**{function: paint}))  # type: ignore[arg-type]
    picture = draw(GRAPH, tmp_path / f"graph.{format}")
    assert picture.path is not None
    assert picture.path.read_bytes() == b"1.000 <svg"
    assert picture.format == format
    wide: dict[Any, Any] = {("x", i): (abs, i) for i in range(480)}
    wide["sum"] = (sum, list(wide))
    scale = float(draw(wide, format=format).data.split()[0])
    assert 0.3 < scale < 1


def test_a_cairosvg_without_its_library_is_a_missing_painter(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delitem(sys.modules, "cairosvg")
    (tmp_path / "cairosvg.py").write_text("raise OSError('no library called cairo-2')\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(MissingDependencyError, match="install graphviz"):
        draw(GRAPH, format="png")


def test_graphviz_paints_what_it_can(tmp_path: Path) -> None:
    graphviz(tmp_path, "print(sys.argv[1], source.splitlines()[0], end='')")
    for format in ("png", "pdf", "jpeg"):
        assert draw(GRAPH, format=format).data == f"-T{format} digraph {{".encode()
    assert draw(GRAPH, format="svg").data.startswith(b"<svg")
    assert draw(GRAPH, format="svg", engine="graphviz").data == b"-Tsvg digraph {"


def test_programs_that_ask_for_a_widget_get_a_picture() -> None:
    assert draw(GRAPH, engine="cytoscape").data == draw(GRAPH).data


def test_graphviz_that_fails_says_why(tmp_path: Path) -> None:
    graphviz(tmp_path, "sys.exit('syntax error in line 1')")
    with pytest.raises(ShoalError, match="could not draw format 'png': syntax error in line 1"):
        draw(GRAPH, format="png")


def test_graphviz_asked_for_and_not_there() -> None:
    with pytest.raises(MissingDependencyError, match="apt-get install graphviz"):
        draw(GRAPH, engine="graphviz")


# -- notebooks


@pytest.mark.parametrize(
    ("format", "mime"),
    [("svg", "image/svg+xml"), ("dot", "text/vnd.graphviz"), ("mermaid", "text/vnd.mermaid")],
)
def test_notebooks_are_given_the_picture_and_words(format: str, mime: str) -> None:
    picture = draw(GRAPH, format=format)
    bundle = picture._repr_mimebundle_()
    assert bundle[mime] == str(picture)
    assert bundle["text/plain"].startswith("f  sum")
    assert (picture._repr_svg_() is None) == (format != "svg")
    assert picture._repr_png_() is None


def test_picture_of_bytes() -> None:
    picture = Picture(b"\x89PNG", "png")
    assert picture._repr_png_() == b"\x89PNG"
    assert picture._repr_mimebundle_()["image/png"] == b"\x89PNG"
    assert str(picture) == repr(picture) == "<Picture: png, 4 bytes>"


# -- what explain tells


def test_an_explanation_is_drawn_stage_by_stage(tmp_path: Path) -> None:
    bag = shoal.bag.from_sequence(range(4), npartitions=2).map(neg)
    summed = bag.map(neg).sum()
    picture = summed.explain("plan.svg")
    assert isinstance(picture, Picture)
    assert (tmp_path / "plan.svg").read_bytes() == picture.data
    assert picture.text == summed.explain()
    headings = [line.split(": ")[0] for line in words(picture) if ": " in line]
    assert headings == ["logical", "optimised", "physical"]
    assert words(picture).count("2 blocks") >= 4
    assert any("2 tasks" in line for line in words(picture))
    dot = str(summed.explain(format="dot"))
    assert dot.count("logical: ") == 1 and "->" in dot
    assert str(summed.explain("plan.txt")) == summed.explain()
    with pytest.raises(MissingDependencyError, match="to draw format 'png'"):
        summed.explain("plan.png")


def test_large_explanations_are_cut() -> None:
    nodes = [shoal.delayed(neg)(i) for i in range(2000)]
    picture = shoal.delayed(sum)(nodes).explain(format="dot")
    assert str(picture).count("->") < 120
    assert "… 1,950 more sources" in str(picture)


def test_boxes_of_several_lines_are_high_enough() -> None:
    boxes = [Box("a" * 80, ("one", "two", "three"), ()), Box("b", (), ())]
    picture = draw_stages([("logical: 2 nodes", boxes)], "")
    assert {"one", "two", "three", "b"} <= set(words(picture))
    root = ElementTree.fromstring(picture.data)
    heights = sorted(float(one.get("height", 0)) for one in root.iter(f"{SVG}rect"))
    assert heights[-2] == heights[0] + 3 * 12.5 + 4
    assert "a" * 80 + "\none\ntwo\nthree" in tips(picture)
