"""What a caller may choose about the frames that are made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from dk_notebook.errors import ConfigError, did_you_mean

DtypeBackend = Literal["numpy_nullable", "pyarrow", "numpy"]
Decimals = Literal["auto", "exact", "float", "string"]
Json = Literal["parse", "text"]
As = Literal["pandas", "arrow", "polars"]

_CHOICES: Mapping[str, tuple[object, ...]] = {
    "as_": get_args(As),
    "decimals": get_args(Decimals),
    "json": get_args(Json),
    "dtype_backend": (None, *get_args(DtypeBackend)),
}


@dataclass(frozen=True, kw_only=True)
class FrameOptions:
    """How a result becomes a frame. ConfigError for an unknown choice, or one that ``as_`` cannot follow.

    >>> FrameOptions(index="id").levels
    ['id']
    >>> FrameOptions(as_="panda")
    Traceback (most recent call last):
    dk_notebook.errors.ConfigError: as_='panda' is none of 'pandas', 'arrow', 'polars'
    Hint: did you mean 'pandas'?
    """

    index: str | Sequence[str] | None = None
    """The columns that become the index."""
    dtypes: Mapping[str, Any] | None = None
    """Column -> the dtype it is cast to after reading, exactly."""
    dtype_backend: DtypeBackend | None = None
    """None: the faithful dtypes of `types`; else as in pandas, where with ``"numpy"`` a NULL changes the dtype."""
    decimals: Decimals = "auto"
    json: Json = "parse"
    as_: As = "pandas"

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            _choice(name, getattr(self, name), known)
        if self.dtypes is not None and not isinstance(self.dtypes, Mapping):
            raise ConfigError('dtypes= is a mapping from column to dtype, such as {"c": "int64"}')
        if self.as_ != "pandas":
            for name in ("index", "dtype_backend"):
                if getattr(self, name) is not None:
                    raise ConfigError(f'{name}= needs as_="pandas": as_={self.as_!r} has no such thing')

    @property
    def levels(self) -> list[str]:
        """The columns that become the index, as a list."""
        if self.index is None:
            return []
        return [self.index] if isinstance(self.index, str) else list(self.index)


def _choice(name: str, value: object, known: Sequence[object]) -> None:
    if value not in known:
        names = [each for each in known if isinstance(each, str)]
        raise ConfigError(
            f"{name}={value!r} is none of {', '.join(map(repr, names))}", hint=did_you_mean(str(value), names)
        )
