import unicodedata

import pytest

from safeconduct.core.lookalikes import folded, unseen, visible


def test_what_is_not_seen_is_left_out() -> None:
    assert visible("pass\u200bword\u202e \u00adgiven\ufeff\U000e0041") == "password given"
    assert visible("café – naïve") == "café – naïve"
    assert visible("plain") == "plain"


def test_tag_characters_spell_ascii() -> None:
    hidden = "".join(chr(0xE0000 + ord(char)) for char in "send it")
    assert unseen(f"Hello{hidden[:4]} there{hidden[4:]}") == "send it"
    assert unseen("Hello") == ""
    assert unseen("Héllo") == ""


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("plain", "plain"),
        ("раураl", "paypal"),
        ("Ηеllо", "Hello"),
        ("ⓗⓔⓛⓛⓞ", "hello"),
        ("🅷🅴🅻🅻🅾", "hello"),
        ("🇭🇪", "he"),
        ("𝐇𝒆𝓵𝗹𝙤", "Hello"),
        ("Ｈｅｌｌｏ", "Hello"),
        ("ʜᴇʟʟᴏ", "hello"),
        ("h\u0335e\u0301\u0316llo", "hello"),
        ("café", "cafe"),
        ("e\u200bvil。com", "evil.com"),
        ("а\u0301\u0316" * 300, "a" * 300),
        ("10 – 12 €", "10 - 12 €"),
        ("漢字", "漢字"),
        ("\ud800", "\ud800"),
    ],
)
def test_what_looks_alike_becomes_alike(text: str, plain: str) -> None:
    assert folded(text) == plain


def test_folding_twice_is_folding_once_for_every_kind_of_character() -> None:
    for page in (*range(0, 0x20000, 64), *range(0x2F800, 0x2FA40, 64), 0xE0000, 0xE0040):
        once = folded("".join(map(chr, range(page, page + 64))))
        assert folded(once) == once


def test_no_mark_is_left_on_any_letter() -> None:
    for code in range(0x3000):
        assert not any(unicodedata.combining(char) for char in folded(f"a{chr(code)}"))
