import pytest


@pytest.fixture
def user_folder(tmp_path, monkeypatch):
    """The user's config folder, which is empty."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.delenv("DK_CONFIG", raising=False)
    folder = tmp_path / "config" / "dk_notebook"
    folder.mkdir(parents=True)
    return folder


@pytest.fixture
def repository(tmp_path, monkeypatch, user_folder):
    """The root of a repository, which is the current folder."""
    root = tmp_path / "project"
    (root / ".git").mkdir(parents=True)
    monkeypatch.chdir(root)
    return root
