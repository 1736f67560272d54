"""What libraries import from ``dask.tokenize``: names for values.

`shoal.tokenize` itself, the attribute, is the function.
"""

from __future__ import annotations

from shoal.errors import TokenizationError
from shoal.graph.token import normalize_seq, normalize_token, tokenize

# State of a call in progress; test suites of other libraries look at it between tests.
from shoal.graph.token.walk import _ENSURE_DETERMINISTIC, _SEEN

__all__ = [
    "_ENSURE_DETERMINISTIC",
    "_SEEN",
    "TokenizationError",
    "normalize_seq",
    "normalize_token",
    "tokenize",
]
