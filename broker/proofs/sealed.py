"""The sealed log of a round: what happened to its bids until the close, which nobody could count.

An entry is a version of a bid that was submitted, with the commitment that its bidder was given.
Its leaf says nothing without the salt, and the leaves stand in the order of their hashes, so that
their places tell no time. Nothing is written into the main log before the close; the close enters
the root, and with it every row of every bid. So does the cancellation of a round that took bids.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import ColumnElement, ScalarSelect, func, literal, select
from sqlmodel import Session, col

from allocation.wire import Document, canonical_json
from broker.bids.tables import BidVersionRow, TeamBidRow
from broker.proofs.audited import audited_tables, hashed, hashed_columns, sealed_in
from broker.proofs.inclusions import ENDINGS
from broker.proofs.leaves import instant_text
from broker.proofs.pending import enter_lines
from broker.proofs.trees import leaf_hash, root_of
from broker.states import BidState
from broker.tables import AuditEventRow, RoundRow


@dataclass(frozen=True, slots=True)
class SealedEntry:
    """One version of a bid in the sealed log of its round."""

    bid_id: str
    version: int
    state: str
    written_by: str
    written_at: str
    commitment: str

    @property
    def content(self) -> bytes:
        """Return what is hashed of it: canonical JSON."""
        return canonical_json(asdict(self))

    @property
    def leaf(self) -> bytes:
        """Return its hash as a leaf of the sealed tree."""
        return leaf_hash(self.content)


@dataclass(frozen=True, slots=True)
class Found:
    """The entries of a round, and the event that ended its bidding if there was one."""

    entries: Sequence[SealedEntry]
    sequence: int | None


def enter_bids_of(session: Session, row: RoundRow) -> Document:
    """Let the log vouch for all bids of a round that takes no more; return what its event says."""
    for name, which in sealed_in(col(RoundRow.id) == row.id).items():
        rows = audited_tables()[name]
        found = session.execute(select(*hashed_columns(rows)).where(which))
        enter_lines(session, name, hashed(rows, found, {}))
    entries = sealed_entries(session, row.id)
    return {"sealed_entries": len(entries), "sealed_root": sealed_root(entries)}


def sealed_entries(session: Session, round_id: str) -> Sequence[SealedEntry]:
    """Return the entries of a round in the order of the tree. Before the close nobody may ask."""
    return find_entries(session, round_id, literal(0)).entries


def find_entries(session: Session, round_id: str, closing_event: ColumnElement[Any]) -> Found:
    """Return the entries of a round with the event that ended its bidding, in one question.

    Before that event there are none, and what it costs to say so does not depend on the bids.
    """
    submitted = select(col(BidVersionRow.bid_id)).where(
        col(BidVersionRow.state) == BidState.SUBMITTED
    )
    names = ("bid_id", "version", "state", "written_by", "written_at", "commitment")
    written = (
        select(*(col(getattr(BidVersionRow, name)) for name in names), closing_event)
        .join(TeamBidRow, col(TeamBidRow.id) == col(BidVersionRow.bid_id))
        .where(
            closing_event.is_not(None),
            col(TeamBidRow.round_id) == round_id,
            col(BidVersionRow.bid_id).in_(submitted),
            col(BidVersionRow.commitment).is_not(None),
        )
    )
    rows = session.execute(written).all()
    entries = (
        SealedEntry(bid_id, version, state, author, instant_text(at), commitment)
        for bid_id, version, state, author, at, commitment, _ in rows
    )
    in_order = sorted(entries, key=lambda entry: entry.leaf)
    return Found(in_order, rows[0][-1] if rows else None)


def sealing_event(subject: ColumnElement[str]) -> ScalarSelect[int]:
    """Look up the event that ended a round's bidding, if it entered a root: older ones did not."""
    event = AuditEventRow
    ended = select(func.max(col(event.sequence))).where(
        col(event.subject) == subject,
        col(event.kind).in_(ENDINGS),
        col(event.facts).contains('"sealed_root"'),
    )
    return ended.scalar_subquery()


def sealed_root(entries: Sequence[SealedEntry]) -> str:
    """Return the root of a sealed log, as hex."""
    return root_of([entry.leaf for entry in entries]).hex()
