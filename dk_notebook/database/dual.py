"""A name that is a factory on the class and a verb on the instance."""

from __future__ import annotations

from collections.abc import Callable
from types import MethodType
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

A = TypeVar("A")
P = ParamSpec("P")
Q = ParamSpec("Q")
R = TypeVar("R")
S = TypeVar("S")


class Dual(Generic[A, P, R, Q, S]):
    """``create = Dual(_open, _store)``: ``Shelf.create(...)`` calls the first, ``shelf.create(...)`` the second.

    >>> class Shelf:
    ...     def _store(self, book: str) -> str:
    ...         return f"stored {book}"
    ...     create = Dual(lambda name: Shelf(), _store)
    >>> Shelf.create("left").create("Emma")
    'stored Emma'
    """

    def __init__(self, factory: Callable[P, R], verb: Callable[Concatenate[A, Q], S]) -> None:
        self.factory = factory
        self.verb = verb
        self.__doc__ = f"On the class: {factory.__doc__}\n\n    On an instance: {verb.__doc__}"

    @overload
    def __get__(self, instance: None, owner: type) -> Callable[P, R]: ...
    @overload
    def __get__(self, instance: A, owner: type) -> Callable[Q, S]: ...
    def __get__(self, instance: A | None, owner: type) -> Any:
        return self.factory if instance is None else MethodType(self.verb, instance)
