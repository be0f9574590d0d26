"""What rounds come to in sums: the same as their rows say, kept once, on both databases."""

from __future__ import annotations

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlmodel import select

from broker.dashboards.briefs import find_decided
from broker.dashboards.listings import Question, all_rows
from broker.dashboards.use import pool_table
from broker.db import Database, reading, transact, writing
from broker.figures.keeping import keep_figures
from broker.figures.tables import PoolFigureRow, RoundFigureRow, TeamFigureRow
from broker.migrations.figure_guards import STAYS
from tests.markets import better_baseline, bring, run_it
from tests.past import decided_round as a_round

ROUND = "past-1"
ALIKE = (
    "reserved_unit_days",
    "spot_unit_days",
    "held_unit_days",
    "reserved_used_unit_days",
    "spot_used_unit_days",
    "spot_on_reserved_unit_days",
    "wanted_unit_days",
)


@pytest.fixture
def decided(either_market: Database) -> Database:
    run_it(either_market, bring(either_market, a_round(ROUND, 1, 60)), solve=better_baseline)
    assert keep_figures(either_market) == 1
    return either_market


def test_the_figures_of_a_pool_are_what_the_rows_of_its_awards_add_up_to(
    decided: Database,
) -> None:
    with reading(decided) as session:
        table = pool_table(find_decided(session, ROUND).id)
        summed = all_rows(session, table, Question())
        kept = session.scalars(select(PoolFigureRow)).all()

    def columns(one: object) -> tuple[int, ...]:
        return tuple(getattr(one, key) for key in ALIKE)

    prices = ("reserved_list_price_credits", "spot_list_price_credits")
    assert sorted(columns(one) for one in kept) == sorted(
        tuple(row[key] for key in ALIKE) for row in summed
    )
    assert sorted(
        (one.reserved_price_microcredits, one.spot_price_microcredits) for one in kept
    ) == sorted(tuple(row[key] for key in prices) for row in summed)
    assert any(one.spot_on_reserved_unit_days for one in kept)


def test_teams_share_the_value_of_the_round(decided: Database) -> None:
    with reading(decided) as session:
        whole = session.scalars(select(RoundFigureRow)).one()
        teams = session.scalars(select(TeamFigureRow)).all()

    assert sum(team.value for team in teams) == whole.value > whole.first_come_value
    assert sum(team.awards for team in teams) == whole.awards
    assert sum(team.bids for team in teams) == whole.bids == 60


def test_a_round_is_summed_up_once(decided: Database) -> None:
    assert keep_figures(decided) == 0


@pytest.mark.parametrize("table", ["round_figure", "pool_figure", "team_figure"])
@pytest.mark.parametrize("change", ["DELETE FROM {table}", "UPDATE {table} SET run_id = run_id"])
def test_figures_are_never_rewritten(decided: Database, table: str, change: str) -> None:
    with pytest.raises(IntegrityError, match=STAYS), writing(decided) as session:
        session.execute(text(change.format(table=table)))


def test_a_rounds_figures_are_not_there_before_it_is_published(market: Database) -> None:
    bring(market, a_round(ROUND, 1, 5))
    assert keep_figures(market) == 0
    assert transact(market, lambda session: session.scalars(select(RoundFigureRow)).all()) == []
