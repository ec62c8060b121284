"""A policy that is not there is refused."""

import shutil

import pytest

from safeconduct.config import load
from tests.support.configs import Gateway

BUNDLE = "policy: {bundle: policy/}"


def test_a_bundle_exists(gateway: Gateway) -> None:
    shutil.rmtree(gateway.directory / "policy")
    gateway.change("safeconduct.yaml", BUNDLE, f"{BUNDLE} # here")
    gateway.expect("`policy/` matches no file")


def test_a_bundle_is_inside(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, "policy: {bundle: ../policy} # here")
    gateway.expect("does not stay inside")


def test_a_policy_comes_from_one_place(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, "policy: {reload_s: 60} # here")
    gateway.expect("comes from one place")


def test_a_directory_is_no_source(gateway: Gateway) -> None:
    gateway.change(
        "safeconduct.yaml", BUNDLE, "policy: {bundle: policy/, source: {git: ../policies}} # here"
    )
    gateway.expect("comes from one place")


@pytest.mark.parametrize("source", ["{ref: main}", "{git: ../policies, https: https://x.example}"])
def test_a_source_is_one_place(gateway: Gateway, source: str) -> None:
    signed = "verify: {jwks: trust.json}"
    gateway.add("trust.json", '{"keys": []}')
    gateway.change("safeconduct.yaml", BUNDLE, f"policy: {{source: {source}, {signed}}} # here")
    gateway.expect("one repository or one URL")


@pytest.mark.parametrize(
    "source",
    ["https: 'https://token@x.example/x'", "git: 'https://token@x.example/x.git'"],
)
def test_a_token_is_no_part_of_a_source(gateway: Gateway, source: str) -> None:
    block = f"policy: {{source: {{{source}}}, unsafe_unsigned: true}} # here"
    gateway.change("safeconduct.yaml", BUNDLE, block)
    gateway.expect("token in a URL")


@pytest.mark.parametrize("url", ["policies/x.tar.gz"])
def test_a_source_over_https_is_a_url(gateway: Gateway, url: str) -> None:
    gateway.change(
        "safeconduct.yaml",
        BUNDLE,
        f"policy: {{source: {{https: '{url}'}}, unsafe_unsigned: true}} # here",
    )
    gateway.expect("not a URL")


@pytest.mark.parametrize(
    "source",
    ["{https: https://x.example/x.tar.gz}", "{git: 'https://x.example/x.git'}",
     "{git: 'git@x.example:x.git'}", "{git: 'ssh://git@x.example/x.git'}"],
)  # fmt: skip
def test_what_was_on_its_way_is_signed(gateway: Gateway, source: str) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, f"policy: {{source: {source}}} # here")
    gateway.expect("nobody has to sign")


def test_that_nobody_signs_is_said_and_stands_in_every_record(gateway: Gateway) -> None:
    source = "source: {https: https://x.example/x.tar.gz}, unsafe_unsigned: true"
    gateway.change("safeconduct.yaml", BUNDLE, f"policy: {{{source}}}")
    assert gateway.problems == []
    assert "policy.unsafe_unsigned" in load(gateway.directory).unsafe


def test_signed_and_unsigned_is_a_contradiction(gateway: Gateway) -> None:
    gateway.add("trust.json", '{"keys": []}')
    block = "policy: {bundle: policy/, verify: {jwks: trust.json}, unsafe_unsigned: true} # here"
    gateway.change("safeconduct.yaml", BUNDLE, block)
    gateway.expect("has to be signed, and need not be")


def test_the_keys_of_signers_are_there(gateway: Gateway) -> None:
    block = "policy: {bundle: policy/, verify: {jwks: nowhere.json}} # here"
    gateway.change("safeconduct.yaml", BUNDLE, block)
    gateway.expect("matches no file")


def test_a_local_repository_needs_no_signature(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, "policy: {source: {git: ../policies, path: crm}}")
    assert gateway.problems == []
