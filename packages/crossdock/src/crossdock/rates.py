"""Rate budgets: what a vendor lets us ask, learnt from its own answers. Pure values, no clock.

Every limit that vendors publish is a bucket of permits. A token bucket (Amazon) and a leaky bucket
(Shopify) are the same bucket seen from two sides: `left` grows by `rate_per_s` up to `capacity`. A
fixed window is a bucket that is full again at `resets_at`. A refusal empties it until the moment
that the vendor named. `settle` is the one rule by which permits are given out; a process alone
keeps its buckets in memory (`crossdock.pacing`), runners of one deployment keep them in the ledger.

Times are epoch seconds of one clock, that of whoever keeps the bucket.

Sources: Amazon SP-API "Usage plans and rate limits" (x-amzn-RateLimit-Limit, permits a second);
Shopify Admin API "Rate limits" (extensions.cost.throttleStatus, and of the REST Admin API
X-Shopify-Shop-Api-Call-Limit); RFC 9110 10.2.3 (Retry-After);
draft-ietf-httpapi-ratelimit-headers-10 (RateLimit, RateLimit-Policy) and its drafts -03 to -07.
"""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

DEFAULT_PAUSE_S = 2.0
"""How long to be quiet after a refusal that names no time; doubled with each further refusal."""
LONGEST_PAUSE_S = 60.0
LONGEST_TOLD_S = 3600.0
"""A vendor that asks for more patience than this is asked again after it."""
LONGEST_WINDOW_S = 86_400.0
UNTOLD_WINDOW_S = 60.0
"""The window of a limit whose answers count what is left, and never say until when."""
SAME_WINDOW_S = 1.5
"""Two answers mean the same window when their ends differ by less: vendors round to seconds."""
REFUSALS = frozenset({408, 425, 429, 502, 503, 504})


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A limit as a vendor documents it: `capacity` at once, `rate_per_s` more each second."""

    capacity: float
    rate_per_s: float = 0.0
    window_s: float = 0.0
    """Where permits come all at once instead: the length of the window."""


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one answer told of a budget; None where it was silent."""

    capacity: float | None = None
    rate_per_s: float | None = None
    left: float | None = None
    resets_in_s: float | None = None
    window_s: float | None = None
    refused: bool = False
    retry_after_s: float | None = None
    spent: float | None = None
    """What the call really cost, where that is told afterwards."""
    asked: float | None = None
    """What the vendor reckons a call like this costs before it is made."""


@dataclass(frozen=True, kw_only=True)
class Budget:
    """A bucket at the moment `at`. Without a `capacity` no limit is known yet.

    `left` below zero is promised already: those permits are still to come.
    """

    capacity: float | None = None
    rate_per_s: float = 0.0
    left: float = 0.0
    at: float = 0.0
    resets_at: float = 0.0
    window_s: float = 0.0
    blocked_until: float = 0.0
    refusals: int = 0
    """Refusals since the last answer that was none."""


@dataclass(frozen=True, kw_only=True)
class Ask:
    """What a caller wants of a bucket: at least `least` permits, gladly `want`.

    `returned` are permits of an earlier grant that were not used. `unspent` are those that the
    caller holds, of which the vendor in its `reading` knows nothing yet.
    """

    least: float = 0.0
    want: float = 0.0
    returned: float = 0.0
    unspent: float = 0.0
    reading: Reading | None = None
    patience_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Grant:
    """`permits`, to be used after `wait_s`. None given: nothing is free within the patience."""

    permits: float
    wait_s: float
    budget: Budget
    now: float

    @property
    def until(self) -> float:
        """When the permits are there, or would be."""
        return self.now + self.wait_s


def budget_of(limit: Limit, now: float) -> Budget:
    """A full bucket, for a limit that is documented and not yet met."""
    window_s = limit.window_s or (0.0 if limit.rate_per_s else UNTOLD_WINDOW_S)
    return Budget(
        capacity=limit.capacity,
        rate_per_s=limit.rate_per_s,
        left=limit.capacity,
        at=now,
        window_s=window_s,
        resets_at=now + window_s if window_s else 0.0,
    )


def refilled(budget: Budget, now: float) -> Budget:
    """The bucket as it is now. A clock that went back adds nothing."""
    capacity = budget.capacity
    if capacity is None or now <= budget.at:
        return budget
    left = budget.left + budget.rate_per_s * (now - budget.at)
    resets_at = budget.resets_at
    if resets_at and now >= resets_at:
        window_s = budget.window_s or UNTOLD_WINDOW_S
        windows = 1 + math.floor((now - resets_at) / window_s)
        left, resets_at = left + windows * capacity, resets_at + windows * window_s
    return replace(budget, left=min(left, capacity), at=now, resets_at=resets_at)


def learnt(budget: Budget, reading: Reading, now: float, unspent: float = 0.0) -> Budget:
    """The bucket, corrected by what an answer told.

    What we count ourselves is trusted unless the vendor counts less: its figure may be of before
    our latest calls, and a bucket that we think too empty fills by itself.
    """
    budget = refilled(budget, now)
    if reading.refused:
        budget = _refused(budget, reading, now)
    elif budget.refusals and now >= budget.blocked_until:
        budget = replace(budget, refusals=0)
    rate = budget.rate_per_s if reading.rate_per_s is None else reading.rate_per_s
    capacity = budget.capacity if reading.capacity is None else reading.capacity
    if capacity is None:
        if reading.rate_per_s is None and reading.left is None:
            return budget
        # only a rate, or only a rest, is known: whatever is there may be used, and no more
        capacity = max(1.0, reading.left or 0.0)
    if reading.capacity is None and reading.left is not None:
        capacity = max(capacity, reading.left)
    if budget.capacity is None:
        budget = replace(budget, left=capacity, at=now)
    window_s = reading.window_s or budget.window_s
    resets_at = budget.resets_at
    left = budget.left
    told_left = None if reading.left is None else reading.left - unspent
    if reading.resets_in_s is not None:
        told = now + reading.resets_in_s
        window_s = max(window_s, reading.resets_in_s)
        if told > resets_at + SAME_WINDOW_S and told_left is not None:
            left = told_left  # a new window, or one that slides: the vendor's word alone counts
        elif told < resets_at - SAME_WINDOW_S:
            told_left = None  # an answer of the window before, come late
        resets_at = max(resets_at, told)
    elif not rate and not resets_at:
        window_s = window_s or UNTOLD_WINDOW_S
        resets_at = now + window_s
    if told_left is not None:
        left = min(left, told_left)
    return replace(
        budget,
        capacity=capacity,
        rate_per_s=rate,
        left=min(left, capacity),
        at=now,
        resets_at=resets_at,
        window_s=window_s,
    )


def _refused(budget: Budget, reading: Reading, now: float) -> Budget:
    again = now < budget.blocked_until  # calls that were under way together are refused together
    refusals = budget.refusals + (0 if again else 1)
    pause_s = reading.retry_after_s
    if pause_s is None:
        pause_s = min(DEFAULT_PAUSE_S * 2.0 ** min(max(refusals - 1, 0), 10), LONGEST_PAUSE_S)
    return replace(
        budget,
        left=min(budget.left, 0.0),
        at=max(now, budget.at),
        blocked_until=max(budget.blocked_until, now + pause_s),
        refusals=refusals,
    )


def settle(budget: Budget, ask: Ask, now: float) -> tuple[Budget, Grant]:
    """Take back, learn, give out: the bucket afterwards, and what was given.

    With enough there, half of the rest may go along to spare the next question. With too little
    the permits are promised in the order of asking, and the promise says how long to wait; what
    would take longer than the caller's patience is not promised at all.
    """
    budget = refilled(budget, now)
    if ask.reading is not None:
        budget = learnt(budget, ask.reading, now, ask.unspent)
    if budget.capacity is not None and ask.returned > 0:
        budget = replace(budget, left=min(budget.left + ask.returned, budget.capacity))
    blocked_s = max(0.0, budget.blocked_until - now)
    if budget.capacity is None or ask.least <= 0:
        free = math.inf if budget.capacity is None and blocked_s <= ask.patience_s else 0.0
        return budget, Grant(permits=free, wait_s=blocked_s, budget=budget, now=now)
    # what costs more than the bucket ever holds may go when it is full; the vendor has the word
    least = min(ask.least, budget.capacity)
    wait_s = max(_until_there(budget, least, now), blocked_s)
    if wait_s > ask.patience_s:
        return budget, Grant(permits=0.0, wait_s=wait_s, budget=budget, now=now)
    spare = 0.0 if wait_s else max(0.0, budget.left - least) / 2
    given = least + min(max(0.0, ask.want - least), spare)
    budget = replace(budget, left=budget.left - given)
    return budget, Grant(permits=max(given, ask.least), wait_s=wait_s, budget=budget, now=now)


def free_at(budget: Budget, now: float) -> float:
    """When the next permit is there: `now`, or the moment for which a caller would have to wait."""
    budget = refilled(budget, now)
    short_s = 0.0
    if budget.capacity is not None:
        short_s = _until_there(budget, min(1.0, budget.capacity), now)
    return now + max(short_s, budget.blocked_until - now, 0.0)


def _until_there(budget: Budget, least: float, now: float) -> float:
    """How long until the refilled bucket holds `least`; infinite when it never will."""
    short = least - budget.left
    if short <= 0:
        return 0.0
    by_rate = short / budget.rate_per_s if budget.rate_per_s > 0 else math.inf
    by_window = math.inf
    if budget.resets_at and budget.capacity:
        windows = math.ceil(short / budget.capacity)
        by_window = budget.resets_at - now + (windows - 1) * (budget.window_s or UNTOLD_WINDOW_S)
    return min(by_rate, by_window)


# --- reading answers -----------------------------------------------------------------------------

_STYLES = (
    # limit, what is left, when it is full again, the window (which makes both times milliseconds)
    ("ratelimit-limit", "ratelimit-remaining", "ratelimit-reset", ""),
    ("x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset", ""),
    ("x-rate-limit-limit", "x-rate-limit-remaining", "x-rate-limit-reset", ""),
    (
        "x-rate-limit-requests-quota",
        "x-rate-limit-requests-left",
        "x-rate-limit-time-reset-ms",
        "x-rate-limit-time-window-ms",
    ),
)
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{1,9})?(?![0-9.])", re.ASCII)
_USED = re.compile(r"([0-9]{1,9})/([0-9]{1,9})", re.ASCII)
"""How full a leaky bucket is, and how much it holds."""
_ITEM = re.compile(r'\s*("[^"]{0,64}"|[A-Za-z0-9*._-]{1,64})((?:\s*;\s*[a-z]{1,8}=[0-9]{1,12})*)')


def read_headers(headers: Mapping[str, str], status: int, now: float) -> Reading | None:
    """What an answer's headers (names in lower case) tell of the budget; None when nothing.

    A header that cannot be read counts as absent: a limit is never a reason to fail.
    """
    refused = status == 429 or (status in REFUSALS and "retry-after" in headers)
    reading = _of_headers(headers, now)
    if not refused:
        return reading
    pause_s = retry_after_s(headers, now)
    if pause_s is None and reading is not None and reading.left == 0:
        pause_s = reading.resets_in_s
    return replace(reading or Reading(), refused=True, retry_after_s=pause_s)


def _of_headers(headers: Mapping[str, str], now: float) -> Reading | None:
    if "ratelimit" in headers:
        reading = _structured(headers["ratelimit"], headers.get("ratelimit-policy", ""))
        if reading is not None:
            return reading
    for limit, left, reset, window in _STYLES:
        if left in headers:
            window_ms = number(headers.get(window)) if window else None
            return Reading(
                capacity=number(headers.get(limit)) or None,
                left=number(headers[left]),
                resets_in_s=_reset_s(headers.get(reset), now, in_ms=bool(window)),
                window_s=None if window_ms is None else min(window_ms / 1e3, LONGEST_WINDOW_S),
            )
    used = _USED.fullmatch(headers.get("x-shopify-shop-api-call-limit", "").strip())
    if used:
        capacity = float(used[2])
        return Reading(capacity=capacity or None, left=max(capacity - float(used[1]), 0.0))
    rate = number(headers.get("x-amzn-ratelimit-limit"))
    return Reading(rate_per_s=rate) if rate else None


def _structured(value: str, policy: str) -> Reading | None:
    """`"default";r=50;t=30` (draft -10), or `limit=100, remaining=50, reset=30` (draft -07)."""
    pairs = dict(re.findall(r"\b(limit|remaining|reset)=([0-9]{1,12})", value))
    if "remaining" in pairs:
        return Reading(
            capacity=number(pairs.get("limit")) or None,
            left=number(pairs["remaining"]),
            resets_in_s=_bounded(number(pairs.get("reset"))),
        )
    policies = dict(_items(policy))
    tightest: Reading | None = None
    for name, values in _items(value):
        if "r" not in values:
            continue
        allowed = policies.get(name, {})
        one = Reading(
            capacity=allowed.get("q") or None,
            left=values["r"],
            resets_in_s=_bounded(values.get("t")),
            window_s=_bounded(allowed.get("w")),
        )
        if tightest is None or (one.left or 0.0) < (tightest.left or 0.0):
            tightest = one
    return tightest


def _items(value: str) -> list[tuple[str, dict[str, float]]]:
    out = []
    for part in value[:1000].split(","):
        match = _ITEM.fullmatch(part.rstrip())
        if match:
            told = re.findall(r"([a-z]{1,8})=([0-9]{1,12})", match[2])
            out.append((match[1], {key: float(text) for key, text in told}))
    return out


def _reset_s(value: str | None, now: float, *, in_ms: bool = False) -> float | None:
    """Vendors mean seconds from now, or an epoch in s or ms, or a date; the size tells which."""
    told = number(value)
    if told is None:
        return None if not value else _date_s(value, now, LONGEST_WINDOW_S)
    if in_ms:
        return _bounded(told / 1e3)
    if told > 1e11:
        told /= 1e3
    return _bounded(told - now if told > 1e9 else told)


def _bounded(seconds: float | None) -> float | None:
    return None if seconds is None else min(max(seconds, 0.0), LONGEST_WINDOW_S)


def number(value: str | None) -> float | None:
    """The first number of a header (`100, 100;w=60`); None for what is none."""
    match = _NUMBER.match((value or "").strip())
    return float(match[0]) if match else None


def retry_after_s(headers: Mapping[str, str], now: float) -> float | None:
    """`Retry-After` in seconds (RFC 9110 10.2.3: number or date), at most an hour; else None."""
    value = headers.get("retry-after")
    if not value:
        return None
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,6})?", value, re.ASCII):
        return min(float(value), LONGEST_TOLD_S)
    return _date_s(value, now, LONGEST_TOLD_S)


def _date_s(value: str, now: float, most: float) -> float | None:
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    since_epoch_s = (moment - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()
    return min(max(since_epoch_s - now, 0.0), most)


def read_cost(cost: object, *, refused: bool = False) -> Reading | None:
    """What a GraphQL answer's `extensions.cost` tells (Shopify's form); None when it has none.

    Of a refused call the answer tells how long until the bucket holds what it would have cost.
    """
    asked = _figure(cost, "requestedQueryCost")
    spent = _figure(cost, "actualQueryCost")
    capacity = _figure(cost, "throttleStatus", "maximumAvailable")
    left = _figure(cost, "throttleStatus", "currentlyAvailable")
    rate = _figure(cost, "throttleStatus", "restoreRate")
    if left is None and not refused:
        return None
    pause_s = None
    if refused and asked is not None and left is not None and rate:
        pause_s = min(max((asked - left) / rate, 0.1), LONGEST_PAUSE_S)
    return Reading(
        capacity=capacity or None,
        rate_per_s=rate,
        left=left,
        refused=refused,
        retry_after_s=pause_s,
        spent=spent,
        asked=asked,
    )


def _figure(value: Any, *path: str) -> float | None:
    for key in path:
        value = value.get(key) if isinstance(value, Mapping) else None
    fits = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1e12
    return float(value) if fits else None
