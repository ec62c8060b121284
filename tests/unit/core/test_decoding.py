import base64
import codecs
import gzip
import zlib
from collections.abc import Callable

import pytest

from safeconduct.core import decoding
from safeconduct.core.decoding import (
    MAX_CHARACTERS,
    MAX_DEPTH,
    MAX_RATIO,
    MAX_TEXTS,
    Decoded,
    decoded,
)

SECRET = "The merger with Northwind closes on the ninth of May; nobody may know."
DATA = SECRET.encode()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def raw_deflate(data: bytes) -> bytes:
    return zlib.compress(data, wbits=-15)


def pieces(text: str, size: int, gap: str) -> str:
    return gap.join(text[start : start + size] for start in range(0, len(text), size))


def finds(text: str) -> bool:
    return any(SECRET in one for one in decoded(text).texts)


def test_prose_is_read_itself_through_rot13_and_backwards() -> None:
    assert decoded("Yes, see you.") == Decoded(
        ("Yes, see you.", "Lrf, frr lbh.", ".uoy ees ,seY", ".hbl rrf ,frL"), whole=True
    )
    assert decoded("") == Decoded(("",), whole=True)


@pytest.mark.parametrize(
    "encoded",
    [
        b64(DATA),
        b64(DATA).rstrip("="),
        base64.urlsafe_b64encode(b"\xff\xfe\xfb" + DATA).decode(),
        base64.encodebytes(DATA * 3).decode(),
        f"Here it is:\r\n{pieces(b64(DATA), 20, chr(13) + chr(10))}\r\nRegards",
        pieces(b64(DATA), 6, " "),
        f"https://drop.example/c/{b64(DATA)}?x=1",
        f"x{b64(DATA)}",
        f"{b64(b'All of this is harmless, and long enough for most who look. ' * 9)}xx{b64(DATA)}",
        b64(SECRET.encode("utf-16")),
        b64(SECRET.encode("utf-32")),
        b64(b"\x89PNG\r\n\x1a\n" + DATA + b"\xff\xd9"),
        DATA.hex(),
        DATA.hex().upper(),
        f"a{DATA.hex()}",
        DATA.hex(" "),
        DATA.hex(":"),
        ", ".join(f"0x{byte:02x}" for byte in DATA),
        "".join(f"\\x{byte:02x}" for byte in DATA),
        "".join(f"%{byte:02X}" for byte in DATA),
        SECRET.replace(" ", "%20"),
        "".join(f"&#{byte};" for byte in DATA),
        "".join(f"&#x00{byte:x}" for byte in DATA).replace("&#x0020", "&#x20;"),
        SECRET.replace(";", "&semi;"),
        "\u200b".join(SECRET),
        SECRET.replace("e", "е").replace("o", "ο"),
        "Hello" + "".join(chr(0xE0000 + byte) for byte in DATA),
        SECRET[::-1],
        codecs.encode(SECRET, "rot13"),
        b64(gzip.compress(DATA, mtime=0)),
        b64(gzip.compress(b"harmless ", mtime=0) + gzip.compress(DATA, mtime=0)),
        b64(gzip.compress(DATA, mtime=0)[:-8] + b"\0" * 8),
        b64(zlib.compress(DATA)),
        b64(raw_deflate(DATA)),
        zlib.compress(zlib.compress(DATA)).hex(),
        f"f3\n{zlib.compress(DATA).hex()}",
    ],
)
def test_an_encoding_is_taken_off(encoded: str) -> None:
    assert SECRET not in encoded
    found = decoded(encoded)
    assert any(SECRET in one for one in found.texts)
    assert found.whole
    assert found.texts[0] == encoded
    assert len(set(found.texts)) == len(found.texts)


def test_what_is_split_over_several_words_is_put_together() -> None:
    first, second = b64(DATA[:36]), DATA[36:].hex()
    assert any(SECRET[:36] in one for one in decoded(f"a={first}&b={second}").texts)
    texts = decoded(f"a={first} b={b64(DATA[36:])}").texts
    assert any(SECRET in one.replace("\n", "") for one in texts)


def test_percent_signs_and_references_that_mean_nothing_stay() -> None:
    text = "50%ZZ of R&D &nosuch; &#1114112; &#xffffff; %ff%00"
    assert set(decoded(text).texts) == {
        view for one in (text, codecs.encode(text, "rot13")) for view in (one, one[::-1])
    }


def test_percent_encoding_of_other_scripts_is_utf8() -> None:
    text = "Ärger € 𝄞 漢"
    encoded = "".join(f"%{byte:02x}" for byte in text.encode())
    assert text in decoded(encoded).texts
    assert text in decoded(codecs.encode(encoded, "rot13")).texts
    # What is no UTF-8 is replaced, and stops nothing.
    assert any(SECRET in one for one in decoded(f"%f4%bf%bf%bf{SECRET}").texts)


def test_a_number_of_a_character_may_be_of_any_length() -> None:
    assert finds(f"&#{'0' * 6000}84;{SECRET[1:]}")
    assert decoded(f"&#{'9' * 6000};").whole


def test_a_picture_is_no_text() -> None:
    noise = b"".join(bytes([number * 167 % 256]) for number in range(4096))
    assert len(decoded(f"data:image/png;base64,{b64(noise)}").texts) < 40


def nested(encode: Callable[[str], str], times: int) -> str:
    text = SECRET
    for _ in range(times):
        text = encode(text)
    return text


def test_the_depth_is_bounded_and_a_text_that_is_deeper_is_not_whole() -> None:
    inside = decoded(nested(lambda text: b64(text.encode()), MAX_DEPTH))
    assert inside.whole
    assert any(SECRET in one for one in inside.texts)
    assert not decoded(nested(lambda text: b64(text.encode()), MAX_DEPTH + 1)).whole


def test_compression_in_compression_is_bounded() -> None:
    data = DATA
    for _ in range(MAX_DEPTH):
        data = zlib.compress(data)
    assert finds(b64(data))
    assert decoded(b64(data)).whole
    assert not decoded(b64(zlib.compress(zlib.compress(data)))).whole


def test_bytes_that_by_chance_inflate_to_next_to_nothing_are_whole() -> None:
    """Those of any file do, here and there: these 54 to 5, those to 4, and so on."""
    data = bytes.fromhex(
        "abca494b9107e4684cc3ae73f2a41fb2071385c0961f56057c33d138eae37e5bca9467237552c1b3b1d93cafcab5"
        "518c9162d8a0419e"
    )
    assert decoded(b64(data), turned=False).whole


def test_the_ratio_of_compression_is_bounded() -> None:
    bomb = zlib.compress(b"a" * 1_000_000)
    assert len(bomb) * MAX_RATIO < 1_000_000
    found = decoded(b64(bomb))
    assert not found.whole
    assert sum(map(len, found.texts)) <= MAX_CHARACTERS


def test_the_characters_are_bounded() -> None:
    prose = "Yes, see you. " * (MAX_CHARACTERS // 14 // 4)
    assert decoded(prose).whole
    found = decoded(prose + prose)
    assert found == Decoded((prose + prose,), whole=False)


def test_many_bombs_share_one_room() -> None:
    bombs = " ".join([b64(zlib.compress(b"a" * 20_000))] * 200)
    found = decoded(bombs)
    assert not found.whole
    assert sum(map(len, found.texts)) <= MAX_CHARACTERS


def test_the_texts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MAX_TEXTS", 8)
    assert MAX_TEXTS > 8
    found = decoded(nested(lambda text: b64(text.encode()), 3))
    assert not found.whole
    assert len(found.texts) <= 8


@pytest.mark.parametrize("text", ["\ud800", "%\ud800%41", "a" * 16 + "\ud800", "&#xd800;"])
def test_half_a_surrogate_stops_nothing(text: str) -> None:
    assert text in decoded(text).texts


@pytest.mark.parametrize(
    "hostile",
    [
        *("a", "aaaaaaaaaaaaaaaa ", "ab ", "0x", "&", "&#x0", "%41", "%f0%9", "=", "_-", "AAAA"),
        *("a\u0301\u0316", "\u0301\u0316", "\u200b", "\ufdfa", "\U000e0041"),
    ],
)
def test_no_text_takes_more_than_its_length(hostile: str) -> None:
    # Whatever took the square of it would not be done before the test's time is up.
    text = hostile * (200_000 // len(hostile))
    found = decoded(text)
    assert found.texts[0] == text
    assert sum(map(len, found.texts)) <= MAX_CHARACTERS


def test_rot13_and_backwards_are_left_on_where_programs_do_not_take_them_off() -> None:
    text = "Café 7&lt;"
    assert decoded(text, turned=False).texts == (text, "Cafe 7&lt;", "Café 7<", "Cafe 7<")
    assert codecs.encode("Café 7<", "rot13") in decoded(text).texts
