"""A policy that is not there is refused."""

import shutil

from tests.support.configs import Gateway

BUNDLE = "policy: {bundle: policy/}"


def test_a_bundle_exists(gateway: Gateway) -> None:
    shutil.rmtree(gateway.directory / "policy")
    gateway.change("safeconduct.yaml", BUNDLE, f"{BUNDLE} # here")
    gateway.expect("`policy/` matches no file")


def test_a_bundle_is_inside(gateway: Gateway) -> None:
    gateway.change("safeconduct.yaml", BUNDLE, "policy: {bundle: ../policy} # here")
    gateway.expect("does not stay inside")
