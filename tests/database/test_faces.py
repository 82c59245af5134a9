"""`Database` is `AsyncDatabase`, method by method."""

from __future__ import annotations

import inspect

import pytest

from dk_notebook import AsyncDatabase, Database
from dk_notebook.database.dual import Dual

pytestmark = pytest.mark.unit

VERBS = sorted(name for name in vars(AsyncDatabase) if not name.startswith("_"))


def test_both_have_the_same_methods() -> None:
    assert sorted(name for name in vars(Database) if not name.startswith("_")) == sorted({*VERBS, "backend"})


@pytest.mark.parametrize("name", [*VERBS, "_open", "_create"])
def test_a_method_has_the_same_parameters(name: str) -> None:
    theirs, ours = [
        list(inspect.signature(getattr(kind, name)).parameters.values()) for kind in (AsyncDatabase, Database)
    ]
    assert [(p.name, p.kind, p.default, p.annotation) for p in ours] == [
        (p.name, p.kind, p.default, p.annotation) for p in theirs
    ]


@pytest.mark.parametrize("name", VERBS)
def test_a_method_says_what_it_gives(name: str) -> None:
    for kind in (AsyncDatabase, Database):
        assert inspect.getdoc(inspect.getattr_static(kind, name) if name == "create" else getattr(kind, name))


def test_create_is_a_factory_on_the_class_and_a_verb_on_the_instance() -> None:
    create = inspect.getattr_static(AsyncDatabase, "create")
    assert isinstance(create, Dual)
    assert list(inspect.signature(AsyncDatabase.create).parameters) == ["backend", "config"]
    assert list(inspect.signature(AsyncDatabase("duckdb").create).parameters) == ["record"]
