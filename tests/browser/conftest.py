"""A browser, and in it a JupyterLab that has a notebook open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.browser.lab import FrontEnd, Notebook
from tests.browser.lab_server import LabServer

PICTURES = Path(__file__).parents[2] / "build" / "browser"
PROGRAM = "chromium"
INSTALL = "apt-get install chromium"
# As root there is no sandbox; and nothing is asked of the network but what JupyterLab asks of its server.
OPTIONS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
ADDRESSES: dict[FrontEnd, str] = {
    # A workspace of its own: in the one of all, JupyterLab opens what was open before, too.
    "JupyterLab": "lab/workspaces/{0.stem}/tree/{0.name}",
    "Notebook": "notebooks/{0.name}",
}
SETUP = "import pandas as pd\nimport dk_notebook as dk\n%load_ext dk_notebook"


@pytest.fixture(scope="session")
def chromium() -> str:
    """The browser's program. Without it: a failure where a change is judged, elsewhere a skip."""
    program = shutil.which(PROGRAM)
    if program is None:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(f"there is no {PROGRAM}: {INSTALL}")
    return program


# Of a module, not of the session: as long as it is there, a loop runs in this thread, and no async test can.
@pytest.fixture(scope="module")
def browser(chromium: str) -> Iterator[Browser]:
    with sync_playwright() as playwright:
        yield playwright.chromium.launch(executable_path=chromium, args=OPTIONS)


@pytest.fixture(scope="session")
def lab_server(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LabServer]:
    server = LabServer(tmp_path_factory.mktemp("lab"))
    try:
        server.start()
        yield server
    finally:
        server.close()


@pytest.fixture(scope="module")
def opened(browser: Browser, lab_server: LabServer) -> Callable[..., Notebook]:
    """Opens a copy of a notebook in a window of its own; ``points`` of the screen are one of the page."""

    def opened(notebook: Path, *, by: FrontEnd = "JupyterLab", points: int = 1) -> Notebook:
        screen = {"viewport": {"width": 1100, "height": 1000}, "device_scale_factor": points}
        page = browser.new_context(**screen).new_page()
        shutil.copy(notebook, lab_server.notebooks)
        PICTURES.mkdir(parents=True, exist_ok=True)
        return Notebook(page, lab_server.url(ADDRESSES[by].format(notebook)), PICTURES)

    return opened


@pytest.fixture(scope="module")
def notebook(
    opened: Callable[..., Notebook], tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Notebook:
    """A new notebook, in which the extension is loaded."""
    name = request.module.__name__.rpartition(".")[2]
    notebook = opened(Notebook.file(tmp_path_factory.mktemp("notebook") / f"{name}.ipynb"))
    notebook.run(SETUP)
    return notebook


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[Any]) -> Generator[None, pytest.TestReport, Any]:
    """Keep what the page looked like when a test failed."""
    report = yield
    notebook = getattr(item, "funcargs", {}).get("notebook")
    if report.when == "call" and report.failed and isinstance(notebook, Notebook):
        notebook.page.screenshot(path=PICTURES / f"failed-{item.name.replace('/', '-')}.png")
    return report
