import socket
from pathlib import Path

import pytest
from mcp.client.client import Client

from safeconduct.demo import mail, smtp


async def test_a_mail_is_delivered_to_the_address_given(tmp_path: Path) -> None:
    async with smtp.serve(tmp_path) as port, Client(mail.build("127.0.0.1", port)) as client:
        arguments = {"to": "a@b.example", "subject": "Hi", "body": "There"}
        result = await client.call_tool("send", arguments)
    assert result.structured_content == {"to": "a@b.example", "accepted": True}
    ((who, message),) = smtp.read(tmp_path)
    assert (who, message["Subject"], message["From"]) == ("a@b.example", "Hi", mail.SENDER)


@pytest.mark.parametrize("field", ["to", "subject"])
async def test_a_line_break_cannot_add_a_header(tmp_path: Path, field: str) -> None:
    async with smtp.serve(tmp_path) as port, Client(mail.build("127.0.0.1", port)) as client:
        arguments = {"to": "a@b.example", "subject": "Hi", "body": "There"}
        arguments[field] += "\nBcc: x@y.example"
        result = await client.call_tool("send", arguments)
    assert result.is_error
    assert list(smtp.read(tmp_path)) == []


async def test_without_a_relay_the_tool_says_that_it_failed() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    async with Client(mail.build("127.0.0.1", port)) as client:
        result = await client.call_tool("send", {"to": "a@b.example", "subject": "", "body": ""})
    assert result.is_error
