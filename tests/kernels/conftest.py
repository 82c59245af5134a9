"""Kernels for the tests: one for all that leave it as they found it, a new one for those that end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernels.driver import Kernel
from tests.kernels.stops import Stop


@pytest.fixture
def new_kernel(tmp_path: Path) -> Iterator[Kernel]:
    """A kernel of this test's own."""
    kernel = Kernel(tmp_path)
    try:
        yield kernel
    finally:
        kernel.close()


@pytest.fixture(scope="session")
def shared_kernel(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kernel]:
    kernel = Kernel(tmp_path_factory.mktemp("kernel"))
    try:
        yield kernel
    finally:
        kernel.close()


@pytest.fixture
def kernel(shared_kernel: Kernel) -> Kernel:
    """The kernel that tests share; its namespace is empty, and no connection of another test is the default."""
    shared_kernel.ok("%reset -f\nimport dk_notebook\ndk_notebook.close()\ndel dk_notebook")
    return shared_kernel


@pytest.fixture(scope="class")
def stops() -> dict[str, Stop]:
    """What became of each place that a class of `StopTests` has stopped so far."""
    return {}
