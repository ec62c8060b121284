"""What `make fuzz` holds against millions of inputs, on the same few hundred each time."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fuzz import mutate
from fuzz.cuts import cuts
from fuzz.targets import CORPUS, TARGETS, seeds

NAMES = pytest.mark.parametrize("name", TARGETS)
SEEDS = st.integers(0, 2**32)
WRITTEN = [
    pytest.param(name, file.name, id=f"{name}-{file.name}")
    for name in TARGETS
    for file in sorted((CORPUS / name).iterdir())
]


def test_every_target_has_inputs_that_somebody_wrote_and_no_others_are_left_over() -> None:
    assert {folder.name for folder in CORPUS.iterdir()} == set(TARGETS)
    assert all(len(seeds(name)) >= 4 for name in TARGETS)


@pytest.mark.parametrize(("name", "file"), WRITTEN)
def test_what_somebody_wrote_is_read_as_others_read_it(name: str, file: str) -> None:
    TARGETS[name].run((CORPUS / name / file).read_bytes())


@NAMES
@settings(derandomize=True, max_examples=100, database=None)
@given(data=st.data())
def test_what_nobody_wrote_is_read_as_others_read_it(name: str, data: st.DataObject) -> None:
    target, written = TARGETS[name], seeds(name)
    read = data.draw(st.sampled_from(written) | st.binary(max_size=200))
    for _ in range(data.draw(st.integers(0, 5))):
        other = data.draw(st.sampled_from(written))
        change = mutate.revalued if target.is_json and data.draw(st.booleans()) else mutate.edited
        read = change(read, other, data.draw(SEEDS))
    target.run(read)


@given(data=st.binary(max_size=300))
def test_cutting_a_stream_loses_nothing(data: bytes) -> None:
    assert [b"".join(pieces) for pieces in cuts(data)] == [data, data, data]
    assert cuts(data) == cuts(data)


@given(data=st.binary(max_size=200), other=st.binary(max_size=200), seed=SEEDS)
def test_a_change_is_the_same_each_time_and_bounded(data: bytes, other: bytes, seed: int) -> None:
    for change in (mutate.edited, mutate.revalued):
        once = change(data, other, seed)
        assert once == change(data, other, seed)
        assert len(once) <= mutate.MAX_BYTES
