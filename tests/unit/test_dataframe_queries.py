"""`query` and `eval`: text becomes what operators make, and is about all rows, as in pandas."""

from __future__ import annotations

import datetime
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import shoal.dataframe as dd
from shoal.dataframe.nodes.rowwise import Assign, Evaluated, Filter

FRAME = pd.DataFrame(
    {
        "d": pd.to_datetime(["2020-01-01", "2021-01-01", None, "2022-02-02"]),
        "x": [1, 2, 3, 4],
        "f": [0.5, np.nan, 1.5, np.inf],
        "f4": np.array([0.1, 0.2, 0.3, 0.4], "float32"),
        "n": ["a", None, "b", "ab"],
        "b": [True, False, True, True],
        "a b": [4, 3, 2, 1],
        "t`k": [0, 1, 0, 1],
        "i": pd.array([1, None, 3, 4], "Int64"),
        "na": pd.array(["a", None, "b", "c"], "string"),
        "o": ["p", None, 3, "q"],
        "c": pd.Categorical(["u", "v", "u", None]),
    },
    index=pd.Index([10, 20, 30, 40], name="lab"),
)
LATER = 2


def parts() -> Any:
    return dd.from_pandas(FRAME, 3)


@pytest.mark.parametrize(
    "text",
    [
        "d > '2020-05-01'",
        "d > @datetime.datetime(2020, 5, 1)",
        "d == '2020-01-01'",
        "d == d.max()",
        "d.isna() and x > 1",
        "d.dt.year == 2020",
        "x < inf",
        "x > x.mean()",
        "x == x.shift() + 1",
        "x.cumsum() > f.max()",
        "x > @LATER",
        "x > @FRAME.x.mean()",
        "x in [1, 3]",
        "x not in (1, @LATER)",
        "[1, 2] != x",
        "x in `a b`",
        "n == 'a'",
        "n != 'a'",
        "n == 'a' + 'b'",
        "n in ('a',)",
        "'a' in n",
        "na != 'a'",
        "na > 'a'",
        "o != 'p'",
        "c != 'u'",
        "n.isna()",
        "n.str.contains('a')",
        "n.str.startswith('a') | f.isna()",
        "n.str[0] == 'a' and `a b` > 1",
        "index == 20",
        "lab > 20",
        "not x > 1",
        "not b or ~b",
        "x == 1 & n == 'a'",
        "x == 1 | n == 'b'",
        "1 < x < 4",
        "x > 1 and f < 2 or b",
        "`a b` > x or `t``k` == 1",
        "f4 > 0.2",
        "f4 * 2 > .5",
        "i > 1",
        "x * 2 + 1 > 4 and x // 2 == 1 and x % 2 != 0",
        "-x < -1 and x ** 2 > 4",
        "sin(x) > 0.5 or abs(f) > 1",
        "x.between(1, 2)",
        "b and True",
        "n == '`x`' or n == \"a\"",
    ],
)
def test_rows_of_a_query(text: str) -> None:
    found = parts().query(text)
    assert type(found.expr) is Filter
    pd.testing.assert_frame_equal(
        found.compute(scheduler="sync"), FRAME.query(text, engine="python")
    )


@pytest.mark.parametrize(
    "text",
    [
        "x + f",
        "x * @LATER",
        "x - x.mean()",
        "n.str.upper()",
        "f4 / x",
        "i / x",
        "x / 0",
        "x // 0",
        "x & b",
        "index + 1",
        "x > 1",
        "z = x + 1",
        "z = x + 1\n\n x = z * x\n",
        "z = x.sum()",
        "z = 5",
        "x = `a b`",
    ],
)
def test_values_of_an_expression(text: str) -> None:
    found, expected = parts().eval(text), FRAME.eval(text, engine="python")
    assert ("=" in text) == (type(found.expr) is Assign)
    check: Any = (
        pd.testing.assert_frame_equal if expected.ndim == 2 else pd.testing.assert_series_equal
    )
    check(found.compute(scheduler="sync"), expected)


def test_values_without_rows() -> None:
    assert parts().eval("1 + @LATER") == 3
    assert parts().eval("x.sum()").compute(scheduler="sync") == 10


def test_variables_are_those_of_the_caller_or_given() -> None:
    y = 3  # noqa: F841 # of the text
    assert parts().query("x == @y").compute().x.tolist() == [3]
    assert parts().query("x == @y", local_dict={"y": 4}).compute().x.tolist() == [4]
    lazy = parts()
    found = lazy.query("x > @lazy.x.mean() and x in @lazy.x.drop_duplicates()")
    assert found.compute(scheduler="sync").x.tolist() == [3, 4]
    with pytest.raises(pd.errors.UndefinedVariableError, match="local variable 'rows'"):
        parts().query("x == @rows")  # a name in the library is none of the caller's


def test_what_is_left_to_pandas_says_why_and_reads_what_it_names() -> None:
    found = parts().query("x > 1 and i != 3", parser="pandas", engine="python", resolvers=())
    assert type(found.expr) is Evaluated
    assert "left to pandas: resolvers= was given" in found.expr.label()
    assert "columns=['x', 'n', 'i']" in found.n.optimize().expr.label()
    pd.testing.assert_series_equal(found.n.compute(), FRAME[(FRAME.x > 1) & (FRAME.i != 3)].n)
    assert parts().eval("y = x + 1", resolvers=()).y.compute().tolist() == [2, 3, 4, 5]
    assert "columns=['x']" in parts().eval("y = x + 1", resolvers=()).y.optimize().expr.label()
    assert parts().eval("x + `a b`", resolvers=()).compute().tolist() == [5, 5, 5, 5]
    assert "columns=['x', 'a b']" in parts().eval("x + `a b`", resolvers=()).optimize().expr.label()


def test_names_with_levels_or_that_come_twice_are_left_to_pandas() -> None:
    twice = pd.DataFrame([[1, 2, 3], [4, 5, 6]], columns=["x", "x", "y"])
    found = dd.from_pandas(twice, 2).query("y > 3")
    assert found.compute().values.tolist() == [[4, 5, 6]]


@pytest.mark.parametrize(
    ("text", "kind", "message"),
    [
        ("nope > 1", pd.errors.UndefinedVariableError, "name 'nope' is not defined"),
        ("x > @nope", pd.errors.UndefinedVariableError, "local variable 'nope' is not defined"),
        ("d > f", TypeError, "Invalid comparison"),
        ("x & 1", NotImplementedError, "scalar only bool ops"),
        ("x if b else f", NotImplementedError, "'IfExp' nodes"),
        ("x >", SyntaxError, "invalid syntax"),
        ("", ValueError, "empty"),
        ("x", NotImplementedError, "gives int64, no truth value for each row.*loc"),
        ("@LATER > 1", NotImplementedError, "gives bool, no truth value for each row"),
        ("x > x.iloc[0]", NotImplementedError, "rows are not found by number"),
        ("@pd.isna(n)", NotImplementedError, "pd.isna was given a column in partitions.*map_part"),
    ],
)
def test_what_is_refused(text: str, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=message):
        parts().query(text)


def test_a_reduction_is_never_one_of_a_partition() -> None:
    """With options that translation does not know, pandas would take the mean of each partition."""
    with pytest.raises(NotImplementedError, match=r"something else than on all rows.*map_part"):
        parts().query("x > x.mean()", resolvers=())
    with pytest.raises(NotImplementedError, match="something else than on all rows"):
        parts().query("x in `a b`", resolvers=())


def test_labels_are_looked_for_in_all_rows_not_in_a_partition() -> None:
    with pytest.raises(NotImplementedError, match="gives int64, no truth value"):
        parts().query("x", resolvers=())


def test_inplace_is_refused() -> None:
    with pytest.raises(NotImplementedError, match="inplace"):
        parts().query("x > 1", inplace=True)


def test_the_first_call_of_all_sees_its_caller(tmp_path: Any) -> None:
    """Methods of topics are loaded at their first use, by another function."""
    script = tmp_path / "first.py"
    script.write_text(
        "import shoal.dataframe as dd\n"
        "def ask():\n"
        "    least = 2\n"
        "    return dd.from_dict({'x': [1, 2]}, npartitions=1).query('x >= @least')\n"
        "assert ask().compute(scheduler='sync').x.tolist() == [2]\n",
        "utf-8",
    )
    subprocess.run([sys.executable, str(script)], check=True, timeout=250)


assert datetime  # of a query
