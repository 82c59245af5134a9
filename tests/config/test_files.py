import json

import pytest

from dk_notebook.config import files
from dk_notebook.config.trust import trust
from dk_notebook.errors import ConfigError

pytestmark = pytest.mark.unit

ONE = '[connections.pg]\nbackend = "postgres"\nhost = "db"\n'


def test_without_any_file_there_is_none(repository):
    assert files.files() == []


def test_a_file_gives_names_backends_and_settings(repository):
    (repository / "dk.toml").write_text(f'default = "pg"\n{ONE}')
    [file] = files.files()
    assert (file.default, file.backend("pg"), file.settings("pg")) == ("pg", "postgres", {"host": "db"})


def test_the_nearest_file_up_to_the_root_of_the_repository_counts(repository, monkeypatch):
    (repository / "dk.toml").write_text(ONE)
    folder = repository / "a" / "b"
    folder.mkdir(parents=True)
    monkeypatch.chdir(folder)
    assert [file.path for file in files.files()] == [repository / "dk.toml"]


def test_a_file_above_the_repository_does_not_count(repository):
    (repository.parent / "dk.toml").write_text(ONE)
    assert files.files() == []


def test_without_a_repository_only_the_folder_itself_counts(repository, monkeypatch):
    (repository / ".git").rmdir()
    (repository / "dk.toml").write_text(ONE)
    (repository / "a").mkdir()
    assert len(files.files()) == 1
    monkeypatch.chdir(repository / "a")
    assert files.files() == []


def test_the_users_file_comes_after_the_projects(repository, user_folder):
    (repository / "dk.toml").write_text(ONE)
    (user_folder / "dk.toml").write_text(ONE)
    assert [(file.path.parent, file.trusted) for file in files.files()] == [(repository, False), (user_folder, True)]


def test_dk_config_names_the_only_file_which_is_trusted(repository, monkeypatch, tmp_path):
    (repository / "dk.toml").write_text(ONE)
    (tmp_path / "other.toml").write_text(ONE)
    monkeypatch.setenv("DK_CONFIG", str(tmp_path / "other.toml"))
    assert [(file.path.name, file.trusted) for file in files.files()] == [("other.toml", True)]


def test_dk_config_that_names_no_file_is_an_error(repository, monkeypatch):
    monkeypatch.setenv("DK_CONFIG", "/no/such/file.toml")
    with pytest.raises(ConfigError, match=r"DK_CONFIG names /no/such/file.toml"):
        files.files()


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('default = "pg"\n\nhost = \n', 3),
        ('default = "pg\n', 1),
        ("a = [1,\n", 1),
        ("default = 3\n", 1),
        ('\n[connection.pg]\nbackend = "x"\n', 2),
        ("\n\nconnections = 3\n", 3),
        ("[connections]\npg = 3\n", 1),
        (b'default = "\xff"\n', 1),
    ],
)
def test_a_bad_file_is_an_error_with_its_name_and_line(repository, text, line):
    path = repository / "dk.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigError, match=f"{path}, line {line}: "):
        files.files()


def test_a_misspelt_table_names_the_nearest(repository):
    (repository / "dk.toml").write_text(ONE.replace("connections", "conections"))
    with pytest.raises(ConfigError, match="did you mean 'connections'"):
        files.files()


def test_a_connection_without_a_backend_is_an_error(repository):
    (repository / "dk.toml").write_text('[connections.pg]\nhost = "db"\n')
    with pytest.raises(ConfigError, match=r"'pg' in .* has no backend"):
        files.files()[0].backend("pg")


# --- trust


def trusted():
    return files.files()[0].trusted


def test_a_projects_file_is_not_trusted_until_the_user_says_so(repository):
    (repository / "dk.toml").write_text(ONE)
    assert not trusted()
    assert trust() == repository / "dk.toml"
    assert trusted()


def test_a_file_that_changed_has_to_be_trusted_anew(repository):
    (repository / "dk.toml").write_text(ONE)
    trust()
    (repository / "dk.toml").write_text(ONE + 'port = "1"\n')
    assert not trusted()


def test_trust_from_below_is_trust_in_the_file_that_counts_there(repository, monkeypatch):
    (repository / "dk.toml").write_text(ONE)
    (repository / "a").mkdir()
    trust(repository / "a")
    assert trusted()


def test_a_copy_of_a_trusted_file_elsewhere_is_not_trusted(repository, tmp_path, monkeypatch):
    (repository / "dk.toml").write_text(ONE)
    trust()
    (tmp_path / "clone").mkdir()
    (tmp_path / "clone" / "dk.toml").write_text(ONE)
    monkeypatch.chdir(tmp_path / "clone")
    assert not trusted()


def test_a_file_that_is_a_link_is_trusted_as_what_it_links_to(repository, tmp_path):
    (tmp_path / "real.toml").write_text(ONE)
    (repository / "dk.toml").symlink_to(tmp_path / "real.toml")
    trust()
    assert trusted()


def test_trust_where_no_file_is_says_so(repository):
    with pytest.raises(ConfigError, match=r"no dk\.toml"):
        trust()


def test_a_file_with_errors_is_not_trusted(repository):
    (repository / "dk.toml").write_text("= 3")
    with pytest.raises(ConfigError, match="line 1"):
        trust()


def test_the_record_of_trust_is_the_users_alone(repository, user_folder):
    (repository / "dk.toml").write_text(ONE)
    trust()
    assert (user_folder / "trusted.json").stat().st_mode & 0o077 == 0
    assert list(json.loads((user_folder / "trusted.json").read_text())) == [str(repository / "dk.toml")]


def test_a_damaged_record_of_trust_is_an_error_that_names_it(repository, user_folder):
    (repository / "dk.toml").write_text(ONE)
    (user_folder / "trusted.json").write_text("{")
    with pytest.raises(ConfigError, match=r"trusted\.json is damaged"):
        files.files()
