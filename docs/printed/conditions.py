"""The operators of conditions, from the table that decides what they mean."""

from __future__ import annotations

from dk_notebook.records.filters import OPERATORS
from docs.printed.markdown import code, table


def operators() -> str:
    """A row an operator, with its other spellings."""
    lines = []
    for name, row in OPERATORS.items():
        negated = f"the negation of {code(row.negates)}" if row.negates else ""
        lines.append([code(name), ", ".join(map(code, row.spellings)), negated])
    return table(["operator", "also written", ""], lines)
