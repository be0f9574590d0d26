"""What the teams of the fictional company ask for: kinds of work, each with the pools it needs.

A work is a pattern: title, pools, days, how it may shrink. bids.py turns it into a bid of a team
with quantities, a start window and offers. Nothing here knows a round or chance.
"""

from __future__ import annotations

from dataclasses import dataclass

from broker.company.teams import Area

ALL_AREAS = frozenset(Area)
CLAIMS = frozenset({Area.CLAIMS})
CLINICAL = frozenset({Area.CLINICAL})
MEMBERS = frozenset({Area.MEMBERS})
PHARMACY = frozenset({Area.PHARMACY})


@dataclass(frozen=True, slots=True)
class Need:
    """A pool that a work uses for so many days, from the offset on. Units: shortest, longest."""

    pool_key: str
    days: tuple[int, int]
    offset_days: int = 0


@dataclass(frozen=True, slots=True)
class Work:
    """A kind of work. Its title may name the subject and the units a day of its first need.

    Units: `lots` is fewest and most lots; `spot_percent` is how many in a hundred ask for spot.
    """

    title: str
    needs: tuple[Need, ...]
    areas: frozenset[Area] = ALL_AREAS
    lots: tuple[int, int] = (1, 1)
    spot_percent: int = 20
    other_pool_key: str | None = None

    @property
    def is_bundle(self) -> bool:
        """Say whether the work needs several pools at once."""
        return len(self.needs) > 1


SINGLES = (
    Work(
        "Fine-tune the {subject} on {units} H100",
        (Need("h100-training", (3, 7)),),
        lots=(1, 4),
        other_pool_key="a100-training",
    ),
    Work("Retrain the {subject} from scratch on {units} H100", (Need("h100-training", (4, 8)),)),
    Work("Distil the {subject} on {units} H100", (Need("h100-training", (2, 4)),), lots=(1, 2)),
    Work(
        "Train the {subject} on {units} A100",
        (Need("a100-training", (3, 8)),),
        lots=(1, 3),
        other_pool_key="h100-training",
    ),
    Work(
        "Hyperparameter sweep of the {subject} on up to {units} A100",
        (Need("a100-training", (2, 6)),),
        lots=(1, 6),
        spot_percent=70,
    ),
    Work(
        "Notebook GPUs for work on the {subject}",
        (Need("notebook-gpu", (7, 14)),),
        lots=(1, 6),
        spot_percent=70,
    ),
    Work(
        "Try smaller versions of the {subject} on {units} A10",
        (Need("notebook-gpu", (3, 6)),),
        lots=(1, 4),
        spot_percent=80,
    ),
    Work("Load test of the {subject} on {units} L40S", (Need("inference-fleet", (1, 3)),)),
    Work(
        "Shadow deployment of the {subject} on {units} L40S",
        (Need("inference-fleet", (5, 12)),),
        lots=(1, 3),
    ),
    Work(
        "Adapt the {subject} inside the enclave on {units} GPUs",
        (Need("clinical-enclave", (3, 7)),),
        areas=CLINICAL,
        lots=(1, 2),
    ),
    Work(
        "Evaluate the {subject} on restricted cases",
        (Need("clinical-enclave", (2, 4)),),
        areas=CLINICAL,
    ),
    Work(
        "Score two years of history with the {subject}",
        (Need("batch-cpu", (2, 5)),),
        lots=(1, 6),
        spot_percent=50,
    ),
    Work("Simulate next year with the {subject}", (Need("batch-cpu", (3, 7)),), lots=(1, 4)),
    Work("Rebuild the features of the {subject}", (Need("feature-cluster", (2, 5)),), lots=(1, 3)),
    Work(
        "Backfill eighteen months for the {subject}",
        (Need("feature-cluster", (3, 6)),),
        lots=(1, 4),
        spot_percent=40,
    ),
    Work(
        "Label cases for the {subject}, {units} hours a day",
        (Need("annotation-team", (3, 5)),),
        lots=(1, 4),
    ),
    Work(
        "Second opinion on disputed labels of the {subject}",
        (Need("annotation-team", (2, 4)),),
        lots=(1, 2),
    ),
    Work(
        "Clinical review of the {subject}",
        (Need("clinical-advisers", (2, 5)),),
        areas=CLINICAL | PHARMACY,
        lots=(1, 2),
        spot_percent=10,
    ),
    Work("Privacy assessment of the {subject}", (Need("privacy-counsel", (2, 4)),), spot_percent=0),
    Work(
        "Renew the data use agreement of the {subject}",
        (Need("privacy-counsel", (1, 3)),),
        spot_percent=0,
    ),
    Work(
        "Production readiness review of the {subject}",
        (Need("platform-reviewers", (2, 4)),),
        lots=(1, 2),
        spot_percent=10,
    ),
    Work("Cost review of serving the {subject}", (Need("platform-reviewers", (1, 3)),)),
    Work(
        "Move the {subject} to the shared pipeline, {units} hours a day",
        (Need("data-engineers", (3, 5)),),
        lots=(1, 3),
    ),
    Work("Repair late data behind the {subject}", (Need("data-engineers", (2, 3)),)),
    Work("Validate the {subject} before launch", (Need("model-risk", (3, 5)),), spot_percent=0),
    Work("Yearly revalidation of the {subject}", (Need("model-risk", (2, 4)),), spot_percent=0),
    Work(
        "Claims history for the {subject}, {units} seats",
        (Need("claims-history", (4, 7)),),
        areas=CLAIMS | CLINICAL,
        lots=(1, 4),
    ),
    Work(
        "Clinical notes for the {subject}, {units} seats",
        (Need("clinical-notes", (4, 6)),),
        areas=CLINICAL,
        lots=(1, 2),
        spot_percent=10,
    ),
    Work(
        "Pharmacy claims for the {subject}, {units} seats",
        (Need("pharmacy-claims", (5, 10)),),
        areas=PHARMACY | CLINICAL,
        lots=(1, 3),
    ),
    Work(
        "Call transcripts for the {subject}, {units} seats",
        (Need("call-transcripts", (5, 10)),),
        areas=MEMBERS,
        lots=(1, 3),
    ),
    Work(
        "Clickstream for the {subject}, {units} seats",
        (Need("clickstream", (6, 12)),),
        areas=MEMBERS | frozenset({Area.PLATFORM}),
        lots=(1, 6),
        spot_percent=40,
    ),
    Work(
        "Provider directory for the {subject}, {units} seats",
        (Need("provider-directory", (4, 8)),),
        areas=MEMBERS | CLAIMS,
        lots=(1, 4),
        spot_percent=40,
    ),
)

BUNDLES = (
    Work(
        "Fine-tune the {subject} on {units} H100 with fresh labels",
        (
            Need("h100-training", (3, 5), offset_days=2),
            Need("annotation-team", (2, 3)),
            Need("claims-history", (4, 5)),
        ),
        areas=CLAIMS,
        lots=(1, 2),
        other_pool_key="a100-training",
    ),
    Work(
        "Adapt the {subject} to new notes, with advisers and counsel at hand",
        (
            Need("clinical-enclave", (3, 5), offset_days=1),
            Need("clinical-notes", (4, 5)),
            Need("clinical-advisers", (2, 3)),
            Need("privacy-counsel", (1, 1)),
        ),
        areas=CLINICAL,
        spot_percent=0,
    ),
    Work(
        "Privacy assessment and notes for the {subject}",
        (Need("privacy-counsel", (1, 2)), Need("clinical-notes", (3, 5), offset_days=1)),
        areas=CLINICAL,
        spot_percent=0,
    ),
    Work(
        "New features for the {subject} from the clickstream",
        (
            Need("feature-cluster", (2, 4)),
            Need("data-engineers", (2, 4)),
            Need("clickstream", (3, 5)),
        ),
        areas=MEMBERS,
        lots=(1, 2),
    ),
    Work(
        "Launch the {subject} on {units} L40S",
        (
            Need("inference-fleet", (3, 6), offset_days=1),
            Need("platform-reviewers", (2, 2)),
            Need("model-risk", (1, 2)),
        ),
        spot_percent=0,
    ),
    Work(
        "Train the {subject} on {units} A100 with calls and labels",
        (
            Need("a100-training", (3, 5), offset_days=1),
            Need("call-transcripts", (4, 6)),
            Need("annotation-team", (2, 3)),
        ),
        areas=MEMBERS,
        lots=(1, 2),
        other_pool_key="h100-training",
    ),
    Work(
        "Dispensing study for the {subject}",
        (
            Need("batch-cpu", (3, 5)),
            Need("pharmacy-claims", (4, 6)),
            Need("clinical-advisers", (1, 2)),
        ),
        areas=PHARMACY,
        lots=(1, 2),
    ),
    Work(
        "Validate the {subject} on ten years of claims",
        (Need("model-risk", (2, 4)), Need("claims-history", (3, 5))),
        areas=CLAIMS,
        spot_percent=0,
    ),
    Work(
        "Match providers for the {subject}",
        (Need("feature-cluster", (2, 4)), Need("provider-directory", (4, 5))),
        areas=MEMBERS | CLAIMS,
        lots=(1, 3),
    ),
    Work(
        "Drift study of the {subject}",
        (
            Need("notebook-gpu", (4, 6)),
            Need("clickstream", (4, 6)),
            Need("platform-reviewers", (1, 2)),
        ),
        areas=frozenset({Area.PLATFORM}) | MEMBERS,
        lots=(1, 2),
    ),
    Work(
        "Backtest the {subject} on ten years of claims",
        (Need("batch-cpu", (3, 5)), Need("claims-history", (3, 5))),
        areas=CLAIMS,
        lots=(1, 4),
        spot_percent=40,
    ),
    Work(
        "Annotated calls for the {subject}",
        (Need("annotation-team", (2, 4)), Need("call-transcripts", (3, 5))),
        areas=MEMBERS,
        lots=(1, 3),
    ),
)
