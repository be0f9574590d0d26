"""The capacity dashboard: charts, tables and files say the same, and filters hold for all of it."""

from __future__ import annotations

import re
from html import unescape
from statistics import fmean

import pytest
from flask.testing import FlaskClient

from tests.integration.test_web_tables import csv_rows, json_rows
from tests.markets import NOON
from web.filters import compact, compact_credits, credits_of, percent, times, whole

TITLE = re.compile(r"<title>([^<]+)</title>")
FREE = re.compile(r"(\S+) free of")


def titles(client: FlaskClient, address: str, chart: str) -> list[str]:
    """Return the tooltips of a chart, in their order."""
    page = client.get(address).text
    svg = page[page.index(f'aria-labelledby="{chart}-title') :]
    return [unescape(words) for words in TITLE.findall(svg[: svg.index("</svg>")])]


def number(words: str) -> int:
    """Read a whole number as pages write it."""
    return int(words.replace("\N{NARROW NO-BREAK SPACE}", ""))


@pytest.mark.parametrize("kept", ["", "&kind=compute", "&pool=claims"])
def test_the_heatmap_says_the_same_as_its_file_and_its_table(past: FlaskClient, kept: str) -> None:
    cells = titles(past, f"/capacity?round=past-2{kept}", "heatmap")
    rows = json_rows(past, f"/rounds/past-2/capacity.json?{kept}")
    table = past.get(f"/capacity?round=past-2&table=days{kept}").text

    free = sorted(number(found[1]) for cell in cells if (found := FREE.search(cell)))
    assert rows
    assert free == sorted(row["free_units"] for row in rows)
    assert f'data-total="{len(rows)}"' in table


def test_tiles_and_prices_say_the_same_as_the_file_of_pools(past: FlaskClient) -> None:
    page = past.get("/capacity?round=past-2").text
    rows = json_rows(past, "/rounds/past-2/pools.json")

    free = [
        row["free_unit_days"] / (row["reserved_unit_days"] + row["spot_unit_days"]) for row in rows
    ]
    wanted = [row["wanted_ratio"] for row in rows]
    for label, figure in (
        ("Free", percent(fmean(free))),
        ("Wanted, of what there is", times(fmean(wanted))),
    ):
        assert f'<dt>{label}</dt><dd class="figure">{figure}</dd>' in page
    prices = page[page.index('id="pool_prices"') :]
    assert all(f">{credits_of(row['reserved_list_price_credits'])}<" in prices for row in rows)


def test_the_map_of_sprints_says_the_same_as_its_file(past: FlaskClient) -> None:
    cells = titles(past, "/capacity?round=past-2", "sprint-map")
    rows = csv_rows(past, "/capacity/pools.csv")

    drawn = sorted(
        (number(found[1]), number(found[2]), number(found[3]))
        for cell in cells
        if (found := re.search(r": (\S+) reserved, (\S+) spot, (\S+) free, in ", cell))
    )
    columns = ("reserved_used_unit_days", "spot_used_unit_days", "free_unit_days")
    assert drawn == sorted(tuple(int(row[key]) for key in columns) for row in rows)
    assert len(drawn) == 6


def test_the_value_of_sprints_is_drawn_as_its_file_has_it(past: FlaskClient) -> None:
    dots = titles(past, "/capacity/value", "values")
    rows = sorted(csv_rows(past, "/capacity/sprints.csv"), key=lambda row: row["starts_on"])

    names = {"published": "value", "greedy": "greedy_value", "first come": "first_come_value"}
    expected = {
        f"{row['round_name']}, {name}: {compact(int(row[key]))}"
        for row in rows
        for name, key in names.items()
    }
    assert set(dots) == expected
    assert len(rows) == 2


def test_shares_of_teams_are_drawn_as_their_file_has_them(past: FlaskClient) -> None:
    bars = titles(past, "/capacity/value?round=past-2", "team-shares")
    rows = csv_rows(past, "/rounds/past-2/teams.csv")

    assert sum(float(row["value_ratio"]) for row in rows) == pytest.approx(1, abs=1e-4)
    assert sum(float(row["credits_ratio"]) for row in rows) == pytest.approx(1, abs=1e-4)
    for row in rows:
        assert f"{row['team']}: {percent(float(row['value_ratio']))} of value" in bars
        assert f"{row['team']}: {percent(float(row['credits_ratio']))} of credits" in bars


def test_scarcity_is_drawn_as_its_file_has_it_and_leads_with_the_dearest(past: FlaskClient) -> None:
    page = "/capacity/scarcity?round=past-2"
    bars = titles(past, page, "scarcity-chart")
    rows = csv_rows(past, "/rounds/past-2/scarcity.csv")

    for row in rows:
        points = round(float(row["reserved_scarcity"]) * 10**6)
        assert f"{row['pool']}: {compact_credits(points)} points, reserved" in bars
    scarcities = [float(row["reserved_scarcity"]) for row in rows]
    assert scarcities == sorted(scarcities, reverse=True)


def test_a_day_adds_up_what_its_pools_have_free(past: FlaskClient) -> None:
    page = past.get("/capacity/days/2026-03-17").text
    rows = json_rows(past, "/rounds/past-2/capacity.json?day=2026-03-17")

    for kind in {row["kind"] for row in rows}:
        free = sum(row["free_units"] for row in rows if row["kind"] == kind)
        assert f"{kind.capitalize()}, " in page
        assert f'<dd class="figure">{whole(free)} free</dd>' in page


def test_a_day_to_come_shows_what_there_is_to_bid_for_and_no_bid(past: FlaskClient) -> None:
    starts_on = csv_rows(past, "/rounds.csv")
    day = next(row["starts_on"] for row in starts_on if row["round_key"] == "taking-bids")
    page = past.get(f"/capacity/days/{day}").text

    assert "not handed out yet" in page


def test_days_lead_from_the_first_to_the_last_of_all_sprints_and_no_further(
    past: FlaskClient,
) -> None:
    walked = {way: walk(past, "2026-03-17", way) for way in ("prev", "next")}
    rounds = [row for row in csv_rows(past, "/rounds.csv") if row["state"] != "draft"]

    assert walked["prev"][-1] == min(row["starts_on"] for row in rounds)
    assert walked["next"][-1] >= max(row["starts_on"] for row in rounds)
    assert sorted(walked["prev"], reverse=True) == walked["prev"]
    assert sorted(walked["next"]) == walked["next"]


def walk(client: FlaskClient, day: str, way: str) -> list[str]:
    """Follow a link of every day's page until there is none."""
    days = [day]
    while found := re.search(
        rf'rel="{way}" href="/capacity/days/([^"]+)"', client.get(f"/capacity/days/{days[-1]}").text
    ):
        days.append(found[1])
        assert len(days) < 500  # more than all sprints have
    return days


@pytest.mark.parametrize("day", ["today", NOON.date().isoformat(), "9998-12-31"])
def test_any_day_answers(past: FlaskClient, day: str) -> None:
    assert past.get(f"/capacity/days/{day}").status_code == 200


@pytest.mark.parametrize("day", ["tomorrow", "2026-02-30", "2026-3-1", "9999-12-31"])
def test_what_is_no_day_is_not_found(past: FlaskClient, day: str) -> None:
    assert past.get(f"/capacity/days/{day}").status_code == 404


def test_a_team_stands_out_with_what_its_awards_hold(past: FlaskClient) -> None:
    cells = titles(past, "/capacity?round=past-2&team=team-1", "heatmap")
    awards = csv_rows(past, "/rounds/past-2/awards.csv")

    assert any(row["team"] for row in awards)
    assert all(" has " in cell for cell in cells)
    assert any(" has 0 reserved and 0 spot" not in cell for cell in cells)
    assert past.get("/capacity?team=no-such-team").status_code == 404


def test_a_wall_reads_itself_again_with_and_without_scripts_and_has_no_controls(
    past: FlaskClient,
) -> None:
    page = past.get("/capacity?wall=1&kind=compute").text

    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in page
    assert 'hx-trigger="every 60s"' in page
    assert "kind=compute" in page
    assert not re.search(r"<(a|button|input|select)[ >]", page)
    part = past.get(
        "/capacity?wall=1&kind=compute", headers={"HX-Request": "true", "HX-Target": "wall"}
    )
    assert part.text.lstrip().startswith('<div id="wall"')
