"""Marks and words stand out from what is behind them, in both schemes: read from the stylesheet."""

from __future__ import annotations

import re
from collections.abc import Mapping

import pytest

from web.assets import STATIC

SHEET = (STATIC / "app.css").read_text()
TOKEN = re.compile(r"--([a-z-]+): (#[0-9a-f]{6});")
LIGHT = dict(TOKEN.findall(SHEET[: SHEET.index("@media (prefers-color-scheme: dark)")]))
DARK = LIGHT | dict(
    TOKEN.findall(SHEET[SHEET.index("@media (prefers-color-scheme: dark)") :].split("}\n}")[0])
)
SCHEMES = {"light": LIGHT, "dark": DARK}
WORDS, MARKS = 4.5, 3.0
ON_SURFACE = ("text", "muted", "accent", "good", "warn", "bad")
DRAWN = ("reserved", "spot-line", "held", "plain-bar", "frame")
"""What fills or outlines every mark of a chart; what is free is told by its frame."""
BADGES = (
    ("good", "good-soft"),
    ("warn", "warn-soft"),
    ("bad", "bad-soft"),
    ("text", "accent-soft"),
)


def luminance(colour: str) -> float:
    """Return the relative luminance of a colour. Source: WCAG 2.2."""
    channels = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours, from 1 to 21. Source: WCAG 2.2."""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_measure_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_words_can_be_read(scheme: str) -> None:
    colours: Mapping[str, str] = SCHEMES[scheme]
    pairs = [(word, ground) for word in ON_SURFACE for ground in ("surface", "ground")]

    found = {pair: contrast(*(colours[name] for name in pair)) for pair in (*pairs, *BADGES)}
    assert {pair: ratio for pair, ratio in found.items() if ratio < WORDS} == {}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_marks_of_charts_can_be_seen(scheme: str) -> None:
    colours: Mapping[str, str] = SCHEMES[scheme]
    found = {mark: contrast(colours[mark], colours["surface"]) for mark in DRAWN}
    hatched = contrast(colours["spot-line"], colours["spot-ground"])

    assert {mark: ratio for mark, ratio in found.items() if ratio < MARKS} == {}
    assert hatched >= MARKS
    assert LIGHT != DARK
