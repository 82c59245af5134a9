"""The environment and the driver's own files know what is said above them."""

from dataclasses import dataclass, field

import pytest

from dk_notebook.connections import connect, connections
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

PG = '[connections.pg]\nbackend = "vault"\nhost = "db"\ndatabase = "shop"\n'


@pytest.fixture
def heard(vault, monkeypatch):
    """What the lower levels of `vault` were told, and what they say."""
    told, answers = [], []

    def lower_levels(environ, said):
        told.append(dict(said))
        return list(answers)

    monkeypatch.setattr(vault.config_class, "lower_levels", lower_levels)
    return told, answers


def test_they_are_told_what_the_url_says(heard):
    connect("vault://db/shop")
    assert (heard[0][0]["host"], heard[0][0]["database"]) == ("db", "shop")


def test_they_are_told_what_the_file_says(heard, own_file):
    own_file(PG)
    connect("pg")
    assert heard[0][0] == {"host": "db", "database": "shop"}


def test_they_are_told_what_keywords_say_over_the_file(heard, own_file):
    own_file(PG)
    connect("pg", server="other")
    assert heard[0][-1] == {"host": "other", "database": "shop"}


def test_they_are_told_what_keywords_say_over_no_file(heard):
    connect(backend="vault", server="other")
    assert heard[0][-1] == {"host": "other"}


def test_what_they_say_counts_below_the_rest_in_order(heard):
    heard[1].append(("environment", {"server": "a", "user": "ann"}))
    heard[1].append(("~/.vault [shop]", {"user": "bob", "file": "f"}))
    config = connect("vault://db/shop").config
    assert (config.host, config.user, config.file) == ("db", "ann", "f")


def test_an_unknown_setting_of_theirs_names_the_place(heard):
    heard[1].append(("~/.vault [shop]", {"hots": "a"}))
    with pytest.raises(ConfigError, match=r"'hots' \(~/.vault \[shop\]\)"):
        connect("vault://db/")


def test_a_password_of_the_drivers_own_file_does_not_go_to_a_projects_host(heard, project_file):
    heard[1].append(("~/.vault [shop]", {"password": "hunter2"}))
    project_file(PG)
    with pytest.raises(ConfigError, match=r"would get 'password' from ~/\.vault \[shop\]") as caught:
        connect("pg")
    assert "hunter2" not in str(caught.value)


def test_a_stray_secret_does_not_go_to_a_projects_host(vault, monkeypatch, project_file):
    monkeypatch.setattr(vault.config_class, "stray_secret", lambda config: f"the key for {config.host}")
    project_file(PG)
    with pytest.raises(ConfigError, match=r"the connection 'pg' would get the key for db, .*not trusted"):
        connect("pg")


def test_a_stray_secret_goes_where_the_user_says(vault, monkeypatch, own_file):
    monkeypatch.setattr(vault.config_class, "stray_secret", lambda _: "a key")
    own_file(PG)
    assert connect("pg").location == "db/shop"


def test_a_fault_of_theirs_does_not_hide_the_list(vault, monkeypatch):
    def lower_levels(environ, said):
        raise ConfigError("no service is called 'x'")

    monkeypatch.setenv("VAULT_HOST", "there")
    monkeypatch.setattr(vault.config_class, "lower_levels", lower_levels)
    assert {row["name"]: row["location"] for row in connections()}["vault"] == "(no service is called 'x')"


@pytest.fixture
def certified(vault, monkeypatch):
    """A setting that is a file, or a word."""

    @dataclass(frozen=True, kw_only=True)
    class CertifiedConfig(vault.config_class):
        root: str | None = field(default=None, metadata={"path": True, "words": ("system",)})

    monkeypatch.setattr(vault, "config_class", CertifiedConfig)


@pytest.mark.parametrize(("said", "root"), [("system", "system"), ("ca.pem", "{project}/ca.pem")])
def test_a_word_that_stands_for_no_file_stays_a_word_in_a_connection_file(said, root, certified, project, project_file):
    project_file(PG + f'root = "{said}"\n')
    assert connect("pg").config.root == root.format(project=project)
