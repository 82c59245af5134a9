"""The notebook's variables as parameters."""

from __future__ import annotations

import pytest

from dk_notebook.backends.sql.parameters import parse
from dk_notebook.errors import ConfigError, MissingParameter
from dk_notebook.jupyter.namespace import parameters, visible

pytestmark = pytest.mark.unit


def test_only_the_names_in_use_are_taken() -> None:
    assert parameters(parse("select :a"), {"a": 1, "b": 2}) == {"a": 1}


def test_no_name_means_no_parameters() -> None:
    assert parameters(parse("select 1"), {"a": 1}) is None


def test_locals_come_before_the_notebooks_variables() -> None:
    assert visible({"a": 1}, {"a": 2, "b": 3})["a"] == 1


def test_a_missing_variable_is_shown_in_its_place() -> None:
    with pytest.raises(MissingParameter) as caught:
        parameters(parse("select\n  :dya"), {"day": 1})
    assert str(caught.value).splitlines()[1:] == ["LINE 2:   :dya", " " * 10 + "^", "Hint: did you mean 'day'?"]


def test_a_dictionary_stands_in_for_the_notebook() -> None:
    assert parameters(parse("select :a"), {"given": {"a": 1, "b": 2}, "a": 9}, source="given") == {"a": 1}


def test_a_name_that_the_dictionary_lacks_is_missing_though_the_notebook_has_it() -> None:
    with pytest.raises(MissingParameter, match="no variable 'a' in given"):
        parameters(parse("select :a"), {"given": {}, "a": 9}, source="given")


def test_a_list_serves_numbered_parameters() -> None:
    assert parameters(parse("select $1, $2"), {"given": [1, 2]}, source="given") == [1, 2]


@pytest.mark.parametrize("given", ["text", b"bytes", 7, None, {1, 2}])
def test_other_values_cannot_be_parameters(given: object) -> None:
    with pytest.raises(ConfigError, match=r"mapping .* or a sequence"):
        parameters(parse("select :a"), {"given": given}, source="given")


def test_a_dictionary_that_is_not_there_is_an_error_with_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match="did you mean 'given'"):
        parameters(parse("select 1"), {"given": {}}, source="gievn")
