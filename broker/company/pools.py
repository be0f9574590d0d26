"""The pools of Larkfield Health, a fictional health insurer: what there is to hand out.

Each pool has an accountable owner, a calendar and prices. Nothing here knows who bids; teams.py
and works.py do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from allocation.problem import PoolKey
from broker.company.calendars import Calendar, Fleet, Person, Roster, Seats


@dataclass(frozen=True, slots=True)
class PoolPlan:
    """A pool with everything that does not change from sprint to sprint.

    Units: prices are credits per unit and day, `usual_price_credits` is what a typical bidder
    offers; people ask for multiples of `step_units`.
    """

    key: str
    name: str
    kind: str
    unit: str
    owner: str
    description: str
    calendar: Calendar
    usual_price_credits: int
    reserve_price_credits: int
    step_units: int = 1
    classification: str = ""


COMPUTE = (
    PoolPlan(
        key="h100-training",
        name="H100 training nodes",
        kind="compute",
        unit="gpu",
        owner="Priya Raman, Compute Platform",
        description="Twelve nodes of eight H100, handed out by the quarter node. On the day of "
        "its maintenance a sprint loses a quarter of them.",
        calendar=Fleet(units=96, spot_percent=25, maintenance_day=9, maintenance_units=8),
        usual_price_credits=12,
        reserve_price_credits=3,
        step_units=2,
    ),
    PoolPlan(
        key="a100-training",
        name="A100 training nodes",
        kind="compute",
        unit="gpu",
        owner="Priya Raman, Compute Platform",
        description="Sixteen nodes of eight A100, the workhorse of most teams.",
        calendar=Fleet(units=128, spot_percent=25, maintenance_day=8, maintenance_units=16),
        usual_price_credits=6,
        reserve_price_credits=2,
        step_units=4,
    ),
    PoolPlan(
        key="inference-fleet",
        name="Inference fleet",
        kind="compute",
        unit="gpu",
        owner="Adaeze Obi, Production Engineering",
        description="L40S cards beside production. Members' traffic needs some of them on every "
        "working day.",
        calendar=Fleet(
            units=64,
            spot_percent=25,
            maintenance_day=5,
            maintenance_units=8,
            working_day_units=8,
        ),
        usual_price_credits=5,
        reserve_price_credits=1,
        step_units=2,
    ),
    PoolPlan(
        key="clinical-enclave",
        name="Clinical enclave GPUs",
        kind="compute",
        unit="gpu",
        owner="Henrik Solberg, Secure Computing",
        description="GPUs without a way out, the only place where restricted notes may be used.",
        calendar=Fleet(units=48, spot_percent=13, maintenance_day=2, maintenance_units=4),
        usual_price_credits=14,
        reserve_price_credits=4,
        step_units=1,
    ),
    PoolPlan(
        key="batch-cpu",
        name="Batch CPU",
        kind="compute",
        unit="node",
        owner="Priya Raman, Compute Platform",
        description="Nodes of 96 cores for scoring and simulation; the nightly claims batch needs "
        "some of them on working days.",
        calendar=Fleet(
            units=120,
            spot_percent=33,
            maintenance_day=10,
            maintenance_units=12,
            working_day_units=12,
        ),
        usual_price_credits=4,
        reserve_price_credits=1,
        step_units=1,
    ),
)

EXPERTS = (
    PoolPlan(
        key="annotation-team",
        name="Annotation team",
        kind="expert",
        unit="hour",
        owner="Leila Haddad, Annotation",
        description="Trained annotators for documents, claims and calls.",
        calendar=Roster(
            persons=(
                Person("Odette Marsh", (6, 6, 6, 6, 6)),
                Person("Ravi Menon", (6, 6, 6, 6, 6)),
                Person("Saskia Dorn", (6, 6, 6, 6, 4)),
                Person("Julian Pike", (6, 6, 6, 6, 6)),
                Person("Noor Aziz", (4, 4, 4, 4, 4)),
                Person("Beatriz Leal", (6, 6, 6, 6, 0)),
                Person("Emeka Udo", (6, 6, 6, 6, 6)),
            ),
            spot_percent=20,
        ),
        usual_price_credits=5,
        reserve_price_credits=1,
    ),
    PoolPlan(
        key="clinical-advisers",
        name="Clinical advisers",
        kind="expert",
        unit="hour",
        owner="Dr. Ines Carvalho, Medical Directorate",
        description="Nurses and physicians who also see patients, so none of them is there all "
        "week.",
        calendar=Roster(
            persons=(
                Person("Dr. Ines Carvalho", (4, 0, 4, 0, 4)),
                Person("Dr. Samuel Achterberg", (0, 6, 0, 6, 0)),
                Person("Ruth Ellery", (6, 6, 4, 0, 4)),
                Person("Dr. Mei Tan", (4, 4, 4, 4, 4)),
                Person("Colm Deasy", (0, 4, 6, 6, 4)),
                Person("Dr. Petra Vogel", (6, 4, 4, 4, 6)),
            ),
            spot_percent=10,
        ),
        usual_price_credits=14,
        reserve_price_credits=4,
    ),
    PoolPlan(
        key="privacy-counsel",
        name="Privacy counsel",
        kind="expert",
        unit="hour",
        owner="Greta Lindholm, Legal",
        description="Counsel who review uses of members' data before they begin.",
        calendar=Roster(
            persons=(
                Person("Greta Lindholm", (4, 4, 4, 4, 2)),
                Person("Marcus Boateng", (6, 6, 6, 6, 6)),
                Person("Yuki Arai", (6, 6, 0, 6, 6)),
                Person("Oona Keller", (4, 6, 6, 6, 4)),
                Person("Bram de Wit", (6, 4, 6, 4, 6)),
            ),
            spot_percent=0,
        ),
        usual_price_credits=15,
        reserve_price_credits=4,
    ),
    PoolPlan(
        key="data-engineers",
        name="Data engineers",
        kind="expert",
        unit="hour",
        owner="Amara Nwosu, Data Office",
        description="Engineers who build pipelines with the teams, not for them.",
        calendar=Roster(
            persons=(
                Person("Amara Nwosu", (2, 2, 4, 2, 2)),
                Person("Pavel Horak", (6, 6, 6, 6, 6)),
                Person("Grace Oduya", (6, 6, 6, 6, 6)),
                Person("Stefan Brandt", (6, 6, 6, 6, 0)),
                Person("Linh Pham", (6, 6, 6, 6, 6)),
                Person("Tariq Saleh", (4, 4, 4, 4, 4)),
            ),
            spot_percent=20,
        ),
        usual_price_credits=8,
        reserve_price_credits=2,
    ),
    PoolPlan(
        key="model-risk",
        name="Model risk validators",
        kind="expert",
        unit="hour",
        owner="Rosalind Keane, Risk",
        description="Validators whose signature a model needs before it decides about members.",
        calendar=Roster(
            persons=(
                Person("Rosalind Keane", (2, 4, 4, 4, 2)),
                Person("Oskar Lunde", (6, 6, 6, 6, 6)),
                Person("Meera Pillai", (6, 6, 6, 6, 4)),
                Person("Tobias Renn", (6, 6, 6, 6, 6)),
                Person("Adwoa Sarpong", (4, 4, 4, 6, 6)),
            ),
            spot_percent=0,
        ),
        usual_price_credits=12,
        reserve_price_credits=3,
    ),
)

DATA = (
    PoolPlan(
        key="claims-history",
        name="Claims history",
        kind="data",
        unit="seat",
        owner="Amara Nwosu, Data Office",
        description="Ten years of claims, pseudonymised. Closed on the day of its refresh.",
        calendar=Seats(seats=40, spot_percent=25, refresh_day=6),
        usual_price_credits=5,
        reserve_price_credits=1,
        classification="confidential",
    ),
    PoolPlan(
        key="clinical-notes",
        name="Clinical notes",
        kind="data",
        unit="seat",
        owner="Dr. Ines Carvalho, Medical Directorate",
        description="Free text from care management. May be used inside the clinical enclave only.",
        calendar=Seats(seats=20, spot_percent=20, refresh_day=6),
        usual_price_credits=12,
        reserve_price_credits=4,
        classification="restricted",
    ),
    PoolPlan(
        key="pharmacy-claims",
        name="Pharmacy claims",
        kind="data",
        unit="seat",
        owner="Joaquin Ferrer, Pharmacy",
        description="Dispensed medicines with dose and prescriber. Closed on the day of its "
        "refresh.",
        calendar=Seats(seats=24, spot_percent=17, refresh_day=13),
        usual_price_credits=8,
        reserve_price_credits=2,
        classification="restricted",
    ),
    PoolPlan(
        key="call-transcripts",
        name="Call transcripts",
        kind="data",
        unit="seat",
        owner="Wanda Crisp, Contact Centre",
        description="Transcribed calls of members who agreed to it, without names.",
        calendar=Seats(seats=28, spot_percent=29, refresh_day=12),
        usual_price_credits=6,
        reserve_price_credits=2,
        classification="confidential",
    ),
)

POOLS: Mapping[PoolKey, PoolPlan] = {PoolKey(p.key): p for p in (*COMPUTE, *EXPERTS, *DATA)}
