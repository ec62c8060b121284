from itertools import chain, combinations
from pathlib import Path

import pytest

from safeconduct.audit import notes
from safeconduct.audit.notes import Key, Note, Signer
from safeconduct.audit.witness import keys
from safeconduct.audit.witness.policy import PolicyError, content, parse
from tests.support.logs_of_others import OtherLog

LOG = OtherLog("a.example/audit", [b"one", b"two"])


def key(name: str, number: int, kind: notes.Kind = 4) -> Key:
    return notes.key(name, kind, bytes([number]) * 32)


X1, X2, X3, Y1, Y2 = (key(f"w{number}.example", number) for number in range(1, 6))
TWO_LEVELS = f"""
# whom we believe
log {LOG.signer.key} https://a.example/log

\twitness X1 {X1}
witness  X2 {X2}   https://x2.example
witness X3 {X3}
group X 2 X1 X2 X3
witness Y1 {Y1}
witness Y2 {Y2}
group Y any Y1 Y2
group both all X Y
quorum both
"""


def test_a_policy_says_whom_to_believe() -> None:
    policy = parse(TWO_LEVELS)
    assert [one.url for one in policy.logs[LOG.origin]] == ["https://a.example/log"]
    assert {name: one.key for name, one in policy.witnesses.items()} == {
        "X1": X1,
        "X2": X2,
        "X3": X3,
        "Y1": Y1,
        "Y2": Y2,
    }
    assert policy.witnesses["X2"].url == "https://x2.example"


def test_a_quorum_of_groups_is_counted() -> None:
    policy = parse(TWO_LEVELS)
    names = list(policy.witnesses)
    for some in chain.from_iterable(combinations(names, count) for count in range(6)):
        of_x = sum(name.startswith("X") for name in some)
        assert policy.enough(some) == (of_x >= 2 and len(some) > of_x)


def test_one_witness_or_none_can_be_the_quorum() -> None:
    one = parse(f"witness W {X1}\nquorum W")
    assert one.enough(["W"])
    assert not one.enough([])
    assert parse("quorum none").enough([])


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no line `quorum <name>` (or `quorum none`, to ask for no witness)"),
        ("quorum none\nquorum none", "line 2: a second quorum"),
        ("quorum", "line 1: not of the form: quorum <name>|none"),
        ("quorum X", "line 1: no line before this one names 'X'"),
        ("trust me", "line 1: a line begins with log, witness, group, quorum or #"),
        (f"log {X1}", "line 1: this is the key of a witness, not of a log"),
        (f"witness W {LOG.signer.key}", "line 1: this is the key of a log, not of a witness"),
        ("log a+00000000+AAAA", "line 1: a verifier key of the unknown kind 0x00"),
        ("log", "line 1: not of the form: log <vkey> [<url>]"),
        (f"log {LOG.signer.key} a b", "line 1: not of the form: log <vkey> [<url>]"),
        (f"log {LOG.signer.key}\nlog {LOG.signer.key}", "line 2: the same key stands on two lines"),
        (f"witness none {X1}", "line 1: a name that is new here is wanted, and not `none`"),
        ("witness", "line 1: a name that is new here is wanted, and not `none`"),
        (
            f"witness W {X1}\nwitness W {X2}",
            "line 2: a name that is new here is wanted, and not `none`",
        ),
        (
            f"witness V {X1}\nwitness W {key('other.example', 1)}",
            "line 2: the same key stands on two lines: one witness would count twice",
        ),
        ("group G 1 W", "line 1: no line before this one names 'W'"),
        (
            f"witness W {X1}\ngroup G all",
            "line 2: not of the form: group <name> <k>|all|any <name>...",
        ),
        (f"witness W {X1}\ngroup G 2 W", "line 2: how many of them: all, any, or 1 to 1"),
        (f"witness W {X1}\ngroup G 0 W", "line 2: how many of them: all, any, or 1 to 1"),
        (f"witness W {X1}\ngroup G some W", "line 2: how many of them: all, any, or 1 to 1"),
        (
            f"witness W {X1}\ngroup G 1 W W",
            "line 2: a member stands there twice: it would count twice",
        ),
        (f"witness W {X1}\ngroup G any W none", "line 2: no line before this one names 'none'"),
        ("#\n" * 10_000, "a policy of more than 10000 lines"),
    ],
)
def test_what_cannot_be_followed_names_its_line(text: str, why: str) -> None:
    with pytest.raises(PolicyError) as caught:
        parse(text)
    assert str(caught.value) == why


class TestContent:
    @pytest.fixture
    def signers(self, tmp_path: Path) -> tuple[Signer, Signer]:
        return keys.signers(tmp_path, "w.example")

    def policy(self, signers: tuple[Signer, Signer], quorum: str = "all") -> str:
        classic, lasting = signers
        return (
            f"log {LOG.signer.key}\nwitness classic {classic.key}\nwitness lasting {lasting.key}\n"
            f"group G {quorum} classic lasting\nquorum G"
        )

    def cosigned(self, *signers: Signer) -> Note:
        note = LOG.note()
        lines = (notes.sign(note.text, one, 1_800_000_000) for one in signers)
        return Note(note.text, (*note.lines, *lines))

    def test_with_enough_signatures(self, signers: tuple[Signer, Signer]) -> None:
        policy = parse(self.policy(signers))
        assert content(policy, self.cosigned(*signers)) == (True, "cosigned by classic, lasting")

    def test_not_with_fewer(self, signers: tuple[Signer, Signer]) -> None:
        policy = parse(self.policy(signers))
        said = content(policy, self.cosigned(signers[0]))
        assert said == (False, "cosigned by classic, which is not 'G'")
        assert content(policy, LOG.note()) == (False, "cosigned by nobody, which is not 'G'")
        assert content(parse(self.policy(signers, "any")), self.cosigned(signers[0]))[0]

    def test_not_with_a_signature_that_is_not_good(self, signers: tuple[Signer, Signer]) -> None:
        note = self.cosigned(*signers)
        bad = note.lines[-1]._replace(signature=bytes(len(note.lines[-1].signature)))
        tampered = Note(note.text, (*note.lines[:-1], bad))
        policy = parse(self.policy(signers, "any"))
        assert content(policy, tampered) == (False, "the signature of w.example is not good")

    def test_not_where_the_log_did_not_sign(self, signers: tuple[Signer, Signer]) -> None:
        note = self.cosigned(*signers)
        unsigned = Note(note.text, note.lines[1:])
        assert content(parse(self.policy(signers)), unsigned) == (
            False,
            "no known key signed this note",
        )

    def test_a_policy_without_logs_asks_only_witnesses(
        self, signers: tuple[Signer, Signer]
    ) -> None:
        _, _, rest = self.policy(signers).partition("\n")
        assert content(parse(rest), self.cosigned(*signers))[0]
