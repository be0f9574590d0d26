"""Columns of what an installation notes about itself, no behaviour."""

from __future__ import annotations

import datetime as dt

from sqlalchemy import Text
from sqlmodel import Field

from broker.tables import Instant, Table


class HostRow(Table, table=True):
    """A host on which `broker tick` runs, and when it last did."""

    __tablename__ = "host"
    name: str = Field(primary_key=True, sa_type=Text)
    ticked_at: dt.datetime = Field(sa_type=Instant)
