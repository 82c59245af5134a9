from collections.abc import Sequence
from typing import TypeAlias

from typing_extensions import Buffer

Column: TypeAlias = tuple[int, int, list[Buffer | None], Column | None]
Fault: TypeAlias = tuple[str, str, int, int]

class Decoder:
    def __init__(self, formats: Sequence[str]) -> None: ...
    def decode(self, block: bytes) -> tuple[tuple[int, list[Column]], None] | tuple[None, Fault]: ...
