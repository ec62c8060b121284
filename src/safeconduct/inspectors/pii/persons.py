"""Numbers that states give to persons, beside a word for them.

Many countries number alike, so whoever reads a number can hardly tell whose it is: beside any of
the words, what any country's check digits fit is believed, however its digits are grouped.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from safeconduct.inspectors.pii import americas, europe, world
from safeconduct.inspectors.pii.shape import Number, Place, Shape, compact, in_words, is_part

NUMBERS: Final[tuple[Number, ...]] = (*americas.NUMBERS, *europe.NUMBERS, *world.NUMBERS)

_ENGLISH: Final = (
    "national id", "national ids", "nationalid", "national identity", "national identification",
    "national identifier", "national number", "national insurance", "national tax", "nid", "nin",
    "nino", "personal id", "personalid", "personal identity", "personal identification",
    "personal identifier", "personal number", "personal code", "personal no", "person number",
    "personal public service", "identity number", "identity no", "identity card", "identity code",
    "identity document", "identification number", "identification no", "identification code",
    "identification document", "id number", "id numbers", "idnumber", "id no", "id nr", "id card",
    "idcard", "id document", "id code", "government id", "gov id", "govt id", "state id",
    "citizen id", "citizenid", "citizen number", "citizen service", "citizenship number",
    "civil id", "civil number", "civil registration", "birth number", "population register",
    "resident id", "resident number", "resident identity", "resident registration",
    "individual number", "social security", "social insurance", "ssn", "health number",
    "health service", "health insurance", "insurance number", "insurance no", "medicare", "nhs",
    "taxpayer", "tax payer", "tax id", "tax ids", "taxid", "tax number", "taxnumber", "tax no",
    "tax code", "tax reference", "tax identification", "tax identifier", "tax file",
    "inland revenue", "fiscal code", "fiscal number", "fiscal id", "tin", "itin", "utr", "tfn",
)  # fmt: skip
_LATIN: Final = (
    r"identifikations\w*", "idnr", r"ausweis\w*", r"personalausweis\w*", "svnr", "sv nr",
    "sv nummer", "ecard", r"sozialversicherung\w*", r"versicherungsnummer\w*", r"steuer\w*", "ahv",
    "avs", "numéro national", "numero national", "registre national", "identité", "identite",
    "sécurité sociale", "securite sociale", "numéro fiscal", "numero fiscal", "identifiant fiscal",
    "numéro d identification", "assurance sociale", "nir", "insee", r"rijksregister\w*",
    r"burgerservice\w*", "bsn", "sofi", r"sofinummer\w*", r"identiteits\w*", "insz", "niss",
    "dni", "nie", "nif", "nit", "rut", "cuit", "cuil", "cpf", "curp", "rif", "cui", "cnp",
    "cédula", "cedula", "identidad", "identificación", "identificacion", "documento nacional",
    "número fiscal", "número nacional", "seguridad social", "identidade", "identificação",
    "identificacao", "contribuinte", "contribuyente", "cartão de cidadão", "cartao de cidadao",
    "cadastro de pessoas", "codice fiscale", "codicefiscale", "identità", "identita", "previdenza",
    "cod numeric personal", r"personnummer\w*", r"personnr\w*", "pnr", r"samordningsnummer\w*",
    r"fødselsnummer\w*", r"fodselsnummer\w*", "fnr", r"cpr\w*", r"henkilö\w*", r"henkilo\w*",
    "hetu", r"kennitala\w*", r"kennitölu\w*", "isikukood", r"isikukood\w*", "personas kods",
    "personas koda", "asmens kodas", "asmens kodo", "pesel", "nip", "rodného čísla", "rodné",
    "rodne", "osobní číslo", r"személyi\w*", r"adóazonosító\w*", "taj",
    r"társadalombiztosítási\w*", "oib", "osobni identifikacijski broj", "emso", "emšo", "jmbg",
    "matični broj", "maticni broj", "matična številka", "idnp", "idno", "nipt", "kimlik",
    "tckn", "tc no", "vergi", "vkn", "nik", "ktp", "npwp", "nric", "mykad", "my kad", "cnic", "ird",
    r"aadhaa?r", "adhaar", "uidai", "mynumber", "my number", "kojin bango", "teudat zehut",
    "zehut", "israeli id", "hkid", "rrn", "thai id", "sa id", "south african id", "pps", "ppsn",
    "amka", "afm", "egn", "lnch", "rnokpp", "ipn", "inn", "snils", "unp", "kra pin", "nuit", "nrt",
    "sin number", "sin no", "sin card", "social number",
)  # fmt: skip
_OTHER: Final = (
    "егн", "лнч", "единен граждански номер", "јмбг", "емб", "ембг", "снилс",
    "инн", "унп", "рнокпп", "іпн", "ідентифікаційний", "идентификационный", "αμκα", "αφμ",
    "αριθμός ταυτότητας", "ταυτότητας", "תעודת זהות", "מספר זהות", "身份证", "身份證", "公民身份",
    "マイナンバー", "個人番号", "주민등록번호", "주민번호", "ประชาชน",
    r"आध\w*", "الهوية", "الرقم القومي", "کد ملی",
)  # fmt: skip
WORDS: Final = (*_ENGLISH, *_LATIN, *_OTHER)
"""What such numbers are called. None of it stands beside ordinary numbers too, as `run` or `pk`."""

_KNOWN: Final = tuple((re.compile(one.pattern).fullmatch, one.valid) for one in NUMBERS)
_HEAD: Final = re.compile(r"[A-Z]+[ .-]?")
_CUT: Final = re.compile(r"[ ./+-][0-9A-Z]+$")
_ELSE: Final = re.compile(
    r"(?:19|20)\d\d[-./ ]?[01]\d[-./ ]?[0-3]\d|[0-3]?\d[-./ ][01]?\d[-./ ](?:19|20)\d\d"
    r"|\d{1,3}(?:\.\d{1,3}){3}"
)
"""Days and addresses."""


@lru_cache(maxsize=4096)
def _length(written: str) -> int:
    """How much of what is written is a number of some state, without the groups behind it."""
    while len(written) > 6:
        number = compact(written)
        if not _ELSE.fullmatch(written) and any(
            fits(number) and valid(number) for fits, valid in _KNOWN
        ):
            return len(written)
        shorter = _CUT.sub("", written)
        if shorter == written:
            break
        written = shorter
    return 0


def _number(text: str, start: int, end: int) -> Place | None:
    """With the letters before it, or without; letters before a space are a word more often."""
    head = _HEAD.match(text, start, end)
    begins = (start, head.end()) if head else (start,)
    for begin in begins if not head or text[head.end() - 1] != " " else reversed(begins):
        length = _length(text[begin:end])
        if length and not is_part(text, begin, begin + length) and text[begin - 1 : begin] != "+":
            return begin, begin + length
    return None


SHAPES: Final = (
    Shape(
        "pii.national-id",
        "beside a word",
        in_words(r"(?:[A-Z]{1,4}[ .-]?)?\d(?:[ ./+-]?\d){5,17}(?:[ ./-]?[0-9A-Z]{1,4})?"),
        _number,
        WORDS,
    ),
)
