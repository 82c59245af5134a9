import pytest

from dk_notebook.config.trust import trust
from dk_notebook.connections import close, connect, connections, resolve, use
from dk_notebook.errors import ConfigError, ConnectionFailed, MissingDependency

pytestmark = pytest.mark.unit

PG = '[connections.pg]\nbackend = "vault"\nhost = "db"\ndatabase = "shop"\n'
LAKE = '[connections.lake]\nbackend = "vault"\nhost = "lake"\n'


def rows():
    return {row["name"]: row for row in connections()}


def test_a_name_of_a_file_opens_with_its_settings(own_file):
    path = own_file(PG)
    made = connect("pg")
    assert (made.name, made.location, made.source) == ("pg", "db/shop", str(path))


def test_the_same_name_again_is_the_same_connection(own_file, vault):
    own_file(PG)
    assert connect("pg") is connect("pg") is resolve("pg") is connect(name="pg")
    assert len(vault.opened) == 1


def test_keywords_win_over_the_file(own_file):
    own_file(PG)
    assert connect("pg", database="other").location == "db/other"


def test_the_file_wins_over_the_environment(own_file, monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    own_file(PG)
    assert connect("pg").config.host == "db"


def test_the_projects_file_wins_over_the_users_as_a_whole(own_file, project_file):
    own_file(PG + 'password = "hunter2"\n')
    project_file('[connections.pg]\nbackend = "vault"\nhost = "evil"\n')
    assert connect("pg").config.password is None


def test_a_file_that_changed_its_mind_is_an_error_until_replace(own_file):
    own_file(PG)
    connect("pg")
    own_file(PG.replace('"db"', '"other"'))
    with pytest.raises(ConfigError, match="taken"):
        connect("pg")
    assert connect("pg", replace=True).location == "other/shop"


def test_a_name_of_a_file_cannot_be_taken_silently(own_file):
    own_file(PG)
    with pytest.raises(ConfigError, match="'pg' is taken"):
        connect("vault://elsewhere", name="pg")


def test_a_name_of_a_file_with_the_same_settings_is_that_one(own_file):
    own_file(PG)
    assert connect("vault://db/shop", name="pg").location == "db/shop"


def test_an_unknown_setting_in_a_file_names_file_and_connection(own_file):
    path = own_file(PG + "prot = 3\n")
    with pytest.raises(ConfigError, match=rf"'prot' \({path} \[connections\.pg\]\)"):
        connect("pg")


def test_a_path_in_a_file_is_seen_from_the_file(project_file, project, monkeypatch):
    project_file('[connections.f]\nbackend = "vault"\nfile = "data/shop.db"\n')
    (project / "notebooks").mkdir()
    monkeypatch.chdir(project / "notebooks")
    assert connect("f").location == str(project / "data/shop.db")


# --- secrets


@pytest.fixture
def prompts(monkeypatch):
    """What is asked; the answer is right."""
    asked = []
    monkeypatch.setattr("getpass.getpass", lambda question: asked.append(question) or "hunter2")
    return asked


def test_a_password_is_asked_for_when_the_connection_is_made(own_file, prompts):
    own_file(PG + "password = { prompt = true }\n")
    assert connect("pg").config.password.reveal() == "hunter2"


def test_running_the_cell_again_does_not_ask_again(own_file, prompts):
    own_file(PG + "password = { prompt = true }\n")
    connect("pg")
    connect("pg")
    connect("pg", name="alias")
    assert len(prompts) == 1


def test_a_list_of_connections_asks_nothing(own_file, prompts):
    own_file(PG + "password = { prompt = true }\n")
    assert rows()["pg"]["location"] == "db/shop"
    assert prompts == []


def test_a_wrong_password_from_the_environment_can_be_put_right(own_file, monkeypatch):
    own_file(PG + 'password = { env = "SHOP_PASSWORD" }\n')
    monkeypatch.setenv("SHOP_PASSWORD", "swordfish")
    with pytest.raises(ConnectionFailed):
        connect("pg")
    resolve("pg")
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    assert resolve("pg").config.password.reveal() == "hunter2"
    assert connect("pg").config.password.reveal() == "hunter2"


@pytest.mark.parametrize("source", ['env = "HOME"', "prompt = true", 'keyring = "shop"', 'command = ["touch", "ran"]'])
def test_a_projects_file_gets_no_secret_before_it_is_trusted(project_file, project, source, prompts):
    project_file(PG + f"password = {{ {source} }}\n")
    with pytest.raises(ConfigError, match=r"dk\.trust\("):
        connect("pg")
    assert prompts == []
    assert not (project / "ran").exists()


def test_a_projects_file_cannot_send_the_environment_in_another_setting(project_file, monkeypatch):
    monkeypatch.setenv("SHOP_TOKEN", "hunter2")
    project_file('[connections.pg]\nbackend = "vault"\nhost = { env = "SHOP_TOKEN" }\n')
    with pytest.raises(ConfigError, match=r"the connection 'pg' takes 'host' from 'env'"):
        resolve("pg")


def test_a_projects_host_does_not_get_the_environments_password(project_file, monkeypatch):
    monkeypatch.setenv("VAULT_PASSWORD", "hunter2")
    project_file(PG)
    with pytest.raises(ConfigError, match="would get 'password' from your environment"):
        connect("pg")


def test_a_password_that_the_user_gives_needs_no_trust(project_file, monkeypatch):
    monkeypatch.setenv("VAULT_PASSWORD", "swordfish")
    project_file(PG + 'password = { env = "HOME" }\n')
    assert connect("pg", password="hunter2").location == "db/shop"


def test_after_trust_the_secrets_count(project_file, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    project_file(PG + 'password = { env = "SHOP_PASSWORD" }\n')
    trust()
    assert connect("pg").config.password.reveal() == "hunter2"


def test_after_trust_and_a_change_they_do_not(project_file, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    project_file(PG + 'password = { env = "SHOP_PASSWORD" }\n')
    trust()
    project_file(PG.replace('"db"', '"evil"') + 'password = { env = "SHOP_PASSWORD" }\n')
    with pytest.raises(ConfigError, match=r"dk\.trust\("):
        connect("pg")


def test_a_setting_that_runs_programs_needs_trust(project_file):
    project_file(PG + 'program = "rm"\n')
    with pytest.raises(ConfigError, match="sets 'program'"):
        connect("pg")


def test_a_file_named_by_dk_config_is_the_users(tmp_path, monkeypatch):
    monkeypatch.setenv("SHOP_PASSWORD", "hunter2")
    (tmp_path / "mine.toml").write_text(PG + 'password = { env = "SHOP_PASSWORD" }\n')
    monkeypatch.setenv("DK_CONFIG", str(tmp_path / "mine.toml"))
    assert connect("pg").location == "db/shop"


def test_a_list_shows_untrusted_connections_without_their_secrets(project_file):
    project_file(PG + 'password = { env = "HOME" }\n')
    assert rows()["pg"]["location"] == "db/shop"


# --- the default


def test_with_nothing_configured_the_default_is_embedded():
    assert connect().backend == "duckdb"
    assert resolve().name == "duckdb"


def test_what_the_environment_describes_comes_before_the_embedded_one(monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    assert resolve().location == "there/"


def test_the_only_one_in_files_comes_before_the_environment(own_file, monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    own_file(PG)
    assert resolve().name == "pg"


def test_the_first_one_made_comes_before_the_only_one_configured(own_file):
    own_file(PG)
    connect("vault://first", name="first")
    connect("vault://second", name="second")
    assert resolve().name == "first"


def test_what_was_only_named_in_a_call_does_not_become_the_default():
    resolve("vault://elsewhere")
    assert resolve().name == "duckdb"


def test_the_files_default_comes_before_the_first_one_made(own_file):
    own_file(f'default = "lake"\n{PG}{LAKE}')
    connect("pg")
    assert resolve().name == "lake"


def test_use_comes_before_all(own_file, vault):
    own_file(f'default = "lake"\n{PG}{LAKE}')
    use("pg")
    assert resolve().name == "pg"
    assert vault.opened == []


def test_several_configured_and_nothing_that_decides_is_an_error_that_lists_them(own_file):
    own_file(PG + LAKE)
    with pytest.raises(ConfigError, match="none is the default: pg, lake"):
        resolve()


def test_a_default_that_is_no_connection_names_the_nearest(own_file):
    own_file(f'default = "pgg"\n{PG}')
    with pytest.raises(ConfigError, match="did you mean 'pg'"):
        resolve()


def test_use_of_an_unknown_name_names_the_nearest(own_file):
    own_file(PG)
    with pytest.raises(ConfigError, match="did you mean 'pg'"):
        use("pgg")


def test_to_close_forgets_the_default():
    connect("vault://first", name="first")
    connect("vault://second", name="second")
    use("second")
    close("second")
    assert resolve().name == "first"


def test_to_close_what_was_never_open_forgets_the_default_too(own_file):
    own_file(PG + LAKE)
    use("lake")
    close("lake")
    with pytest.raises(ConfigError, match="none is the default"):
        resolve()


def test_replacing_the_default_keeps_it_the_default():
    connect("vault://first", name="first")
    connect("vault://second", name="second")
    use("second")
    connect("vault://third", name="second", replace=True)
    assert resolve().location == "third/"


# --- the environment's


def test_the_environments_connection_has_the_backends_name(monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    made = connect("vault")
    assert (made.name, made.location, made.source) == ("vault", "there/", "environment")


def test_without_the_environment_the_name_is_unknown():
    with pytest.raises(ConfigError, match="no connection is called 'vault'"):
        connect("vault")


def test_an_environment_whose_backend_is_missing_comes_with_the_install_line(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "dk_notebook.backends.postgres", None)
    monkeypatch.setenv("DATABASE_URL", "postgresql://db/shop")
    with pytest.raises(MissingDependency, match=r"dk-notebook\[postgres\]"):
        resolve()


# --- the list


def test_the_list_has_what_is_made_and_what_is_configured(own_file, monkeypatch):
    monkeypatch.setenv("VAULT_HOST", "there")
    path = own_file(f'default = "lake"\n{PG}{LAKE}')
    connect("lake")
    table = {name: (row["open"], row["default"], row["location"], row["source"]) for name, row in rows().items()}
    assert table == {
        "lake": (True, True, "lake/", str(path)),
        "pg": (False, False, "db/shop", str(path)),
        "duckdb": (False, False, ":memory:", "built in"),
        "vault": (False, False, "there/", "environment"),
    }


def test_a_list_says_why_a_connection_could_not_be_made(own_file):
    own_file(PG + "prot = 3\n")
    assert "unknown setting 'prot'" in rows()["pg"]["location"]


def test_several_without_a_default_are_a_list_without_a_default(own_file):
    own_file(PG + LAKE)
    assert not any(row["default"] for row in connections())
