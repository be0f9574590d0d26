"""Help: a page for each role, the words of the market, and a day of each role in the demo."""

from __future__ import annotations

from flask import Blueprint, Flask, Response, abort, send_from_directory, url_for
from markupsafe import Markup

from broker.errors import NotFound
from web.desk import installed_for, market
from web.help_documents import BOOKS, DOCS, GLOSSARY, GUIDES, document, glossary, terms
from web.hypermedia import answer
from web.tours import DAYS

help_pages = Blueprint("help", __name__)
DEMO = "demo"


def register(app: Flask) -> None:
    """Let templates link words of the glossary where they stand."""
    app.jinja_env.globals["term"] = term


def term(word: str, shown: str = "") -> Markup:
    """Return a link from a word to its place in the glossary; its meaning shows on hover."""
    found = terms()[word]
    url = url_for("help.show", name=GLOSSARY) + f"#{found.slug}"
    return Markup('<a class="term" href="{}" title="{}">{}</a>').format(
        url, found.plain, shown or word
    )


@help_pages.get("/help")
def index() -> Response:
    """Show what help there is."""
    with market() as session:
        is_demo = installed_for(session) == DEMO
    return answer("help", guides=GUIDES, books=BOOKS, is_demo=is_demo)


@help_pages.get("/help/<name>")
def show(name: str) -> Response:
    """Show a document, the glossary, or the tour of the demo."""
    if name == GLOSSARY:
        return answer("glossary", terms=glossary())
    if name == DEMO:
        return _tour()
    if name not in GUIDES and name not in BOOKS:
        raise NotFound(f"There is no help about {name[:40]}.")
    return answer("guide", document=document(name), name=name, guides=GUIDES)


def _tour() -> Response:
    with market() as session:
        if installed_for(session) != DEMO:
            raise NotFound("This market is no demonstration.")
    return answer("tour", days=DAYS)


@help_pages.get("/help/images/<name>")
def picture(name: str) -> Response:
    """Hand out a picture of the documents."""
    if not name.endswith(".png"):
        abort(404)
    return send_from_directory(DOCS / "images", name)
