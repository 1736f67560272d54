"""Numba: compiled functions by the Python function and the options, not by what is compiled yet.

The signatures compiled so far grow as a function is called, so they count only where the author
gave them and no others can be added.
"""

from __future__ import annotations

import sys
from typing import Any

from shoal.graph.token.registry import normalize_token

__all__: list[str] = []


def _describe_compiled(function: Any) -> Any:
    states = dict(function._reduce_states())
    states.pop("uuid", None)
    is_final = not states.get("can_compile", True) or states.get("frozen", False)
    for name in ("sigs", "siglist", "typesigs"):
        signatures = states.pop(name, ())
        if is_final and signatures:
            states[name] = [str(signature) for signature in signatures]
    return (tuple(sorted(states)), states)


def _register_numba() -> None:
    mixin = getattr(sys.modules.get("numba.core.serialize"), "ReduceMixin", None)
    if mixin is not None:
        normalize_token.extend({mixin: _describe_compiled})


normalize_token.register_lazy("numba", _register_numba)
