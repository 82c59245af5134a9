"""What a backend does not have, said openly: a test of such a thing passes only if the backend refuses it in words."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Literal, TypeVar, get_args

import pytest

from dk_notebook.errors import Unsupported

Capability = Literal[
    "fail",
    "append",
    "replace",
    "truncate",
    "upsert",
    "ignore",
    "collect",
    "all or nothing",
    "whole batches",
    "execute",
    "params",
    "row limit",
    "slow statement",
    "constraints",
    "browse",
    "explain",
    "transactions",
    "documents",
]
"""What a test may need beyond the contract's core."""
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

Test = TypeVar("Test", bound=Callable[..., Awaitable[None] | None])
Class = TypeVar("Class", bound=type)


def needs(*capabilities: Capability) -> Callable[[Test], Test]:
    """A test that a backend with a gap there passes by raising Unsupported, and by nothing else."""

    def decorated(test: Test) -> Test:
        @functools.wraps(test)
        async def run(self: Any, *args: Any, **kwargs: Any) -> None:
            with _refused(self.gaps, capabilities):
                await test(self, *args, **kwargs)  # type: ignore[misc]  # a coroutine, in this branch

        @functools.wraps(test)
        def run_here(self: Any, *args: Any, **kwargs: Any) -> None:
            with _refused(self.gaps, capabilities):
                test(self, *args, **kwargs)

        return run if inspect.iscoroutinefunction(test) else run_here  # type: ignore[return-value]  # by wraps

    return decorated


def all_need(*capabilities: Capability) -> Callable[[Class], Class]:
    """A class of tests each of which `needs` these."""

    def decorated(tests: Class) -> Class:
        for name, test in list(vars(tests).items()):
            if name.startswith("test_"):
                setattr(tests, name, needs(*capabilities)(test))
        return tests

    return decorated


def _refused(gaps: Mapping[str, str], capabilities: tuple[Capability, ...]) -> AbstractContextManager[Any]:
    """Unsupported is raised inside, if one of these is missing."""
    return pytest.raises(Unsupported) if any(name in gaps for name in capabilities) else nullcontext()


def check_gaps(gaps: Mapping[str, str]) -> None:
    """Nothing, if each gap is one that the suite knows and has its reason."""
    unknown = set(gaps) - set(CAPABILITIES)
    assert not unknown, f"no such capability: {', '.join(sorted(unknown))}"
    assert all(reason.strip() for reason in gaps.values()), "a gap needs its reason"
