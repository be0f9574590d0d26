"""Files packed into one archive: equal content is equal bytes, on every machine and at any time.

Names in order, one date, one mode, nothing compressed: compressors differ from machine to machine.
"""

from __future__ import annotations

import hashlib
import io
import zipfile
from collections.abc import Mapping

from allocation.wire import Document, canonical_json

Files = Mapping[str, bytes]
"""The contents of files by their names."""

MANIFEST = "manifest.json"
NO_TIME = (1980, 1, 1, 0, 0, 0)
ORDINARY_FILE = 0o100644 << 16
UNIX = 3


def pack(files: Files, **facts: object) -> bytes:
    """Return files as one archive, with a manifest of their lengths and hashes and some facts."""
    listed = [
        [name, len(files[name]), hashlib.sha256(files[name]).hexdigest()] for name in sorted(files)
    ]
    manifest: Document = {"format": 1, "files": listed, **facts}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as archive:
        for name, content in sorted({**files, MANIFEST: canonical_json(manifest)}.items()):
            archive.writestr(_entry(name), content)
    return out.getvalue()


def _entry(name: str) -> zipfile.ZipInfo:
    entry = zipfile.ZipInfo(name, NO_TIME)
    entry.external_attr, entry.create_system = ORDINARY_FILE, UNIX
    return entry
