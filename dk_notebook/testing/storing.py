"""Documents of which a store may refuse some, though JSON has them."""

from __future__ import annotations

from collections.abc import Sequence

from dk_notebook.backends.documents import Documents
from dk_notebook.records.document import Document


async def stored(
    session: Documents, table: str, documents: Sequence[Document], refuses: tuple[type[Exception], ...]
) -> list[Document]:
    """Create these in an empty place; those that are there now. Where the batch is refused, each for itself."""
    try:
        await session.put(table, documents, "create")
    except refuses:
        await session.clear(table)
    else:
        return list(documents)
    taken = []
    for each in documents:
        try:
            await session.put(table, [each], "create")
        except refuses:
            continue
        taken.append(each)
    return taken
