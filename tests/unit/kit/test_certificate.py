import hashlib

import pytest

from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jwk import encode
from tests.support.certificates import NOW, Authority

NOW_MS = int(NOW.timestamp()) * 1000

GOOD = Authority("crm.example").der


def test_a_certificate_is_known_by_its_thumbprint_and_lasts_as_long_as_it_says() -> None:
    authority = Authority("crm.example")
    held = authority.svid("spiffe://crm.example/agents/copilot")
    shown = Certificate.read([held.der, authority.der])
    assert shown == Certificate(
        chain=(held.der, authority.der),
        thumbprint=encode(hashlib.sha256(held.der).digest()),
        from_ms=NOW_MS - 3_600_000,
        until_ms=NOW_MS + 3_600_000,
    )


# Version 6, where there are three.
UNKNOWN = GOOD.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)


@pytest.mark.parametrize("chain", [[], [b""], [b"junk"], [GOOD, b"junk"], [GOOD, UNKNOWN]])
def test_what_is_no_certificate_is_not_read(chain: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Certificate.read(chain)
