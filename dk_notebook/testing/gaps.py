"""What a backend does not have, said openly: a test of such a thing passes only if the backend refuses it in words."""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, Mapping
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
    "execute",
    "params",
    "row limit",
    "slow statement",
    "constraints",
    "browse",
    "explain",
    "transactions",
]
"""What a test may need beyond the contract's core."""
CAPABILITIES: tuple[Capability, ...] = get_args(Capability)

Test = TypeVar("Test", bound=Callable[..., Awaitable[None]])


def needs(*capabilities: Capability) -> Callable[[Test], Test]:
    """A test that a backend with a gap there passes by raising Unsupported, and by nothing else."""

    def decorated(test: Test) -> Test:
        @functools.wraps(test)
        async def run(self: Any, *args: Any, **kwargs: Any) -> None:
            missing = [name for name in capabilities if name in self.gaps]
            if not missing:
                await test(self, *args, **kwargs)
                return
            with pytest.raises(Unsupported):
                await test(self, *args, **kwargs)

        return run  # type: ignore[return-value]  # the same signature, by wraps

    return decorated


def check_gaps(gaps: Mapping[str, str]) -> None:
    """Nothing, if each gap is one that the suite knows and has its reason."""
    unknown = set(gaps) - set(CAPABILITIES)
    assert not unknown, f"no such capability: {', '.join(sorted(unknown))}"
    assert all(reason.strip() for reason in gaps.values()), "a gap needs its reason"
