"""Questions to a person."""

from typing import Any

import pytest

from safeconduct.core.elicitation import MAX_FIELDS, MAX_TEXT, elicited, form, origin_of, page
from safeconduct.core.shapes import Malformed, NotAllowed

JSON = dict[str, Any]


def asked(*, message: Any = "How many?", required: Any = None, **fields: Any) -> JSON:
    schema: JSON = {"type": "object", "properties": fields}
    if required is not None:
        schema["required"] = required
    return {"message": message, "requestedSchema": schema}


EVERY_KIND: JSON = {
    "name": {"type": "string", "title": "Name", "minLength": 1, "default": "Jane"},
    "mail": {"type": "string", "format": "email", "description": "Where to"},
    "count": {"type": "integer", "minimum": 1, "maximum": 9, "default": 3},
    "share": {"type": "number", "default": 0.5},
    "sure": {"type": "boolean", "default": True},
    "size": {"type": "string", "enum": ["s", "m"], "default": "s"},
    "old": {"type": "string", "enum": ["s", "m"], "enumNames": ["Small", "Medium"]},
    "titled": {"type": "string", "oneOf": [{"const": "s", "title": "Small"}]},
    "some": {"type": "array", "items": {"type": "string", "enum": ["a"]}, "minItems": 1},
    "named": {
        "type": "array",
        "items": {"anyOf": [{"const": "a", "title": "A"}]},
        "default": ["a"],
    },
}


class TestForms:
    def test_keeps_every_kind_of_field(self) -> None:
        given = asked(required=["name"], **EVERY_KIND)
        assert form(given) == {"mode": "form", **given}

    def test_drops_what_it_does_not_know(self) -> None:
        given = asked(name={"type": "string", "pattern": ".*", "x-run": "it"})
        given |= {"_meta": {"a": 1}, "task": {"ttl": 1}}
        given["requestedSchema"]["$ref"] = "https://elsewhere.example"
        assert form(given) == {"mode": "form", **asked(name={"type": "string"})}

    def test_requires_only_fields_that_it_has(self) -> None:
        kept = form(asked(name={"type": "string"}, required=["name", "other"]))
        assert kept["requestedSchema"]["required"] == ["name"]
        kept = form(asked(name={"type": "string"}, required=["other"]))
        assert "required" not in kept["requestedSchema"]

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"message": "m"},
            {"message": "m", "requestedSchema": {"type": "object"}},
            {"message": "m", "requestedSchema": {"type": "array", "properties": {}}},
            {"message": 1, "requestedSchema": {"type": "object", "properties": {}}},
            asked(name="string"),
            asked(name={"type": "object"}),
            asked(name={"type": "string", "enum": [1]}),
            asked(name={"type": "string", "oneOf": "all"}),
            asked(name={"type": "string", "oneOf": [{"const": "a"}]}),
            asked(name={"type": "string", "default": {"deep": 1}}),
            asked(name={"type": "array"}),
            asked(name={"type": "array", "items": {"type": "object"}}),
            asked(name={"type": "array", "items": {"type": "string"}}),
            asked(required="name"),
            asked(**{f"f{n}": {"type": "string"} for n in range(MAX_FIELDS + 1)}),
            {**asked(), "message": "m" * (MAX_TEXT + 1)},
            asked(name={"type": "string", "enum": ["choice"] * MAX_TEXT}),
        ],
    )
    def test_refuses_what_is_no_form(self, given: JSON) -> None:
        with pytest.raises(Malformed):
            form(given)

    @pytest.mark.parametrize(
        "given",
        [
            asked(password={"type": "string"}),
            asked(userPassword={"type": "string"}),
            asked(api_key={"type": "string"}),
            asked(a={"type": "string", "title": "API-Key"}),
            asked(a={"type": "string", "description": "your PIN, please"}),
            asked(
                a={"type": "string", "title": "\uff30\uff41\uff53\uff53\uff57\uff4f\uff52\uff44"}
            ),
            asked(a={"type": "string", "enum": ["my token"]}),
            asked(a={"type": "string"}, message="Type your one-time code into a."),
            asked(cardNumber={"type": "string"}),
            asked(otp={"type": "integer"}),
        ],
    )
    def test_never_asks_for_a_secret(self, given: JSON) -> None:
        with pytest.raises(NotAllowed):
            form(given)

    @pytest.mark.parametrize("name", ["shipping", "opinion", "option", "keyboard", "passenger"])
    def test_a_word_that_holds_one_is_none(self, name: str) -> None:
        assert form(asked(**{name: {"type": "string"}}))["mode"] == "form"


class TestPages:
    ORIGINS = ("https://login.example", "https://pay.example:8443")

    def test_shows_the_origin_first(self) -> None:
        given = {"mode": "url", "url": "https://login.example/a?b=c", "message": "Log in."}
        assert page(given, self.ORIGINS) == {
            "mode": "url",
            "url": "https://login.example/a?b=c",
            "message": "[https://login.example] Log in.",
        }

    def test_keeps_the_id_of_the_older_revision(self) -> None:
        given = {"url": "https://pay.example:8443/", "message": "Pay.", "elicitationId": "e1"}
        assert page(given, self.ORIGINS)["elicitationId"] == "e1"

    @pytest.mark.parametrize(
        "url",
        [
            "https://login.example.evil.example/",
            "https://evil.example/https://login.example",
            "https://login.example@evil.example/",
            "https://login.example:444/",
            "http://login.example/",
            "https://login.example\\@evil.example/",
            "https://login.example\n.evil.example/",
            "https://login.exampl\u0435/",
            "https://login.example:x/",
            "https://[login.example/",
            "javascript:alert(1)",
            "//login.example/",
            "https:///login.example",
            "",
        ],
    )
    def test_refuses_other_origins_and_doubtful_urls(self, url: str) -> None:
        with pytest.raises(NotAllowed):
            page({"url": url, "message": "m"}, self.ORIGINS)

    @pytest.mark.parametrize(
        "given",
        [
            {"message": "m"},
            {"url": 1, "message": "m"},
            {"url": "https://login.example/"},
            {"url": "https://login.example/", "message": "m", "elicitationId": 7},
        ],
    )
    def test_refuses_what_is_no_page(self, given: JSON) -> None:
        with pytest.raises(Malformed):
            page(given, self.ORIGINS)

    def test_an_origin_has_one_spelling(self) -> None:
        assert origin_of("https://LOGIN.example:443/x") == "https://login.example"
        assert origin_of("https://pay.example:8443") == "https://pay.example:8443"
        assert origin_of("http://127.0.0.1:80/x") == "http://127.0.0.1"
        assert origin_of("http://[::1]:8080/") == "http://[::1]:8080"
        assert origin_of("http://login.example/") is None
        assert origin_of("https://10.0.0.5/") == "https://10.0.0.5"
        assert origin_of("https://[2001:db8::1]:65535/") == "https://[2001:db8::1]:65535"

    @pytest.mark.parametrize(
        "host",
        [
            *("127.1", "0177.0.0.1", "0x7f.1", "2130706433", "1.2.3.0x4", "256.0.0.1"),
            *("[::ffff:1.2.3.4]", "[0:0::1]", "[1::2::3]", "login.example.", "a..example"),
            *("login.example:65536", "."),
        ],
    )
    def test_no_origin_is_a_second_spelling_of_another_one(self, host: str) -> None:
        assert origin_of(f"https://{host}/") is None


class TestAnswers:
    def test_keeps_scalars_and_lists_of_texts(self) -> None:
        content = {"a": "x", "b": 1, "c": 0.5, "d": True, "e": None, "f": ["x"]}
        given = {"action": "accept", "content": content, "_meta": {}, "other": 1}
        assert elicited(given) == {"action": "accept", "content": content}

    @pytest.mark.parametrize("action", ["decline", "cancel"])
    def test_a_no_carries_nothing(self, action: str) -> None:
        assert elicited({"action": action, "content": {"a": 1}}) == {"action": action}

    def test_a_page_is_accepted_without_content(self) -> None:
        assert elicited({"action": "accept"}) == {"action": "accept"}

    @pytest.mark.parametrize(
        "given",
        [
            {},
            {"action": "yes"},
            {"action": "accept", "content": []},
            {"action": "accept", "content": {"a": {"b": 1}}},
            {"action": "accept", "content": {"a": [1]}},
        ],
    )
    def test_refuses_what_is_no_answer(self, given: JSON) -> None:
        with pytest.raises(Malformed):
            elicited(given)
