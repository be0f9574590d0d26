"""Random tamperings of run bundles: of bytes, of what files say, with every hash made to fit again.

Each takes a source of chance and the bytes of a sound bundle, and returns other bytes. The last
kinds are those of a forger who writes a manifest, hashes, events and a signature that fit.
"""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Callable, Mapping
from random import Random
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from allocation.wire import canonical_json, sha256_of
from broker.exports.archives import MANIFEST, pack
from broker.proofs.trees import inclusion_path as path_to
from broker.proofs.trees import leaf_hash, root_of, subtrees_of

Files = dict[str, bytes]
Spoil = Callable[[Random, bytes], bytes]
FORGER = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))


def files_of(bundle: bytes) -> Files:
    """Return the files of a bundle, its manifest included."""
    with zipfile.ZipFile(io.BytesIO(bundle)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def documents_of(files: Files) -> dict[str, Any]:
    """Return what the JSON files of a bundle say."""
    return {n: json.loads(content) for n, content in files.items() if n.endswith(".json")}


def packed_again(files: Files) -> bytes:
    """Return a bundle of these files with a manifest that fits them."""
    manifest = json.loads(files[MANIFEST])
    facts = {name: value for name, value in manifest.items() if name not in {"format", "files"}}
    return pack({name: files[name] for name in files if name != MANIFEST}, **facts)


def _zipped(files: Files) -> bytes:
    """Return an archive of files as they are, the manifest among them."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted(files):
            archive.writestr(zipfile.ZipInfo(name), files[name])
    return out.getvalue()


# --- bytes of the archive --------------------------------------------------------------------


def flip_a_bit(random: Random, bundle: bytes) -> bytes:
    place = random.randrange(len(bundle))
    flipped = bundle[place] ^ (1 << random.randrange(8))
    return bundle[:place] + bytes([flipped]) + bundle[place + 1 :]


def cut(random: Random, bundle: bytes) -> bytes:
    return bundle[: random.randrange(len(bundle))]


def lengthen(random: Random, bundle: bytes) -> bytes:
    return bundle + random.randbytes(random.randint(1, 40))


def swap_parts(random: Random, bundle: bytes) -> bytes:
    a, b, c = sorted(random.sample(range(len(bundle)), 3))
    return bundle[:a] + bundle[b:c] + bundle[a:b] + bundle[c:]


# --- what files say --------------------------------------------------------------------------


def _spots(value: Any) -> list[tuple[Any, Any]]:
    """Return every place in a document: the container and the key or index in it."""
    found: list[tuple[Any, Any]] = []
    places = value.items() if isinstance(value, dict) else enumerate(value)
    for key, inner in places:
        found.append((value, key))
        if isinstance(inner, dict | list):
            found += _spots(inner)
    return found


def _another(random: Random, value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + random.choice((-1, 1, 10, -10, 10**6))
    if isinstance(value, float):
        return value + random.choice((0.001, -0.001, 1))
    if isinstance(value, str):
        place = random.randrange(len(value) + 1)
        return value[:place] + random.choice("0a9Zf") + value[place + 1 :]
    return random.choice((None, 0, "", [], {}))


def _touch(random: Random, document: Any) -> None:
    container, key = random.choice(_spots(document))
    how = random.randrange(4)
    if how == 0 and isinstance(container, list):
        container.insert(key, container[key])
    elif how == 1 and len(container) > 1:
        container.pop(key)
    elif how == 2 and isinstance(container, dict):
        container[f"{key}x"] = container[key]
    else:
        container[key] = _another(random, container[key])


def _touched(random: Random, bundle: bytes) -> Files:
    """Return the files with one change in what one of them says."""
    files = files_of(bundle)
    name = random.choice([name for name in files if name.endswith(".json")])
    document = json.loads(files[name])
    while canonical_json(document) == files[name]:
        _touch(random, document)
    return files | {name: canonical_json(document)}


def change_a_value(random: Random, bundle: bytes) -> bytes:
    return _zipped(_touched(random, bundle))


def change_and_hash_again(random: Random, bundle: bytes) -> bytes:
    files = _touched(random, bundle)
    if files[MANIFEST] != files_of(bundle)[MANIFEST]:
        return pack_as_it_is(files)
    return packed_again(files)


def pack_as_it_is(files: Files) -> bytes:
    """Return the archive as bundles are packed, with the manifest that is in it."""
    spoilt = {name: content for name, content in files.items() if name != MANIFEST}
    sound = pack(spoilt)
    old = files_of(sound)[MANIFEST]
    return (
        sound.replace(old, files[MANIFEST]) if len(old) == len(files[MANIFEST]) else _zipped(files)
    )


def write_otherwise(random: Random, bundle: bytes) -> bytes:
    """Say the same in JSON with spaces."""
    files = files_of(bundle)
    name = random.choice([n for n in files if n.endswith(".json") and n != MANIFEST])
    return packed_again(files | {name: json.dumps(json.loads(files[name])).encode()})


def drop_a_file(random: Random, bundle: bytes) -> bytes:
    files = files_of(bundle)
    del files[random.choice([name for name in files if name != MANIFEST])]
    return packed_again(files)


def add_a_file(random: Random, bundle: bytes) -> bytes:
    name = random.choice(("notes.txt", "snapshot.json", "extra.json", "b.py"))
    files = files_of(bundle)
    return packed_again(files | {name: files["problem.json"]})


def bend_the_program(random: Random, bundle: bytes) -> bytes:
    files = files_of(bundle)
    program = files["verify_bundle.py"]
    place = random.randrange(len(program))
    return packed_again(files | {"verify_bundle.py": program[:place] + b"#" + program[place:]})


# --- forgers ---------------------------------------------------------------------------------


def _claims_fitted(documents: dict[str, Any]) -> None:
    """Let the report say the hashes of the problem and the outcome as they now are."""
    outcome = documents["outcome.json"]
    decided = {
        "format": 1,
        "awards": outcome["awards"],
        "declines": [row[:2] for row in outcome["declines"]],
        "prices": outcome["prices"],
    }
    documents["report.json"]["outcome_sha256"] = sha256_of(decided)
    documents["report.json"]["problem_sha256"] = sha256_of(documents["problem.json"]["problem"])


def _events_fitted(documents: dict[str, Any]) -> None:
    """Let the events say the hashes as they now are, in a log of their own that a forger signs."""
    report, policy = documents["report.json"], documents["policy.json"]
    evidence = {
        "certificate": documents["certificate.json"],
        "report": report,
        **documents["outcome.json"],
    }
    fitting = {
        "problem_sha256": report["problem_sha256"],
        "outcome_sha256": report["outcome_sha256"],
        "snapshot_sha256": sha256_of(documents["problem.json"]),
        "scores_sha256": sha256_of(policy["scores"]),
        "evidence_sha256": sha256_of(evidence),
    }
    audit = documents["audit.json"]
    earlier = f"run:{documents['before.json']['run_id']}" if "before.json" in documents else None
    for entry in audit["events"]:
        if entry["event"]["subject"] == earlier:
            continue
        facts = json.loads(entry["event"]["facts"])
        said = {name: fitting.get(name, value) for name, value in facts.items()}
        entry["event"]["facts"] = canonical_json(said).decode()
    _signed_by_a_forger(audit)


def _signed_by_a_forger(audit: dict[str, Any]) -> None:
    events = [entry["event"] for entry in audit["events"]]
    for sequence, event in enumerate(events, 1):
        event["sequence"] = sequence
    leaves = [leaf_hash(canonical_json(event)) for event in events]
    for place, entry in enumerate(audit["events"]):
        path = path_to(subtrees_of(leaves), place, len(leaves))
        entry["path"] = [step.hex() for step in path]
    claim = {name: audit["checkpoint"][name] for name in ("format", "taken_at")}
    claim |= {"size": len(leaves), "root": root_of(leaves).hex()}
    claim["key"] = FORGER.public_key().public_bytes_raw().hex()
    signature = FORGER.sign(b"capacity-broker checkpoint 1\n" + canonical_json(claim)).hex()
    audit["checkpoint"] = claim | {"signature": signature}


def _written(files: Files, documents: Mapping[str, Any]) -> bytes:
    return packed_again(files | {n: canonical_json(said) for n, said in documents.items()})


def _pay_less(random: Random, documents: dict[str, Any]) -> None:
    award = random.choice([row for row in documents["outcome.json"]["awards"] if row[5]])
    award[5] -= 1


def _lose_a_bid(random: Random, documents: dict[str, Any]) -> None:
    bids = documents["problem.json"]["problem"]["bids"]
    gone = bids.pop(random.randrange(len(bids)))[0]
    for name in ("awards", "declines"):
        rows = documents["outcome.json"][name]
        rows[:] = [row for row in rows if row[0] != gone]


def _give_another_reason(random: Random, documents: dict[str, Any]) -> None:
    decline = random.choice(documents["outcome.json"]["declines"])
    decline[1] = "tie-break" if decline[1] != "tie-break" else "outbid"


def _raise_a_price(random: Random, documents: dict[str, Any]) -> None:
    random.choice(documents["outcome.json"]["prices"])[3] += 1


CRIMES = (_pay_less, _lose_a_bid, _give_another_reason, _raise_a_price)


def forge(random: Random, bundle: bytes) -> bytes:
    """Change what was decided, and let report and manifest agree with it."""
    files = files_of(bundle)
    documents = documents_of(files)
    random.choice(CRIMES)(random, documents)
    _claims_fitted(documents)
    return _written(files, documents)


def signed_again(files: Files, documents: dict[str, Any]) -> bytes:
    """Return a bundle in which everything agrees with what its documents say now, signed anew."""
    _claims_fitted(documents)
    _events_fitted(documents)
    return _written(files, documents)


def forge_and_sign(random: Random, bundle: bytes) -> bytes:
    """Change what was decided, and let events and a signature of one's own agree as well."""
    files = files_of(bundle)
    documents = documents_of(files)
    random.choice(CRIMES)(random, documents)
    return signed_again(files, documents)


def sign_with_another_key(random: Random, bundle: bytes) -> bytes:
    """Change nothing but who signed, and when."""
    del random
    files = files_of(bundle)
    documents = documents_of(files)
    _signed_by_a_forger(documents["audit.json"])
    return _written(files, documents)


SPOILS: tuple[Spoil, ...] = (
    *(flip_a_bit, cut, lengthen, swap_parts),
    *(change_a_value, change_and_hash_again, change_and_hash_again, change_and_hash_again),
    *(write_otherwise, drop_a_file, add_a_file, bend_the_program),
    *(forge, forge_and_sign, sign_with_another_key),
)


def mixed(bundle: bytes, other: bytes, name: str) -> bytes:
    """Return a bundle with one file of another."""
    return packed_again(files_of(bundle) | {name: files_of(other)[name]})
