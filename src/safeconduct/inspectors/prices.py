"""What is known of prices without a dictionary: amounts of money beside words of pricing."""

from __future__ import annotations

from typing import Final

from safeconduct.inspectors.shapes import Shape

_CURRENCY: Final = (
    r"(?:USD|EUR|GBP|CHF|JPY|CNY|AUD|CAD|SEK|NOK|DKK|PLN|CZK|INR|BRL|euros?|dollars?"
    r"|pounds?|francs?)"
)
_NUMBER: Final = r"[0-9]{1,3}(?:[.,' ]?[0-9]{3}){0,4}(?:[.,][0-9]{1,2})?"
# Signs of currencies other than the dollar are no ASCII, so that patterns see a `?` there.
_AMOUNT: Final = (
    rf"(?:[$?] ?{_NUMBER}(?:[kKmM]\b)?|\b{_CURRENCY} ?{_NUMBER}|\b{_NUMBER} ?(?:{_CURRENCY}\b|[$?])"
    r"|\b[0-9]{1,2}(?:[.,][0-9]{1,2})? ?%)"
)
_WORD: Final = (
    r"\b(?:(?:list|net|gross|unit|retail|wholesale|sale|purchase|target|floor"
    r"|transfer)[ _-]?prices?"
    r"|prices?|pricing|priced|price[ _-]?list|rate[ _-]?card|discount(?:s|ed)?"
    r"|rebates?|quot(?:e|ed|ation)s?"
    r"|margins?|mark-?up|tariffs?|fees?|msrp|cost[ _-]?price|preis(?:e|liste)?"
    r"|rabatt(?:e)?|prix|precio)"
)
_BETWEEN: Final = r"[^.!\n]{0,40}?"

_SIGN: Final = (
    r"(?i)pric|rate[ _-]?card|discount|rebate|quot|margin|mark-?up|tariff|fees?\b|msrp|preis|rabatt"
    r"|prix|precio"
)

SHAPES: Final = (
    Shape("pricing.amount", rf"(?i){_WORD}\b{_BETWEEN}({_AMOUNT})", _SIGN, keyed=True),
    Shape("pricing.amount", rf"(?i)({_AMOUNT}){_BETWEEN}{_WORD}\b", _SIGN),
)
