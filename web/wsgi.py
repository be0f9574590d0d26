"""The application as a server starts it: settings from the environment, time from the machine."""

from __future__ import annotations

import os

from broker.clock import system_clock
from broker.config import Settings
from web.app import create_app
from web.proxies import believe_proxies

settings = Settings.from_environment(os.environ)
app = create_app(settings, system_clock)
believe_proxies(app, settings.trusted_proxies)
