"""How texts that speak to an agent give themselves away, in so many words.

A rule is evidence for the model, and names the kind of what the model then finds: on its own it
could not tell an order from a sentence about such orders.
"""

from __future__ import annotations

import re
from typing import Final

from safeconduct.core.lookalikes import folded
from safeconduct.inspectors.instructions import languages
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
    r"(?:^\W*|[a-z0-9+/]{40,}={0,2}\s|[.!?:;,>*#\])(\n-]\s*|\b(?:and|please|kindly|now|then|must|should|to|will|just|also|shall|can|or|so|"
    r"first|immediately|simply|instead|hereby|you|i want you to|have to|need to|never ?mind)\W+)"
)
"""Where an order may begin, also behind what is no word."""


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
    "foreign": ("override", "|".join(_both(*one) for one in languages.ORDERS)),
    "foreign task": ("override", "|".join(_both(*one) for one in languages.TASKS)),
    "markup": (
        "role",
        r"<\|[\w ]+\|>|\[/?(?:inst|sys(?:tem)?\w*|available_tools|tool_results?)\]|",
        r"</?(?:start|end)_of_turn>|</?s>|<bos>|</?(?:developer|tool_response|function_response)\b|",
        r"<</?sys>>|</?(?:system|assistant|user|im_\w+|instructions?|",
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
    "ended": (
        "override",
        r"\b(?:your|users?'?s?|original|initial|previous|prior|earlier|current|above|all|any|",
        r"what was)\W+(?:\w+\W+){0,2}?(?:asked|instructions?|requests?|tasks?|questions?|",
        r"assignments?|jobs?|orders?|rules?|prompts?|",
        r"directives?|guidelines?|enquiry|restrictions?|limits|constraints)\b(?:\W+\w+){0,4}?\W+",
        r"(?:is|are|was|were|has been|have been|as)\W+(?:now |hereby |all )?",
        r"(?:cancell?ed|withdrawn|superseded|closed|obsolete|void|revoked|dropped|replaced|settled|",
        r"suspended|lifted|annulled|rescinded|called off|taken back|put aside|set aside|on hold|",
        r"out of date|overridden|no longer \w+|not needed)\b",
    ),
    "answer": (
        "tool",
        r"\b(?:when(?:ever)?|while|if|before|after)\W+(?:you|asked|someone asks|the user asks|",
        r"summari[sz]ing|answering|reviewing|rating)\b.{0,80}?\b(?:say|state|tell|claim|mention|",
        r"write|answer|reply|conclude|report|recommend|rank|omit|leave out|add|include|give)\b|",
        r"\b(?:in|of|to|with|from) your (?:\w+ )?(?:summary|reply|replies|",
        r"answers?|responses?|conclusion|assessment|review|verdict)\b|",
        r"\b(?:your|any|every|each) (?:\w+ )?(?:summary|reply|answer|response) (?:\w+ ){0,4}?",
        r"(?:must|has to|should|shall|needs to)\b|",
        r"\b(?:say|state|tell|claim|mention|write|report|conclude|convince|persuade|inform|advise)",
        r"(?: \w+){0,3} (?:the user|them that)\b",
    ),
    "announced": (
        "override",
        r"^\W*(?:\w+\W+)?(?:new|next|urgent|emergency|priority|high-priority|updated|revised|changed?|",
        r"actual|real|mandatory|required|special|overriding)\W+(?:\w+\W+){0,2}?(?:task|priority|",
        r"instructions?|objective|goal|orders?|directive|request|step|action|override|update)\b",
        r".{0,40}?[:*\n-]",
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
_TURN: Final = re.compile(
    r"[\"'](?:role|from|author|type|source|speaker)[\"']\s*:\s*[\"'](?:sys\w*|admin\w*|developer|root|"
    r"tool\w*|assistant|user)[\"']\s*,|<(?:message|msg|turn|instructions?)\s[^>]*=\s*[\"']?"
    r"(?:sys|admin|dev|root|tool|user|assistant)"
)
"""A turn of a conversation written down, whose quotation marks quote nothing."""
_LETTERS: Final = re.compile(r"[^a-z]+")
_LEET: Final = str.maketrans("013457@$|!", "oieastasii")

KINDS: Final = (*(rule[0] for rule in RULES.values()), "override", "role")
"""By its number, the kind of a rule; the last are those of squeezed texts and of turns."""

SURE: Final = frozenset(
    {*(at for at, name in enumerate(RULES) if name in {"ignore", "everything", "foreign"})}
    | {len(RULES)}
)
"""By their number, the rules that hardly an ordinary text matches."""

_PLAIN: Final = {at for at, name in enumerate(RULES) if name in {"ignore", "mention"}}

_EXPRESSIONS: Final = [_in_bytes("".join(("(?s)", *rule[1:]))) for rule in RULES.values()]
_LONG: Final = [at for at, name in enumerate(RULES) if name.startswith("foreign")]
_GROUPS: Final = [[at for at in range(len(RULES)) if at not in _LONG], *([at] for at in _LONG)]
"""What is searched in one pass: with the long expressions in it, that takes seven times as long."""
_SEARCHES: Final = [(group, any_of([_EXPRESSIONS[at] for at in group])) for group in _GROUPS]

_QUOTED: Final = re.compile(
    r"(?<=[\s(])(?:\"[^\"]{4,200}\"|'[^']{4,200}'(?!\w)|`[^`]{4,200}`|“[^”]{4,200}”|«[^»]{4,200}»)"
)
"""What a sentence quotes."""


def matched(text: str) -> list[int]:
    """Which rules a folded segment matches, by their number. What is quoted in it matches none.

    Raises MemoryError.
    """
    small = text.lower()
    text = _QUOTED.sub('""', small)
    data = in_utf8(text)
    found = sorted(group[at] for group, search in _SEARCHES for at in search(data))
    if not _PLAIN.intersection(found) and _SQUEEZED.search(_LETTERS.sub("", text.translate(_LEET))):
        found.append(len(RULES))
    if _TURN.search(small):
        found.append(len(RULES) + 1)
    return found
