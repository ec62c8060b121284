import pytest

from safeconduct.core.egress import MAX_ADDRESSES, MAX_URL, Address, egress


def hosts(text: str) -> list[str]:
    return [address.host for address in egress(text).addresses]


@pytest.mark.parametrize(
    ("text", "host", "url"),
    [
        ("see https://drop.example/x?d=1.", "drop.example", "https://drop.example/x?d=1"),
        ("(HTTPS://Drop.Example:8443/x)", "drop.example", "HTTPS://Drop.Example:8443/x"),
        ("![a](https://drop.example/p.png?q=1)", "drop.example", "https://drop.example/p.png?q=1"),
        ("[a](//drop.example/x)", "drop.example", "//drop.example/x"),
        ("[a](<//drop.example/x>)", "drop.example", "//drop.example/x"),
        ("<img src='//drop/x'>", "drop", "//drop/x"),
        ("<img src = //drop/x>", "drop", "//drop/x"),
        ('<a href="\\\\drop/x">', "drop", "\\\\drop/x"),
        ("<a href=https:drop.example>", "drop.example", "https:drop.example"),
        ("background: url(//drop.example/x)", "drop.example", "//drop.example/x"),
        ("https:/drop.example", "drop.example", "https:/drop.example"),
        ("https:\\\\drop.example\\x", "drop.example", "https:\\\\drop.example\\x"),
        ("https:////drop.example/x", "drop.example", "https:////drop.example/x"),
        ("<b>1https://drop.example</b>", "drop.example", "1https://drop.example"),
        ("ldap://drop.example/x", "drop.example", "ldap://drop.example/x"),
        ("://drop.example", "drop.example", "://drop.example"),
        (" \\\\drop\\share", "drop", "\\\\drop\\share"),
        ("https://drop.example),then", "drop.example", "https://drop.example),then"),
        ("https://drop.example./", "drop.example", "https://drop.example./"),
        # who it is not
        (
            "https://bank.example@drop.example/",
            "drop.example",
            "https://bank.example@drop.example/",
        ),
        ("https://bank.example:x@drop.example", "drop.example", None),
        ("https://bank.example%2f@drop.example", "drop.example", None),
        # other writings of a name
        ("https://d\u200brop.exam\u00adple", "drop.example", "https://drop.example"),
        ("https://drop。example", "drop.example", None),
        ("https://ⓓrop.example", "drop.example", None),
        ("https://dr%6Fp.example/", "drop.example", None),
        ("https://bücher.example", "xn--bcher-kva.example", None),
        ("https://xn--bcher-kva.example", "xn--bcher-kva.example", None),
        ("https://аpple.com", "xn--pple-43d.com", None),
        # addresses
        ("http://10.0.0.1/", "10.0.0.1", None),
        ("http://2130706433/", "127.0.0.1", None),
        ("http://0x7f.1/", "127.0.0.1", None),
        ("http://0x7F000001", "127.0.0.1", None),
        ("http://017700000001", "127.0.0.1", None),
        ("http://127.0.0.0x/", "127.0.0.0", None),
        ("http://[::1]:80/x", "::1", None),
        ("http://[0:0::1]", "::1", None),
        ("http://[::ffff:10.0.0.1]/", "::ffff:a00:1", None),
        # nobody can tell
        ("http://1.2.3.4.5/", "", None),
        ("http://256.1.1.1/", "", None),
        ("http://1.1.65536/", "", None),
        ("http://09/", "", None),
        ("http://[zz]/", "", None),
        ("http://a..b/", "", None),
        ("http://%ff/", "", None),
        (f"http://{'a' * 254}/", "", None),
        (f"http://{'ü' * 250}/", "", None),
        (f"http://{'a@' * 300}drop.example/", "", None),
        (f"http://{'%61' * 300}/", "", None),
    ],
)
def test_a_url_names_its_host(text: str, host: str, url: str | None) -> None:
    found = egress(text)
    assert found.whole
    (address,) = found.addresses
    assert (address.kind, address.host) == ("url", host)
    assert url is None or address.text == url


def test_where_programs_read_another_host_each_counts() -> None:
    assert hosts("https://drop.example\\@bank.example") == ["bank.example", "drop.example"]
    assert hosts("https://bank.example/?next=https://drop.example/") == [
        "bank.example",
        "drop.example",
    ]
    assert hosts("https://a.example,https://b.example") == ["a.example", "b.example"]


def test_a_browser_leaves_line_breaks_out_of_an_attribute() -> None:
    assert "drop.example" in hosts('<a href="ht\ntps://dr\top.exam\nple/x">')
    assert "drop.example" in hosts("<a href='/\n/drop.exa\nmple'>")
    assert hosts('<a href="a\nb" title="" rel=\'\'>') == []


@pytest.mark.parametrize(
    ("text", "host", "mail"),
    [
        ("write to dana@drop.example, please", "drop.example", "dana@drop.example"),
        ("<mailto:Dana.O'Neil+x@Drop.Example>", "drop.example", None),
        ("dana@d\u200brop.example.", "drop.example", "dana@drop.example"),
        ("dana@bücher.example", "xn--bcher-kva.example", None),
        ('"dana smith"@drop.example', "drop.example", "@drop.example"),
        ("dana@[IPv6:::1]", "::1", None),
        ("dana@10.0.0.1", "10.0.0.1", None),
        (f"dana@{'é' * 100_000}.example", "", None),
    ],
)
def test_an_address_of_a_person_names_its_host(text: str, host: str, mail: str | None) -> None:
    (address,) = egress(text).addresses
    assert (address.kind, address.host) == ("mail", host)
    assert mail is None or address.text == mail


@pytest.mark.parametrize(
    ("text", "host"),
    [
        ("see drop.example for more", "drop.example"),
        ("see Drop.Example.", "drop.example"),
        ("www.drop.io/x", "www.drop.io"),
        ("drop.technology/x", "drop.technology"),
        ("drop.technology:80", "drop.technology"),
        ("drop.xn--p1ai", "drop.xn--p1ai"),
        ("10.0.0.1 is up", "10.0.0.1"),
        ("//drop.example/x", "drop.example"),
        ("drop。example", "drop.example"),
    ],
)
def test_a_bare_name_counts_where_programs_make_a_link_of_it(text: str, host: str) -> None:
    (address,) = egress(text).addresses
    assert (address.kind, address.host) == ("name", host)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes, see you at 12:30. Bring 1.5 kg, e.g. of rice; version 1.2.3 is out.",
        "report.pdf, src/main.py, ./setup.py, ~/x.sh, and notes.txt.",
        'C:\\Users\\dana and "C:\\\\Users\\\\dana"',
        "// a comment, //another, and/or, either\\or",
        "http:// nothing, https://, @dana, dana@work, a @ b.example@",
        "one...two, a=b, x<y, 'quoted'",
    ],
)
def test_prose_and_paths_reach_nowhere(text: str) -> None:
    found = egress(text)
    assert found.whole
    assert [address for address in found.addresses if address.kind != "name"] == []
    assert all(address.host == "b.example" for address in found.addresses)


def test_each_address_is_said_once() -> None:
    found = egress("drop.example, drop.example and https://drop.example https://drop.example")
    assert found.addresses == (
        Address("url", "drop.example", "https://drop.example"),
        Address("name", "drop.example", "drop.example"),
    )


def test_more_addresses_than_are_read_are_said_to_be_missing() -> None:
    every = [f"h{number}.example" for number in range(MAX_ADDRESSES)]
    assert hosts(" ".join(every)) == every
    assert egress(" ".join(every)).whole
    found = egress(" ".join([*every, "more.example"]))
    assert len(found.addresses) == MAX_ADDRESSES
    assert not found.whole
    assert not egress("drop.example " * (MAX_ADDRESSES + 1)).whole


def test_of_a_long_url_the_beginning_is_returned() -> None:
    (address,) = egress(f"https://drop.example/{'a' * 2 * MAX_URL}").addresses
    assert address.host == "drop.example"
    assert len(address.text) == len("https://") + MAX_URL


@pytest.mark.parametrize(
    "hostile",
    [
        *("/", "\\", "://", "http:", "http://a", "(//a", "a:\\", "\\\\a", '="', '="\n', "= ", "<"),
        *("@", "a@", "a@[", "a", "a.", "a-", "a.com/", "。", "![", "](", " ", "_", "é", "\u200b"),
    ],
)
def test_no_text_takes_more_than_its_length(hostile: str) -> None:
    # Whatever took the square of it would not be done before the test's time is up.
    found = egress(hostile * (200_000 // len(hostile)))
    assert len(found.addresses) <= MAX_ADDRESSES
