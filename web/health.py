"""For machines that watch this one: is the process alive, can it answer people, and in numbers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from flask import Blueprint, Response
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from broker.dashboards.installation import purpose
from broker.upkeep.measures import Measure, measures
from broker.upkeep.ticks import what_is_late
from web.desk import market, moment

health = Blueprint("health", __name__)


@health.get("/healthz")
def alive() -> dict[str, str]:
    """Say that the process answers."""
    return {"status": "alive"}


@health.get("/readyz")
def ready() -> dict[str, Any]:
    """Say that the market can be read, and what nobody did in time. Raises: WrongSchema.

    What is late is said and no refusal: people can still read, which they could not if a balancer
    took every host away.
    """
    with market() as session:
        late = [one.sentence for one in what_is_late(session, moment(session))]
        status = "late" if late else "ready"
        return {"status": status, "purpose": purpose(session), "late": late}


@health.get("/metrics")
def metrics() -> Response:
    """Tell the market's measures to Prometheus."""
    with market() as session:
        found = tuple(measures(session, moment(session)))
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collected(found))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_PLAIN_0_0_4)


class _Collected:
    """Measures as the library wants them."""

    def __init__(self, found: Iterable[Measure]) -> None:
        self.found = found

    def collect(self) -> Iterable[GaugeMetricFamily]:
        """Hand every measure over."""
        for measure in self.found:
            family = GaugeMetricFamily(measure.name, measure.meaning, labels=measure.labels)
            for labels, value in measure.values:
                family.add_metric(labels, value)
            yield family
