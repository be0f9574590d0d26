"""Tables sort, filter and page by their address, and programs get the same rows whole."""

from __future__ import annotations

import csv
import datetime as dt
import io
import re
from collections import defaultdict
from dataclasses import replace
from typing import Any

import pytest
from flask.testing import FlaskClient
from sqlalchemy import func, select
from sqlmodel import col

from broker.dashboards.deliveries import delivery_table
from broker.dashboards.listings import PAGE_ROWS, Question, list_rows
from broker.db import Database, reading
from broker.tables import BidRow, RoundRow
from tests.past import HOSTILE_TITLES

HERE = col(BidRow.round_id).in_(select(RoundRow.id).where(col(RoundRow.key) == "past-2"))
TABLES = (
    "/rounds.csv",
    "/pools.csv",
    "/rounds/past-2/awards.csv",
    "/rounds/past-2/declines.csv",
    "/rounds/past-2/prices.csv",
    "/rounds/past-2/capacity.csv",
    "/rounds/past-2/pools.csv",
    "/rounds/past-2/runs.csv",
    "/rounds/past-2/stages.csv",
    "/rounds/taking-bids/capacity.csv",
    "/capacity/sprints.csv",
    "/capacity/pools.csv",
    "/rounds/past-2/teams.csv",
    "/rounds/past-2/scarcity.csv",
    "/pools/gpu/history.csv",
    "/pools/gpu/price-history.csv",
    "/pools/gpu/capacity.csv?round=past-2",
    "/pools/gpu/holders.csv?round=past-2",
)


def csv_rows(client: FlaskClient, address: str) -> list[dict[str, str]]:
    """Return the rows of a table as a spreadsheet would read them."""
    answer = client.get(address)
    assert answer.mimetype == "text/csv"
    return list(csv.DictReader(io.StringIO(answer.text)))


def json_rows(client: FlaskClient, address: str) -> list[dict[str, Any]]:
    """Return the rows of a table as a program would read them."""
    document = client.get(address).get_json()
    assert document["total"] == len(document["rows"])
    rows: list[dict[str, Any]] = document["rows"]
    return rows


@pytest.mark.parametrize("address", TABLES)
def test_csv_and_json_of_a_table_say_the_same(past: FlaskClient, address: str) -> None:
    as_csv = csv_rows(past, address)
    as_json = json_rows(past, address.replace(".csv", ".json"))

    assert as_csv
    plain = [{key: "" if v is None else str(v) for key, v in row.items()} for row in as_json]
    assert [{key: v.removeprefix("'") for key, v in row.items()} for row in as_csv] == [
        {key: v.removeprefix("'") for key, v in row.items()} for row in plain
    ]


@pytest.mark.parametrize("address", TABLES)
def test_every_column_sorts_both_ways_and_loses_no_row(past: FlaskClient, address: str) -> None:
    joined = "&" if "?" in address else "?"
    rows = json_rows(past, address.replace(".csv", ".json"))
    for column in rows[0]:
        for sort in (column, f"-{column}"):
            sorted_rows = json_rows(past, f"{address.replace('.csv', '.json')}{joined}sort={sort}")
            values = [row[column] for row in sorted_rows if row[column] is not None]
            if isinstance(values[0] if values else "", int):
                assert values == sorted(values, reverse=sort.startswith("-"))
            assert sorted(map(str, sorted_rows)) == sorted(map(str, rows))


def test_no_cell_of_a_csv_file_starts_a_formula(past: FlaskClient) -> None:
    titles = set()
    for address in ("/rounds/past-2/awards.csv", "/rounds/past-2/declines.csv"):
        for row in csv_rows(past, address):
            titles.add(row["title"])
            assert not any(
                cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values()
            )

    dangerous = {title for title in HOSTILE_TITLES if title[0] in "=+-@"}
    assert {f"'{title}" for title in dangerous} <= titles


def test_pages_of_a_table_show_every_row_once(past: FlaskClient) -> None:
    found: list[str] = []
    address = "/rounds/past-2/declines?sort=reason"
    while address:
        text = past.get(address).text
        found += re.findall(r'<th scope="row"[^>]*><a href="/receipts/([^"]+)"', text)
        following = re.search(r'<a rel="next" href="([^"#]+)', text)
        address = following[1].replace("&amp;", "&") if following else ""

    whole = [row["receipt"] for row in csv_rows(past, "/rounds/past-2/declines.csv?sort=reason")]
    assert len(whole) > 50
    assert found == whole


def test_a_filter_keeps_the_rows_that_match_and_the_downloads_follow_it(past: FlaskClient) -> None:
    page = past.get("/rounds/past-2/awards?tier=spot&sort=-lots").text
    link = re.search(r'href="(/rounds/past-2/awards\.csv\?[^"]+)"', page)
    assert link is not None
    rows = csv_rows(past, link[1].replace("&amp;", "&"))

    lots = [int(row["lots"]) for row in rows]
    assert {row["tier"] for row in rows} == {"spot"}
    assert lots == sorted(lots, reverse=True)
    assert f'data-total="{len(rows)}"' in page


@pytest.mark.parametrize("typed", ["研究用", "%", "_", "\\", "'", '"><i>'])
def test_what_is_typed_is_looked_for_as_it_stands(past: FlaskClient, typed: str) -> None:
    def rows(asked: dict[str, str]) -> list[dict[str, Any]]:
        addresses = [f"/rounds/past-2/{table}.json" for table in ("awards", "declines")]
        answers = [past.get(address, query_string=asked).get_json() for address in addresses]
        return [row for answer in answers for row in answer["rows"]]

    expected = [row for row in rows({}) if typed.lower() in row["title"].lower()]

    assert rows({"title": typed}) == expected


def test_a_filter_without_a_match_says_so_and_leads_back(past: FlaskClient) -> None:
    text = past.get("/pools?pool=nothing-is-called-this").text

    assert "No row matches the filter." in text
    assert '<a href="/pools">Show all</a>' in text


# --- the numbers ---------------------------------------------------------------------------


def test_use_and_rest_of_every_pool_and_day_add_up_to_its_units(past: FlaskClient) -> None:
    rows = json_rows(past, "/rounds/past-2/capacity.json")

    for row in rows:
        used = row["held_units"] + row["reserved_used_units"] + row["spot_used_units"]
        assert used + row["free_units"] == row["reserved_units"] + row["spot_units"]
        assert row["free_units"] >= row["reserved_free_units"] >= 0
        assert row["spot_used_units"] >= row["spot_on_reserved_units"] >= 0
        assert row["reserved_used_units"] <= row["reserved_units"]
    assert any(row["spot_on_reserved_units"] for row in rows)
    assert any(row["held_units"] for row in rows)


def test_holders_of_a_pool_are_what_its_days_say_is_used(past: FlaskClient) -> None:
    days = json_rows(past, "/pools/gpu/capacity.json?round=past-2")
    held: dict[tuple[str, str], int] = defaultdict(int)
    for day in days:
        rows = json_rows(past, f"/pools/gpu/holders.json?round=past-2&on={day['day']}")
        for row in rows:
            held[day["day"], row["tier"]] += row["units"]

    assert sum(held.values()) > 0
    for day in days:
        assert held[day["day"], "reserved"] == day["reserved_used_units"]
        assert held[day["day"], "spot"] == day["spot_used_units"]


def test_units_of_a_pool_over_the_sprint_are_the_sum_of_its_days(past: FlaskClient) -> None:
    days = json_rows(past, "/rounds/past-2/capacity.json")
    for pool in json_rows(past, "/rounds/past-2/pools.json"):
        own = [day for day in days if day["pool_key"] == pool["pool_key"]]
        for key in ("free", "held", "reserved_used", "spot_used", "spot_on_reserved"):
            assert pool[f"{key}_unit_days"] == sum(day[f"{key}_units"] for day in own)


def test_every_bid_of_a_decided_round_has_one_row_and_one_receipt(
    past: FlaskClient, past_market: Database
) -> None:
    awards = csv_rows(past, "/rounds/past-2/awards.csv")
    declines = csv_rows(past, "/rounds/past-2/declines.csv")
    with reading(past_market) as session:
        bids = session.scalar(select(func.count()).select_from(BidRow).where(HERE))

    assert len({row["bid_key"] for row in awards + declines}) == len(awards + declines) == bids
    for row in awards[:5]:
        receipt = past.get(f"/receipts/{row['receipt']}").text
        assert (
            f"{int(row['payment_credits']):,}".replace(",", "\N{NARROW NO-BREAK SPACE}") in receipt
        )
    for row in declines[:5]:
        assert f"<code>{row['reason']}</code>" in past.get(f"/receipts/{row['receipt']}").text


def test_a_pools_price_history_has_every_published_price_and_leads_there(
    past: FlaskClient,
) -> None:
    page = past.get("/pools/gpu").text
    rows = csv_rows(past, "/pools/gpu/price-history.csv")

    for ending in ("csv", "json"):
        assert f'href="/pools/gpu/price-history.{ending}"' in page
    assert {row["tier"] for row in rows} == {"reserved", "spot"}
    for key in ("past-1", "past-2"):
        published = csv_rows(past, f"/rounds/{key}/prices.csv")
        expected = {
            (row["day"], row["tier"], row["list_price_credits"])
            for row in published
            if row["pool_key"] == "gpu"
        }
        of_round = [row for row in rows if row["round_key"] == key]
        assert {(r["day"], r["tier"], r["list_price_credits"]) for r in of_round} == expected
        assert len(of_round) == len(expected)
    assert {row["round_key"] for row in rows} == {"past-1", "past-2"}


def test_a_price_history_filters_by_tier_and_day(past: FlaskClient) -> None:
    rows = json_rows(past, "/pools/gpu/price-history.json?tier=spot&sort=-list_price_credits")

    assert {row["tier"] for row in rows} == {"spot"}
    assert past.get("/pools/nothing/price-history.csv").status_code == 404


@pytest.mark.parametrize(
    "question",
    [
        Question(),
        Question(page=2),
        Question(page=99),
        Question(sort="-pools"),
        Question(sort="promised_points", filters={"words": "counsel"}),
        Question(filters={"words": "nothing says this"}),
    ],
    ids=str,
)
def test_a_page_whose_rows_are_found_first_is_the_page_that_is_read_whole(
    past_market: Database, question: Question
) -> None:
    found_first = delivery_table(dt.date(2030, 1, 1))
    read_whole = replace(found_first, identity="")
    assert found_first.identity
    with reading(past_market) as session:
        one, other = (list_rows(session, table, question) for table in (found_first, read_whole))
        everything = list_rows(session, read_whole, Question()).total
    assert (one.rows, one.total, one.page) == (other.rows, other.total, other.page)
    assert everything > PAGE_ROWS
