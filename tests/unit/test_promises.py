"""The chance of an interruption is that of the past, and says what it rests on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker.spot.promises import LEAST_DAYS, Exposure, chance_of, daily_rate, together, within

days = st.integers(0, 5_000)
lengths = st.integers(1, 60)


@st.composite
def histories(draw: st.DrawFn) -> Exposure:
    award_days = draw(days)
    return Exposure(award_days, draw(st.integers(0, award_days)))


@given(histories(), histories(), lengths)
def test_a_chance_lies_within_its_bounds_and_grows_with_the_days(
    own: Exposure, others: Exposure, length: int
) -> None:
    every = own.plus(others)
    chance, longer = (chance_of(own, every, n) for n in (length, length + 1))
    if every.award_days < LEAST_DAYS:
        assert chance is None
        return
    assert chance is not None
    assert longer is not None
    assert 0 <= chance.least_percent <= chance.percent <= chance.most_percent <= 100
    assert chance.percent <= longer.percent
    assert chance.exposure == own


@given(histories(), histories())
def test_a_pool_of_its_own_weighs_more_the_longer_it_is_known(
    own: Exposure, others: Exposure
) -> None:
    every = own.plus(others)
    rate = daily_rate(own, every)
    prior = (every.interruptions + 0.5) / (every.award_days + 1)
    assert min(prior, rate_of(own, prior)) - 1e-9 <= rate <= max(prior, rate_of(own, prior)) + 1e-9
    tenfold = Exposure(own.award_days * 10, own.interruptions * 10)
    if own.award_days:
        nearer = abs(daily_rate_beside(tenfold, prior) - rate_of(own, prior))
        assert nearer <= abs(rate - rate_of(own, prior)) + 1e-9


def rate_of(own: Exposure, prior: float) -> float:
    return own.interruptions / own.award_days if own.award_days else prior


def daily_rate_beside(own: Exposure, prior: float) -> float:
    return (own.interruptions + prior * 30) / (own.award_days + 30)


def test_one_day_has_the_daily_rate_and_no_history_says_nothing() -> None:
    assert within(0.25, 1) == 0.25
    assert chance_of(Exposure(), Exposure(LEAST_DAYS - 1), 5) is None
    assert chance_of(Exposure(100, 1), Exposure(100, 1), 0) is None
    assert together([Exposure(3, 1), Exposure(4, 2)]) == Exposure(7, 3)
