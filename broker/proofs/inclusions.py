"""Whether a receipt of submission proves that its bid was in the round when the bidding ended.

Pure: the standard library and trees.py. The receipt is the JSON that its bidder downloads; what it
proves is told by `problems_of`. Only the signature of the checkpoint is left to whoever has a
library for Ed25519.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

from broker.proofs.trees import leaf_hash, root_by_inclusion

ENDINGS = ("round.closed", "round.cancelled")
"""The events that end a round's bidding and enter the root of its sealed log."""


def problems_of(receipt: Mapping[str, Any]) -> list[str]:
    """Say what a receipt does not prove; an empty list means that it proves everything."""
    try:
        return list(_problems(receipt))
    except (AttributeError, KeyError, TypeError, ValueError):
        return ["It is not whole."]


def _problems(receipt: Mapping[str, Any]) -> Iterator[str]:
    committed = hashlib.sha256((receipt["salt"] + receipt["document"]).encode()).hexdigest()
    if committed != receipt["commitment"]:
        yield "The commitment is not that of the salt and the document."
    inclusion = receipt["inclusion"]
    if inclusion is None:
        yield "It holds no proof of inclusion: the round was not closed yet."
        return
    entry, event = json.loads(inclusion["entry"]), json.loads(inclusion["event"])
    if any(entry[name] != receipt[name] for name in ("bid_id", "version", "commitment")):
        yield "The entry is of another version or of another bid."
    facts = json.loads(event["facts"])
    if event["kind"] not in ENDINGS or event["subject"] != f"round:{receipt['round_key']}":
        yield "The event is not the close or the cancellation of this round."
    if _root(inclusion["entry"], inclusion["entry_proof"]) != facts["sealed_root"]:
        yield "The entry is not under the root that entered the log when the bidding ended."
    root = _root(inclusion["event"], inclusion["event_proof"])
    checkpoint = json.loads(inclusion["checkpoint"]) if inclusion["checkpoint"] else None
    if checkpoint is None:
        yield "No checkpoint was taken since then; ask again in a minute."
    elif (root, inclusion["event_proof"]["size"]) != (checkpoint["root"], checkpoint["size"]):
        yield "The event is not in the log of the checkpoint."


def _root(content: str, proof: Mapping[str, Any]) -> str | None:
    """Return the root that a proof comes to, as hex."""
    path = [bytes.fromhex(step) for step in proof["path"]]
    root = root_by_inclusion(leaf_hash(content.encode()), proof["place"], proof["size"], path)
    return root.hex() if root else None
