"""What each call takes: one schema per body, with the words and the bounds of the market."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from broker.notices.tables import Channel, NoticeKind
from broker.policy.documents import Key, Part
from web.api.bodies import Count, Day, Long, Moment, Text, Whole

MOST_LINES = 1000
MOST_DAYS = 400_000


# --- rounds ------------------------------------------------------------------------------------


class PoolIn(Part):
    """A pool as a round offers it."""

    pool_key: Key
    name: Text
    kind: Literal["compute", "expert", "data"]
    unit: Text
    owner: Text
    reserve_price_credits: Whole = 0
    description: Text = ""
    classification: Text = ""


class UnitsIn(Part):
    """The units of a pool and day; `commitments` are those that earlier awards hold."""

    pool_key: Key
    day: Day
    reserved_units: Annotated[int, Field(ge=0, le=10**9)]
    spot_units: Annotated[int, Field(ge=0, le=10**9)]


class TeamIn(Part):
    """A team that bids, and the credits that are announced for it."""

    team_key: Key
    name: Text
    credits: Whole


class RoundIn(Part):
    """A round to announce, without bids."""

    round_key: Key
    name: Text
    starts_on: Day
    days: Annotated[int, Field(ge=1, le=366)]
    pools: Annotated[tuple[PoolIn, ...], Field(min_length=1, max_length=MOST_LINES)]
    capacity: Annotated[tuple[UnitsIn, ...], Field(max_length=MOST_DAYS)]
    commitments: Annotated[tuple[UnitsIn, ...], Field(max_length=MOST_DAYS)] = ()
    teams: Annotated[tuple[TeamIn, ...], Field(min_length=1, max_length=MOST_LINES)]
    opens_at: Moment | None = None
    closes_at: Moment | None = None

    @model_validator(mode="after")
    def _named_once(self) -> Self:
        lines = [(one.pool_key, one.day) for one in self.capacity]
        held = [(one.pool_key, one.day) for one in self.commitments]
        for what, keys in (
            ("pools", [one.pool_key for one in self.pools]),
            ("teams", [one.team_key for one in self.teams]),
            ("capacity", lines),
            ("commitments", held),
        ):
            if len(set(keys)) < len(keys):
                raise ValueError(f"names one of its {what} twice; leave one of the lines")
        return self


class TimesIn(Part):
    """When a round opens and closes by itself; null leaves it to people."""

    opens_at: Moment | None = None
    closes_at: Moment | None = None


class ReasonIn(Part):
    """Why, for everybody to read."""

    reason: Text


class DeadlineIn(Part):
    """Another closing time for an open round, and why."""

    closes_at: Moment
    reason: Text


class RunIn(Part):
    """What a run is for."""

    purpose: Literal["publication", "rehearsal"]


# --- bids --------------------------------------------------------------------------------------


class ItemIn(Part):
    """One pool of an alternative; null where it is not decided yet."""

    pool_key: Text = ""
    offset_days: Count | None = 0
    days: Count | None = None
    units_per_lot: Whole | None = None


class AlternativeIn(Part):
    """One way to serve a bid; null where it is not decided yet."""

    tier: Literal["reserved", "spot"] | None = "reserved"
    earliest_start: Day | None = None
    latest_start: Day | None = None
    min_lots: Whole | None = 1
    max_lots: Whole | None = 1
    offer_credits_per_lot: Whole | None = None
    items: Annotated[tuple[ItemIn, ...], Field(max_length=MOST_LINES)] = ()
    number: Count | None = None


class DraftIn(Part):
    """What a team asks for and pledges, complete or not."""

    title: Text = ""
    alternatives: Annotated[tuple[AlternativeIn, ...], Field(max_length=MOST_LINES)] = ()
    theme_key: Text | None = None
    owner_after_award: Text = ""
    success_measure: Text = ""
    ends_on: Day | None = None


class NewBidIn(Part):
    """A new bid of a team in a round: kept as a draft, or submitted at once."""

    team_key: Key
    round_key: Key
    draft: DraftIn
    submit: bool = False


class BidIn(Part):
    """Another version of a bid; `expected_version` is the one that was seen."""

    expected_version: Annotated[int, Field(ge=1, le=10**9)]
    draft: DraftIn
    submit: bool = False


class SeenIn(Part):
    """The version of a bid that was seen."""

    expected_version: Annotated[int, Field(ge=1, le=10**9)]


# --- pools -------------------------------------------------------------------------------------


class UnitPairIn(Part):
    """Units of a day: what reserved awards may take, and what is kept for spot."""

    reserved_units: Annotated[int, Field(ge=0, le=10**9)]
    spot_units: Annotated[int, Field(ge=0, le=10**9)]


class OtherDayIn(Part):
    """A day that offers something else than its weekday does."""

    day: Day
    units: UnitPairIn
    note: Text = ""


class MaintenanceIn(Part):
    """Units that a day loses; null means all of them."""

    day: Day
    away: UnitPairIn | None = None
    note: Text = ""


class CalendarIn(Part):
    """What a pool offers from its first day on; `week` begins with Monday."""

    first_day: Day
    week: Annotated[tuple[UnitPairIn, ...], Field(min_length=7, max_length=7)]
    exceptions: Annotated[tuple[OtherDayIn, ...], Field(max_length=MOST_LINES)] = ()
    maintenance: Annotated[tuple[MaintenanceIn, ...], Field(max_length=MOST_LINES)] = ()
    drains_from: Day | None = None
    is_paused: bool = False


class DefinitionIn(Part):
    """What a pool is and offers; `follows` is the version that was seen, 0 where there is none."""

    name: Text
    unit: Text
    calendar: CalendarIn
    reserve_price_credits: Whole = 0
    description: Text = ""
    classification: Text = ""
    reason: Text
    follows: Count = 0


class NewPoolIn(Part):
    """A pool that was not there. Who answers for it is a role, which no token gives."""

    pool_key: Key
    definition: DefinitionIn


# --- policy, sprints, teams ---------------------------------------------------------------------


class DocumentIn(Part):
    """A document and why it should be in force; what it may say is checked by its own schema."""

    document: Annotated[Mapping[str, Any], Field(max_length=MOST_LINES)]
    reason: Text


class NewTeamIn(Part):
    """A team that was not there."""

    team_key: Key
    name: Text


class NameIn(Part):
    """Another name."""

    name: Text


# --- approvals and deliveries -------------------------------------------------------------------


class ApprovalIn(Part):
    """A lead's wish for an approval."""

    team_key: Key
    pool_key: Key
    purpose_key: Key
    purpose: Text
    most_credits: Whole
    valid_from: Day
    valid_until: Day


class AnswerIn(Part):
    """An answer to a request; a rejection says why."""

    answer: Literal["approved", "rejected"]
    reason: Text = ""


class ReportIn(Part):
    """What an award delivered; `follows` is the version that was seen, 0 where there was none."""

    delivered_percent: Count
    evidence: Text
    link: Text = ""
    follows: Count = 0
    correction: Text = ""


class LossIn(Part):
    """Units of a pool that are lost on days from the first to the last, and why."""

    units: Whole
    first_day: Day
    last_day: Day
    reason: Text


class ReleaseIn(Part):
    """Lots of an award given back from a day on; `follows` is how many cuts of it were seen."""

    lots: Whole
    from_day: Day
    follows: Count = 0


class WaitIn(Part):
    """Whether a declined bid waits for what becomes free, and takes it or has its team asked."""

    wish: Literal["take", "ask", "leave"]


class AcceptIn(Part):
    """Whether a team accepts what a waiting bid won, or declines it."""

    answer: Literal["accepted", "declined"]


class VerdictIn(Part):
    """Whether a version of a report is confirmed; a dispute says why."""

    version: Count
    verdict: Literal["confirmed", "disputed"]
    note: Long = ""


# --- own matters --------------------------------------------------------------------------------

Ids = Annotated[tuple[Text, ...], Field(min_length=1, max_length=MOST_LINES)]


class UntilIn(Part):
    """Up to when notices are read."""

    until: Moment


class ChoiceIn(Part):
    """A kind of notice by a channel."""

    kind: NoticeKind
    channel: Channel


class ChoicesIn(Part):
    """What the caller does not want to be told, and how; the rest is wanted."""

    unwanted: Annotated[tuple[ChoiceIn, ...], Field(max_length=MOST_LINES)]


class HoursIn(Part):
    """Hours that are confirmed."""

    hours_ids: Ids


class NoHoursIn(Part):
    """Hours that are declined, for a reason that the owner and the team read."""

    hours_ids: Ids
    reason: Text


class ExpertIn(Part):
    """Who is asked for hours instead."""

    expert_key: Key


# --- corrections --------------------------------------------------------------------------------


class OverrideIn(Part):
    """A correction of a published result; a pin says what it awards, an exclusion nothing."""

    bid_key: Text
    kind: Literal["pin", "exclude"]
    reason: Text
    alternative: Count | None = None
    start: Day | None = None
    lots: Whole | None = None


class WhatIfIn(Part):
    """A declined bid with another offer; what is null stays as the bid has it."""

    offer_credits_per_lot: Whole
    start: Day | None = None
    lots: Whole | None = None
    tier: Literal["reserved", "spot"] | None = None
