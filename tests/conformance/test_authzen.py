"""The certification scenario of AuthZEN, where its vectors are there."""

from __future__ import annotations

import pytest

from conformance.policy import authzen, vectors
from conformance.policy.scores import Score, total


def test_everything_passes() -> None:
    if not (vectors.directory() / authzen.ARCHIVE).is_file():
        pytest.skip("no vectors: set VECTORS")
    scores = authzen.run(vectors.directory())
    assert total(scores.values()) == Score(passed=89)
