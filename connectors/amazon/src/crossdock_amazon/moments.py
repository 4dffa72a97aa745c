"""Times as Amazon writes them: ISO 8601 with an offset. Pure."""

import re
from datetime import UTC, datetime
from typing import Any

from crossdock.canonical.texts import rfc3339
from crossdock.reading import fault

_OFFSET = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?[+-]\d\d:\d\d")


def moment(topic: str, at: str, text: str) -> datetime:
    """A time that exists, in UTC. ContractError: that day is in no calendar, or beyond its edge."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise fault(topic, at, "a time such as 2026-01-31T12:00:00Z", text) from None


def in_utc(value: Any) -> Any:
    """The same with every time within it in UTC, so that one moment has one form."""
    if isinstance(value, dict):
        return {key: in_utc(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [in_utc(inner) for inner in value]
    if isinstance(value, str) and _OFFSET.fullmatch(value):
        try:
            told = datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            return value
        return rfc3339(told)
    return value
