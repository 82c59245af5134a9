"""Widgets in this process, which end with the test."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest

import dk_notebook as dk
from dk_notebook.jupyter.widgets.browser import Browser
from dk_notebook.jupyter.widgets.monitor import Monitor


@pytest.fixture
def clean() -> Iterator[None]:
    dk.close()
    yield
    dk.close()


@pytest.fixture
def browse() -> Iterator[Callable[..., Browser]]:
    """`dk.browser`."""
    made: list[Browser] = []

    def make(*arguments: Any, **options: Any) -> Browser:
        made.append(dk.browser(*arguments, **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def monitor() -> Iterator[Monitor]:
    made = dk.monitor()
    yield made
    made.close()


@pytest.fixture
def run_program() -> Callable[[str], tuple[int, str]]:
    """Run a program to its end: its exit code and what it wrote to stderr."""

    def run(code: str) -> tuple[int, str]:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stderr

    return run
