"""The receipt of a submission: a commitment to one version of a bid, given to its bidder at once.

The commitment is the hex SHA-256 of a salt followed by the version's document, canonical JSON. The
bidder gets the salt, so that anybody to whom they show both can check it; from the hash alone
nothing follows. After the close the snapshot must hold what the last commitment says.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import secrets
from dataclasses import dataclass

from allocation.wire import Document, canonical_json
from broker.bids.drafts import BidDraft, draft_document
from broker.states import BidState

SALT_BYTES = 32


@dataclass(frozen=True, slots=True)
class Submission:
    """What a bidder commits to with one version of a bid."""

    round_key: str
    team_key: str
    bid_key: str
    version: int
    state: BidState
    submitted_at: dt.datetime | None
    draft: BidDraft


@dataclass(frozen=True, slots=True)
class SubmissionReceipt:
    """The proof that a version was handed in. It counts nobody else and says nothing about them.

    `commitment` is the hex SHA-256 of `salt` followed by `document`, both as text.
    """

    bid_id: str
    bid_key: str
    round_key: str
    version: int
    state: BidState
    submitted_at: dt.datetime
    salt: str
    document: str
    commitment: str


def draw_salt() -> str:
    """Return a salt that nobody can guess."""
    return secrets.token_hex(SALT_BYTES)


def submission_text(submission: Submission) -> str:
    """Return the one way to write a version of a bid: canonical JSON."""
    instant = submission.submitted_at
    document: Document = {
        "format": 1,
        "round_key": submission.round_key,
        "team_key": submission.team_key,
        "bid_key": submission.bid_key,
        "version": submission.version,
        "state": submission.state.value,
        "submitted_at": instant.astimezone(dt.UTC).isoformat() if instant else None,
        "bid": draft_document(submission.draft),
    }
    return canonical_json(document).decode()


def commitment_to(document: str, salt: str) -> str:
    """Return what a bidder is given for a document: H(salt ‖ document)."""
    return hashlib.sha256((salt + document).encode()).hexdigest()
