"""What people are told when something is not as it has to be."""

from __future__ import annotations

from http import HTTPStatus
from typing import Final

from starlette.responses import PlainTextResponse, Response

_SENTENCES: Final = {
    403: "This was not sent from a page of the console.",
    413: "This is too long, or it did not come.",
    421: "This is not what the console is called.",
}


class Wrong(Exception):
    """The page cannot be shown, or not be done as asked; the sentence is for the person."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status
        self.sentence = sentence


def refuse(status: int) -> Response:
    """The answer to what no page looks at."""
    sentence = _SENTENCES.get(status, HTTPStatus(status).phrase)
    return PlainTextResponse(f"{sentence}\n", status)
