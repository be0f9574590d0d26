"""Where requests really come from, when proxies of ours stand in front of the server.

Only as many are believed as the settings name: what anybody may write in a header decides neither
how long a guesser waits nor whether a cookie is for https.
"""

from __future__ import annotations

from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix


def believe_proxies(app: Flask, count: int) -> None:
    """Take the client's address, the scheme and the host from that many proxies."""
    if count:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]  # the documented way
