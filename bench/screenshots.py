"""`python -m bench.screenshots`: the pictures of the documents, taken of the demo as it is now.

The demo is built at one moment that never changes and served by a clock that stands still there, so
that pictures change where the product does; only results that are not proven best may differ a
little from run to run. Writes docs/images.
"""

from __future__ import annotations

import datetime as dt
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

from broker.company.people import PASSWORD
from broker.config import Settings
from broker.demo import build_demo
from broker.solving import solve
from web.app import create_app

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
NOW = dt.datetime(2026, 6, 16, 10, tzinfo=dt.UTC)
"""A Tuesday within a sprint."""
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--force-device-scale-factor=1",
    "--font-render-hinting=none",
)
WIDTH = 1200
A_BID = "#my_bids tbody th a"


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture: what it is called, who looks, at which address, how much of it."""

    name: str
    visitor: str
    path: str
    height: int = 760
    follow: tuple[str, ...] = ()
    """The first link of each of these selectors is followed, one page after the other."""


PICTURES = (
    Picture("capacity", "", "/capacity", 880),
    Picture("scarcity", "", "/capacity/scarcity"),
    Picture("value", "", "/capacity/value"),
    Picture("market", "mara", "/"),
    Picture("bid", "mara", "/bids/new"),
    Picture(
        "receipt", "mara", "/bids?state=declined", 820, ("#my_bids tbody th a", "main .primary")
    ),
    Picture("credits", "mara", "/ledger/claims-automation"),
    Picture("calendar", "priya", "/admin/pools/h100-training"),
    Picture("round", "ingrid", "/rounds", 820, ("#rounds tbody tr:nth-child(2) th a",)),
    Picture("policy", "ingrid", "/admin/policy"),
    Picture("finance", "beatriz", "/finance"),
)


def main() -> int:
    """Build the demo, take every picture, put them in the place of the ones before."""
    program = os.environ.get("BROKER_CHROMIUM") or next(
        filter(None, map(shutil.which, BROWSERS)), ""
    )
    if not program:
        print("No Chromium: run tests/browser/install.sh.", file=sys.stderr)
        return 1
    IMAGES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        database_url = f"sqlite:///{Path(folder) / 'demo.sqlite3'}"
        build_demo(database_url, _now, solve, print)
        browser = playwright.chromium.launch(executable_path=program, args=list(FLAGS))
        with _served(database_url) as site:
            for picture in PICTURES:
                _take(browser, site, picture)
        browser.close()
    return 0


def _now() -> dt.datetime:
    return NOW


class _Quiet(WSGIRequestHandler):
    """Serves without a line for each request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Say nothing."""


@contextmanager
def _served(database_url: str) -> Iterator[str]:
    """Serve the demo on a free port of this machine, by a clock that stands still."""
    app = create_app(Settings(database_url), _now)
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=_Quiet)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()


def _take(browser: Browser, site: str, picture: Picture) -> None:
    context = browser.new_context(
        viewport={"width": WIDTH, "height": picture.height},
        color_scheme="light",
        reduced_motion="reduce",
    )
    page = context.new_page()
    if picture.visitor:
        _sign_in(page, site, picture.visitor)
    page.goto(site + picture.path)
    for link in picture.follow:
        page.locator(link).first.click()
        page.wait_for_load_state()
    file = IMAGES / f"{picture.name}.png"
    page.screenshot(path=file)
    print(f"{file.name}: {file.stat().st_size / 1000:.0f} kB")
    context.close()


def _sign_in(page: Page, site: str, name: str) -> None:
    page.goto(f"{site}/sign-in")
    page.get_by_label("Name you sign in with").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_load_state()


if __name__ == "__main__":
    sys.exit(main())
