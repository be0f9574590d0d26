"""The application as a server starts it: settings from the environment, time from the machine."""

from __future__ import annotations

import os

from broker.clock import system_clock
from broker.config import Settings
from web.app import create_app

app = create_app(Settings.from_environment(os.environ), system_clock)
