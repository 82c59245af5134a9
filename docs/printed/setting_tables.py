"""The settings of each backend, from the classes that hold them."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from dk_notebook.backends import registry
from dk_notebook.backends.elasticsearch.settings import environment as elasticsearch_environment
from dk_notebook.backends.postgres.settings import environment as postgres_environment
from dk_notebook.backends.s3.settings import environment as s3_environment
from dk_notebook.config.secrets import Secret
from dk_notebook.config.settings import POOL_SPELLINGS, Leaf, leaves
from docs.printed.markdown import code, prose, table


def table_of(config_class: type[Any]) -> str:
    """A row a setting: name and other spellings, what it takes, what it is without, what it means."""
    described = dict(texts(config_class))
    spellings = config_class.spellings
    lines = []
    for name, leaf in leaves(config_class).items():
        others = [code(word) for word, meant in spellings.items() if meant == name and word != name]
        shown = code(name) + (f"<br>also {', '.join(others)}" if others else "")
        lines.append([shown, _takes(leaf), _default(leaf), described[name]])
    return table(["setting", "takes", "default", "meaning"], lines)


def table_for(backend: str) -> str:
    """The settings of a connection of that backend."""
    return table_of(registry.load(backend).config_class)


def of_records(backend: str) -> str:
    """The settings that `Database.create` takes beside those: where the records lie."""
    return table_of(registry.load(backend).place_class)


def pool_spellings() -> str:
    """The words for the sizes of a pool that mean the same on every store."""
    words: dict[str, list[str]] = {}
    for word, meant in POOL_SPELLINGS.items():
        words.setdefault(meant, []).append(code(word))
    lines = [[code(meant), ", ".join(each)] for meant, each in words.items()]
    return table(["setting", "also written"], lines)


def variables(backend: str) -> str:
    """The environment's variables, and the setting that each gives."""
    return table(["variable", "setting"], [[code(name), _settings(meant)] for name, meant in _VARIABLES[backend]()])


def _settings(meant: str) -> str:
    return ", ".join(code(name) for name in meant.split(", "))


# --- texts ------------------------------------------------------------------------------------------------------------


def texts(config_class: type[Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Setting -> the text under its field, that of the nearest class which has one."""
    found: dict[str, str] = {}
    for each in reversed(config_class.__mro__):
        if dataclasses.is_dataclass(each):
            found |= dict(_written(each))
    hints = inspect.get_annotations(config_class, eval_str=True)
    for base in config_class.__mro__[1:]:
        if dataclasses.is_dataclass(base):
            hints = inspect.get_annotations(base, eval_str=True) | hints
    for field in dataclasses.fields(config_class):
        hint = hints[field.name]
        if isinstance(hint, type) and dataclasses.is_dataclass(hint):
            yield from texts(hint, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", found.get(field.name, "")


def _written(config_class: type[Any]) -> Iterator[tuple[str, str]]:
    """The strings that stand under the fields of one class."""
    tree: Any = ast.parse(textwrap.dedent(inspect.getsource(config_class))).body[0]
    for above, below in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(above, ast.AnnAssign) and isinstance(below, ast.Expr) and isinstance(below.value, ast.Constant):
            yield ast.unparse(above.target), prose(str(below.value.value))


def _takes(leaf: Leaf) -> str:
    return ", ".join(dict.fromkeys(_words(leaf.hint)))


def _words(hint: Any) -> Iterator[str]:
    if get_origin(hint) in (Union, UnionType):
        for each in get_args(hint):
            yield from _words(each)
    elif get_origin(hint) is Literal:
        yield from (code(each) for each in get_args(hint))
    elif get_origin(hint) is tuple:
        yield f"a list of {_NAMES[get_args(hint)[0]]}s"
    elif hint is not type(None):
        yield _NAMES[hint]


_NAMES: Mapping[Any, str] = {str: "text", int: "number", float: "seconds", bool: "true or false", Secret: "secret"}


def _default(leaf: Leaf) -> str:
    if leaf.required:
        return "needed"
    if leaf.default is None or leaf.default == "" or leaf.default == ():
        return ""
    if isinstance(leaf.default, bool):
        return code(str(leaf.default).lower())
    return code(f"{leaf.default:g}" if isinstance(leaf.default, float) else str(leaf.default))


# --- the environment --------------------------------------------------------------------------------------------------


def _of_postgres() -> Iterator[tuple[str, str]]:
    yield postgres_environment.URL, "all that a URL says"
    yield from postgres_environment.VARIABLES.items()


def _of_elasticsearch() -> Iterator[tuple[str, str]]:
    module = elasticsearch_environment
    yield from ((name, "hosts") for name in module.URLS)
    yield from ((name, "api_key") for name in module.API_KEYS)
    yield from ((module.USERNAME, "username"), (module.PASSWORD, "password"))
    yield from module.POOL.items()


def _of_s3() -> Iterator[tuple[str, str]]:
    yield from s3_environment.VARIABLES.items()


_VARIABLES = {"postgres": _of_postgres, "elasticsearch": _of_elasticsearch, "s3": _of_s3}
