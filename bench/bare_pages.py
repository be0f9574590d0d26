"""A page of Flask that does nothing, to be served beside the market's and measured like them."""

from __future__ import annotations

from flask import Flask

app = Flask(__name__, static_folder=None)


@app.get("/")
def show() -> str:
    """Answer with a line of text."""
    return "<!doctype html><title>Bare</title><p>Nothing is asked and nothing is counted.</p>"
