"""Larkfield Health's data: what they may be used for, and who looks after them. All is invented.

Nothing here knows a database; broker/demo_pools.py writes it down.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from allocation.problem import PoolKey
from broker.company.calendars import SPRINT_DAYS
from broker.company.teams import Role, TeamPlan
from broker.pools.data_terms import Catalogue, CatalogueEntry

TRAINING, ASSURANCE = "Model training", "Model assurance"
FORECASTS, PAYMENTS = "Forecasts of cost and demand", "Accurate payments"
CARE, SERVICE = "Better care", "Better service"
WANTED: Mapping[Role, tuple[str, ...]] = {
    Role.PRODUCT: (CARE, SERVICE, TRAINING),
    Role.ANALYTICS: (FORECASTS, PAYMENTS, TRAINING),
    Role.PLATFORM: (TRAINING,),
    Role.ASSURANCE: (ASSURANCE,),
}
"""What teams use data for, by their role: the first that all the data allow."""


@dataclass(frozen=True, slots=True)
class DataPlan:
    """The terms of a pool of data; `steward_key` is what its steward signs in with."""

    steward_key: str
    purposes: tuple[str, ...]
    entry: CatalogueEntry
    longest_days: int = SPRINT_DAYS


DATA_PLANS: Mapping[PoolKey, DataPlan] = {
    PoolKey("claims-history"): DataPlan(
        "amara",
        (TRAINING, FORECASTS, PAYMENTS, ASSURANCE),
        CatalogueEntry(
            Catalogue.DATAHUB,
            "urn:li:dataset:(urn:li:dataPlatform:iceberg,claims.history,PROD)",
        ),
    ),
    PoolKey("clinical-notes"): DataPlan(
        "ines",
        (TRAINING, CARE, ASSURANCE),
        CatalogueEntry(Catalogue.OPENMETADATA, "enclave.clinical.care_management.notes"),
    ),
    PoolKey("pharmacy-claims"): DataPlan(
        "joaquin",
        (TRAINING, CARE, FORECASTS, ASSURANCE),
        CatalogueEntry(
            Catalogue.DATAHUB,
            "urn:li:dataset:(urn:li:dataPlatform:iceberg,pharmacy.dispensed,PROD)",
        ),
    ),
    PoolKey("call-transcripts"): DataPlan(
        "wanda",
        (TRAINING, SERVICE, ASSURANCE),
        CatalogueEntry(Catalogue.URL, "https://catalogue.larkfield.example/call-transcripts"),
    ),
}


def purpose_of(team: TeamPlan, pool_keys: Iterable[PoolKey]) -> str:
    """Return what a team uses some data for; nothing where it asks for none."""
    plans = [DATA_PLANS[key] for key in set(pool_keys) if key in DATA_PLANS]
    if not plans:
        return ""
    allowed = set.intersection(*(set(plan.purposes) for plan in plans))
    return next(purpose for purpose in (*WANTED[team.role], TRAINING) if purpose in allowed)
