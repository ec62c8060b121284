"""Numbers that states give to persons, beside a word for them.

Many countries number alike, so whoever reads a number can hardly tell whose it is: beside any of
the words, what any country's check digits fit is believed, however its digits are grouped.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from safeconduct.inspectors.patterns import any_of
from safeconduct.inspectors.pii import americas, europe, world
from safeconduct.inspectors.pii.shape import Number, Place, Shape, compact, in_words, is_part

NUMBERS: Final[tuple[Number, ...]] = (*americas.NUMBERS, *europe.NUMBERS, *world.NUMBERS)

_ENGLISH: Final = (
    "national id", "national ids", "nationalid", "national identity", "national identification",
    "national identifier", "national number", "national regist(?:er|ry|ration)",
    "national insurance", "national tax", "nid", "nin", "nino", "personal id", "personalid",
    "personal identity", "personal identification", "personal identifier", "personal number",
    "personal numeric(?:al)?", "personal code", "personal no", "person number", "person id",
    "nat id", "coordination number", "personal public service", "identity number", "identity no",
    "identity card", "identity code", "identity document", "identification", "id number",
    "id numbers", "idnumber", "id no", "id nr", "id card", "idcard", "id document", "id code",
    "government id", "gov id", "govt id", "state id", "citizen id", "citizenid", "citizen number",
    "citizen service", "citizen card", "citizenship number", "unique citizen", "voter id",
    "unified civil", "civil id", "civil number", "civil registration", "birth number",
    "emirates id", "population register", "resident id", "resident number", "resident identity",
    "resident registration", "individual number", "social security", "soc sec", "ss number",
    "ss no", "insurance id", "social insurance", "ssn", "health number", "health service",
    "health insurance", "insurance number", "insurance no", "medicare", "nhs", "taxpayer",
    "tax payer", "tax id", "tax ids", "taxid", "tax number", "taxnumber", "tax no", "tax code",
    "tax reference", "tax identification", "tax identifier", "tax file", "inland revenue",
    "fiscal code", "fiscal number", "fiscal id", "tin", "itin", "utr", "tfn",
    "(?:austri|belgi|brazili|bulgari|canadi|colombi|croati|ecuadori|estoni|hungari|indi)an id",
    "(?:itali|latvi|lithuani|mexic|norwegi|peruvi|romani|south afric|slovaki|sloveni|ukraini)an id",
    "(?:brit|dan|finn|ir|pol|span|swed|turk)ish id", "(?:chin|japan|portugu)ese id",
    "(?:czech|dutch|french|german|greek|israeli|pakistani|swiss|thai) id",
)  # fmt: skip
_LATIN: Final = (
    r"identifikations\w*", "idnr", r"ausweis\w*", r"personalausweis\w*", "svnr", "sv nr",
    "sv nummer", "vsnr", "ecard", r"sozialvers\w*", r"versicherungsnummer\w*", r"steuer\w*", "ahv",
    "ahvn", "avs", "navs", "nationalregister", r"nationalregister\w*", "numéro national",
    "numero national", "registre national", "identité", "identite", "sécurité sociale",
    "securite sociale", "sécu", "secu", "numéro ss", "no ss", "no insee", "no national",
    "no fiscal", "inscription au répertoire", "assuré social", "carte vitale", "matricule",
    r"identitetsnummer\w*", r"sosiaaliturva\w*", "číslo pojištěnce", "nationaal nummer",
    "persoonsnummer", r"identificatienummer\w*", r"identifikační\w*", r"identifikačné\w*",
    "numer identyfikacyjny", "szemelyi szam", "szemelyi azonosito", r"adoazonosito\w*",
    "numar de identificare", "numéro fiscal", "numero fiscal", "numéro spi", "no spi", "spi number",
    "identifiant fiscal", "numéro d identification", "assurance sociale", "nir", "insee",
    r"rijksregister\w*", r"burgerservice\w*", "burger service", "bsn", "bsnr", "sofi",
    r"sofinummer\w*", r"identiteits\w*", "insz", "niss", r"bisnummer\w*", "bis number",
    "numéro bis", "dni", "nie", "nif", "nit", "rut", "ruc", "cuit", "cuil", "cpf", "curp", "rif",
    "cui", "cnp", "cédula", "cedula", "c i", "identidad", "identificación", "identificacion",
    "documento nacional", "número fiscal", "número nacional", "seguridad social", "seguro social",
    "rol único", "rol unico", "registro único", "clave única", "información fiscal", "identidade",
    "identificação", "identificacao", "contribuinte", "contribuyente", "contribuyentes",
    "cartão de cidadão", "cartao de cidadao", "cartão cidadão", "cartao cidadao",
    "cadastro de pessoas", "codice fiscale", "codicefiscale", "cod fisc", "cod fiscale", "identità",
    "identita", "previdenza", "numeric personal", "cod personal", "codul personal",
    "numărul de identificare", r"personnummer\w*", r"personnr\w*", "persnr", "pers nr", "person nr",
    "pnr", r"samordningsnummer\w*", r"fødselsn\w*", r"fodselsn\w*", "fnr", "dnummer", "dnr",
    r"cpr\w*", r"henkilö\w*", r"henkilo\w*", "hetu", "sotu", r"kennit\w*", r"isikukood\w*",
    r"personas kod\w*", "pers kods", "p k", "a k", r"asmens kod\w*", "pesel", "nip", "rodné",
    "rodného", "rodným", "rodne", "rč", "r č", "rod číslo", "rod č", "osobní číslo", r"személyi\w*",
    r"adóazonosító\w*", "taj", r"társadalombiztosítási\w*", "oib", r"osobni identifikacijsk\w*",
    "emso", "emšo", "jmbg", "matični broj", "maticni broj", "matična številka", "idnp", "idno",
    "nipt", "nuis", "kimlik", "tckn", "tc no", "vergi", "vkn", "nik", "ktp", "kependudukan", "npwp",
    "nric", "mykad", "my kad", "kad pengenalan", "no kp", "ic number", "ic no", "cnic",
    "nic number", "ird", r"aadhaa?r", "adhaar", "uidai", "mynumber", "my number", "kojin bango",
    "teudat zehut", "zehut", "hkid", "rrn", "nrn", "jumin", "sa id", "rsa id", "id nommer",
    r"identiteitsnommer\w*", "pps", "ppsn", "upsp", "uimhir psp", "psp uimhir", "amka", "afm",
    "egn", "ucn", "lnch", "pnf", "rnokpp", "rntrc", "ipn", "inn", "snils", "unp", "kra pin", "nuit",
    "nrt", "sin number", "sin no", "sin card", "social number", "mã số thuế", "ma so thue", "mst",
    "voen", "vöen", "pib", "edb",
)  # fmt: skip
_OTHER: Final = (
    "егн", "лнч", "личен номер", "единен граждански номер", "номер на чужденец", "јмбг", "емб",
    "ембг", "снилс", "иин", "жсн", "инн", "інн", "унп", "унн", "рнокпп", "іпн",
    r"ідентифікаційн\w*", r"идентификационн\w*",
    "податковий номер", "податкового номера", "платника податків", "платник податків",
    "облікової картки", "пиб", "едб", "αμκα", "αφμ", "αφτ", "μητρώου κοινωνικής",
    "φορολογικού μητρώου", "ταυτότητας", "זהות", "ת ז", "身份", "マイナンバー", "個人番号",
    "주민등록번호", "주민번호", "외국인등록", "ประชาชน", "आध",
    "هوية", "الرقم القومي", "کد ملی", "کدملی", "شناختی",
)  # fmt: skip
WORDS: Final = (*_ENGLISH, *_LATIN, *_OTHER)
"""What such numbers are called. None of it stands beside ordinary numbers too, as `run` or `pk`."""

_FITS: Final = any_of([rf"^(?:{one.pattern})\x00" for one in NUMBERS])
_GAP: Final = "(?: ?[./+(-] ?| )?"
_HEAD: Final = re.compile(r"[A-Z]+[ .-]?")
_CUT: Final = re.compile(r"[ ./+(-]+[0-9A-Z]+$")
_ELSE: Final = re.compile(
    r"(?:19|20)\d\d[-./ ]?[01]\d[-./ ]?[0-3]\d|[0-3]?\d[-./ ][01]?\d[-./ ](?:19|20)\d\d"
    r"|(?:(?:25[0-5]|2[0-4]\d|1?[1-9]?\d)(?:\.|$)){4}"
)
"""Days and addresses."""


@lru_cache(maxsize=4096)
def _length(written: str) -> int:
    """How much of what is written is a number of some state, without the groups behind it."""
    while len(written) > 6:
        number = compact(written)
        fits = _FITS(number.encode() + b"\0")
        if any(NUMBERS[at].valid(number) for at in fits) and not _ELSE.fullmatch(written):
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
        in_words(
            rf"(?:[A-Z]{{1,5}}[.-]?|[A-Z] )?\d(?:{_GAP}\d){{5,17}}(?:[ ./-]?[0-9A-Z]{{1,4}})?"
            rf"|[1-8](?:{_GAP}\d{{2}}){{2}}{_GAP}2[AB](?:{_GAP}\d{{3}}){{2}}(?:{_GAP}\d{{2}})?"
        ),
        _number,
        WORDS,
    ),
)
