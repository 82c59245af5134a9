"""The blocking face of a class whose methods are to be awaited: one typed line a method."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Coroutine
from typing import Any, Concatenate, Generic, ParamSpec, Protocol, TypeVar, overload

from dk_notebook.runtime.thread import run

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A")


class Blocking(Protocol[A]):
    """A face: ``awaited`` is the object whose methods it runs."""

    awaited: A


class blocking(Generic[A, P, T]):  # noqa: N801 (called like a function)
    """The blocking twin of an async method, with its parameters, types and docstring.

    >>> class AsyncCounter:
    ...     async def add(self, number: int) -> int:
    ...         '''One more.'''
    ...         return number + 1
    >>> class Counter:
    ...     def __init__(self) -> None:
    ...         self.awaited = AsyncCounter()
    ...     add = blocking(AsyncCounter.add)
    >>> Counter().add(41)
    42
    >>> Counter.add.__doc__
    'One more.'
    """

    def __init__(self, method: Callable[Concatenate[A, P], Coroutine[Any, Any, T]]) -> None:
        self._method = method

        @functools.wraps(method)
        def call(face: Blocking[A], *args: P.args, **kwargs: P.kwargs) -> T:
            return run(method(face.awaited, *args, **kwargs))

        call.__signature__ = inspect.signature(method)  # type: ignore[attr-defined]  # functions have it
        self._call = call

    def __call__(self, face: Blocking[A], *args: P.args, **kwargs: P.kwargs) -> T:
        """The call, where no class stands between: in the body of a class."""
        return self._call(face, *args, **kwargs)

    @overload
    def __get__(self, face: None, owner: type) -> Callable[Concatenate[Blocking[A], P], T]: ...
    @overload
    def __get__(self, face: Blocking[A], owner: type) -> Callable[P, T]: ...
    def __get__(self, face: Blocking[A] | None, owner: type) -> Any:
        return self._call if face is None else types.MethodType(self._call, face)
