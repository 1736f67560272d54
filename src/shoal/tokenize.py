"""What libraries import from ``dask.tokenize``: names for values.

`shoal.tokenize` itself, the attribute, is the function.
"""

from __future__ import annotations

from shoal.errors import TokenizationError
from shoal.graph.token import normalize_token, tokenize

__all__ = ["TokenizationError", "normalize_token", "tokenize"]
