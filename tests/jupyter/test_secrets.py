"""Passwords on a magic's line."""

from __future__ import annotations

import getpass

import pytest
from IPython.core.error import UsageError

from dk_notebook.jupyter.magics.secrets import asked_password, refuse_password

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://ann:hush@db/shop",
        "postgresql://ann:hu@sh@db/shop",
        "postgresql://ann:@db/shop",
        "postgresql://db/shop?user=ann&password=hush",
        "elasticsearch://ann:hush@a:9200,b:9200",
        "elasticsearch://a?api_key=hush",
        "s3://bucket?aws_secret_access_key=hush",
    ],
)
def test_a_url_that_holds_a_secret_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        refuse_password("dkconnect", url)
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize(
    "target", ["pg", "ann:hush@db", "duckdb:///a.duckdb", "postgresql://ann@db:5432/shop", "s3://bucket/a:b@c"]
)
def test_anything_else_is_let_through(target: str) -> None:
    refuse_password("dkconnect", target)


def test_the_password_of_a_user_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: f"typed at {prompt!r}")
    assert asked_password("postgresql://ann@db:5432/shop") == "typed at 'Password of ann at db:5432: '"


@pytest.mark.parametrize("target", ["pg", "duckdb://", "duckdb:///a@b.duckdb", "postgresql://db/shop", "s3://bucket"])
def test_nobody_is_asked_where_no_user_is_named(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(getpass, "getpass", lambda prompt: pytest.fail(prompt))
    assert asked_password(target) is None
