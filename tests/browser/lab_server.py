"""JupyterLab and Notebook, of the tests' own: new settings, a folder of notebooks, nothing asked of the network."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

from dk_notebook.testing.services.ports import free_port

PATIENCE = 60.0
"""Seconds for a start."""

# What a user could choose in the settings editor. The theme is that of the system, which the browser plays.
SETTINGS: dict[str, dict[str, Any]] = {
    "@jupyterlab/apputils-extension/themes": {"adaptive-theme": True},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
    "@jupyterlab/docmanager-extension/plugin": {"autosave": False},
    # All cells are in the page, also those out of sight.
    "@jupyterlab/notebook-extension/tracker": {"windowingMode": "none"},
}


class LabServer:
    """``jupyter lab`` on a free port, and Notebook with it; ``folder`` is for all that it keeps.

    Its notebooks are in ``notebooks``.
    """

    def __init__(self, folder: Path) -> None:
        self.notebooks = folder / "notebooks"
        self.notebooks.mkdir()
        self._folder = folder
        self._log = folder / "log"
        self._token = secrets.token_hex(16)
        self._port = free_port()
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, path: str) -> str:
        """The address of one of its pages, with the token that opens it."""
        return f"http://127.0.0.1:{self._port}/{path}?token={self._token}"

    def start(self) -> None:
        """Start it, and return when it answers."""
        for name, chosen in SETTINGS.items():
            file = self._folder / "settings" / f"{name}.jupyterlab-settings"
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(json.dumps(chosen))
        options = {
            "ServerApp.port": self._port,
            "ServerApp.port_retries": 0,
            "ServerApp.allow_root": True,
            "ServerApp.root_dir": self.notebooks,
            "ServerApp.open_browser": False,
            "IdentityProvider.token": self._token,
            "LabApp.check_for_updates_class": "jupyterlab.handlers.announcements.NeverCheckForUpdate",
            "LabApp.news_url": None,
            "LabApp.workspaces_dir": self._folder / "workspaces",
        }
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jupyterlab", *(f"--{name}={value}" for name, value in options.items())],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.notebooks,
                env=self._environment(),
            )
        self._wait()

    def close(self) -> None:
        """End it, and the kernels of all notebooks."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(PATIENCE)
            self._process = None

    @property
    def log(self) -> str:
        """What the server and its kernels wrote."""
        return self._log.read_text(errors="replace")

    def _environment(self) -> dict[str, str]:
        ours = {
            "JUPYTERLAB_SETTINGS_DIR": "settings",  # of Notebook too, which the same server has
            "IPYTHONDIR": "ipython",
            "JUPYTER_CONFIG_DIR": "config",
            "JUPYTER_DATA_DIR": "data",
            "JUPYTER_RUNTIME_DIR": "runtime",
        }
        # Without pytest's variables: with them DuckDB's binding reports at exit what Python has not freed.
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return {**inherited, **{name: str(self._folder / folder) for name, folder in ours.items()}}

    def _wait(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + PATIENCE
        while True:
            assert self._process.poll() is None, f"JupyterLab ended: {self.log}"
            assert time.monotonic() < deadline, f"JupyterLab does not answer: {self.log}"
            try:
                with urllib.request.urlopen(self.url("api/status"), timeout=5):
                    return
            except (urllib.error.URLError, TimeoutError):
                time.sleep(0.05)
