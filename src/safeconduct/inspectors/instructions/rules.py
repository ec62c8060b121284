"""How texts that speak to an agent give themselves away, in so many words.

A rule is evidence for the model, and names the kind of what the model then finds: on its own it
could not tell an order from a sentence about such orders.
"""

from __future__ import annotations

import re
from typing import Final

from safeconduct.core.lookalikes import folded
from safeconduct.inspectors.patterns import any_of, in_utf8

_ABOUT: Final = (
    r"(?:previous|prior|above|earlier|preceding|foregoing|former|initial|original|existing|"
    r"current|all|any|every(?:thing)?|your|the|these|those|system|user'?s?|other)"
)
_ORDERS: Final = (
    r"(?:\w{0,3}nst\w{0,3}ct\w*|\w{1,3}struct\w*|prompts?|rules?|directions?|directives?|commands?|guidelines?|guidance|"
    r"tasks?|orders?|context|messages?|conversation|constraints?|restrictions?|safety|programming|"
    r"training|requests?|queries|query|text|content|you (?:were|have been) (?:told|asked|given))"
)
_AGENT: Final = (
    r"(?:ai|a\.i\.|llms?|assistant|agents?|chat ?bot|bot|(?:large )?language models?|"
    r"claude|chatgpt|gpt(?:-?\d\w*)?|gemini|copilot|llama|mistral|(?:ai )?models?)"
)
_VERBS: Final = (
    r"(?:ignor\w+|disregard\w*|forget|overrid\w+|bypass\w*|discard|neglect|abandon|drop|cancel|"
    r"dismiss|erase|void|nullify|supersedes?|overrules?|replaces?|set aside|stop following|"
    r"do not (?:follow|obey)|don'?t (?:follow|obey)|pay no (?:attention|heed) to|"
    r"takes? (?:precedence|priority) over)"
)

_SYSTEM: Final = r"(?:s[yi]s?te?m|admin(?:istrator)?|developer|root|security|assistant|operator)"
_MESSAGE: Final = r"(?:message|prompt|note|notice|override|instructions?|update|alert|command|mode)"
_CLAUSE: Final = (
    r"(?:^\W*|[.!?:;,>*#\])(\n-]\s*|\b(?:and|please|kindly|now|then|must|should|to|will|just|also|shall|can|or|so|"
    r"first|immediately|simply|instead|hereby|you|i want you to|have to|need to|never ?mind)\W+)"
)
"""Where an order may begin."""

_FOREIGN: Final = (
    (
        "ignorier|missacht|vergiss|vergess|beachte.{0,30}nicht",
        "anweisung|instruktion|befehl|vorgabe|regeln|alles (?:was|oben|bisher|davor)",
    ),
    (
        "ignore[rz]? (?:les|toute?s?|tous|vos|tes|ces|mes)|oublie|neglige|fais abstraction",
        "instruction|consigne|ordres|regles|directives|tout ce qu",
    ),
    (
        "ignor|olvid|haz caso omiso|descart|omit|no sigas",
        "instruccion|ordenes|reglas|indicaciones|directrices|todo lo (?:que|anterior)",
    ),
    (
        "ignor|dimentic|trascur|tralasci|non seguire",
        "istruzion|ordini|regole|indicazioni|comandi|tutto (?:cio|quello)",
    ),
    ("ignor|esquec|desconsider|descart", "instruco|ordens|regras|diretrizes|tudo o que|comandos"),
    ("negeer|vergeet|sla.{0,40}over", "instructie|opdracht|regels|aanwijzing|alles wat|bevel"),
    (
        "ignorer|glom|glem|bortse|strunta",
        "instruktion|instruks|anvisning|regler|allt (?:som|du)|alt (?:som|hvad)",
    ),
    ("unohda|ohita|jata.{0,60}huomiotta", "ohje|maarays|kasky|saanno"),
    ("zignoruj|ignoruj|zapomnij|pomin", "polecen|instrukcj|zasad|wszystk.{0,10}co"),
    ("ignoruj|zapomen|zabudni|prehliz", "pokyn|instrukc|pravid|prikaz|vse.{0,6}co"),
    ("ignora|uita|nu tine cont", "instructiun|ordine|reguli|tot ce"),
    (
        "игнорир|забуд|не обращай|пренебре|ігнору|забудь",
        "инструкц|указан|команд|правил|приказ|все что|всё что|інструкц|вказівк",
    ),
    ("yok say|gormezden|unut|dikkate alma", "talimat|komut|yonerge|kural|her seyi"),
    ("abaikan|lupakan", "instruksi|perintah|arahan|aturan|semua yang"),
    ("bo qua|quen|phot lo", "huong dan|chi thi|lenh|chi dan|moi (?:thu|dieu)"),
    ("hagyd figyelmen|felejts|ne vedd figyelembe", "utasitas|szabaly|minden"),
    ("αγνοησε|ξεχασε|αγνοηστε", "οδηγιες|εντολες|κανονες"),
    ("忽略|忘记|忘掉|无视|不要理会|不要遵", "指令|指示|说明|提示|规则|要求|命令|以上|之前"),
    ("忽略|忘記|無視", "指令|指示|說明|提示|規則|要求|命令"),
    ("無視|忘れ|従わない", "指示|命令|指令|ルール|プロンプト|これまで"),
    ("무시|잊", "지시|명령|지침|규칙|프롬프트"),
    ("تجاهل|انس", "تعليمات|الأوامر|أوامر|القواعد|كل ما"),
    ("התעלם|שכח", "הוראות|הנחיות|ההוראות|ההנחיות|פקודות"),
    ("अनदेखा|नजरअंदाज|भूल", "निर्देश|आदेश|नियम"),
)
"""The verbs and the nouns of such an order, by language: their beginnings."""


def _both(verbs: str, nouns: str) -> str:
    verbs, nouns = folded(verbs).lower(), folded(nouns).lower()
    return rf"(?:{verbs}).{{0,60}}?(?:{nouns})|(?:{nouns}).{{0,60}}?(?:{verbs})"


def _in_bytes(expression: str) -> str:
    """An expression over UTF-8, in ASCII."""
    return "".join(chr(one) if one < 128 else f"\\x{one:02x}" for one in expression.encode())


RULES: Final[dict[str, tuple[str, ...]]] = {
    "ignore": (
        "override",
        rf"{_CLAUSE}{_VERBS}\b(?:\W+\w+){{0,4}}?\W+{_ABOUT}\b(?:\W+\w+){{0,4}}?\W+{_ORDERS}\b",
    ),
    "everything": (
        "override",
        rf"{_CLAUSE}{_VERBS}\W+(?:about )?(?:everything|anything|all|whatever|what|every ?thing|",
        r"the (?:rest|above))",
        r"\b(?:\W+\w+){0,4}?\W+(?:above|before|earlier|previously|prior|so far|said|told|asked|",
        r"instructed|else|text|document|data)\b",
    ),
    "mention": (
        "override",
        rf"\b{_VERBS}\b(?:\W+\w+){{0,4}}?\W+(?:{_ABOUT}|its|their|his|",
        rf"her)\b(?:\W+\w+){{0,4}}?\W+{_ORDERS}\b",
    ),
    "void": (
        "override",
        r"\b(?:previous|prior|above|earlier|preceding|original|initial)",
        rf"\b(?:\W+\w+){{0,2}}?\W+{_ORDERS}",
        r"(?:\W+\w+){0,3}?\W+(?:void|revoked|cancell?ed|obsolete|outdated|overridden|replaced|",
        r"superseded|",
        r"no longer (?:apply|valid|needed)|not apply|invalid|suspended)\b",
    ),
    "above all": (
        "override",
        r"\b(?:these|this|the following|my|the) (?:\w+ )?(?:instructions?|orders?|message|text|",
        r"note|notice|directives?|prompt|lines?)",
        r"(?: below)? (?:supersedes?|overrides?|replaces?|outranks?|cancels?|(?:takes?|has|",
        r"have) (?:precedence|priority))\b",
    ),
    "new": (
        "override",
        r"\b(?:new|updated|revised|real|actual|true|only|next|following|additional) ",
        r"(?:and \w+ )?(?:system )?(?:instructions?|task|objective|goal|orders?|directives?|",
        r"mission|prompt)\b",
        r"(?: for you)?\s*(?::|is\b|are\b|below|follows?)",
    ),
    "instead": (
        "override",
        r"\binstead,? (?:you (?:must|should|will|are)|of (?:answering|doing|completing|following|",
        r"summari\w+|translating|the (?:task|request|question)))",
    ),
    "foreign": ("override", "|".join(_both(*one) for one in _FOREIGN)),
    "markup": (
        "role",
        r"<\|\w+\|>|\[/?inst\]|<</?sys>>|</?(?:system|assistant|user|im_\w+|instructions?|",
        r"information|important|secret|admin|tool_result|function_results?)\b[^>]*>|",
        r"#{2,}\s*(?:system|instructions?|assistant|new|end)\b",
    ),
    "system": (
        "role",
        rf"^\W*{_SYSTEM}(?: \w+)?(?: {_MESSAGE})?\W*[:\])>#*-]",
    ),
    "command": (
        "role",
        rf"^\W*{_SYSTEM}(?: \w+)?(?: {_MESSAGE})?\W*[:\])>#*|-]\W*",
        r"(?:please |you must |immediately |now |first |kindly )?",
        r"(?:add|append|approve|book|buy|call|cancel|change|click|create|delete|download|email|",
        r"execute|forward|get|give|go|grant|install|invite|log|make|mark|message|open|pay|post|",
        r"print|publish|read|recommend|refund|remove|rename|reply|reserve|retrieve|reveal|run|say|",
        r"schedule|search|send|set|share|show|submit|subscribe|tell|transfer|update|upload|use|",
        r"visit|wire|write)\b",
    ),
    "become": (
        "role",
        r"\byou (?:are|'re|will be|shall be) (?:now|no longer|not bound|free)\b|",
        r"\bfrom now on,? you\b|",
        r"\b(?:pretend|act|behave|respond|roleplay) (?:as|like|to be|that you|you)\b|",
        r"\b(?:developer|debug|god|dan|jailbreak|unrestricted|admin\w*|maintenance) mode\b",
    ),
    "address": (
        "role",
        r"\b(?:dear|hey|hi|hello|attention|note|message|instructions?|reminder|notice|to|for|",
        r"important|warning)\b[,:]?(?: (?:to|for|all|any|the|every|this|you|an|ai|autonomous|",
        r"automated|helpful))*",
        rf" {_AGENT}\b|\b(?:if|as|since|because) you(?:'re| are) (?:an? |the |a helpful |any )?",
        rf"(?:ai|automated|autonomous)?\s?{_AGENT}\b|^\W*{_AGENT}s?\s*[,:!]",
    ),
    "first": (
        "tool",
        r"\b(?:before|prior to|after|when|whenever|while|once|as soon as|",
        r"in order to)\b(?: \w+){0,3}? ",
        r"(?:you(?:'re| are| have| can)?|us(?:e|ing)|call(?:ing)?|invok\w+|answer\w*|respond\w*|",
        r"complet\w+|solv\w+|finish\w*|proceed\w*|perform\w*|summari\w+)\b.{0,80}?\b(?:first|must|",
        r"please|need to|",
        r"have to|always|should|also|call|invoke|execute)\b",
    ),
    "secrecy": (
        "tool",
        r"\b(?:do not|don'?t|never|must not|should not|without|avoid)\b(?:\W+\w+){0,2}?\W+",
        r"(?:tell\w*|mention\w*|inform\w*|reveal\w*|notif\w+|show\w*|disclos\w+|ask\w*|alert\w*|",
        r"warn\w*|report\w*|explain\w*|say\w*|let\w*)\b.{0,40}?\b(?:user|human|person|anyone|",
        r"customer|",
        r"this|it|about)\b",
    ),
    "prompt": (
        "override",
        r"\b(?:your|the|initial|hidden|full|entire) (?:\w+ )?(?:system prompt|initial prompt|",
        r"hidden prompt|",
        r"initial instructions|system instructions|hidden instructions|initiali[sz]ation|",
        r"system message)\b",
    ),
}
"""By name, the kind of a rule, which is the last part of a finding's, and what it looks for."""

_SQUEEZED: Final = re.compile(
    r"(?:ignore|disregard|forget|overrid|bypass)e?(?:all|any|every|your|the|of|my|these|those|this)*"
    r"(?:previous|prior|above|earlier|preceding|original|initial|system|user)*(?:given)?"
    r"(?:instruction|direction|rule|prompt|guideline|command|order|directive|constraint)"
)
"""The same as the first rule for a text in letters alone, whatever was put between them."""
_LETTERS: Final = re.compile(r"[^a-z]+")
_LEET: Final = str.maketrans("013457@$|!", "oieastasii")

KINDS: Final = (*(rule[0] for rule in RULES.values()), "override")
"""By its number, the kind of a rule; the last is that of squeezed texts."""

_PLAIN: Final = {at for at, name in enumerate(RULES) if name in {"ignore", "mention"}}

_SEARCH: Final = any_of([_in_bytes("".join(("(?s)", *rule[1:]))) for rule in RULES.values()])

_QUOTED: Final = re.compile(
    r"(?<=[\s(])(?:\"[^\"]{4,200}\"|'[^']{4,200}'(?!\w)|`[^`]{4,200}`|“[^”]{4,200}”|«[^»]{4,200}»)"
)
"""What a sentence quotes."""


def matched(text: str) -> list[int]:
    """Which rules a folded segment matches, by their number. What is quoted in it matches none.

    Raises MemoryError.
    """
    text = _QUOTED.sub('""', text.lower())
    found = sorted(_SEARCH(in_utf8(text)))
    if not _PLAIN.intersection(found) and _SQUEEZED.search(_LETTERS.sub("", text.translate(_LEET))):
        found.append(len(RULES))
    return found
