"""Passwords from the real keyring package, with backends that need no desktop, each in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = pytest.mark.unit

READ = """
from dk_notebook import descriptions
from dk_notebook.errors import DkError
try:
    print(descriptions.of_name("shop").config().password.reveal())
except DkError as error:
    print(f"{type(error).__name__}: {error}")
"""
PLAIN_FILE = "keyrings.alt.file.PlaintextKeyring"
Run = Callable[..., str]


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Runs Python with a keyring backend and a connection whose password the keyring has; gives what it prints."""
    settings = tmp_path / "dk.toml"
    settings.write_text('[connections.shop]\nbackend = "postgres"\nhost = "db"\npassword = { keyring = "shop" }\n')

    def run(*arguments: str, typed: str = "", backend: str = PLAIN_FILE) -> str:
        environment = os.environ | {
            "DK_CONFIG": str(settings),
            "PYTHON_KEYRING_BACKEND": backend,
            "XDG_DATA_HOME": str(tmp_path),
            "XDG_CONFIG_HOME": str(tmp_path),
        }
        done = subprocess.run(
            [sys.executable, *arguments], input=typed, env=environment, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        return done.stdout.strip()

    return run


def test_a_password_that_the_keyring_command_stored_is_found(python: Run) -> None:
    python("-m", "keyring", "set", "dk_notebook", "shop", typed="hunter2 é\n")
    assert python("-c", READ) == "hunter2 é"


def test_an_entry_that_is_not_there_comes_with_the_command_that_stores_it(python: Run) -> None:
    assert "ConfigError: 'password' is to come from the keyring, which has no 'shop'" in python("-c", READ)


def test_a_machine_without_a_keyring_is_an_error_of_ours(python: Run) -> None:
    printed = python("-c", READ, backend="keyring.backends.fail.Keyring")
    assert "ConfigError: 'password' is to come from the keyring, which answers with NoKeyringError" in printed


def test_a_backend_that_is_not_installed_is_not_taken_for_a_missing_keyring_package(python: Run) -> None:
    printed = python("-c", READ, backend="no_such_module.Keyring")
    assert "ConfigError" in printed
    assert "no_such_module" in printed
