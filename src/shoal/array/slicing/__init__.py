"""Indexing of every kind."""

from __future__ import annotations

from shoal.array.slicing.basic import getitem

__all__ = ["getitem"]
