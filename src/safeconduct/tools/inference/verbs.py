"""What the verbs of a name and of a description say that a call does."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Literal

import msgspec

from safeconduct.core.manifest import Effect
from safeconduct.tools.inference import vocabulary as known
from safeconduct.tools.inference.words import (
    participle_forms,
    sentences,
    singular,
    split,
    these,
    verb_forms,
)

Form = Literal["base", "third", "ing"]

_LEAD_IN: Final = these("can function it that this to tool which will would")
_RELATIVE: Final = these(
    "after before if once since that until what when where whether which while who whose"
)
_BEING: Final = these("are be being get gets is")
_CLAUSE: Final = these(", (")
_HEADINGS: Final = these(
    "arg args argument arguments example examples input inputs note param parameter parameters "
    "params return returns usage"
)
_THEN: Final = these("and then")
_JOINING: Final = known.CONJUNCTIONS | these(", also it tool will")
_NOT: Final = these("never not")
_BETWEEN: Final = these("always auto bulk can could hard just may might must re soft to")
_CALLING: Final = these("call invoke run use")
_SKIPPED: Final = known.DETERMINERS - known.PREPOSITIONS
_IT: Final = these("it them")
_MARKED: Final = these("mark modify overwrite")


class Verb(msgspec.Struct, frozen=True):
    """A verb that was found: the effect it says, and the word of the vocabulary that says it."""

    effect: Effect
    word: str


def of_name(name: str, description: Sequence[Verb]) -> list[Verb]:
    """The verbs of a name.

    Where a noun that may be a verb stands before a verb (`order_update`), the description's own
    first verb tells which it is; without one it counts as a verb.
    """
    words = split(name)
    found: list[Verb] = []
    nouns: list[Verb] = []
    for place, word in enumerate(words):
        before, after = words[place - 1] if place else "", words[place + 1 :]
        joined = before in known.CONJUNCTIONS
        if word == "convert" and known.CONVERTIBLE & {singular(one) for one in words}:
            found.append(Verb(Effect.read, word))
        elif word in known.SURE:
            found.append(_made(known.SURE[word], word, after or words[:place]))
        elif word in known.READING:
            other = word == "check" and known.FOLLOWED.intersection(after[:1])
            found.append(Verb(Effect.execute if other else Effect.read, word))
        elif word in known.NOUNS_TOO and (joined or not (found or nouns)):
            (found if joined else nouns).append(_made(known.NOUNS_TOO[word], word, after))
        elif joined and words[place - 2] in known.READING:
            found.append(Verb(Effect.execute, before))
    last = words[-1] if words else ""
    if not description and found and last in known.LAST and words[0] in known.READING_NOUNS:
        nouns.append(Verb(known.NOUNS_TOO[last], last))
    told = bool(description) and description[0].word not in known.NOUNS_TOO
    if _only_named(words, nouns, description):
        return [Verb(Effect.read, words[-1])]
    return found if found and told else nouns + found


def _only_named(words: Sequence[str], nouns: Sequence[Verb], description: Sequence[Verb]) -> bool:
    """Whether what ends a name is a noun after all (`git_log`), as nothing but reading is said.

    What would send, delete, execute or pay stays a verb, whatever is said.
    """
    last = len(words) > 1 and [one.word for one in nouns] == [words[-1]]
    reads = all(one.effect is Effect.read and one.word != "return" for one in description)
    return last and bool(description) and reads and nouns[0].effect is Effect.write


def _made(effect: Effect, word: str, object_: Sequence[str]) -> Verb:
    """A verb with what it is done to: creating a message is sending, creating a refund paying."""
    if effect in (Effect.read, Effect.delete, Effect.pay):
        return Verb(effect, word)
    nouns: list[str] = []
    for one in object_:
        if one in known.PREPOSITIONS or one in known.CONJUNCTIONS:
            break
        nouns.append(singular(one))
    if "draft" in nouns and word in MAKING:
        return Verb(effect, word)
    if known.MONEY.intersection(nouns) or (nouns and nouns[-1] in known.MONEY_ALONE):
        return Verb(Effect.pay, word)
    if effect is Effect.write and nouns and word in MAKING:
        read_by_others = nouns[-1] in known.OUTBOUND or known.SHARED.intersection(nouns)
        return Verb(Effect.send if read_by_others else effect, word)
    return Verb(effect, word)


MAKING: Final = these("add create generate insert make put schedule write")


def of_description(description: str) -> list[Verb]:
    """The verbs of a description: its first one, then what it does besides."""
    spoken = sentences(description)
    found: list[Verb] = []
    head: Form | None = None
    for number, words in enumerate(spoken):
        if number and words[0] in _HEADINGS:
            break
        if head is None:
            found += _unknown(words)
            place, form, verb = _first(words)
            if verb is None:
                continue
            head = form
            found += [verb, *_joined(words, place + 1, form), *_passive(words)]
        else:
            found += [*_later(words), *_joined(words, 0, None), *_passive(words)]
    return found


def _unknown(words: Sequence[str]) -> Iterator[Verb]:
    """`Rebuilds the index`: a verb that is in no list may do anything."""
    word, follows = words[0], words[1] if len(words) > 1 else ""
    if follows not in known.DETERMINERS or word in known.PREPOSITIONS or _harmless(word):
        return
    if not _is_verb(word) and not any(form in known.NEUTRAL for form in verb_forms(word)):
        yield Verb(Effect.execute, "")


def _first(words: Sequence[str]) -> tuple[int, Form, Verb | None]:
    called = words[0] in _CALLING and "tool" in words[1:3]
    for place, word in enumerate(words):
        if called and place <= words.index("tool"):
            continue  # `Call this tool to fetch`
        form, verb = _verb(word, words[place + 1 :], _sure_or_reading)
        if verb is None and (place == 0 or words[place - 1] in _LEAD_IN):
            form, verb = _verb(word, words[place + 1 :], known.NOUNS_TOO.get)
        if verb is not None and not (verb.word == "return" and form == "base"):
            return place, form, verb
    return 0, "base", None


def _joined(words: Sequence[str], start: int, head: Form | None) -> Iterator[Verb]:
    """Verbs after `and`, `then`, a comma …, in the form of the first one; and `by creating`."""
    before, denied = "", False
    for place, word in enumerate(words):
        verb = _is_verb(word)
        if word in _BETWEEN or (word.endswith("ly") and not verb):
            continue  # `and permanently deletes`, `and may delete`
        # `does not send or delete`, but `does not ask and deletes`.
        denied = denied or (verb and (before in _NOT or before.endswith("n't")))
        if place >= start and not (denied and _is_infinitive(word)):
            yield from _after(before, word, words[place + 1 :], head)
        before = word


def _is_verb(word: str) -> bool:
    return any(_is_infinitive(form) for form in verb_forms(word))


def _is_infinitive(word: str) -> bool:
    return word in known.SURE or word in known.NOUNS_TOO


def _after(before: str, word: str, after: Sequence[str], head: Form | None) -> Iterator[Verb]:
    form, verb = _verb(word, after, known.SURE.get)
    if verb is not None and before == "by" and form == "ing":
        yield verb
    if before not in _JOINING:
        return
    if verb is not None:
        if form == head or head is None or word not in known.PLURALS:
            yield verb
        return
    form, verb = _verb(word, after, known.NOUNS_TOO.get)
    follows = after[0] if after else ""
    if verb is not None:
        if follows in known.DETERMINERS and head in (None, form):
            yield verb
    elif follows in _IT and before in _THEN and not _harmless(word):
        yield Verb(Effect.execute, before)


def _harmless(word: str) -> bool:
    known_ones = known.READING | known.HARMLESS
    return word in known.DETERMINERS or any(form in known_ones for form in verb_forms(word))


def _later(words: Sequence[str]) -> Iterator[Verb]:
    """What a later sentence says that the tool does, and does not tell its caller to do."""
    place = 1 if len(words) > 1 and words[0] in {"it", "this", "also", "then"} else 0
    for table in (known.SURE, known.NOUNS_TOO):
        form, verb = _verb(words[place], words[place + 1 :], table.get)
        if verb is None or form == "ing" or (form == "base" and verb.word in known.ADVICE):
            continue
        follows = words[place + 1] if place + 1 < len(words) else ""
        if table is known.SURE or (form == "third" and follows in known.DETERMINERS):
            yield verb


def _passive(words: Sequence[str]) -> Iterator[Verb]:
    """`A copy is sent`, `the card will be charged`; not `messages that were sent`."""
    clause: list[str] = []
    for place, word in enumerate(words):
        clause = [] if word in _CLAUSE else [*clause, word]
        if word not in _BEING or _RELATIVE.intersection(clause):
            continue
        for later in words[place + 1 : place + 3]:
            for form in participle_forms(later):
                effect = known.SURE.get(form) or known.NOUNS_TOO.get(form)
                if effect in (Effect.send, Effect.delete, Effect.pay) or form in _MARKED:
                    yield Verb(effect or Effect.write, form)


def _sure_or_reading(word: str) -> Effect | None:
    return Effect.read if word in known.READING else known.SURE.get(word)


def _verb(
    word: str, after: Sequence[str], look_up: Callable[[str], Effect | None]
) -> tuple[Form, Verb | None]:
    for form in verb_forms(word):
        effect = look_up(form)
        if form == "convert" and effect is not None:
            nouns = {singular(one) for one in after}
            effect = Effect.read if nouns & (known.CONVERTIBLE | known.FORMATS) else effect
        if form == "perform" and known.LOOKS & {singular(one) for one in after}:
            effect = Effect.read
        if effect is not None:
            how: Form = "base" if form == word else "ing" if word.endswith("ing") else "third"
            object_ = [one for one in after if one not in _SKIPPED][:4]
            return how, _made(effect, form, object_)
    return "base", None


def strictest(verbs: Sequence[Verb]) -> Verb | None:
    """The verb with the strictest effect; the first of equals."""
    return max(verbs, key=lambda verb: known.STRICTNESS[verb.effect], default=None)
