"""How fast what nobody asked for is listened to."""

from safeconduct.upstreams.pace import BYTES, LEAST, PAUSE_S, Pace


async def test_there_is_a_pause_after_so_many_bytes_and_messages() -> None:
    pauses: list[float] = []

    async def sleep(seconds: float) -> None:
        pauses.append(seconds)

    pace = Pace(sleep)
    for _ in range(BYTES // LEAST - 1):
        await pace.take(1)
    assert pauses == []
    await pace.take(0)
    assert pauses == [PAUSE_S]
    await pace.take(3 * BYTES + 1)
    assert pauses == [PAUSE_S, 3 * PAUSE_S]
    await pace.take(BYTES - 2)
    await pace.take(1)
    assert pauses[2:] == [PAUSE_S]
