from collections.abc import Sequence
from typing import Any

class Block:
    @classmethod
    def parse_all(cls, blocks: Sequence[dict[str, Any]]) -> list[Block]: ...
    def to_dict(self) -> dict[str, Any]: ...
