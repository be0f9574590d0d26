"""Whatever is written about every table is about every table that there is."""

from __future__ import annotations

import re
from pathlib import Path

import broker
from broker.every_table import TABLES

NAME = re.compile(r'__tablename__ = "([a-z_]+)"')


def test_no_module_has_a_table_that_the_metadata_lacks() -> None:
    files = Path(str(broker.__file__)).parent.rglob("*.py")
    written = {name for file in files for name in NAME.findall(file.read_text())}
    assert written == {table.name for table in TABLES}
