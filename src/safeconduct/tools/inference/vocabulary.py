"""The verbs and nouns of tools' names, and what they say of what a call does.

A verb is *sure* if it says so wherever it stands (`get_or_create`); one that is as often a noun
says so only where verbs stand (`post_message`, but not `list_comments_of_post`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from safeconduct.core.manifest import Effect
from safeconduct.tools.inference.words import these

STRICTNESS: Final[Mapping[Effect, int]] = {effect: rank for rank, effect in enumerate(Effect)}
"""How strict an effect is. Of two verbs the stricter counts."""

READING: Final = these(
    "analyse analyze browse calculate cat check compare compute count describe diff discover "
    "enumerate estimate explain fetch find get glob grep head inspect list look lookup ls peek "
    "ping preview query read retrieve return search show stat summarise summarize tail translate "
    "validate view whoami"
)
"""What only looks. A verb that is in no list here is not known, and counts as execution."""

SEARCHING: Final = these("browse count find glob grep list lookup query search")
"""What chooses by conditions: its arguments are filters rather than addresses."""

READING_NOUNS: Final = these("check count diff list preview query search show view")
"""Those that are nouns too: `diff_apply` applies, `list_archive` archives."""

LAST: Final = these(
    "apply archive build clear clone close deploy drop empty flush lock merge open pause pop prune "
    "pull release resume retry rotate run share start stop switch trigger"
)
"""Verbs that may end such a name."""

NEUTRAL: Final = these(
    "access allow answer ask collect detect determine enable gather give help identify let load "
    "monitor obtain offer provide recommend report request scan see suggest support tell use wrap"
)
"""Verbs that may begin a description, and say nothing of what changes."""

CONVERTIBLE: Final = these("date length temperature time timestamp timezone unit weight")
"""What can be converted without changing anything; a lead or a file cannot."""

FORMATS: Final = these("csv html json markdown text")
"""What a description may say that a result is converted to."""

HARMLESS: Final = these(
    "convert decode display extract filter format group order paginate parse print rank render "
    "sort transform"
)
"""What a description may say besides about what it has read: `… and sort them`."""

LOOKS: Final = these("lookup query search")
"""What can be performed without changing anything."""

FOLLOWED: Final = these("in out off")
"""What makes something else of a verb: `check_in`, `sign_off`."""

NOTHING_BUT_LOOKED_AT: Final = these(
    "availability balance detail diff forecast health history info information metadata metric "
    "overview rating review schema stat statistic status summary time tree version weather"
)
"""Nouns that name a tool without a verb (`account_balance`), if its description only looks too."""

_SURE: Final[Mapping[Effect, str]] = {
    Effect.write: (
        "accept acknowledge ack activate add adjust append approve associate assign attach "
        "authorize configure convert create customize deactivate decline decrement detach disable "
        "disassociate downgrade download duplicate edit enable enroll finish generate grant "
        "increment init initialize insert join mark mkdir modify move mute overwrite prepend "
        "prioritize provision put reactivate reassign rebase recreate redo register reject rename "
        "reopen reorder replace reschedule resolve restore revert save set snooze store subscribe "
        "sync synchronize toggle unarchive unassign unblock undo unfollow unhide unlink unlock "
        "unmute unpin unregister unsubscribe unstar unwatch update upsert write"
    ),
    Effect.send: (
        "announce broadcast deliver disclose emit escalate forward notify publish relay reply "
        "repost resend respond resubmit retweet send submit transmit upload"
    ),
    Effect.delete: (
        "cancel cleanup consume delete destroy discard dismiss erase evict expunge kill purge "
        "remove revoke rm rmdir terminate trash truncate uninstall unpublish unshare wipe"
    ),
    Effect.execute: (
        "compile eval evaluate exec execute impersonate inject install invoke kickoff launch "
        "login logout migrate perform reboot redeploy rerun reset restart rollback shutdown spawn "
        "sudo suspend unmount"
    ),
    Effect.pay: ("buy deduct disburse donate pay prepay redeem reimburse remit repay withdraw"),
}

_NOUNS_TOO: Final[Mapping[Effect, str]] = {
    Effect.write: (
        "acquire allocate allow archive backup block bookmark branch bump capture change "
        "checkout claim clone close comment commit complete copy cordon decrease draft export "
        "favorite flag follow fork format hide import increase index issue label leave like "
        "link lock log make map merge open patch persist pin plan promote pull rate react "
        "record request review save scan schedule sign snapshot squash stage star stash switch "
        "tag taint touch track transition turn uncordon upgrade vote watch"
    ),
    Effect.send: (
        "alert blast call dial dm email fax invite mail mention message phone post push share text "
        "tweet whisper"
    ),
    Effect.delete: ("ban clean clear drop empty expire flush kick pop prune strip void"),
    Effect.execute: (
        "apply bash boot build click command connect control debug deploy disconnect dispatch "
        "drag drain drive exploit fill hover interrupt job mount navigate pause play power press "
        "process program release resume retry rotate run scale script select shell signal sleep "
        "ssh start stop swipe tap terminal test trigger type"
    ),
    Effect.pay: (
        "bid bill book charge credit debit deposit order payout purchase refund reserve sell "
        "settle stake swap tip trade transfer wire"
    ),
}


def _table(words: Mapping[Effect, str]) -> dict[str, Effect]:
    return {word: effect for effect, listed in words.items() for word in listed.split()}


SURE: Final[Mapping[str, Effect]] = _table(_SURE)
"""Verbs that say what a call does wherever they stand."""

NOUNS_TOO: Final[Mapping[str, Effect]] = {
    word: effect for word, effect in _table(_NOUNS_TOO).items() if word not in SURE
}
"""Verbs that are as often nouns."""

OUTBOUND: Final = these(
    "announcement broadcast call comment dm email invitation invite mail message newsletter "
    "notification post reply response review sms tweet webhook"
)
"""What is made to be read by others: creating it is sending."""

MONEY: Final = these(
    "cash charge deposit donation fund money payment payout purchase refund reimbursement "
    "transaction transfer withdrawal"
)
"""What moves money when it is created or changed, wherever it stands in a name."""

MONEY_ALONE: Final = these("bid booking cart checkout currency order reservation trade wire")
"""The same, where it is what is made and not what something is made for: `create_order_note`."""

SHARED: Final = these("public shared sharing")
"""What is made for others: `create_shared_link`."""

PREPOSITIONS: Final = these(
    "about after as at before between by for from in into of on onto over per through to under "
    "via with without"
)

CONJUNCTIONS: Final = these("also and n or plus then")

DETERMINERS: Final = these(
    "a all an any each every her him it its new one that the their them these this those to us "
    "your you"
)

ADVICE: Final = these("add adjust call invoke make put run save set test start type")
"""What later sentences of a description tell the caller to do: `Set limit to 10 for …`."""

PLURALS: Final = these(
    "downloads duplicates edits forwards grants inserts installs launches marks moves puts replies "
    "resets restarts saves sets stores updates uploads"
)
"""Nouns that look like a sure verb in the third person."""
