"""Which of the cast may ask what: every route of the application with who gets in.

A row is a request with everybody whom it lets in and what they then hear; all others are kept out.
A route without a row fails the test, so a new screen decides here who may see it. Rows of one
route differ in whose it is and in the state of its round.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.cast import (
    ADMIN,
    AUDITOR,
    LEAD,
    MEMBER,
    NAMES,
    OTHER_LEAD,
    OWNER,
    SECOND_ADMIN,
)

STRANGER = "stranger"
PEOPLE = frozenset(NAMES)
EVERYBODY = PEOPLE | {STRANGER}
ADMINS = frozenset({ADMIN, SECOND_ADMIN})
READERS = ADMINS | {AUDITOR}
RED = frozenset({LEAD, MEMBER})
RED_LEAD = frozenset({LEAD})
OTHER_TEAM = frozenset({OTHER_LEAD})
LEADS = RED_LEAD | OTHER_TEAM
DECIDE = ADMINS | {OWNER, LEAD}
OK, SEE_OTHER, NOT_FOUND, CONFLICT, INVALID = 200, 303, 404, 409, 422


@dataclass(frozen=True)
class Row:
    """A request, whom it lets in, and what they hear; `but` says who hears something else.

    What happens `once` is gone for the next one, so that only one of those let in may try.
    """

    address: str
    lets_in: frozenset[str]
    hears: int = OK
    method: str = "GET"
    data: Mapping[str, str] = field(default_factory=dict)
    but: Mapping[str, int] = field(default_factory=dict)
    is_once: bool = False


def _post(address: str, lets_in: frozenset[str], hears: int = SEE_OTHER, **data: str) -> Row:
    return Row(address, lets_in, hears, "POST", data)


def _of_every_round(address: str, undecided: int) -> list[Row]:
    """Return a row per state of a round; what comes from bids is not there before it is decided."""
    states = {"past-1": OK, "past-2": OK}
    states |= dict.fromkeys(("waiting", "taking-bids", "ahead"), undecided)
    return [Row(address.format(round=key), EVERYBODY, hears) for key, hears in states.items()]


OPEN_INSIDE = [
    *(Row(address, EVERYBODY) for address in ("/", "/rounds", "/rounds.csv", "/pools")),
    *(Row(address, EVERYBODY) for address in ("/pools.json", "/pools/gpu", "/capacity")),
    *(Row(f"/help{page}", EVERYBODY) for page in ("", "/glossary", "/team-leads")),
    Row("/help/demo", EVERYBODY, NOT_FOUND),
    Row("/help/images/capacity.png", EVERYBODY),
    *(Row(f"/capacity/{page}", EVERYBODY) for page in ("value", "scarcity", "days/today")),
    *(Row(f"/capacity/{table}.csv", EVERYBODY) for table in ("sprints", "pools")),
    Row("/pools/gpu/holders.csv", EVERYBODY),
    Row("/pools/gpu/losses.csv", EVERYBODY),
    Row("/receipts/{award}", EVERYBODY),
    Row("/receipts/{award}.json", EVERYBODY),
    Row("/receipts/{lost}", EVERYBODY),
    Row("/receipts/{sealed}", EVERYBODY, NOT_FOUND),
    Row("/receipts/{sealed}.json", EVERYBODY, NOT_FOUND),
    Row("/deliveries", EVERYBODY),
    Row("/deliveries.csv", EVERYBODY),
    Row("/deliveries/{award}", EVERYBODY),
    Row("/deliveries/{sealed}", EVERYBODY, NOT_FOUND),
    *_of_every_round("/rounds/{round}", OK),
    *_of_every_round("/rounds/{round}/runs.csv", OK),
    *_of_every_round("/rounds/{round}/progress", OK),
    *_of_every_round("/rounds/{round}/awards", NOT_FOUND),
    *_of_every_round("/rounds/{round}/declines", NOT_FOUND),
    *_of_every_round("/rounds/{round}/prices", NOT_FOUND),
    *_of_every_round("/rounds/{round}/prices.csv", NOT_FOUND),
    *_of_every_round("/rounds/{round}/report.json", NOT_FOUND),
    Row("/admin/sprints", EVERYBODY),
    Row("/admin/policy", EVERYBODY),
    Row("/admin/policy/versions/1", EVERYBODY, NOT_FOUND),
    Row("/admin/policy/versions/1.json", EVERYBODY, NOT_FOUND),
    Row("/admin/policy/replays/none", EVERYBODY, NOT_FOUND),
    Row("/healthz", EVERYBODY),
    Row("/readyz", EVERYBODY),
    Row("/metrics", EVERYBODY),
    Row("/static/app.css", EVERYBODY),
]
OF_A_TEAM = [
    Row("/ledger", PEOPLE),
    Row("/ledger.csv", PEOPLE),
    Row("/ledger/red", RED | READERS),
    Row("/ledger/team-0", OTHER_TEAM | READERS),
    Row("/ledger/red/entries.csv", RED | READERS),
    Row("/ledger/team-0/entries.csv", OTHER_TEAM | READERS),
    Row("/bids", PEOPLE),
    Row("/bids.csv", PEOPLE),
    Row("/calendar", PEOPLE),
    Row("/calendar.csv", PEOPLE),
    Row("/calendar/access.csv", PEOPLE),
    Row("/calendar/hours.csv", PEOPLE),
    Row("/bids/new", LEADS),
    _post("/bids/new", LEADS, INVALID, do="review"),
    _post("/bids/clone", LEADS, **{"from": "past-1", "round": "taking-bids"}),
    Row("/bids/{sealed}", RED),
    Row("/bids/{award}", OTHER_TEAM),
    Row("/bids/{sealed}/submission.json", RED),
    Row("/bids/{sealed}/edit", RED_LEAD),
    Row("/bids/{award}/edit", OTHER_TEAM, CONFLICT),
    _post("/bids/{sealed}/edit", RED_LEAD, INVALID, do="review"),
    Row("/bids/{sealed}/review", RED_LEAD, SEE_OTHER),
    Row("/bids/{sealed}/withdraw", RED_LEAD),
    _post("/bids/{sealed}/withdraw", RED_LEAD, CONFLICT, version="9"),
    _post("/bids/{award}/withdraw", OTHER_TEAM, CONFLICT, version="1"),
    _post("/bids/{sealed}/template", RED_LEAD, name="Again"),
    Row("/bids/templates", PEOPLE),
    Row("/bids/templates/{template}/remove", RED_LEAD, SEE_OTHER, "POST", is_once=True),
    _post("/receipts/{lost}/exact", OTHER_TEAM | ADMINS),
    _post("/receipts/{lost}/what-if", OTHER_TEAM | ADMINS, offer="7"),
    _post("/receipts/{sealed}/exact", frozenset()),
    _post("/receipts/{sealed}/what-if", frozenset(), offer="7"),
    _post("/receipts/{award}/release", OTHER_TEAM, INVALID, lots="0"),
    _post("/receipts/{sealed}/release", frozenset()),
    _post("/receipts/{lost}/waitlist", OTHER_TEAM, wish="leave"),
    _post("/receipts/{award}/answer", OTHER_TEAM, CONFLICT, answer="accepted"),
    _post("/receipts/{sealed}/answer", frozenset(), answer="accepted"),
    _post("/receipts/{sealed}/waitlist", frozenset(), wish="take"),
    _post("/deliveries/{award}/report", OTHER_TEAM, CONFLICT),
    _post("/deliveries/{award}/verdict", DECIDE, CONFLICT, verdict="confirmed", version="9"),
]
OF_ONES_OWN = [
    Row("/sign-in", EVERYBODY, SEE_OTHER, but={STRANGER: OK}),
    Row("/sign-in/company", EVERYBODY, NOT_FOUND),
    Row("/sign-in/company/back", EVERYBODY, NOT_FOUND),
    Row("/account", PEOPLE),
    Row("/account/tokens", PEOPLE),
    _post("/account/tokens", PEOPLE, INVALID, name="none"),
    _post("/account/tokens/none/revoke", PEOPLE, NOT_FOUND),
    _post("/sign-in", EVERYBODY, INVALID, name="no-{visitor}", password="wrong"),  # noqa: S106  # nobody's
    _post("/account/password", PEOPLE, INVALID, new_password="a", repeated="b"),  # noqa: S106  # nobody's
    _post("/account/sessions/none/end", PEOPLE),
    _post("/account/sessions/end-others", PEOPLE),
    Row("/notices", PEOPLE),
    Row("/notices.csv", PEOPLE),
    Row("/notices/settings", PEOPLE),
    _post("/notices/settings", PEOPLE),
    _post("/notices/read", PEOPLE, until="2026-01-01T00:00:00+00:00"),
    _post("/notices/none/read", PEOPLE, NOT_FOUND),
    _post("/sign-out", EVERYBODY),
]
OF_ADMINS = [
    _post("/admin/policy/proposals", ADMINS, INVALID),
    _post("/admin/policy/proposals/none/activate", ADMINS, NOT_FOUND),
    _post("/admin/policy/proposals/none/refuse", ADMINS, NOT_FOUND),
    _post("/admin/policy/replays/none", ADMINS, NOT_FOUND),
    Row("/admin/webhooks", ADMINS),
    Row("/admin/webhooks.csv", ADMINS),
    _post("/admin/webhooks/messages/none/again", ADMINS, NOT_FOUND),
    _post("/admin/sprints", ADMINS, INVALID),
    _post("/admin/sprints/9/end", ADMINS, NOT_FOUND),
    Row("/admin/tokens", READERS),
    _post("/admin/tokens/none/revoke", PEOPLE, NOT_FOUND),
    Row("/admin/teams", PEOPLE),
    Row("/admin/teams/red", PEOPLE),
    _post("/admin/teams", ADMINS, INVALID, key="no key"),
    _post("/admin/teams/red/name", ADMINS, INVALID, name=" "),
    _post("/admin/teams/team-9/retire", ADMINS, NOT_FOUND),
    _post("/admin/teams/red/people", ADMINS, person="noah", role="member"),
    Row("/admin/people", READERS),
    _post("/admin/people/roles", ADMINS, person="noah", role="member", team="red"),
    _post("/admin/people/roles/{proposed}/approve", ADMINS),
    Row("/admin/people/roles/{proposed}/end", ADMINS, SEE_OTHER, "POST", is_once=True),
    _post("/admin/people/noah/disable", ADMINS),
]
OF_APPROVALS = [
    Row("/approvals", PEOPLE),
    Row("/approvals.csv", PEOPLE),
    _post("/approvals", RED_LEAD, INVALID, team="{red}"),
    Row("/approvals/rights", PEOPLE),
    Row("/approvals/{request}", RED | READERS | {OWNER}),
    _post("/approvals/{request}/decide", frozenset({OWNER}), INVALID, answer="rejected"),
    _post("/approvals/rights", ADMINS, INVALID, document="no"),
    _post("/approvals/rights/9/activate", ADMINS, NOT_FOUND),
    Row("/approvals/{request}/withdraw", RED_LEAD, SEE_OTHER, "POST", is_once=True),
]
OF_EXPERTS = [
    Row("/hours", PEOPLE),
    Row("/hours.csv", PEOPLE),
    _post("/hours", PEOPLE, INVALID, do="confirm"),
    Row("/admin/pools/gpu/hours", ADMINS | {OWNER}),
    Row("/admin/pools/expert/hours", ADMINS),
    Row("/admin/pools/gpu/hours.csv", ADMINS | {OWNER}),
    _post("/admin/pools/gpu/hours", ADMINS | {OWNER}, INVALID, do="confirm"),
    _post("/admin/pools/gpu/hours/none/name", ADMINS | {OWNER}, NOT_FOUND, expert="noah"),
]
OF_ACCESS = [
    Row("/access-grants", PEOPLE),
    Row("/access-grants.csv", PEOPLE),
    Row("/access-grants/{access}", PEOPLE),
    _post("/access-grants/{access}/revoke", ADMINS, INVALID),
]
KEEPERS = ADMINS | {OWNER}
OF_POOLS = [
    Row("/admin/pools", KEEPERS),
    _post("/admin/pools", ADMINS, INVALID),
    Row("/admin/pools/gpu", KEEPERS),
    Row("/admin/pools/seat", ADMINS),
    Row("/admin/pools/gpu/losses", KEEPERS),
    _post("/admin/pools/gpu/losses", KEEPERS, INVALID),
    Row("/admin/pools/gpu/sheet.csv", KEEPERS),
    Row("/admin/pools/gpu/days.csv", KEEPERS),
    _post("/admin/pools/gpu/calendar", KEEPERS, INVALID),
    _post("/admin/pools/seat/calendar", ADMINS, INVALID),
    _post("/admin/pools/gpu/sheet", KEEPERS, INVALID),
    _post("/admin/pools/gpu/changes/none/approve", KEEPERS, NOT_FOUND),
    _post("/admin/pools/gpu/changes/none/refuse", KEEPERS, NOT_FOUND),
    _post("/admin/pools/gpu/owner", ADMINS, person="noah"),
    _post("/admin/pools/gpu/owner/none/approve", ADMINS, NOT_FOUND),
]
ROUNDS = [
    _post(f"/rounds/{key}/deadline", ADMINS, INVALID)
    for key in ("past-2", "waiting", "taking-bids", "ahead")
]
ROUNDS += [
    _post("/rounds/taking-bids/deadline/none/approve", ADMINS, NOT_FOUND),
    _post("/rounds/taking-bids/deadline/none/refuse", ADMINS, NOT_FOUND),
    _post("/rounds/ahead/open", ADMINS),
    _post("/rounds/past-2/open", ADMINS, CONFLICT),
    _post("/rounds/ahead/close", ADMINS),
    _post("/rounds/taking-bids/close", ADMINS),
    _post("/rounds/past-2/rehearse", ADMINS, CONFLICT),
    _post("/rounds/past-2/run", ADMINS, CONFLICT),
    Row("/rounds/waiting/rehearse", ADMINS, SEE_OTHER, "POST", is_once=True),
    _post("/rounds/waiting/run", ADMINS, CONFLICT),
    Row("/runs/{run}", EVERYBODY),
    Row("/runs/{run}/stages.csv", EVERYBODY),
    Row("/runs/{run}/outcome.json", EVERYBODY, NOT_FOUND),
    Row("/runs/{rehearsal}", EVERYBODY),
    Row("/runs/{rehearsal}/outcome.json", ADMINS),
    Row("/runs/{run}/awards", EVERYBODY),
    Row("/runs/{run}/declines.csv", EVERYBODY),
    Row("/runs/{rehearsal}/awards", EVERYBODY, NOT_FOUND),
    Row("/runs/{rehearsal}/prices.json", EVERYBODY, NOT_FOUND),
    Row("/rounds/past-2/overrides/new", ADMINS),
    _post("/rounds/past-2/overrides", ADMINS, INVALID, bid="none"),
    _post("/rounds/waiting/overrides", ADMINS, CONFLICT),
    Row("/overrides/none", EVERYBODY, NOT_FOUND),
    _post("/overrides/none/approve", ADMINS, NOT_FOUND),
    _post("/overrides/none/refuse", ADMINS, NOT_FOUND),
    _post("/overrides/none/solve", ADMINS, NOT_FOUND),
]
OF_FINANCE = [
    *(
        Row(f"/finance{address}", READERS)
        for address in (
            *("", ".csv", "/journal", "/journal.csv", "/balances", "/balances.csv", "/runs"),
            *(
                "/runs.csv",
                "/overrides",
                "/overrides.csv",
                "/periods/past-1",
                "/periods/past-1/entries.csv",
            ),
            *("/journal/{journal}", "/journal/{journal}/entries.csv"),
        )
    ),
    Row("/finance/periods/past-1/pack.zip", READERS, NOT_FOUND),
    Row("/finance/verifications/none", READERS, NOT_FOUND),
    _post("/finance/verifications", READERS),
    _post("/finance/rates", frozenset({AUDITOR}), INVALID),
    _post("/finance/periods/past-1/close", frozenset({AUDITOR}), CONFLICT),
    _post("/finance/journal/{journal}/correction", ADMINS, INVALID),
    _post("/finance/journal/{journal}/correction/none/approve", ADMINS, NOT_FOUND),
    _post("/finance/journal/{journal}/correction/none/refuse", ADMINS, NOT_FOUND),
    *_of_every_round("/rounds/{round}/bundle.zip", NOT_FOUND),
]
MATRIX = [
    *OPEN_INSIDE,
    *OF_A_TEAM,
    *OF_APPROVALS,
    *OF_ACCESS,
    *OF_EXPERTS,
    *ROUNDS,
    *OF_ONES_OWN,
    *OF_POOLS,
    *OF_FINANCE,
    *OF_ADMINS,
]
