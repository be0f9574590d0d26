"""Static files with the hash of their content in the address: browsers may keep them for ever."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from flask import Flask, Response, request, url_for

STATIC = Path(__file__).parent.parent / "static"
FOR_EVER = "public, max-age=31536000, immutable"
SHOWN_DIGITS = 16


def register(app: Flask) -> None:
    """Let templates write `asset_url`, and let browsers keep what carries its hash."""
    versions = _versions(STATIC)

    def asset_url(name: str) -> str:
        return url_for("static", filename=name, v=versions[name])

    def keep(response: Response) -> Response:
        if request.endpoint == "static":
            name = (request.view_args or {}).get("filename", "")
            is_known = name in versions and request.args.get("v") == versions[name]
            response.headers["Cache-Control"] = FOR_EVER if is_known else "no-cache"
        return response

    app.jinja_env.globals["asset_url"] = asset_url
    app.after_request(keep)


def _versions(folder: Path) -> Mapping[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()[
            :SHOWN_DIGITS
        ]
        for path in files
    }
