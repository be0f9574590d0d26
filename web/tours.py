"""A day of each role in the demo: what to do, in order, and where."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do; `path` is where, an address of the market."""

    words: str
    path: str


@dataclass(frozen=True, slots=True)
class RoleDay:
    """A role, who plays it in the demo, and the steps of a day."""

    role: str
    key: str
    person: str
    aim: str
    steps: tuple[Step, ...]


DAYS = (
    RoleDay(
        "Team lead",
        "mara",
        "Mara Lindqvist, Claims Automation",
        "See what is on offer, bid, understand a loss, and say what came of an award.",
        (
            Step("See this sprint, the next one, and what needs you.", "/"),
            Step("See who holds what, and what is free on a day.", "/capacity"),
            Step("Start a bid, look at its estimate, and review it.", "/bids/new"),
            Step(
                "Open a lost bid: why, and what would have won.",
                "/bids?state=declined",
            ),
            Step("See what your credits last for.", "/ledger/claims-automation"),
            Step("Report what came of an award.", "/deliveries"),
        ),
    ),
    RoleDay(
        "Team member",
        "tomasz",
        "Tomasz Bell, Claims Automation",
        "Follow the team’s bids and know what may be used when.",
        (
            Step("See the bids of the team.", "/bids"),
            Step("See on which days what may be used.", "/calendar"),
            Step("Choose what to be told of.", "/notices/settings"),
        ),
    ),
    RoleDay(
        "Pool owner",
        "priya",
        "Priya Raman, H100 and A100 training nodes",
        "Keep the capacity of a pool true, and answer who asks for access.",
        (
            Step("See the calendars of your pools.", "/admin/pools"),
            Step("Enter maintenance and see what it would change.", "/admin/pools/h100-training"),
            Step("See what of your pool is scarce, and what stood idle.", "/capacity/scarcity"),
            Step("Decide what waits for you.", "/approvals"),
        ),
    ),
    RoleDay(
        "Platform admin",
        "ingrid",
        "Ingrid Vale; a second admin is Samir Kohl (samir)",
        "Keep rounds running by rule; correct in pairs, with reasons and a price.",
        (
            Step("See the open round and its times.", "/rounds"),
            Step("See the rule by which sprints come again.", "/admin/sprints"),
            Step("Change a weight of the policy and replay past rounds with it.", "/admin/policy"),
            Step("Look at the proof of the last run.", "/rounds"),
            Step("Propose a role for a person; the other admin approves it.", "/admin/people"),
        ),
    ),
    RoleDay(
        "Finance auditor",
        "beatriz",
        "Beatriz Holm",
        "Follow every credit and prove a decision without trusting anybody.",
        (
            Step("See that the books add up to zero, and verify them.", "/finance"),
            Step("Read the journal, entry by entry.", "/finance/journal"),
            Step("See every run with its certificate.", "/finance/runs"),
            Step("See what overrides cost.", "/finance/overrides"),
        ),
    ),
)
