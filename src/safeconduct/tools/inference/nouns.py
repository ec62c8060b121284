"""What the nouns of arguments, fields and tools tell: addresses, places, objects, secrets."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import Final

from safeconduct.tools.inference import vocabulary as known
from safeconduct.tools.inference.definition import Definition
from safeconduct.tools.inference.words import singular, split, these

RECEIVERS: Final = these(
    "addressee addressees attendee attendees bcc beneficiary cc email emails guest guests "
    "invitee invitees mail mailto msisdn participant participants payee phone phones receiver "
    "receivers recipient recipients subscriber subscribers to"
)
"""Who gets something, in the name of an argument."""

NOT_RECEIVERS: Final = these(
    "body content count date format html id limit message reply size subject template text thread "
    "time title type version"
)
"""What makes something else of it: `email_body`, `reply_to_message_id`."""

PEOPLE: Final = these(
    "assignee audience collaborator contact group invitee member person principal reviewer team "
    "user username"
)
"""Parties that a changing tool names: what is assigned to them or shared is theirs then."""

ROOMS: Final = these("channel channels chat conversation dm room rooms")
"""Where messages are read by many."""

FROM: Final = these("from sender payer")
ACCOUNTS: Final = these("account accounts bic card cards iban routing swift wallet")
NAMING: Final = these("description label name type")
LINKS: Final = these(
    "domain domains endpoint endpoints hook host hostname hosts href ip link links "
    "origin server uri uris url urls webhook webhooks website"
)
LINK_FORMATS: Final = these("hostname idn-hostname ipv4 ipv6 iri uri url")
TIME_FORMATS: Final = these("date date-time duration time")
ENDS: Final = these("destination destinations dest dst source src target targets")
PATHS: Final = these("cwd dir directory file filename filepath folder path workdir")
FILES: Final = these("directory file files filesystem folder folders path paths directories")
TIMES: Final = these("availability calendar date dates day event events period range rate rates")

IDENTIFIERS: Final = these(
    "arn etag guid handle id identifier ids key no number oid ref sha slug uid uuid"
)
_PLAIN_NUMBERS: Final = these("build card of page phone port version")
COUNTED: Final = these("key no number token")
"""What ends the name of a place in a list: `page_number`."""

REACHED: Final = these("address email mail mobile number phone")
SETTINGS: Final = these(
    "config configuration env flag flags parameter policy secret setting settings variable"
)

CONTAINERS: Final = these(
    "board branch bucket calendar case cluster collection commit container customer database "
    "deployment document drive environment event index instance invoice issue job list "
    "mailbox milestone namespace node object org organization organisation owner page pipeline "
    "playlist pod project queue record release repo repository resource service sheet site space "
    "spreadsheet stack table task tenant thread ticket topic volume workflow workspace"
)
"""What names an object when it is an argument by itself."""

FRESH: Final = these("new display first full last")

SECRETS: Final = these(
    "cookie credential credentials jwt mfa otp passcode passphrase passwd password passwords pin "
    "pwd secret secrets totp"
)
_TOKENS: Final = these("token tokens")
PAGING: Final = these(
    "continuation cursor marker max next page pagination start sync prev previous"
)
_SECRET_KEYS: Final = these("access api encryption private secret signing ssh")

WIDENING: Final = these(
    "access acl grant grants iam permission permissions policies policy privilege privileges "
    "privacy role roles scope scopes sharing visibility"
)
WIDENING_SWITCHES: Final = these(
    "admin all allow anonymous anyone bypass confirm confirmed disable everyone external force "
    "guest ignore insecure internal no open override overwrite private privileged protected public "
    "recursive root share shared skip sudo superuser trust trusted unsafe visible"
)
EVERYTHING: Final = these("admin all deleted everyone external global hidden private secret shared")

SIZES: Final = these(
    "batch chunk count head days depth duration end first height hours index interval k last "
    "length level limit lines max maximum min minimum minutes months n num offset page pages per "
    "quality radius results retries rows scale seconds size skip start steps tail take timeout "
    "top total width year years zoom"
)
AMOUNTS: Final = these(
    "amount balance budget cents credit credits deposit fee funds money payment price quantity "
    "salary spend sum tip"
)
MINOR: Final = these("cent cents minor quantity")

QUERIES: Final = these(
    "condition cql expression filter filters gql graphql jql keyword keywords pattern q query "
    "regex search selector soql term where"
)
PROGRAMS: Final = these(
    "bash cmd code command commands expression function javascript js python script shell"
)

CONTENT_HEADS: Final = these(
    "abstract agenda answer bio body caption category color colour comment content contents "
    "currency data date day deadline description detail details due emoji end format heading html "
    "icon json label language location markdown memo message mime month note notes paragraph "
    "priority question reaction reason remark severity start state status subject subtitle summary "
    "tag text time timezone title tone topic transcript type unit value week year"
)
"""Words that end the names of what is written, said or set, and steers nothing by itself."""

SENSITIVE: Final = these(
    "account address bank billing calendar call card case chat contact contract conversation "
    "customer deal diagnosis document drive email employee event file health inbox invoice lead "
    "mail medical meeting message note opportunity order patient payment payroll person phone "
    "private profile query record salary sql table thread ticket transaction user"
)
OPEN: Final = these(
    "currency docs documentation forecast library news package time timezone weather "
    "web website wikipedia"
)
SECRETIVE: Final = SECRETS | these("credential env key keychain vault")

CHOSEN: Final = these("handle ref slug")
"""Ids that whoever makes an object chooses, so that they vouch for nothing."""

WRITERS: Final = these("author by creator from owner reply sender")
"""Who wrote something, in the name of a field: whoever writes may put anything there."""

_ABOUT: Final = these("detail directory info information list profile")

DIRECTORIES: Final = these(
    "beneficiary channel colleague collaborator contact employee group member people person "
    "payee recipient room team user"
)
"""Lists of parties whom one's own system knows."""

_IBAN: Final = re.compile(r"\bIBAN\b|\baccount number\b", re.IGNORECASE)
_PLAIN: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

_SYNONYMS: Final = {
    "conversation": "channel", "directory": "path", "mr": "pull_request", "org": "organization",
    "organisation": "organization", "pr": "pull_request", "pull": "pull_request",
    "repo": "repository", "room": "channel", "username": "user",
}  # fmt: skip

_NOT_NOUNS: Final = (
    known.READING
    | frozenset(known.SURE)
    | known.PREPOSITIONS
    | known.CONJUNCTIONS
    | known.DETERMINERS
    | these("active api by current latest mcp me multiple my new or own recent tool v1 v2 v3")
)


def says_iban(text: str) -> bool:
    """Whether a description speaks of an account."""
    return bool(_IBAN.search(text))


def shown(name: str) -> str:
    """A name of somebody else's, for a comment: nothing in it can end the line."""
    return name if _PLAIN.fullmatch(name) else json.dumps(name)


def kind(word: str) -> str:
    """The resource type that a noun names; some have several."""
    one = singular(word)
    return _SYNONYMS.get(one, one)


def identifies(words: Sequence[str]) -> bool:
    """Whether a name ends like one of an id: `case_id`, `issueNumber`, `commit sha`."""
    if not words or singular(words[-1]) not in IDENTIFIERS:
        return False
    before = words[-2] if len(words) > 1 else ""
    if words[-1] in {"number", "no"} and (before in _PLAIN_NUMBERS or not before):
        return False
    return not (words[-1] in {"key", "keys"} and before in _SECRET_KEYS)


def secret(words: Sequence[str]) -> bool:
    """Whether a name is one of a secret; a page token is none, the id of a secret neither."""
    if identifies(words) or PAGING.intersection(words):
        return False
    keys = any(
        second in {"key", "keys"} and first in _SECRET_KEYS for first, second in pairwise(words)
    )
    return keys or bool(SECRETS.intersection(words)) or bool(_TOKENS & set(words[-1:]))


def widens(words: Sequence[str]) -> bool:
    """Whether a name is one of permissions."""
    return bool(WIDENING.intersection(words))


def resource(words: Sequence[str], otherwise: str) -> str:
    """What an id is of: `issueIdOrKey` of an issue, plain `id` of what the tool is about."""
    named = [
        word
        for word in words
        if singular(word) not in IDENTIFIERS | {"name", "parent", "source", "target"}
        and word not in _NOT_NOUNS
        and not word.isdigit()
    ]
    if not named:
        return otherwise
    return "_".join(_SYNONYMS.get(one, one) for one in map(singular, named))


def noun(tool: Definition, upstream: str = "") -> str:
    """What a tool is about, in the singular: `list_pull_requests` is about a pull_request."""
    words: list[str] = []
    for place, word in enumerate(tool.words):
        if words and word in known.PREPOSITIONS:
            break
        verb = word in known.NOUNS_TOO and not words and place + 1 < len(tool.words)
        plain = word.isascii() and not word.isdigit()
        if plain and word not in _NOT_NOUNS and not verb:
            words.append(singular(word))
    own = split(upstream)
    name = "_".join([one for one in words if one not in own] or words)
    return _SYNONYMS.get(name, name) or "tool"


def spoken(tool: Definition) -> frozenset[str]:
    """The words of a tool's name and description."""
    return frozenset(tool.words) | frozenset(split(tool.description))


def changes_existing(tool: Definition) -> bool:
    """Whether a changing tool is about something that is there already, by its verbs."""
    making = these("add create generate insert make new open register")
    return not making.intersection(tool.words)


def directory(parent: str) -> bool:
    """Whether something is a list of parties, or about one: `users`, `user_profile`."""
    words = [singular(word) for word in split(parent)]
    while len(words) > 1 and words[-1] in _ABOUT:
        words.pop()
    return bool(words) and words[-1] in DIRECTORIES


def any_of(words: Iterable[str], among: frozenset[str]) -> bool:
    """Whether one of the words, in the singular, is among others."""
    return any(singular(word) in among for word in words)
