"""What a vendor answered, and which of our errors its refusal is."""

import re
import time
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cached_property
from typing import Any

from crossdock import jsonpieces, jsontext, rates
from crossdock.errors import (
    AuthError,
    ConflictError,
    ContractError,
    CrossdockError,
    RateLimitedError,
    RejectedError,
    UnavailableError,
)
from crossdock.http.redaction import PLAIN, Redactor

REQUEST_ID_HEADERS = (
    "x-request-id",
    "x-amzn-requestid",
    "x-amz-request-id",
    "request-id",
    "x-requestid",
    "x-correlation-id",
    "paypal-debug-id",
    "x-ms-request-id",
    "x-trace-id",
    "traceparent",
    "cf-ray",
)
"""Where vendors put their own id of a request, the most telling first."""
DEFAULT_RETRY_AFTER_S = rates.DEFAULT_PAUSE_S
_DATE = re.compile(r"[0-9]{1,2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2}")
_JSON = re.compile(r"[a-z]+/([a-z0-9.+-]+\+)?(json|javascript)\b", re.IGNORECASE)


class Headers(dict[str, str]):
    """Headers by name in any case; several of one name are joined by a comma (RFC 9110 5.3)."""

    def __init__(self, pairs: Iterable[tuple[str, str]] = ()) -> None:
        super().__init__()
        for name, value in pairs:
            key = name.lower()
            before = super().get(key)
            super().__setitem__(key, value if before is None else f"{before}, {value}")

    @classmethod
    def of_raw(cls, pairs: Iterable[tuple[bytes, bytes]]) -> "Headers":
        """From the wire; what is beyond ASCII is read as Latin-1 (RFC 9110 5.5)."""
        return cls((name.decode("latin-1"), value.decode("latin-1")) for name, value in pairs)

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def __contains__(self, name: object) -> bool:
        return super().__contains__(name.lower() if isinstance(name, str) else name)

    def get(self, name: str, default: Any = None) -> Any:
        """The value, or `default`."""
        return super().get(name.lower(), default)


class Response:
    """An answer with a status below 300, or one that the caller asked to see."""

    def __init__(
        self,
        status: int,
        headers: Mapping[str, str],
        content: bytes,
        what: str,
        *,
        url: str = "",
        redact: Redactor = PLAIN,
    ) -> None:
        self.status = status
        self.headers = headers
        self.content = content
        self.url = url
        """Where it came from, after redirects; may hold secrets, so never show it."""
        self.redact = redact
        self._what = what

    def json(self) -> Any:
        """The body as JSON, parsed by `crossdock.jsontext`; parsed once, the same value each time.

        ContractError when it is none. UnavailableError (outcome `unknown`) when a 2xx answer does
        not even claim to be JSON: a page of a proxy or of maintenance stood in for the vendor.
        """
        return self._value

    @cached_property
    def _value(self) -> Any:
        # a paging helper reads the cursor, then the connector the records: of one large page
        try:
            return jsontext.parse(self.content, what=f"the answer to {self._what}")
        except ContractError as error:
            told = str(self.headers.get("content-type", "") or "")
            said = self.redact(excerpt(self.content, 120))
            message = f"{error.message} ({told[:60] or 'no content-type'}); it says {said!r}"
            if told and not _JSON.match(told) and self.status < 300:
                raise UnavailableError(
                    message,
                    outcome="unknown",
                    request_id=self.request_id,
                    parts={"status": self.status},
                ) from error
            raise ContractError(
                message, pointer=error.pointer, request_id=self.request_id, parts=error.parts
            ) from error

    def at(self, pointer: str) -> Any:
        """What a JSON pointer leads to, None where it leads nowhere; the rest is not parsed."""
        piece = self._piece(pointer)
        if piece is None:
            return jsontext.at(self.json(), pointer)
        return jsontext.parse(piece, what=f"{pointer} of the answer to {self._what}")

    def records(self, pointer: str = "") -> list[bytes]:
        """Each element of the list at this JSON pointer, as the vendor wrote it; none for null.

        For `Raw(topic, data=record)`: the page is divided and not parsed, for a fifth of the cost
        of parsing it and writing each record again. What is wrong within a record is found by who
        reads it. An answer without a body (204) has none. ContractError when there is no list.
        """
        if self.status == 204:
            return []
        piece = self._piece(pointer)
        found = None if piece is None else jsonpieces.elements(piece)
        if found is not None:
            return found
        value = jsontext.at(self.json(), pointer)
        if not isinstance(value, list | None):
            raise ContractError(
                f"the answer to {self._what}: {pointer or 'it'} is no list: "
                f"{jsontext.shorten(value)}",
                pointer=pointer,
                request_id=self.request_id,
            )
        return [jsontext.dump(item) for item in value or ()]

    def _piece(self, pointer: str) -> bytes | None:
        """The bytes at the pointer; None: it is to be parsed, or leads nowhere."""
        if "_value" in self.__dict__:
            return None  # it is parsed already
        names = jsontext.steps(pointer)
        if not names:
            return self.content
        piece = self._members.get(names[0])
        for name in names[1:]:
            piece = (jsonpieces.members(piece) or {}).get(name) if piece else None
        return piece

    @cached_property
    def _members(self) -> dict[str, bytes]:
        return jsonpieces.members(self.content) or {}

    @property
    def date(self) -> datetime:
        """The vendor's present second when it answered, by its own clock (Date, RFC 9110 6.6.1).

        Of two dates, as a proxy may make of it, the last is the vendor's. ContractError: no date.
        """
        told = str(self.headers.get("date", ""))
        found = _DATE.findall(told)
        try:
            return parsedate_to_datetime(found[-1]).replace(tzinfo=UTC)
        except (IndexError, ValueError):
            shown = jsontext.shorten(told)
            raise ContractError(
                f"the answer to {self._what} has no Date by which to tell the vendor's present: "
                f"{shown}",
                request_id=self.request_id,
            ) from None

    @property
    def request_id(self) -> str | None:
        """The other side's id of this request, when it gave one."""
        for name in REQUEST_ID_HEADERS:
            if name in self.headers:
                text = self.redact(self.headers[name][:200])
                return "".join(c if c.isprintable() else "�" for c in text)
        return None

    def __repr__(self) -> str:
        return f"<Response {self.status} to {self._what}, {len(self.content)} bytes>"


def error_for(response: Response, what: str) -> CrossdockError:
    """The error that a status stands for, with the vendor's words shortened and cleaned."""
    status, request_id = response.status, response.request_id
    said = response.redact(excerpt(response.content))
    where = ""
    if 300 <= status < 400 and "location" in response.headers:
        where = f" to {response.redact(response.headers['location'][:200])}"
    message = f"{what}: HTTP {status}{where}{': ' + said if said else ''}"
    parts = {"status": status}
    retry_after = retry_after_s(response.headers)
    if status in {401, 403}:
        return AuthError(message, request_id=request_id, parts=parts)
    if status in {408, 425, 429} or (status in {502, 503, 504} and retry_after is not None):
        return RateLimitedError(
            message,
            retry_after_s=DEFAULT_RETRY_AFTER_S if retry_after is None else retry_after,
            request_id=request_id,
            parts=parts,
        )
    if status in {409, 412}:
        return ConflictError(message, request_id=request_id, parts=parts)
    if status >= 500:
        return UnavailableError(message, outcome="unknown", request_id=request_id, parts=parts)
    return RejectedError(message, reason=f"http_{status}", request_id=request_id, parts=parts)


def retry_after_s(headers: Mapping[str, str], now: float | None = None) -> float | None:
    """`Retry-After` in seconds (RFC 9110 10.2.3: number or date), at most an hour; else None."""
    return rates.retry_after_s(headers, time.time() if now is None else now)


_MARKUP = re.compile(
    r"<(script|style)\b.*?(</\1\s*>|\Z)|</?[a-z!][^<>]*(>|\Z)", re.DOTALL | re.IGNORECASE
)
_TRACEBACK = re.compile(r"Traceback\s*\(most recent call last\).*", re.DOTALL)


def excerpt(content: bytes, limit: int = 300) -> str:
    """What a body says, for a message: one line of at most `limit`, no tags, no tracebacks."""
    text = content[:4096].decode("utf-8", "replace")
    text = _TRACEBACK.sub(" ", " ".join(_MARKUP.sub(" ", text).split())).strip()
    text = "".join(c if c.isprintable() else "�" for c in text)
    return text if len(text) <= limit else text[: limit - 1] + "…"
