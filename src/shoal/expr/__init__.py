"""Expressions: nodes, rewriting, lowering; an engine that knows no collection."""
