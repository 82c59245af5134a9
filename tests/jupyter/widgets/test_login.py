"""Passwords in dk.browser(): asked for in the widget, given to the store, and kept nowhere else."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import ipywidgets
import pytest

import dk_notebook as dk
from dk_notebook.jupyter.widgets.browser import Browser
from dk_notebook.testing.services.postgres import PostgresAddress
from tests.jupyter.widgets.controls import labelled, text, type_into, until

pytestmark = pytest.mark.postgres

Browse = Callable[..., Browser]
Configure = Callable[..., str]
WRONG = "swordfish-1f0c9a77"


@pytest.fixture(autouse=True)
def alone(clean: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine on which nothing is configured, and a cell in which nobody can be asked."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr("getpass.getpass", lambda question: pytest.fail(f"asked in the cell: {question}"))


@pytest.fixture
def configure(postgres_server: PostgresAddress, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Configure:
    """Write the connection pg into a file; the password of its user."""

    def write(*lines: str, user: bool = True, trusted: bool = True) -> str:
        parts = urlsplit(postgres_server.url)
        where = [f'host = "{parts.hostname}"', f"port = {parts.port}", f'database = "{parts.path[1:]}"']
        who = [f'user = "{postgres_server.user}"'] if user else []
        file = tmp_path / "dk.toml"
        file.write_text("\n".join(["[connections.pg]", 'backend = "postgres"', *where, *who, *lines]))
        if trusted:
            monkeypatch.setenv("DK_CONFIG", str(file))
        return postgres_server.password

    return write


def field(browser: Browser, label: str = "password") -> Any:
    return until(lambda: labelled(browser, label))


def tables_came(browser: Browser) -> bool:
    return bool(until(lambda: labelled(browser, "Tables")))


def test_a_password_that_is_to_be_asked_for_is_asked_for_in_the_widget(configure: Configure, browse: Browse) -> None:
    password = configure("password = { prompt = true }")
    browser = browse("pg")
    type_into(field(browser), password)
    assert (tables_came(browser), labelled(browser, "password")) == (True, None)


def test_the_question_is_that_of_the_file(configure: Configure, browse: Browse) -> None:
    configure('password = { prompt = "Word of the day: " }')
    assert field(browse("pg"), "Word of the day")


def test_what_was_typed_serves_the_cells_too(configure: Configure, browse: Browse) -> None:
    password = configure("password = { prompt = true }")
    browser = browse("pg")
    type_into(field(browser), password)
    assert (tables_came(browser), dk.read_query("select 42 as a", "pg")["a"].tolist()) == (True, [42])


def test_a_wrong_password_is_told_and_asked_for_again(configure: Configure, browse: Browse) -> None:
    password = configure("password = { prompt = true }")
    browser = browse("pg")
    type_into(field(browser), WRONG)
    until(lambda: "ConnectionFailed: " in text(browser))
    type_into(field(browser), password)
    assert (tables_came(browser), "ConnectionFailed" in text(browser)) == (True, False)


def test_a_password_that_nobody_has_configured_is_asked_for_when_the_server_wants_one(
    configure: Configure, browse: Browse
) -> None:
    password = configure()
    browser = browse("pg")
    until(lambda: "ConnectionFailed: " in text(browser))
    type_into(field(browser, "Password of pg"), password)
    assert tables_came(browser)


def test_all_that_is_to_be_asked_for_is_awaited(
    configure: Configure, browse: Browse, postgres_server: PostgresAddress
) -> None:
    password = configure("user = { prompt = true }", "password = { prompt = true }", user=False)
    browser = browse("pg")
    type_into(field(browser), password)
    type_into(field(browser, "user"), postgres_server.user)
    assert tables_came(browser)


def test_a_project_that_is_not_trusted_is_refused_before_anything_is_typed(
    configure: Configure, browse: Browse
) -> None:
    configure("password = { prompt = true }", trusted=False)
    browser = browse("pg")
    until(lambda: "ConfigError: " in text(browser))
    assert ("dk.trust" in text(browser), labelled(browser, "password")) == (True, None)


def test_another_connection_takes_the_question_away(configure: Configure, browse: Browse) -> None:
    configure("password = { prompt = true }")
    browser = browse("pg")
    field(browser)
    index = [name for _, name in labelled(browser, "Connection").options].index("duckdb")
    labelled(browser, "Connection").set_state({"index": index})
    assert labelled(browser, "password") is None


@pytest.mark.parametrize("right", [True, False])
def test_what_is_typed_is_in_no_state_no_message_no_page_and_no_log(
    configure: Configure, browse: Browse, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, right: bool
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[Any] = []
    comm = type(ipywidgets.Text().comm)
    monkeypatch.setattr(comm, "publish_msg", lambda *arguments, **more: said.append((arguments[1:], more)))
    password = configure("password = { prompt = true }")
    browser = browse("pg")
    asked = field(browser)
    typed = password if right else WRONG
    message = {"content": {"data": {"method": "update", "state": {"value": typed}}}, "buffers": []}
    asked._handle_msg(message)
    until(lambda: tables_came(browser) if right else "ConnectionFailed: " in text(browser))
    seen = [json.dumps(ipywidgets.Widget.get_manager_state()), repr(said), repr(message), asked.value, caplog.text]
    seen += [repr(browser), str(browser._repr_mimebundle_()), repr(vars(browser)), repr(vars(browser._login))]
    assert [text for text in seen if typed in text] == []
    assert "'value': ''" in repr(said)  # the page forgets it too
