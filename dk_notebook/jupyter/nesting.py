"""For cells whose own code starts an event loop although the kernel's is running."""

from __future__ import annotations

import asyncio
import importlib
import sys

from dk_notebook.errors import ConfigError, MissingDependency

PATCH = "nest_asyncio2" if sys.version_info >= (3, 14) else "nest_asyncio"


def allow_nested_run() -> None:
    """Let ``asyncio.run`` and ``loop.run_until_complete`` work in cells, where the kernel's loop is running already.

    Nothing of this package needs it: its functions block, or are awaited, in every cell. It is for other code. It
    applies nest_asyncio (nest_asyncio2 from Python 3.14), which changes asyncio for the whole process until that
    ends. Nothing else here ever does. Where no loop runs, as in a script, ``asyncio.run`` works anyway, and nothing
    is changed. Calling it again changes nothing more.

    MissingDependency: that is not installed. ConfigError: the running loop is of a kind that cannot be patched, such as
    uvloop's.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return
    try:
        patch = importlib.import_module(PATCH)
    except ModuleNotFoundError:
        raise MissingDependency(f"allow_nested_run needs {PATCH}", hint="pip install 'dk-notebook[notebook]'") from None
    try:
        patch.apply(loop)
    except ValueError as error:
        raise ConfigError(f"asyncio.run cannot be nested here: {error}") from error
