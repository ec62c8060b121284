import pytest

from safeconduct.core.reasons import REASONS, Remedy
from safeconduct.entrypoints.answers import refused, shaped, token_challenge, unknown
from safeconduct.entrypoints.http import Response
from safeconduct.entrypoints.wire import INVALID_PARAMS, MISSING_CAPABILITY
from safeconduct.ports import JSON, Refused
from tests.support.front import METADATA, Reply


def read(response: Response) -> Reply:
    headers = {name.decode(): value.decode() for name, value in response.headers}
    return Reply(response.status, headers, response.body)


def said(answer: Refused, method: str = "tools/call", *, modern: bool = True) -> Reply:
    return read(refused(1, method, NAME, answer, modern=modern, resource=METADATA))


NAME = "file:///secret"


def no(code: str) -> Refused:
    return Refused(decision="d-1", code=code)


@pytest.mark.parametrize(
    "code", sorted(set(REASONS) - {"tool-unknown", "scope-missing", "client-unable"})
)
def test_a_refused_tool_call_is_a_result_that_says_why_and_what_helps(code: str) -> None:
    reason = REASONS[code]
    reply = said(no(code))
    result: JSON = reply.json["result"]
    assert reply.status == 200
    assert result["isError"] is True
    assert result["resultType"] == "complete"
    [content] = result["content"]
    assert content["text"].startswith(f"{reason.sentence} ")
    assert result["_meta"]["dev.safeconduct/refusal"] == {
        "reason": code,
        "remedy": reason.remedy.value,
        "retry": reason.retry,
        "decision_id": "d-1",
        "stage": reason.stage,
    }


def test_every_remedy_has_its_advice() -> None:
    told = {reason.remedy: said(no(code)).body for code, reason in REASONS.items()}
    assert set(told) == set(Remedy)


def test_a_refusal_names_what_the_page_named() -> None:
    answer = Refused(
        decision="d-1",
        code="approval-required",
        argument="amount",
        approval="a-1",
        may_have_happened=True,
    )
    result: JSON = said(answer).json["result"]
    refusal = result["_meta"]["dev.safeconduct/refusal"]
    assert refusal["argument"] == "amount"
    assert refusal["approval"] == "a-1"
    assert refusal["may_have_happened"] is True
    assert result["content"][0]["text"].endswith("The call may have taken effect.")


def test_the_older_era_has_no_result_type() -> None:
    assert "resultType" not in said(no("flow-mixed"), modern=False).json["result"]


@pytest.mark.parametrize("method", ["resources/read", "prompts/get"])
def test_what_has_no_error_result_is_refused_with_an_error(method: str) -> None:
    reply = said(no("zone-denied"), method)
    assert (reply.status, reply.code) == (200, INVALID_PARAMS)
    assert reply.json["error"]["data"]["reason"] == "zone-denied"


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get"])
def test_a_missing_scope_is_a_challenge_with_all_that_are_needed(method: str) -> None:
    answer = Refused(decision="d-1", code="scope-missing", scopes=("crm:read", "crm:write"))
    reply = said(answer, method)
    assert reply.status == 403
    assert reply.headers["www-authenticate"] == (
        'DPoP algs="ES256 EdDSA", error="insufficient_scope", scope="crm:read crm:write", '
        f'resource_metadata="{METADATA}"'
    )
    assert reply.json["error"]["data"]["decision_id"] == "d-1"


@pytest.mark.parametrize("method", ["tools/call", "resources/read", "prompts/get"])
@pytest.mark.parametrize("modern", [True, False])
def test_what_may_not_be_known_of_is_unknown_to_the_byte(method: str, modern: bool) -> None:
    hidden = refused(
        1,
        method,
        NAME,
        Refused(decision="d-2", code="tool-unknown", argument="a", scopes=("s",)),
        modern=modern,
        resource=METADATA,
    )
    assert hidden == unknown(1, method, NAME)
    assert read(hidden).code == INVALID_PARAMS
    data = read(hidden).json["error"].get("data")
    assert data == ({"uri": NAME} if method == "resources/read" else None)
    assert b"d-2" not in hidden.body


def test_an_unlisted_reason_is_a_fault_and_no_answer() -> None:
    with pytest.raises(KeyError):
        said(no("no-such-reason"))


def test_what_an_upstream_says_of_caching_is_not_passed_on() -> None:
    public: JSON = {"contents": [], "ttlMs": 60_000, "cacheScope": "public", "resultType": "other"}
    assert shaped(public, modern=True, cacheable=True) == {
        "contents": [],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    }
    assert shaped(public, modern=False, cacheable=True) == {"contents": []}


def test_a_shaped_result_leaves_the_original_alone() -> None:
    value: JSON = {"content": []}
    assert shaped(value, modern=True, cacheable=False) == {"content": [], "resultType": "complete"}
    assert value == {"content": []}


def test_no_token_is_challenged_without_a_fault() -> None:
    assert token_challenge(None, METADATA) == (
        f'DPoP algs="ES256 EdDSA", resource_metadata="{METADATA}"'.encode()
    )
    assert token_challenge("invalid_token", METADATA) == (
        f'DPoP algs="ES256 EdDSA", error="invalid_token", resource_metadata="{METADATA}"'.encode()
    )


def test_a_client_learns_what_it_would_have_to_be_asked() -> None:
    answer = Refused(decision="d-1", code="client-unable", needs=frozenset({"sampling"}))
    reply = said(answer, "prompts/get")
    assert (reply.status, reply.code) == (400, MISSING_CAPABILITY)
    assert reply.json["error"]["data"]["requiredCapabilities"] == {"sampling": {}}
    assert reply.json["error"]["data"]["decision_id"] == "d-1"
    before = said(answer, modern=False)
    assert before.status == 200
    assert before.json["result"]["isError"] is True
