"""Numbers that European states give to persons, as their publishers describe them."""

from __future__ import annotations

from collections import Counter
from typing import Final

from safeconduct.inspectors.pii.checks import (
    ALPHANUMERIC,
    is_date,
    is_ddmmyy,
    is_yymmdd,
    luhn,
    mod11_10,
    verhoeff,
    weighed,
)
from safeconduct.inspectors.pii.shape import Number, national


def _at_svnr(text: str) -> bool:
    """The day of birth need not be one: where its numbers are used up, the next have another."""
    total = weighed(text, (3, 7, 9, 0, 5, 8, 4, 2, 1, 6))
    return total % 11 == int(text[3]) and text[0] != "0"


def _be_nrn(text: str) -> bool:
    born = is_date(2000, int(text[2:4]) % 20 or 1, int(text[4:6]) or 1)
    return born and _be_insz(text)


def _be_insz(text: str) -> bool:
    """Of foreigners too. A month or a day that has no number left is counted on."""
    whole, check = int(text[:9]), int(text[9:])
    return check in {97 - whole % 97, 97 - (2_000_000_000 + whole) % 97}


def _bg_egn(text: str) -> bool:
    total = weighed(text, (2, 4, 8, 5, 10, 9, 7, 3, 6))
    month = int(text[2:4])
    return (
        month // 20 < 3
        and is_date(2000, month % 20, int(text[4:6]))
        and (total % 11 % 10 == int(text[9]))
    )


def _ch_ahv(text: str) -> bool:
    return weighed(text, (1, 3) * 6 + (1,)) % 10 == 0


def _cz_rc(text: str) -> bool:
    month = int(text[2:4]) % 50
    born = is_date(2000 + int(text[:2]), month - 20 if month > 20 else month, int(text[4:6]))
    if len(text) == 9:  # until 1953, without a check digit
        return born and int(text[:2]) < 54
    return born and (int(text) % 11 == 0 or (int(text[:9]) % 11 == 10 and text[9] == "0"))


def _de_steuer_id(text: str) -> bool:
    most = Counter(text[:10]).most_common(2)
    return text[0] != "0" and most[0][1] in {2, 3} and most[1][1] == 1 and mod11_10(text)


def _de_rvnr(text: str) -> bool:
    day = int(text[2:4]) - 50 if int(text[2:4]) > 31 else int(text[2:4])
    letter = f"{ALPHANUMERIC[text[8]] - 9:02}"
    total = sum(
        sum(map(int, str(int(one) * weight)))
        for one, weight in zip(
            text[:8] + letter + text[9:11], (2, 1, 2, 5, 7, 1, 2, 1, 2, 1, 2, 1), strict=True
        )
    )
    return 1 <= day <= 31 and 1 <= int(text[4:6]) <= 12 and total % 10 == int(text[11])


def _dk_cpr(text: str) -> bool:
    return is_ddmmyy(text)


def _ee_ik(text: str) -> bool:
    """Estonia and Lithuania."""
    rest = weighed(text, (1, 2, 3, 4, 5, 6, 7, 8, 9, 1)) % 11
    if rest == 10:
        rest = weighed(text, (3, 4, 5, 6, 7, 8, 9, 1, 2, 3)) % 11 % 10
    return text[0] in "12345678" and is_yymmdd(text[1:]) and rest == int(text[10])


_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"


def _es_dni(text: str) -> bool:
    return text[8] == _DNI[int(text[:8]) % 23] and not _is_day(text)


def _es_nie(text: str) -> bool:
    return text[8] == _DNI[int(f"{'XYZ'.index(text[0])}{text[1:8]}") % 23]


def _is_day(text: str) -> bool:
    return text[:2] in {"19", "20"} and is_date(int(text[:4]), int(text[4:6]), int(text[6:8]))


def _fi_hetu(text: str) -> bool:
    number = text[:6] + text[-4:-1]
    return is_ddmmyy(text) and text[-1] == "0123456789ABCDEFHJKLMNPRSTUVWXY"[int(number) % 31]


def _fr_nir(text: str) -> bool:
    month = int(text[3:5])
    return (1 <= month <= 12 or 20 <= month <= 42 or month >= 50) and _fr_key(text)


def _fr_key(text: str) -> bool:
    """Whatever the month is, which a number need not have as it is given."""
    whole = int(text[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - whole % 97 == int(text[-2:])


def _fr_nir_bare(text: str) -> bool:
    """The sex, then the year and month of birth, then where."""
    return 1 <= int(text[3:5]) <= 12 and text[5:7] not in {"00", "96"}


def _gb_nhs(text: str) -> bool:
    check = 11 - weighed(text, range(10, 1, -1)) % 11
    return check % 11 == int(text[9]) and check != 10 and len(set(text)) > 1


def _gb_nino(text: str) -> bool:
    return text[:2] not in {"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"}


def _gr_amka(text: str) -> bool:
    return is_ddmmyy(text) and luhn(text)


_CF_ODD: Final = dict(
    zip(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ",
        (
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21),
            *(1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25),
            *(24, 23),
        ),
        strict=True,
    )
)


def _it_cf(text: str) -> bool:
    even = sum(ALPHANUMERIC[one] - (10 if one.isalpha() else 0) for one in text[1:15:2])
    total = even + sum(_CF_ODD[one] for one in text[0:15:2])
    return total % 26 == ALPHANUMERIC[text[15]] - 10


def _ie_pps(text: str) -> bool:
    total = weighed(text, range(8, 1, -1))
    if text[8:] and text[8] not in "TWX":
        total += 9 * (ALPHANUMERIC[text[8]] - 9)
    return "WABCDEFGHIJKLMNOPQRSTUV"[total % 23] == text[7]


def _lv_pk(text: str) -> bool:
    check = (1 + weighed(text, (10, 5, 8, 4, 2, 1, 6, 3, 7, 9))) % 11 % 10
    return check == int(text[10]) and (text[:2] == "32" or is_ddmmyy(text))


def _nl_bsn(text: str) -> bool:
    return weighed(text, (9, 8, 7, 6, 5, 4, 3, 2, -1)) % 11 == 0 and len(set(text)) > 1


def _without(more: int, text: str) -> str:
    """A day and a month without what is added to tell of a number that it is temporary."""
    return "".join(f"{int(text[at : at + 2]) % more:02}" for at in (0, 2)) + text[4:6]


def _no_fnr(text: str) -> bool:
    first = weighed(text, (3, 7, 6, 1, 8, 9, 4, 5, 2, 1)) % 11
    second = weighed(text, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11
    return first == second == 0 and (text[0] > "7" or is_ddmmyy(_without(40, text)))


def _no_fnr_or_dnr(text: str) -> bool:
    return text[0] < "8" and text[2] < "2" and _no_fnr(text)


def _pl_pesel(text: str) -> bool:
    total = weighed(text, (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1))
    return total % 10 == 0 and is_date(2000 + int(text[:2]), int(text[2:4]) % 20, int(text[4:6]))


def pt_nif(text: str) -> bool:
    """Also of businesses."""
    check = 11 - weighed(text, range(9, 1, -1)) % 11
    return (0 if check > 9 else check) == int(text[8])


def _ro_cnp(text: str) -> bool:
    check = weighed(text, (2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9)) % 11
    return is_yymmdd(text[1:]) and (1 if check == 10 else check) == int(text[12])


def _ru_snils(text: str) -> bool:
    return weighed(text, range(9, 0, -1)) % 101 % 100 == int(text[9:])


def _se_pnr(text: str) -> bool:
    number = text[-10:]
    day = int(number[4:6])
    born = is_date(2000 + int(number[:2]), int(number[2:4]), day - 60 if day > 60 else day)
    return born and luhn(number)


def _si_emso(text: str) -> bool:
    """Slovenia and its neighbours."""
    check = 11 - weighed(text, (7, 6, 5, 4, 3, 2) * 2) % 11
    return (0 if check > 9 else check) == int(text[12]) and is_ddmmyy(text[:4] + text[5:7])


def _ua_rnokpp(text: str) -> bool:
    return weighed(text, (-1, 5, 7, 9, 4, 6, 10, 5, 7)) % 11 % 10 == int(text[9])


def _is_structured(_: str) -> bool:
    """No check digits are known; a letter at either end tells it."""
    return True


def _bg_pnf(text: str) -> bool:
    """Of foreigners."""
    return weighed(text, (21, 19, 17, 13, 11, 9, 7, 3, 1)) % 10 == int(text[9])


def _by_unp(text: str) -> bool:
    second = text[1] if text[1].isdigit() else str("ABCEHKMOPT".index(text[1]))
    first = ALPHANUMERIC[text[0]] * 29
    return (first + weighed(second + text[2:], (23, 19, 17, 13, 7, 5, 3))) % 11 == int(text[8])


_CY_EVEN: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21)


def _cy_tic(text: str) -> bool:
    total = sum(_CY_EVEN[int(one)] for one in text[:8:2]) + sum(map(int, text[1:8:2]))
    return total % 26 == ALPHANUMERIC[text[8]] - 10


def _es_klm(text: str) -> bool:
    """Of children, of Spaniards abroad, and of foreigners without an NIE."""
    return text[8] == _DNI[int(text[1:8]) % 23]


def _es_nss(text: str) -> bool:
    """Of social security: the province, a serial number and two check digits."""
    province, serial = int(text[:2]), int(text[2:10])
    whole = province * 10 ** (7 if serial < 10_000_000 else 8) + serial
    return 1 <= province <= 66 and whole % 97 == int(text[10:])


def _fr_nif(text: str) -> bool:
    return int(text[:10]) % 511 == int(text[10:])


def _gb_utr(text: str) -> bool:
    return "21987654321"[weighed(text[1:], (6, 7, 8, 9, 10, 5, 4, 3, 2)) % 11] == text[0]


def gr_afm(text: str) -> bool:
    """Also of businesses."""
    return weighed(text, (256, 128, 64, 32, 16, 8, 4, 2)) % 11 % 10 == int(text[8])


def _hu_taj(text: str) -> bool:
    return weighed(text, (3, 7) * 4) % 10 == int(text[8])


def _hu_tax(text: str) -> bool:
    return weighed(text, range(1, 10)) % 11 == int(text[9])


def _hu_personal(text: str) -> bool:
    """Counted from the other end since 1997."""
    checks = {weighed(text, range(1, 11)) % 11, weighed(text, range(10, 0, -1)) % 11}
    return is_yymmdd(text[1:]) and int(text[10]) in checks


def _is_kennitala(text: str) -> bool:
    """Organisations have 40 more in the day."""
    day = f"{int(text[0]) % 4}{text[1:6]}"
    return weighed(text, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0 and is_ddmmyy(day)


def _lu_matricule(text: str) -> bool:
    """The day of birth, a serial number and a digit of either scheme."""
    born = is_date(int(text[:4]), int(text[4:6]), int(text[6:8]))
    return born and luhn(text[:12]) and verhoeff(text[:11] + text[12])


def _md_idno(text: str) -> bool:
    return weighed(text, (7, 3, 1) * 4) % 10 == int(text[12])


def _mk_edb(text: str) -> bool:
    return -weighed(text, (7, 6, 5, 4, 3, 2) * 2) % 11 % 10 == int(text[12])


def pl_nip(text: str) -> bool:
    """Also of businesses."""
    return weighed(text, (6, 5, 7, 2, 3, 4, 5, 6, 7, -1)) % 11 == 0


def _pt_cc(text: str) -> bool:
    total = 0
    for place, one in enumerate(text):
        value = ALPHANUMERIC[one] * (2 - place % 2)
        total += value - 9 if value > 9 and place % 2 == 0 else value
    return total % 10 == 0


def _pt_niss(text: str) -> bool:
    """Of social security."""
    return 9 - weighed(text, (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)) % 10 == int(text[10])


def _ru_inn(text: str) -> bool:
    """Of persons; that of businesses, who may be one, is shorter."""
    if len(text) == 10:
        return weighed(text, (2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10 == int(text[9])
    first = weighed(text, (7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    second = weighed(text, (3, 7, 2, 4, 10, 3, 5, 9, 4, 6, 8)) % 11 % 10
    return first == int(text[10]) and second == int(text[11])


SHAPES: Final = (
    national(
        "BE rijksregisternummer",
        r"\d{2}(?:\.\d{2}\.|/\d{2}/|-\d{2}-)\d{2}[ .-]\d{3}[ .-]\d{2}|\d{6}[ -]\d{3}[ .-]\d{2}",
        _be_nrn,
    ),
    national("CH AHV-Nummer", r"756(?:\.?\d{4}){2}\.?\d{2}|756(?:[ -]\d{4}){2}[ -]\d{2}", _ch_ahv),
    national("CZ, SK rodné číslo", r"\d{6}/\d{4}", _cz_rc),
    national("DE Steuer-ID", r"[1-9]\d(?: \d{3}){3}", _de_steuer_id),
    national("DE Rentenversicherungsnummer", r"\d{2} ?\d{6} ?[A-Z] ?\d{3}", _de_rvnr),
    national("ES DNI", r"\d{8}[ -]?[A-HJ-NP-TV-Z]|\d{2}\.\d{3}\.\d{3}[ -]?[A-HJ-NP-TV-Z]", _es_dni),
    national("ES NIE", r"[XYZ][ -]?(?:\d{7}|\d\.\d{3}\.\d{3})[ -]?[A-HJ-NP-TV-Z]", _es_nie),
    national("FI henkilötunnus", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-FHJ-NPR-Y]", _fi_hetu),
    national(
        "FR NIR",
        r"[1-4](?:[ ./-]?\d{2}){2}[ ./-]?(?:\d{2}|2[AB])(?:[ ./-]?\d{3}){2}"
        r"(?:[ .-]?| ?/ ?| ?\(| ?cl[^ ]{1,2}:? ?)\d{2}",
        _fr_nir,
    )._replace(wide=True),
    national(
        "GB National Insurance number",
        r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?:\d{6}|(?: ?\d{2}){3}) ?[A-D]",
        _gb_nino,
    ),
    national(
        "IT codice fiscale",
        r"[A-Z]{3} ?[A-Z]{3} ?[0-9LMNP-V]{2} ?[ABCDEHLMPRST][0-9LMNP-V]{2} ?"
        r"[A-Z][0-9LMNP-V]{3}[A-Z]",
        _it_cf,
    )._replace(wide=True),  # where two persons would have the same, letters stand for digits
    national("NO fødselsnummer", r"\d{6} ?\d{5}", _no_fnr_or_dnr),
    national("RU СНИЛС", r"\d{3}-\d{3}-\d{3} \d{2}", _ru_snils),
)

NUMBERS: Final = (
    Number("AD NRT", r"[A-GLOPU]\d{6}[A-Z]", _is_structured),
    Number("AL NIPT", r"[A-T]\d{8}[A-Z]", _is_structured),
    Number("AT Sozialversicherungsnummer", r"\d{10}", _at_svnr),
    Number("BE rijksregisternummer, bare", r"\d{11}", _be_insz),
    Number("BG ЕГН", r"\d{10}", _bg_egn),
    Number("BG ЛНЧ", r"\d{10}", _bg_pnf),
    Number("BY УНП", r"[1-7]\d{8}|[ABCEHKM][ABCEHKMOPT]\d{7}", _by_unp),
    Number("CY TIC", r"[0-9]\d{7}[A-Z]", _cy_tic),
    Number("CZ, SK rodné číslo, bare", r"\d{9,10}", _cz_rc),
    Number("DE Steuer-ID, bare", r"[1-9]\d{10}", _de_steuer_id),
    Number("DK CPR-nummer", r"\d{10}", _dk_cpr),
    Number("EE isikukood, LT asmens kodas", r"[1-8]\d{10}", _ee_ik),
    Number("ES DNI, in groups", r"\d{8}[A-Z]", _es_dni),
    Number("ES NIE, in groups", r"[XYZ]\d{7}[A-Z]", _es_nie),
    Number("ES NIF", r"[KLM]\d{7}[A-Z]", _es_klm),
    Number("ES número de la Seguridad Social", r"[0-6]\d{11}", _es_nss),
    Number("FR NIR, of any month", r"[1-8]\d{4}(?:\d{2}|2[AB])\d{8}", _fr_key),
    Number("FR NIR, without its key", r"[12]\d{4}(?:\d{2}|2[AB])\d{6}", _fr_nir_bare),
    Number("FR numéro fiscal", r"[0-3]\d{12}", _fr_nif),
    Number("GB National Insurance number, in groups", r"[A-Z]{2}\d{6}[A-D]", _gb_nino),
    Number("GB NHS number", r"\d{10}", _gb_nhs),
    Number("GB UTR", r"\d{10}", _gb_utr),
    Number("GR AMKA", r"\d{11}", _gr_amka),
    Number("GR ΑΦΜ", r"\d{9}", gr_afm),
    Number("HR OIB", r"\d{11}", mod11_10),
    Number("HU adóazonosító jel", r"8\d{9}", _hu_tax),
    Number("HU személyi szám", r"[1-8]\d{10}", _hu_personal),
    Number("HU TAJ-szám", r"\d{9}", _hu_taj),
    Number("IE PPS number", r"\d{7}[A-W][A-ITWX]?", _ie_pps),
    Number("IS kennitala", r"[0-7]\d{8}[089]", _is_kennitala),
    Number("LU matricule", r"(?:19|20)\d{11}", _lu_matricule),
    Number("LV personas kods", r"\d{11}", _lv_pk),
    Number("MD IDNP", r"[0-2]\d{12}", _md_idno),
    Number("MK ЕДБ", r"4\d{12}", _mk_edb),
    Number("NL burgerservicenummer", r"\d{9}", _nl_bsn),
    Number("NO fødselsnummer, of any day", r"\d{11}", _no_fnr),
    Number("PL NIP", r"\d{10}", pl_nip),
    Number("PL PESEL", r"\d{11}", _pl_pesel),
    Number("PT cartão de cidadão", r"\d{9}[0-9A-Z]{2}\d", _pt_cc),
    Number("PT NISS", r"[12]\d{10}", _pt_niss),
    Number("PT NIF", r"\d{9}", pt_nif),
    Number("RO CNP", r"[1-9]\d{12}", _ro_cnp),
    Number("RS ПИБ", r"[1-9]\d{8}", mod11_10),
    Number("RU ИНН", r"\d{10}|\d{12}", _ru_inn),
    Number("RU СНИЛС, bare", r"\d{11}", _ru_snils),
    Number("SE personnummer", r"(?:19|20)?\d{10}", _se_pnr),
    Number("SI EMŠO", r"\d{13}", _si_emso),
    Number("UA РНОКПП", r"\d{10}", _ua_rnokpp),
)
