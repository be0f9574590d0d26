"""The application as a server starts it: settings from the environment, time from the machine."""

from __future__ import annotations

import os
import sys

from broker.clock import system_clock
from broker.config import Settings
from broker.logs import configure_logs
from web.app import create_app
from web.proxies import believe_proxies

configure_logs(sys.stderr, is_quiet=False)
settings = Settings.from_environment(os.environ)
app = create_app(settings, system_clock)
believe_proxies(app, settings.trusted_proxies)
