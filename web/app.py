"""The application: settings and a clock go in, a Flask application comes out.

wsgi.py reads the environment. Each area of the market has a blueprint; what they share stands in
desk.py (storage), hypermedia.py (pages and parts), grids.py (tables) and charts.py (geometry).
"""

from __future__ import annotations

from flask import Flask

from broker.clock import Clock
from broker.config import Settings
from broker.db import connect
from web import (
    assets,
    auth,
    csrf,
    desk,
    errors,
    filters,
    grids,
    guides,
    headers,
    heat_charts,
    navigation,
    rates,
    visits,
    ways,
    wording,
)
from web.access_grants import access_grants
from web.accounts import accounts
from web.api.routes import api
from web.approvals import approvals
from web.bid_filling import filling
from web.bids import bids
from web.calendars import calendars
from web.capacity import capacity
from web.deliveries import deliveries
from web.finance import finance
from web.guides import help_pages
from web.health import health
from web.hours import hours
from web.ledger import ledger
from web.losses import losses
from web.market import market_pages
from web.notices import notices
from web.overrides import overrides
from web.people import people
from web.policy import policy
from web.pool_admin import pool_admin
from web.pools import pools
from web.questions import questions
from web.receipts import receipts
from web.releases import releases
from web.round_actions import round_actions
from web.rounds import rounds
from web.runs import runs
from web.single_sign_on import single_sign_on
from web.sprints import sprints
from web.teams import teams
from web.tokens import tokens
from web.waitlists import waitlists
from web.webhooks import webhooks

LARGEST_BODY_BYTES = 1_000_000


def create_app(settings: Settings, clock: Clock) -> Flask:
    """Return the screens over the market that the settings name. Touches no database yet."""
    app = Flask(__name__, static_folder=str(assets.STATIC))
    app.config.update(MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES, SECRET_KEY=settings.secret_key)
    app.jinja_env.trim_blocks = True
    app.jinja_env.lstrip_blocks = True
    desk.register(app, connect(settings.database_url), clock)
    ways.register(app, settings)
    for part in (
        visits,
        assets,
        auth,
        csrf,
        errors,
        filters,
        grids,
        guides,
        headers,
        heat_charts,
        navigation,
        wording,
    ):
        part.register(app)
    rates.register(app, settings.requests_per_minute)
    for blueprint in (
        market_pages,
        rounds,
        round_actions,
        sprints,
        runs,
        overrides,
        pools,
        pool_admin,
        capacity,
        receipts,
        questions,
        releases,
        losses,
        waitlists,
        ledger,
        finance,
        accounts,
        single_sign_on,
        people,
        teams,
        tokens,
        policy,
        notices,
        deliveries,
        approvals,
        access_grants,
        hours,
        bids,
        filling,
        calendars,
        webhooks,
        help_pages,
        health,
        api,
    ):
        app.register_blueprint(blueprint)
    return app
