import asyncio
import smtplib
from pathlib import Path

import pytest

from safeconduct.demo import smtp
from safeconduct.demo.mail import compose


def deliver(port: int, *recipients: str, body: str = "Hello") -> None:
    message = compose(recipients[0], "Greetings", body)
    with smtplib.SMTP("127.0.0.1", port, "test.example", 5) as relay:
        relay.send_message(message, to_addrs=recipients)


async def test_every_recipient_finds_the_mail_in_their_own_box(tmp_path: Path) -> None:
    async with smtp.serve(tmp_path) as port:
        await asyncio.to_thread(deliver, port, "a@one.example", "B@two.example")
        await asyncio.to_thread(deliver, port, "a@one.example", body="Zweite Größe €")
    boxes = [
        (who, mail["Subject"], mail.get_content().split()) for who, mail in smtp.read(tmp_path)
    ]
    assert sorted(boxes) == [
        ("a@one.example", "Greetings", ["Hello"]),
        ("a@one.example", "Greetings", ["Zweite", "Größe", "€"]),
        ("b@two.example", "Greetings", ["Hello"]),
    ]


@pytest.mark.parametrize("address", ["../../x@y.example", "..", ".", "/etc/x@y.example"])
async def test_a_hostile_address_stays_inside_the_directory(tmp_path: Path, address: str) -> None:
    inside = tmp_path / "deep" / "mailboxes"
    inside.mkdir(parents=True)
    async with smtp.serve(inside) as port:
        await asyncio.to_thread(deliver, port, address)
    assert [who for who, _ in smtp.read(inside)] == [address]
    outside = [path for path in tmp_path.rglob("*") if not path.is_relative_to(inside)]  # noqa: ASYNC240 a handful of files on this disk
    assert outside == [tmp_path / "deep"]
