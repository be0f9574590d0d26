"""One set of icons: what templates and words name is drawn, and what is drawn is named."""

from __future__ import annotations

import re
from pathlib import Path

from web.assets import STATIC
from web.navigation import AREAS, MY_TEAM, RUNNING, Menu
from web.wording import STATE_ICONS

TEMPLATES = Path(__file__).parents[2] / "web" / "templates"
NAMED = re.compile(r"""icon\("([a-z_]+)"\)""")
DRAWN = re.compile(r'<symbol id="([a-z_]+)" viewBox="0 0 20 20">')


def test_every_icon_that_is_named_is_drawn_and_none_is_drawn_in_vain() -> None:
    in_templates = {
        name for page in TEMPLATES.rglob("*.html") for name in NAMED.findall(page.read_text())
    }
    in_bar = {area.icon for area in AREAS} | {Menu(word, ()).icon for word in (MY_TEAM, RUNNING)}
    sprite = (STATIC / "icons.svg").read_text()

    assert in_templates | in_bar | set(STATE_ICONS.values()) == set(DRAWN.findall(sprite))
    assert sprite.count("<symbol") == len(DRAWN.findall(sprite))
