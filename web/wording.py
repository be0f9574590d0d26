"""Words for the market's codes: what a state, a reason or a proof means to a team lead.

Each closed set has a word for every member; a test walks them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask

from allocation.counterfactuals import Standing, Verdict
from allocation.outcome import (
    FloorReport,
    PriceRule,
    Pricing,
    Proof,
    Reason,
    Report,
    Status,
    StoppedBy,
    TieBreak,
)
from broker.access import Scope
from broker.dashboards.deliveries import DeliveryState
from broker.notices.tables import Channel, NoticeKind
from broker.policy.comparing import WinnerChange
from broker.pools.data_terms import Catalogue
from broker.states import RoundState
from web.filters import percent, whole

STATES: Mapping[str, str] = {
    RoundState.SCHEDULED: "Announced. Bidding has not opened yet.",
    RoundState.OPEN: "Open for bids. Bids are sealed: nobody sees them before the close.",
    RoundState.CLOSED: "Closed. The bids are frozen and wait for the allocation.",
    RoundState.PUBLISHED: "Published. Every award and every decline is here, with its reason.",
    RoundState.FINISHED: "Finished. The sprint is over; the result stays here.",
    RoundState.CANCELLED: "Cancelled. Nothing was allocated.",
}


STATE_ICONS: Mapping[str, str] = {
    state: icon
    for icon, states in {
        "open": "open",
        "done": "published finished checked won part-won confirmed approved active granted",
        "waits": "allocating solving closed stale waiting proposed asked to-be-named",
        "refused": "failed cancelled disputed rejected refused revoked",
        "ended": "withdrawn declined unreported expired replaced",
        "hours": "scheduled",
        "draft": "draft",
        "sent": "submitted",
    }.items()
    for state in states.split()
}
"""The drawing beside the word of a state, by what the state means to whoever waits for it."""


SCOPES: Mapping[str, str] = {
    Scope.READ_MARKET: "read rounds, pools, capacity, prices and results",
    Scope.READ_BIDS: "read the bids of your teams",
    Scope.WRITE_BIDS: "draft, submit and withdraw bids of teams that you lead",
    Scope.BRING_BIDS: "bring in the bids of all teams",
    Scope.READ_CREDITS: "read balances and ledgers",
    Scope.READ_AUDIT: "read the audit log",
    Scope.WRITE_ROUNDS: "announce, schedule, open, close and cancel rounds",
    Scope.RUN_ROUNDS: "run and rehearse rounds",
    Scope.WRITE_POOLS: "define pools and change what they offer",
    Scope.WRITE_POLICY: "propose, activate and replay policies",
    Scope.READ_APPROVALS: "read requests for approvals",
    Scope.WRITE_APPROVALS: "ask for approvals and answer them",
    Scope.WRITE_DELIVERIES: "report deliveries and confirm them",
    Scope.READ_PEOPLE: "read people, their roles and teams",
    Scope.WRITE_TEAMS: "add, rename and retire teams",
    Scope.WRITE_NOTICES: "mark your notices as read and choose what you are told",
    Scope.WRITE_HOURS: "answer for hours of experts and name them",
    Scope.WRITE_OVERRIDES: "propose overrides of results and decide them",
}
"""What a token may do, as far as its owner may."""


@dataclass(frozen=True, slots=True)
class ReasonWords:
    """A reason in words: a headline, what happened, and what the team can change."""

    headline: str
    meaning: str
    change: str


REASONS: Mapping[str, ReasonWords] = {
    Reason.INELIGIBLE: ReasonWords(
        "not eligible",
        "The bid did not meet a condition for taking part.",
        "Ask the owner of the pool which condition it is.",
    ),
    Reason.APPROVAL_MISSING: ReasonWords(
        "an approval was missing",
        "A pool of this bid needs an approval that was not there at the close.",
        "Ask for the approval before the next round closes.",
    ),
    Reason.POLICY: ReasonWords(
        "not allowed by policy",
        "A rule of the policy in force excludes this bid.",
        "Read the policy, or ask the owner of the pool.",
    ),
    Reason.EXCEEDS_POOL: ReasonWords(
        "larger than the capacity",
        "No placement fits, even in an empty round: no offer could win this.",
        "Ask for fewer units or lots, fewer days, or a wider start window.",
    ),
    Reason.INSUFFICIENT_CREDITS: ReasonWords(
        "more than the team's credits",
        "The team could not pay the smallest award with all its credits.",
        "Ask for fewer lots, or offer less per lot.",
    ),
    Reason.BELOW_RESERVE_PRICE: ReasonWords(
        "below the reserve price",
        "The offer is below the reserve price of what was asked.",
        "Offer at least the reserve price of every unit and day.",
    ),
    Reason.CREDITS_SPENT: ReasonWords(
        "credits went to the team's other bids",
        "The units were there, but the team's credits are taken by its other awards.",
        "Offer less on the other bids, or drop one of them.",
    ),
    Reason.OUTBID: ReasonWords(
        "outbid",
        "The units went to bids that are worth more.",
        "Offer more, start on another day, or ask for fewer lots.",
    ),
    Reason.BUNDLE_PARTNER_UNAVAILABLE: ReasonWords(
        "one pool of the bundle was full",
        "All pools of the bid had room but one, and a bundle is granted whole or not at all.",
        "Offer more, or bid for the rest without that pool.",
    ),
    Reason.TIE_BREAK: ReasonWords(
        "lost a tie",
        "Another outcome with this bid is worth exactly as much; the written tie-break decided.",
        "Any higher offer ends the tie.",
    ),
    Reason.NOT_PROVEN: ReasonWords(
        "not decided for certain",
        "The run stopped before it could say whether this bid belongs to the best outcome.",
        "Offer more, or ask for the run to be given more time.",
    ),
    Reason.OVERRIDE: ReasonWords(
        "changed by an override",
        "Two persons changed the result after the run, with a published reason.",
        "Read the override's reason.",
    ),
}

PROOFS: Mapping[str, str] = {
    Proof.CERTIFIED: "the certificate alone proves it",
    Proof.TWO_SOLVERS: "two solvers agree",
    Proof.ONE_SOLVER: "claimed by one solver",
    Proof.NONE: "no proof",
}
TIE_BREAKS: Mapping[str, str] = {
    TieBreak.UNIQUE: "unique: no other outcome is as good",
    TieBreak.INCOMPLETE: "incomplete: other outcomes may be as good",
}
STOPS: Mapping[str, str] = {
    StoppedBy.PROOF: "the proof",
    StoppedBy.DETERMINISTIC_LIMIT: "the limit on its work",
    StoppedBy.WALL_CLOCK: "the time limit",
}


PRICE_RULES: Mapping[str, str] = {
    PriceRule.SMALLEST: "Of all prices that fit best, these are the smallest.",
    PriceRule.SIMPLEX: "These fit best; which of those that do, a named algorithm decided.",
    PriceRule.SEARCH: "These were searched for in a fixed number of steps and fit closely.",
}


@dataclass(frozen=True, slots=True)
class StandingWords:
    """How sure an answer to "what would have won" is: a badge, and a sentence."""

    badge: str
    meaning: str


STANDINGS: Mapping[str, StandingWords] = {
    Standing.EXACT: StandingWords(
        "each checked by solving again",
        "The round was decided again with each of these, everything else as it was.",
    ),
    Standing.INTERVAL: StandingWords(
        "between two bounds",
        "The offer is not proven further; each other change was checked by solving.",
    ),
    Standing.ESTIMATE: StandingWords(
        "an estimate from list prices",
        "Bundles and whole lots have no exact price, so this may be off; it was not checked yet.",
    ),
}


@dataclass(frozen=True, slots=True)
class VerdictWords:
    """Whether a changed bid would have won, and how sure that is."""

    answer: str
    standing: str


VERDICTS: Mapping[str, VerdictWords] = {
    Verdict.WINS: VerdictWords("Yes", "exact"),
    Verdict.LOSES: VerdictWords("No", "exact"),
    Verdict.UNKNOWN: VerdictWords("Undecided", "not proven in the time for it"),
}
LATE_ANSWER = (
    "Nothing has begun on it for a minute. Answers come from `broker worker`, which `broker serve` "
    "and `broker demo` start with them."
)


WINNERS: Mapping[str, str] = {
    WinnerChange.WINS: "wins",
    WinnerChange.LOSES: "does not win",
    WinnerChange.MOVES: "wins at another start, size or alternative",
}
"""What becomes of a bid in another outcome, after "it"."""


ROLES: Mapping[str, str] = {
    "platform-admin": "Platform admin",
    "finance-auditor": "Finance auditor",
    "team-lead": "Team lead",
    "member": "Team member",
    "pool-owner": "Pool owner",
}
"""What a role is called."""


FLOORED_ESTIMATE = (
    "Bundles and whole lots have no exact price, so this may be off. It stays an estimate: in a "
    "round with fairness floors a higher offer would move the team's own floor."
)
"""What is said of an offer in a round with floors, where none is searched."""
DELIVERIES: Mapping[str, str] = {
    DeliveryState.UNREPORTED: "The team's lead has not reported what it delivered.",
    DeliveryState.WAITING: "Nobody from elsewhere has confirmed or disputed it yet.",
    DeliveryState.CONFIRMED: "Another person confirmed it.",
    DeliveryState.DISPUTED: "Another person disputes it.",
}
"""Where an award that has ended stands, in a sentence."""


def verdict(report: Report) -> str:
    """Say in a few words how good a result is known to be."""
    if report.status is Status.OPTIMAL:
        return "proven best"
    return f"within {percent(report.gap_ratio)} of the bound"


def fairness(floors: FloorReport) -> str:
    """Say in a sentence how the fairness floors of a round were met."""
    missed = sum(1 for team in floors.teams if team.shortfall)
    if not missed:
        return "Every team that bid reached its floor."
    proven = "no outcome misses less" if floors.is_proven else "not proven to be the smallest"
    return (
        f"{len(floors.teams) - missed} of {len(floors.teams)} teams that bid reached their floor; "
        f"the largest shortfall is {percent(floors.shortfall_ratio)} of a floor, {proven}."
    )


def clearing(report: Report) -> str:
    """Say whom the list prices do not fit, and how they were named; nothing if nobody counted."""
    found = report.clearing
    if found is None:
        return ""
    winners = f"{whole(found.winners_capped)} of {whole(report.counts.awarded)} winners"
    declined = f"{whole(found.losers_above_list_cost)} of {whole(report.counts.declined)} bids"
    capped = "paid their offer, because their list cost was above it"
    if report.pricing is Pricing.PAY_AS_BID:
        capped = "have a list cost above their offer"
    return (
        f"{winners} {capped}. {declined} that did not win offered more than their list cost and "
        "had the credits: bundles and whole lots have no exact price. "
        f"{PRICE_RULES[found.price_rule]}"
    )


NOTICES: Mapping[str, str] = {
    NoticeKind.DEADLINE_NEAR: "A round of your team closes for bids within 48 hours",
    NoticeKind.RESULT_PUBLISHED: "The result of your team’s bids is published",
    NoticeKind.TO_APPROVE: "Something waits for you to approve it",
    NoticeKind.DELIVERY_TO_REPORT: "Your team’s awards ended and wait for a report",
    NoticeKind.DELIVERY_TO_CONFIRM: "A delivery was reported that you may confirm",
    NoticeKind.ROUND_OPENED: "A round opened for your team",
    NoticeKind.ROUND_CHANGED: "A round of your team closes at another time, or is cancelled",
    NoticeKind.APPROVAL_DECIDED: "A request of yours for an approval was answered",
    NoticeKind.ACCESS_CHANGED: "Access to data that you look after or use begins or is taken back",
    NoticeKind.AWARD_CUT: "An award of your team holds less than before",
    NoticeKind.AWARD_TO_ACCEPT: "A bid that waited won, and your team is asked to accept it",
    NoticeKind.HOURS_TO_CONFIRM: "Hours of yours are asked for",
    NoticeKind.HOURS_TO_NAME: "Hours of a pool that you own are declined, or have nobody",
}
CATALOGUES: Mapping[str, str] = {
    Catalogue.DATAHUB: "DataHub",
    Catalogue.OPENMETADATA: "OpenMetadata",
    Catalogue.URL: "Address",
}
"""What a catalogue is called in which data are described."""
CHANNELS: Mapping[str, str] = {Channel.IN_APP: "In the market", Channel.MAIL: "By mail"}


BROWSERS: Mapping[str, str] = {
    "Edg": "Edge",
    "OPR": "Opera",
    "Firefox": "Firefox",
    "Chrome": "Chrome",
    "Safari": "Safari",
}
"""What browsers call themselves; all but Firefox claim to be the later ones as well."""
SYSTEMS: Mapping[str, str] = {
    "Android": "Android",
    "iPhone": "an iPhone",
    "iPad": "an iPad",
    "Windows": "Windows",
    "Mac OS X": "a Mac",
    "CrOS": "ChromeOS",
    "Linux": "Linux",
}


def browser_words(said: str) -> str:
    """Return what a browser says of itself in a few words."""
    name = next((word for mark, word in BROWSERS.items() if f"{mark}/" in said), "")
    system = next((word for mark, word in SYSTEMS.items() if mark in said), "")
    if not name:
        return said[:40] or "an unknown browser"
    return f"{name} on {system}" if system else name


def register(app: Flask) -> None:
    """Make the words known to the templates."""
    app.add_template_filter(verdict, "verdict")
    app.add_template_filter(fairness, "fairness")
    app.add_template_filter(clearing, "clearing")
    app.add_template_filter(browser_words, "browser")
    app.jinja_env.globals.update(
        STATE_WORDS=STATES,
        STATE_ICONS=STATE_ICONS,
        REASON_WORDS=REASONS,
        PROOF_WORDS=PROOFS,
        TIE_BREAK_WORDS=TIE_BREAKS,
        STOP_WORDS=STOPS,
        STANDING_WORDS=STANDINGS,
        VERDICT_WORDS=VERDICTS,
        LATE_ANSWER=LATE_ANSWER,
        DELIVERY_WORDS=DELIVERIES,
        FLOORED_ESTIMATE=FLOORED_ESTIMATE,
        ROLE_WORDS=ROLES,
        WINNER_WORDS=WINNERS,
        SCOPE_WORDS=SCOPES,
        NOTICE_WORDS=NOTICES,
        CHANNEL_WORDS=CHANNELS,
        CATALOGUE_WORDS=CATALOGUES,
    )
