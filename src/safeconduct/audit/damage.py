"""How a log can be damaged, apart from what else can go wrong, so that a reader needs no more."""

from __future__ import annotations

from typing import Literal

Damage = Literal[
    "truncated",  # records are missing from the end
    "edited",  # bytes are not those that were written
    "forked",  # two different trees are claimed for one size
]


class Damaged(Exception):
    """The files of a log contradict themselves; `seq` is the first record that is not proven."""

    def __init__(self, code: Damage, sentence: str, seq: int | None = None) -> None:
        super().__init__(sentence)
        self.code: Damage = code
        self.sentence = sentence
        self.seq = seq
