from safeconduct.console.rates import MAX_KNOWN, Rates


def test_so_many_at_once_and_then_as_time_goes_on() -> None:
    now_ms = [0]
    rates = Rates(2, lambda: now_ms[0])
    assert [rates.allow("kim") for _ in range(3)] == [True, True, False]
    assert rates.allow("lee")
    now_ms[0] = 29_999
    assert not rates.allow("kim")
    now_ms[0] = 30_000
    assert [rates.allow("kim") for _ in range(2)] == [True, False]
    now_ms[0] = 10 * 60_000
    assert [rates.allow("kim") for _ in range(3)] == [True, True, False]


def test_a_clock_that_goes_back_gives_nothing() -> None:
    now_ms = [60_000]
    rates = Rates(1, lambda: now_ms[0])
    assert rates.allow("kim")
    now_ms[0] = 0
    assert not rates.allow("kim")


def test_the_names_are_bounded() -> None:
    rates = Rates(1, lambda: 0)
    assert rates.allow("first")
    for number in range(MAX_KNOWN):
        rates.allow(str(number))
    assert rates.allow("first")
