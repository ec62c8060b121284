"""A fast refusal is no throughput: a wrong answer ends the run, and says whose it is."""

import pytest

from bench.__main__ import one_slice
from bench.processes import free_port, running
from bench.subjects import Subject, plain


async def test_a_wrong_answer_ends_the_run() -> None:
    port = free_port()
    async with running("-m", "bench.stub", str(port)) as stub:
        good = await plain("direct", port, (stub,), 2)
        slice_ = await one_slice(good, 0.05)
        assert 0 < slice_.p50_us <= slice_.p99_us
        wrong = Subject("wrong", port, (stub,), good.requests, b"no such text")
        with pytest.raises(RuntimeError, match=r"^200 ") as fault:
            await one_slice(wrong, 0.05)
        assert fault.value.__notes__ == ["by wrong"]
