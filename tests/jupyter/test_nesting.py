"""`dk.allow_nested_run` where it has nothing to do, and where it cannot."""

from __future__ import annotations

import subprocess
import sys

import pytest

import dk_notebook as dk
from dk_notebook.jupyter import nesting

pytestmark = pytest.mark.unit


def test_without_a_running_loop_nothing_is_patched() -> None:
    program = (
        "import asyncio, sys, dk_notebook as dk; dk.allow_nested_run(); "
        "assert not {'nest_asyncio', 'nest_asyncio2'} & set(sys.modules); asyncio.run(asyncio.sleep(0))"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


async def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nesting, "PATCH", "nest_asyncio_of_another_day")
    with pytest.raises(dk.MissingDependency, match="nest_asyncio_of_another_day") as raised:
        dk.allow_nested_run()
    assert "dk-notebook[notebook]" in str(raised.value)


def test_a_loop_of_another_kind_is_refused_in_words() -> None:
    program = """
import asyncio, dk_notebook as dk

class Loop(asyncio.AbstractEventLoop):
    pass

asyncio._set_running_loop(Loop())
try:
    dk.allow_nested_run()
except dk.ConfigError as error:
    assert "Loop" in str(error), error
else:
    raise AssertionError("nothing was said")
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
