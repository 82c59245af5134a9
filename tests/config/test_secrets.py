import copy
import pickle
import sys
import types

import pytest

from dk_notebook.config import secrets
from dk_notebook.config.secrets import Secret, find
from dk_notebook.errors import ConfigError, MissingDependency

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("show", [repr, str, "{:>20}".format, "%s".__mod__, pickle.dumps, lambda s: str([s])])
def test_nothing_shows_a_secret(show):
    assert "hunter2" not in str(show(Secret("hunter2")))


def test_a_pickled_secret_is_lost_and_says_so():
    lost = pickle.loads(pickle.dumps(Secret("hunter2")))
    with pytest.raises(ConfigError, match="does not survive pickle"):
        lost.reveal()


def test_equal_secrets_are_the_same_key_and_others_are_not():
    assert {Secret("a"): 1}[Secret("a")] == 1
    assert Secret("a") != Secret("b")
    assert Secret("a") != "a"


def test_a_copy_keeps_the_secret():
    assert copy.deepcopy([Secret("a")]) == [Secret("a")]


def test_a_command_gives_the_first_line_that_it_prints():
    found = find({"command": [sys.executable, "-c", "print('hunter2'); print('a note')"]}, "password")
    assert found.reveal() == "hunter2"


def test_blanks_of_a_secret_are_kept():
    assert find({"command": [sys.executable, "-c", "print(' a b ')"]}, "password").reveal() == " a b "


def test_a_command_that_fails_shows_neither_its_output_nor_its_arguments():
    program = "import sys; print('hunter2'); print('hunter3', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ConfigError, match="ended with status 3") as caught:
        find({"command": [sys.executable, "-c", program, "hunter4"]}, "password")
    assert "hunter" not in str(caught.value)


def test_a_command_that_is_not_there_is_named():
    with pytest.raises(ConfigError, match="cannot run 'no-such-program'"):
        find({"command": ["no-such-program"]}, "password")


def test_a_command_that_prints_nothing_is_an_error():
    with pytest.raises(ConfigError, match="printed nothing"):
        find({"command": [sys.executable, "-c", ""]}, "password")


def test_a_command_that_never_ends_is_stopped(monkeypatch):
    monkeypatch.setattr(secrets, "COMMAND_SECONDS", 0.2)
    with pytest.raises(ConfigError, match=r"longer than 0\.2 s"):
        find({"command": [sys.executable, "-c", "import time; time.sleep(60)"]}, "password")


def test_a_command_is_words_and_never_a_shell_line():
    with pytest.raises(ConfigError, match="takes a list of words"):
        find({"command": "pass show shop"}, "password")


def test_a_prompt_asks_with_the_name_of_the_setting(monkeypatch):
    monkeypatch.setattr("getpass.getpass", lambda question: f"answer to {question}")
    assert find({"prompt": True}, "password").reveal() == "answer to password: "


def test_a_prompt_that_nobody_can_answer_is_an_error(monkeypatch):
    def nobody(question):
        raise NotImplementedError

    monkeypatch.setattr("getpass.getpass", nobody)
    with pytest.raises(ConfigError, match="nobody can answer"):
        find({"prompt": True}, "password")


@pytest.fixture
def keyring(monkeypatch):
    entries = {("dk_notebook", "shop"): "hunter2"}
    module = types.ModuleType("keyring")
    module.get_password = lambda service, name: entries.get((service, name))
    monkeypatch.setitem(sys.modules, "keyring", module)
    return module


def test_the_keyring_gives_the_entry_of_that_name(keyring):
    assert find({"keyring": "shop"}, "password").reveal() == "hunter2"


def test_an_absent_keyring_entry_comes_with_the_command_that_stores_it(keyring):
    with pytest.raises(ConfigError, match="keyring set dk_notebook other"):
        find({"keyring": "other"}, "password")


@pytest.mark.parametrize("kind", [OSError, RuntimeError, ValueError])
def test_what_a_keyring_backend_raises_is_an_error_of_ours_that_shows_none_of_it(keyring, kind):
    def locked(service, name):
        raise kind("hunter2")

    keyring.get_password = locked
    with pytest.raises(ConfigError, match=kind.__name__) as caught:
        find({"keyring": "shop"}, "password")
    assert "hunter2" not in str(caught.value)


def test_without_the_keyring_package_the_error_has_the_install_line(monkeypatch):
    monkeypatch.setitem(sys.modules, "keyring", None)
    with pytest.raises(MissingDependency, match=r"pip install 'dk-notebook\[keyring\]'"):
        find({"keyring": "shop"}, "password")


@pytest.mark.parametrize(
    "source", [{"env": "A", "prompt": True}, {"env": "A", "evn": "B"}, {"env": 3}, {"prompt": False}]
)
def test_a_source_that_is_none_is_an_error(source):
    with pytest.raises(ConfigError, match="'password'"):
        find(source, "password")
