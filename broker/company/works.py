"""What the teams of the fictional company ask for: kinds of work, each with the pools it needs.

A work is a pattern: title, pools, days. bids.py turns it into a bid of a team
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

    Units: `spot_percent` is how many in a hundred would take spot.
    """

    title: str
    needs: tuple[Need, ...]
    areas: frozenset[Area] = ALL_AREAS
    spot_percent: int = 80
    other_pool_key: str | None = None

    @property
    def is_bundle(self) -> bool:
        """Say whether the work needs several pools at once."""
        return len(self.needs) > 1


SINGLES = (
    Work(
        "Fine-tune the {subject} on {units} H100",
        (Need("h100-training", (6, 12)),),
        other_pool_key="a100-training",
    ),
    Work(
        "Retrain the {subject} from scratch on {units} H100",
        (Need("h100-training", (10, 14)),),
    ),
    Work(
        "Distil the {subject} on {units} H100",
        (Need("h100-training", (3, 6)),),
    ),
    Work(
        "Train the {subject} on {units} A100",
        (Need("a100-training", (7, 12)),),
        other_pool_key="h100-training",
    ),
    Work(
        "Keep {units} A100 for the {subject} all sprint",
        (Need("a100-training", (14, 14)),),
    ),
    Work(
        "Hyperparameter sweep of the {subject} on up to {units} A100",
        (Need("a100-training", (5, 9)),),
        spot_percent=80,
    ),
    Work(
        "Load test of the {subject} on {units} L40S",
        (Need("inference-fleet", (2, 5)),),
        spot_percent=80,
    ),
    Work(
        "Shadow deployment of the {subject} on {units} L40S",
        (Need("inference-fleet", (9, 14)),),
    ),
    Work(
        "Adapt the {subject} inside the enclave on {units} GPUs",
        (Need("clinical-enclave", (7, 12)),),
        areas=CLINICAL,
        spot_percent=80,
    ),
    Work(
        "Evaluate the {subject} on restricted cases",
        (Need("clinical-enclave", (4, 8)),),
        areas=CLINICAL,
        spot_percent=80,
    ),
    Work(
        "Score two years of history with the {subject}",
        (Need("batch-cpu", (4, 9)),),
        spot_percent=80,
    ),
    Work(
        "Simulate next year with the {subject}",
        (Need("batch-cpu", (8, 14)),),
    ),
    Work(
        "Label cases for the {subject}, {units} hours a day",
        (Need("annotation-team", (8, 14)),),
        spot_percent=80,
    ),
    Work(
        "Second opinion on disputed labels of the {subject}",
        (Need("annotation-team", (5, 9)),),
    ),
    Work(
        "Clinical review of the {subject}",
        (Need("clinical-advisers", (8, 14)),),
        areas=CLINICAL | PHARMACY,
        spot_percent=80,
    ),
    Work(
        "Privacy assessment of the {subject}",
        (Need("privacy-counsel", (8, 14)),),
        spot_percent=0,
    ),
    Work(
        "Renew the data use agreement of the {subject}",
        (Need("privacy-counsel", (4, 8)),),
        spot_percent=0,
    ),
    Work(
        "Move the {subject} to the shared pipeline, {units} hours a day",
        (Need("data-engineers", (9, 14)),),
        spot_percent=80,
    ),
    Work(
        "Repair late data behind the {subject}",
        (Need("data-engineers", (4, 9)),),
        spot_percent=80,
    ),
    Work(
        "Validate the {subject} before launch",
        (Need("model-risk", (8, 14)),),
        spot_percent=0,
    ),
    Work(
        "Yearly revalidation of the {subject}",
        (Need("model-risk", (5, 9)),),
        spot_percent=0,
    ),
    Work(
        "Claims history for the {subject}, {units} seats",
        (Need("claims-history", (9, 14)),),
        areas=CLAIMS | CLINICAL,
        spot_percent=80,
    ),
    Work(
        "Clinical notes for the {subject}, {units} seats",
        (Need("clinical-notes", (9, 14)),),
        areas=CLINICAL,
        spot_percent=80,
    ),
    Work(
        "Pharmacy claims for the {subject}, {units} seats",
        (Need("pharmacy-claims", (9, 13)),),
        areas=PHARMACY | CLINICAL,
        spot_percent=80,
    ),
    Work(
        "Call transcripts for the {subject}, {units} seats",
        (Need("call-transcripts", (9, 13)),),
        areas=MEMBERS,
        spot_percent=80,
    ),
)

BUNDLES = (
    Work(
        "Fine-tune the {subject} on {units} H100 with fresh labels",
        (
            Need("h100-training", (7, 11), offset_days=2),
            Need("annotation-team", (5, 8)),
            Need("claims-history", (8, 12)),
        ),
        areas=CLAIMS,
        other_pool_key="a100-training",
        spot_percent=10,
    ),
    Work(
        "Adapt the {subject} to new notes, with advisers and counsel at hand",
        (
            Need("clinical-enclave", (7, 12), offset_days=1),
            Need("clinical-notes", (8, 12)),
            Need("clinical-advisers", (6, 8)),
            Need("privacy-counsel", (1, 2)),
        ),
        areas=CLINICAL,
        spot_percent=10,
    ),
    Work(
        "Privacy assessment and notes for the {subject}",
        (Need("privacy-counsel", (5, 8)), Need("clinical-notes", (7, 12), offset_days=1)),
        areas=CLINICAL,
        spot_percent=10,
    ),
    Work(
        "New features for the {subject} from calls",
        (
            Need("batch-cpu", (6, 10)),
            Need("data-engineers", (6, 12)),
            Need("call-transcripts", (9, 12)),
        ),
        areas=MEMBERS,
        spot_percent=10,
    ),
    Work(
        "Launch the {subject} on {units} L40S",
        (Need("inference-fleet", (7, 12), offset_days=1), Need("model-risk", (5, 8))),
        spot_percent=10,
    ),
    Work(
        "Train the {subject} on {units} A100 with calls and labels",
        (
            Need("a100-training", (7, 12), offset_days=1),
            Need("call-transcripts", (8, 12)),
            Need("annotation-team", (5, 8)),
        ),
        areas=MEMBERS,
        other_pool_key="h100-training",
        spot_percent=10,
    ),
    Work(
        "Dispensing study for the {subject}",
        (
            Need("batch-cpu", (6, 10)),
            Need("pharmacy-claims", (8, 12)),
            Need("clinical-advisers", (4, 8)),
        ),
        areas=PHARMACY,
        spot_percent=10,
    ),
    Work(
        "Validate the {subject} on ten years of claims",
        (Need("model-risk", (6, 12)), Need("claims-history", (7, 12))),
        areas=CLAIMS,
        spot_percent=10,
    ),
    Work(
        "Drift study of the {subject}",
        (Need("inference-fleet", (6, 10)), Need("data-engineers", (4, 8))),
        areas=frozenset({Area.PLATFORM}) | MEMBERS,
        spot_percent=10,
    ),
    Work(
        "Backtest the {subject} on ten years of dispensing",
        (Need("batch-cpu", (6, 11)), Need("pharmacy-claims", (7, 12))),
        areas=PHARMACY,
        spot_percent=10,
    ),
    Work(
        "Annotated calls for the {subject}",
        (Need("annotation-team", (6, 12)), Need("call-transcripts", (7, 12))),
        areas=MEMBERS,
        spot_percent=10,
    ),
)
