"""Numbers of things, and texts that are too long, as they are shown."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """A number of things.

    >>> counted(1, "table"), counted(1_200, "row")
    ('1 table', '1,200 rows')
    """
    return f"{number:,} {thing}{'' if number == 1 else 's'}"


def shortened(text: str, width: int) -> str:
    """The text, or its beginning, in so many characters.

    >>> shortened("orders", 6), shortened("customers", 6)
    ('orders', 'custo…')
    """
    return text if len(text) <= width else text[: width - 1] + "…"
