"""Tab, as a front end asks a real kernel."""

from __future__ import annotations

import time

import pytest

from tests.kernels.driver import PATIENCE, Kernel

pytestmark = [pytest.mark.kernel, pytest.mark.duckdb]

IDLE_INTERRUPT = "[IPKernelApp] ERROR | KeyboardInterrupt caught in kernel.\n"
"""What ipykernel itself says when a shutdown's interrupt finds it between two requests."""


@pytest.fixture
def kernel(kernel: Kernel) -> Kernel:
    kernel.ok(
        "import dk_notebook as dk, pandas as pd\n%load_ext dk_notebook\n"
        "%dkquery -q create or replace table completed (id integer, noted varchar)"
    )
    return kernel


def offered(kernel: Kernel, text: str, wanted: list[str]) -> tuple[list[str], str]:
    """What is offered at the ``|``, and what is replaced. Asked again while the store has not answered."""
    cursor = text.index("|")
    code = text[:cursor] + text[cursor + 1 :]
    until = time.monotonic() + PATIENCE
    while True:
        matches, start, end = kernel.complete(code, cursor)
        if matches == wanted or time.monotonic() > until:
            return matches, code[start:end]


@pytest.mark.parametrize(
    ("text", "wanted", "replaced"),
    [
        ("%%dkquery -n 5\nselect id\nfrom comp|\nwhere true", ["completed"], "comp"),
        ("%%dkquery\nselect c.no|, 1\nfrom completed c", ["noted"], "no"),
        ("x = 1\ny = %dkquery select no| from completed", ["noted"], "no"),
        ("%dkquery -c du|", ["duckdb"], "du"),
        ("%%dkexplain --ana|\nselect 1", ["--analyze"], "--ana"),
    ],
)
def test_what_is_offered(kernel: Kernel, text: str, wanted: list[str], replaced: str) -> None:
    assert offered(kernel, text, wanted) == (wanted, replaced)


def test_a_character_of_two_halves_is_one(kernel: Kernel) -> None:
    assert offered(kernel, "%%dkquery\nselect '\U0001f600', no| from completed", ["noted"]) == (["noted"], "no")


def test_frames_of_the_notebook_are_offered(kernel: Kernel) -> None:
    kernel.ok("monthly = pd.DataFrame({'total': [1]})")
    assert offered(kernel, "%%dkquery\nselect * from mon|", ["monthly"])[0] == ["monthly"]


def test_python_is_completed_as_ever(kernel: Kernel) -> None:
    kernel.ok("import os")
    assert "path" in [each.rpartition(".")[2] for each in kernel.complete("os.pat")[0]]


def test_without_the_extension_nothing_is(kernel: Kernel) -> None:
    kernel.ok("%unload_ext dk_notebook")
    assert "duckdb" not in kernel.complete("%dkquery -c du")[0]


def test_a_kernel_that_completes_ends_at_once_and_silently(new_kernel: Kernel) -> None:
    new_kernel.ok("import dk_notebook as dk\n%load_ext dk_notebook\ndk.connect('duckdb://')")
    new_kernel.complete("%%dkquery\nselect * from ")
    process = new_kernel.process
    assert new_kernel.shutdown() < PATIENCE
    said = new_kernel.stderr.replace(IDLE_INTERRUPT, "")
    assert (process.returncode, said) == (0, "")
