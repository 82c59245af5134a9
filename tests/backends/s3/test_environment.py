"""What the environment and ``~/.aws`` say, and for which servers the user's keys are."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dk_notebook import descriptions
from dk_notebook.backends import registry
from dk_notebook.backends.s3.config import S3Config
from dk_notebook.config import trust
from dk_notebook.config.settings import build
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

KEYS = {"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE", "AWS_SECRET_ACCESS_KEY": "hunter2"}
OWN = {"aws_access_key_id": "AKIAOWN", "aws_secret_access_key": "swordfish"}


def below(environ: Mapping[str, str], **said: Any) -> S3Config:
    """The settings that the environment and the files give below what is said."""
    return build(S3Config, [("keyword", said), *S3Config.lower_levels(environ, said)])


def key(config: S3Config) -> str | None:
    return config.aws_access_key_id


@pytest.fixture
def aws_config() -> Path:
    """``~/.aws/config``."""
    return Path(os.environ["AWS_CONFIG_FILE"])


# --- variables


@pytest.mark.parametrize(
    ("environ", "setting", "value"),
    [
        ({"AWS_REGION": "eu-west-1"}, "region", "eu-west-1"),
        ({"AWS_DEFAULT_REGION": "eu-west-1"}, "region", "eu-west-1"),
        ({"AWS_REGION": "eu-west-1", "AWS_DEFAULT_REGION": "us-west-2"}, "region", "eu-west-1"),
        ({"AWS_ENDPOINT_URL": "http://store"}, "endpoint_url", "http://store"),
        ({"AWS_ENDPOINT_URL_S3": "http://s3", "AWS_ENDPOINT_URL": "http://store"}, "endpoint_url", "http://s3"),
        ({"AWS_ENDPOINT_URL": "http://store", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}, "endpoint_url", None),
        ({"AWS_PROFILE": "work"}, "profile", "work"),
        ({"AWS_PROFILE": "work", **KEYS}, "profile", None),
        ({"AWS_CA_BUNDLE": "/etc/ca.pem"}, "ca_certs", "/etc/ca.pem"),
        ({"AWS_REGION": ""}, "region", None),
    ],
)
def test_a_variable_of_aws_is_a_setting(environ: dict[str, str], setting: str, value: object) -> None:
    assert getattr(below(environ), setting) == value


def test_the_size_of_the_pool_is_that_of_the_quick_start() -> None:
    assert below({"S3_POOL_MAX_CONNECTIONS": "20"}).pool.max_size == 20
    assert below({"S3_POOL_MAX_CONNECTIONS": "20"}, **{"pool.max_size": 7}).pool.max_size == 7


def test_half_a_pair_of_keys_is_refused() -> None:
    with pytest.raises(ConfigError, match="a key without 'aws_secret_access_key'"):
        below({"AWS_ACCESS_KEY_ID": "AKIAEXAMPLE"})


@pytest.mark.parametrize("variable", registry.KNOWN["s3"].variables)
def test_the_environment_describes_a_connection(variable: str) -> None:
    assert "s3" in registry.existing({variable: "x"})


# --- whose keys


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"bucket": "lake"},
        {"endpoint_url": "http://store"},
        {"bucket": "lake", "region": "eu-west-1", "endpoint_url": "http://store"},
    ],
)
def test_keys_of_the_environment_are_for_whatever_server_the_user_names(said: dict[str, str]) -> None:
    assert key(below(KEYS, **said)) == "AKIAEXAMPLE"


@pytest.mark.parametrize("endpoint", ["http://store", "http://store/"])
def test_keys_go_to_the_server_that_the_environment_names_beside_them(endpoint: str) -> None:
    assert key(below({**KEYS, "AWS_ENDPOINT_URL": "http://store"}, endpoint_url=endpoint)) == "AKIAEXAMPLE"


def test_keys_beside_a_server_go_to_no_other_one() -> None:
    assert key(below({**KEYS, "AWS_ENDPOINT_URL": "http://store"}, endpoint_url="http://other")) is None


@pytest.mark.parametrize("said", [OWN, {"profile": "work"}, {"anonymous": True}])
def test_who_is_named_comes_without_the_environments_keys(said: dict[str, Any]) -> None:
    environ = {**KEYS, "AWS_SESSION_TOKEN": "token"}
    config = below(environ, **said)
    assert (key(config), config.aws_session_token) == (said.get("aws_access_key_id"), None)


def test_who_says_not_to_be_anonymous_has_the_environments_keys() -> None:
    assert key(below(KEYS, anonymous=False)) == "AKIAEXAMPLE"


# --- ~/.aws


def test_a_profile_says_where_the_store_is(aws_config: Path) -> None:
    aws_config.write_text(
        "[profile work]\nregion = eu-west-1\nendpoint_url = https://store\nca_bundle = /etc/ca.pem\n"
        "s3 =\n    addressing_style = virtual\n"
    )
    config = below({}, profile="work")
    assert (config.region, config.endpoint_url, config.ca_certs, config.addressing) == (
        "eu-west-1",
        "https://store",
        "/etc/ca.pem",
        "virtual",
    )


@pytest.mark.parametrize("environ", [{"AWS_PROFILE": "work"}, {"AWS_PROFILE": "work", **KEYS}])
def test_the_profile_of_the_environment_counts_even_beside_keys(aws_config: Path, environ: dict[str, str]) -> None:
    aws_config.write_text("[default]\nregion = us-west-2\n[profile work]\nregion = eu-west-1\n")
    assert (below({}).region, below(environ).region) == ("us-west-2", "eu-west-1")


def test_the_environment_goes_before_the_files(aws_config: Path) -> None:
    aws_config.write_text("[default]\nregion = us-west-2\nendpoint_url = https://files\n")
    config = below({"AWS_REGION": "eu-west-1"})
    assert (config.region, config.endpoint_url) == ("eu-west-1", "https://files")


def test_the_server_of_s3_goes_before_the_one_of_all_services(aws_config: Path) -> None:
    aws_config.write_text(
        "[default]\nservices = mine\nendpoint_url = https://all\n[services mine]\ns3 =\n    endpoint_url = https://s3\n"
    )
    assert below({}).endpoint_url == "https://s3"


@pytest.mark.parametrize("environ", [{}, {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"}])
def test_servers_of_the_files_can_be_ignored(aws_config: Path, environ: dict[str, str]) -> None:
    ignoring = "" if environ else "ignore_configured_endpoint_urls = true\n"
    aws_config.write_text(f"[default]\nendpoint_url = https://files\n{ignoring}")
    assert below(environ).endpoint_url is None


def test_a_file_that_is_none_is_named(aws_config: Path) -> None:
    aws_config.write_text("not a config file")
    with pytest.raises(ConfigError, match=r"~/\.aws/config cannot be read"):
        below({})


# --- what a project may not


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], descriptions.Description]:
    """Writes the ``dk.toml`` of a cloned repository, and gives the connection in it."""
    root = tmp_path / "project"
    root.mkdir()
    (root / ".git").mkdir()
    monkeypatch.chdir(root)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("DK_CONFIG", raising=False)

    def write(settings: str) -> descriptions.Description:
        (root / "dk.toml").write_text(f'[connections.lake]\nbackend = "s3"\n{settings}\n')
        found = descriptions.of_name("lake")
        assert found is not None
        return found

    return write


PLACES = ['bucket = "evil"', 'bucket = "evil"\nendpoint_url = "https://evil"', 'endpoint_url = "http://localhost:9"']


@pytest.mark.parametrize("place", PLACES)
def test_a_projects_store_gets_no_keys_of_the_environment(
    project: Any, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="would get 'aws_secret_access_key' from your environment") as raised:
        project(place).config()
    assert "hunter2" not in str(raised.value)


@pytest.mark.parametrize("place", PLACES)
def test_a_projects_store_gets_no_credentials_of_the_files_or_the_machine(project: Any, place: str) -> None:
    with pytest.raises(ConfigError, match=r"would get your AWS credentials, and .* is not trusted"):
        project(place).config()


def test_keys_for_another_server_are_left_out_and_no_others_looked_for(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {**KEYS, "AWS_ENDPOINT_URL": "https://mine"}.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match="would get your AWS credentials"):
        project('bucket = "evil"\nendpoint_url = "https://evil"').config()


def test_a_project_names_no_profile(project: Any) -> None:
    with pytest.raises(ConfigError, match=r"sets 'profile', and .* is not trusted"):
        project('bucket = "evil"\nprofile = "work"').config()


@pytest.mark.parametrize(
    "who", ["anonymous = true", 'aws_access_key_id = "theirs"\naws_secret_access_key = "swordfish"']
)
def test_a_project_that_brings_who_asks_needs_no_trust(project: Any, monkeypatch: pytest.MonkeyPatch, who: str) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    config = project(f'bucket = "public"\nendpoint_url = "https://theirs"\n{who}').config()
    assert key(config) in (None, "theirs")


def test_a_project_that_is_trusted_gets_them(project: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    place = 'bucket = "ours"\nendpoint_url = "https://ours"'
    project(place)
    trust.trust()
    assert key(project(place).config()) == "AKIAEXAMPLE"
