"""Kernels for the tests: one for all that leave it as they found it, a new one for those that end it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.kernels.driver import Kernel


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
    """The kernel that tests share; its namespace is empty."""
    shared_kernel.ok("%reset -f")
    return shared_kernel
