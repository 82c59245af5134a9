"""Loading and unloading, and what that leaves behind."""

from __future__ import annotations

import importlib
import subprocess
import sys

import pytest

from dk_notebook.errors import DkError
from dk_notebook.jupyter import extension
from tests.jupyter.conftest import Shell

pytestmark = pytest.mark.unit


NAMES = {"dkconnect", "dkquery", "dkexplain", "dktables", "dkstatus", "dkclose"}


def magics(shell: Shell) -> set[str]:
    return {name for names in shell.ipython.magics_manager.magics.values() for name in names}


def test_loading_twice_is_loading_once(bare_shell: Shell) -> None:
    extension.load(bare_shell.ipython)
    first = bare_shell.ipython.find_line_magic("dkquery")
    extension.load(bare_shell.ipython)
    assert bare_shell.ipython.find_line_magic("dkquery") == first


def test_unloading_leaves_the_shell_as_it_was(bare_shell: Shell) -> None:
    before = magics(bare_shell), list(bare_shell.ipython.events.callbacks["post_execute"])
    extension.load(bare_shell.ipython)
    extension.unload(bare_shell.ipython)
    after = magics(bare_shell), list(bare_shell.ipython.events.callbacks["post_execute"])
    assert (after, hasattr(DkError, "_render_traceback_")) == (before, False)


def test_loading_adds_one_matcher_and_unloading_takes_it_away(bare_shell: Shell) -> None:
    found = []
    for step in (extension.load, extension.load, extension.unload):
        step(bare_shell.ipython)
        found.append([each.matcher_identifier for each in bare_shell.ipython.Completer.custom_matchers])
    assert found == [["dk_notebook"], ["dk_notebook"], []]


def test_unloading_what_is_not_loaded_does_nothing(bare_shell: Shell) -> None:
    extension.unload(bare_shell.ipython)


def test_it_can_be_loaded_again(bare_shell: Shell) -> None:
    for _ in range(2):
        extension.load(bare_shell.ipython)
        extension.unload(bare_shell.ipython)
    extension.load(bare_shell.ipython)
    assert magics(bare_shell) >= NAMES


def test_the_package_is_the_extension(bare_shell: Shell) -> None:
    bare_shell.run("%load_ext dk_notebook\n%reload_ext dk_notebook")
    assert magics(bare_shell) >= NAMES


def test_the_package_unloads_as_an_extension(bare_shell: Shell) -> None:
    bare_shell.run("%load_ext dk_notebook\n%unload_ext dk_notebook")
    assert not NAMES & magics(bare_shell)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_help_has_examples_first_and_then_every_flag(shell: Shell, name: str) -> None:
    text = shell.ipython.inspector.info(shell.ipython.find_line_magic(name))["docstring"]
    flags = importlib.import_module(f"dk_notebook.jupyter.magics.{name.removeprefix('dk')}").FLAGS
    said = [action.option_strings[-1] if action.option_strings else action.metavar for action in flags._actions]
    places = [text.rindex(each) for each in said]
    assert 0 < text.index("Examples::") < text.index(f"%{name}") < min(places)
    assert all(action.help for action in flags._actions)


def test_importing_the_package_imports_no_ipython() -> None:
    code = "import sys, dk_notebook; sys.exit('IPython' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_importing_the_extension_touches_no_shell_and_no_error() -> None:
    code = (
        "import dk_notebook.jupyter.extension, dk_notebook.errors as e, IPython, sys;"
        "sys.exit(hasattr(e.DkError, '_render_traceback_') or IPython.get_ipython() is not None)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
