"""The methods of generators as a table: a distribution and its parameters a line."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Callable
from typing import Any

__all__ = ["COMMON", "NEW", "OLD", "methods"]

COMMON = {
    "beta": "a b",
    "binomial": "n p",
    "chisquare": "df",
    "dirichlet": "alpha",
    "exponential": "scale=1.0",
    "f": "dfnum dfden",
    "gamma": "shape scale=1.0",
    "geometric": "p",
    "gumbel": "loc=0.0 scale=1.0",
    "hypergeometric": "ngood nbad nsample",
    "laplace": "loc=0.0 scale=1.0",
    "logistic": "loc=0.0 scale=1.0",
    "lognormal": "mean=0.0 sigma=1.0",
    "logseries": "p",
    "multinomial": "n pvals",
    "multivariate_normal": "mean cov",
    "negative_binomial": "n p",
    "noncentral_chisquare": "df nonc",
    "noncentral_f": "dfnum dfden nonc",
    "normal": "loc=0.0 scale=1.0",
    "pareto": "a",
    "poisson": "lam=1.0",
    "power": "a",
    "rayleigh": "scale=1.0",
    "standard_cauchy": "",
    "standard_gamma": "shape",
    "standard_normal": "",
    "standard_t": "df",
    "triangular": "left mode right",
    "uniform": "low=0.0 high=1.0",
    "vonmises": "mu kappa",
    "wald": "mean scale",
    "weibull": "a",
    "zipf": "a",
}
"""Of both kinds of generators: the parameters that may be arrays, before ``size``."""

NEW = COMMON | {
    "integers": "low high=None | dtype='int64' endpoint=False",
    "multivariate_hypergeometric": "colors nsample",
    "random": " | dtype='float64' out=None",
    "standard_exponential": "",
}
"""Of `Generator`; behind the bar what comes after ``size``."""

OLD = COMMON | {
    "randint": "low high=None",
    "random": "",
    "random_integers": "low high=None",
    "random_sample": "",
    "standard_exponential": "",
    "tomaxint": "",
}
"""Of `RandomState`."""


def methods(table: dict[str, str], like: Any) -> dict[str, Callable[..., Any]]:
    """The methods of a generator, from a table.

    Parameters
    ----------
    table
        Parameters by distribution.
    like
        NumPy's class, whose documentation they have.

    Examples
    --------
    >>> import numpy as np
    >>> made = methods({"normal": "loc=0.0 scale=1.0"}, np.random.Generator)
    >>> str(inspect.signature(made["normal"]))
    "(self, loc=0.0, scale=1.0, size=None, chunks='auto', **kwargs)"
    """
    return {name: _method(name, words, like) for name, words in table.items()}


def _method(name: str, words: str, like: Any) -> Callable[..., Any]:
    first, _, last = words.partition("|")
    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    before, after = ([_parameter(word) for word in part.split()] for part in (first, last))
    middle = [inspect.Parameter("size", kind, default=None)]
    end = [
        inspect.Parameter("chunks", kind, default="auto"),
        inspect.Parameter("kwargs", inspect.Parameter.VAR_KEYWORD),
    ]
    own = [inspect.Parameter("self", kind)]
    signature = inspect.Signature([*own, *before, *middle, *after, *end])
    parameters = [parameter.name for parameter in before]
    options = [parameter.name for parameter in after]

    def method(*args: Any, **kwargs: Any) -> Any:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        given = bound.arguments
        more = given["kwargs"] | {n: given[n] for n in options if given[n] is not None}
        values = tuple([given[n] for n in parameters])
        return given["self"]._draw(name, values, more, given["size"], given["chunks"])

    method.__name__ = name
    method.__qualname__ = f"{like.__name__}.{name}"
    method.__signature__ = signature  # type: ignore[attr-defined]
    method.__doc__ = _doc(name, like)
    return method


def _parameter(word: str) -> inspect.Parameter:
    name, has_default, value = word.partition("=")
    default = ast.literal_eval(value) if has_default else inspect.Parameter.empty
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default)


def _doc(name: str, like: Any) -> str:
    """NumPy's documentation without its examples, and what is different here."""
    theirs = getattr(getattr(like, name), "__doc__", None) or ""
    before, _, _ = inspect.cleandoc(theirs).partition("Examples\n---")
    return (
        f"Random numbers in blocks; see `numpy.random.{like.__name__}.{name}`.\n\n"
        "``chunks`` says how the result is cut, as `normalize_chunks` takes it; parameters may be "
        "arrays of\nshoal's.\n\n"
        f"NumPy's documentation:\n\n{before}"
    )
