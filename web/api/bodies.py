"""Bodies of requests: JSON read strictly by a schema, and refused with every finding.

No key twice, no NaN, no Infinity, no depth that nobody means, no key that the schema does not
name. Numbers, days and instants stay within what the market can count and keep.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, ClassVar, TypeVar

from flask import request
from pydantic import AfterValidator, AwareDatetime, Field

from broker.errors import InvalidInput
from broker.policy.documents import Part
from broker.policy.reading import read_document
from broker.texts import LARGEST_NUMBER, findings_in_text
from web.api.problems import ApiError

B = TypeVar("B", bound=Part)
UNSUPPORTED = 415
EARLIEST, LATEST = dt.date(2000, 1, 1), dt.date(2999, 12, 31)


class InvalidBody(InvalidInput):
    """The body of a request says what this call does not take."""

    code: ClassVar[str] = "invalid-body"
    what: ClassVar[str] = "body"


def _one_line(text: str) -> str:
    for finding in findings_in_text("the text", text):
        raise ValueError(finding.removeprefix("the text: ").rstrip("."))
    return text


def _in_utc(at: dt.datetime) -> dt.datetime:
    if not EARLIEST <= at.date() <= LATEST:
        raise ValueError(f"is not between {EARLIEST} and {LATEST}; name another time")
    return at.astimezone(dt.UTC)


Text = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]
Long = Annotated[str, Field(max_length=500_000)]
Day = Annotated[dt.date, Field(ge=EARLIEST, le=LATEST)]
Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Whole = Annotated[int, Field(ge=0, le=LARGEST_NUMBER)]
Count = Annotated[int, Field(ge=0, le=10**6)]


class Nothing(Part):
    """A call that needs no body; an empty object is one too."""


def read_body(schema: type[B]) -> B:
    """Return the body of the request. Raises: InvalidBody with every finding; ApiError."""
    content = request.get_data()
    if content and request.mimetype != "application/json":
        raise ApiError(UNSUPPORTED, "Send the body as application/json.")
    return read_document(content or b"{}", "of the request", schema, InvalidBody, "body")
