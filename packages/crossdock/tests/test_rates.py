"""Rate budgets as values: what answers tell, and how permits are given out."""

from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any

import pytest
from crossdock import rates
from crossdock.rates import Ask, Budget, Limit, Reading
from hypothesis import given
from hypothesis import strategies as st

NOW = 1_764_000_000.0


def bucket(capacity: float = 40, rate: float = 2, left: float | None = None) -> Budget:
    full = rates.budget_of(Limit(capacity=capacity, rate_per_s=rate), NOW)
    return full if left is None else rates.learnt(full, Reading(left=left), NOW)


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"x-amzn-ratelimit-limit": "0.0167"}, Reading(rate_per_s=0.0167)),
        ({"x-shopify-shop-api-call-limit": "32/40"}, Reading(capacity=40, left=8)),
        ({"x-shopify-shop-api-call-limit": "41/40"}, Reading(capacity=40, left=0)),
        (
            {"x-ratelimit-limit": "100", "x-ratelimit-remaining": "7", "x-ratelimit-reset": "30"},
            Reading(capacity=100, left=7, resets_in_s=30),
        ),
        (  # an epoch in seconds, in milliseconds, a date
            {"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(int(NOW) + 12)},
            Reading(left=7, resets_in_s=12),
        ),
        (
            {"x-ratelimit-remaining": "7", "x-ratelimit-reset": str(int(NOW) * 1000 + 12_500)},
            Reading(left=7, resets_in_s=12.5),
        ),
        (
            {
                "x-ratelimit-remaining": "7",
                "x-ratelimit-reset": format_datetime(
                    datetime.fromtimestamp(NOW + 12, UTC), usegmt=True
                ),
            },
            Reading(left=7, resets_in_s=12),
        ),
        (
            {
                "ratelimit-limit": "9, 9;w=60",
                "ratelimit-remaining": "3",
                "ratelimit-reset": "9",
            },
            Reading(capacity=9, left=3, resets_in_s=9),
        ),
        (  # draft -07
            {"ratelimit": "limit=100, remaining=50, reset=30"},
            Reading(capacity=100, left=50, resets_in_s=30),
        ),
        (  # draft -10: of several policies the tightest
            {
                "ratelimit": '"daily";r=900;t=4000, "burst";r=5;t=3',
                "ratelimit-policy": '"burst";q=10;w=10, "daily";q=1000;w=86400',
            },
            Reading(capacity=10, left=5, resets_in_s=3, window_s=10),
        ),
        (
            {
                "x-rate-limit-requests-quota": "150",
                "x-rate-limit-requests-left": "149",
                "x-rate-limit-time-reset-ms": "15000",
                "x-rate-limit-time-window-ms": "30000",
            },
            Reading(capacity=150, left=149, resets_in_s=15, window_s=30),
        ),
    ],
)
def test_what_headers_tell(headers: dict[str, str], expected: Reading) -> None:
    assert rates.read_headers(headers, 200, NOW) == expected


def test_a_refusal_tells_until_when() -> None:
    told = rates.read_headers({"retry-after": "7"}, 429, NOW)
    assert told == Reading(refused=True, retry_after_s=7)
    told = rates.read_headers({"retry-after": "7"}, 503, NOW)
    assert told == Reading(refused=True, retry_after_s=7)
    assert rates.read_headers({}, 503, NOW) is None
    assert rates.read_headers({}, 429, NOW) == Reading(refused=True)
    told = rates.read_headers({"ratelimit": '"a";r=0;t=9'}, 429, NOW)
    assert told is not None
    assert (told.refused, told.retry_after_s) == (True, 9)


@given(
    st.dictionaries(
        st.sampled_from(
            [
                "ratelimit",
                "ratelimit-policy",
                "ratelimit-remaining",
                "ratelimit-reset",
                "x-ratelimit-remaining",
                "x-ratelimit-reset",
                "x-ratelimit-limit",
                "x-amzn-ratelimit-limit",
                "x-shopify-shop-api-call-limit",
                "x-rate-limit-requests-left",
                "x-rate-limit-time-reset-ms",
                "retry-after",
            ]
        ),
        st.one_of(
            st.text(max_size=40),
            st.from_regex(r'"a";r=[0-9]{1,30};t=-?[0-9]{1,30}'),
            st.sampled_from(
                ["1e400", "nan", "-1", "inf", "0", "9" * 400, "limit=,remaining=x", "9/0"]
            ),
        ),
    ),
    st.sampled_from([200, 429, 503]),
)
def test_hostile_headers_never_fail_and_never_stop_us_for_long(
    headers: dict[str, str], status: int
) -> None:
    reading = rates.read_headers(headers, status, NOW)
    budget = rates.learnt(Budget(at=NOW), reading or Reading(), NOW)
    _, grant = rates.settle(budget, Ask(least=1), NOW)
    assert grant.wait_s <= rates.LONGEST_WINDOW_S
    assert grant.wait_s >= 0


def test_what_a_cost_tells() -> None:
    cost: dict[str, Any] = {
        "requestedQueryCost": 101,
        "actualQueryCost": 46,
        "throttleStatus": {
            "maximumAvailable": 2000.0,
            "currentlyAvailable": 1954,
            "restoreRate": 100.0,
        },
    }
    assert rates.read_cost(cost) == Reading(
        capacity=2000, rate_per_s=100, left=1954, spent=46, asked=101
    )
    cost["throttleStatus"]["currentlyAvailable"] = 1
    refused = rates.read_cost(cost, refused=True)
    assert refused is not None
    assert refused.retry_after_s == 1.0
    for nonsense in (None, [], {"throttleStatus": "x"}, {"throttleStatus": {}}):
        assert rates.read_cost(nonsense) is None


def test_a_bucket_fills_and_never_overflows() -> None:
    budget = bucket(left=0)
    assert rates.refilled(budget, NOW + 5).left == 10
    assert rates.refilled(budget, NOW + 500).left == 40
    assert rates.refilled(budget, NOW - 5).left == 0, "a clock that goes back adds nothing"


def test_a_window_is_full_again_at_its_end() -> None:
    told = Reading(capacity=100, left=0, resets_in_s=30, window_s=60)
    budget = rates.learnt(Budget(at=NOW), told, NOW)
    assert rates.refilled(budget, NOW + 29).left == 0
    _, grant = rates.settle(budget, Ask(least=1, patience_s=5), NOW)
    assert (grant.permits, grant.wait_s) == (0, 30)
    again = rates.refilled(budget, NOW + 31)
    assert (again.left, again.resets_at) == (100, NOW + 90)
    assert rates.refilled(budget, NOW + 91 + 600).resets_at > NOW + 691


def test_a_late_answer_of_the_window_before_changes_nothing() -> None:
    budget = rates.learnt(Budget(at=NOW), Reading(capacity=9, left=8, resets_in_s=60), NOW)
    late = Reading(capacity=9, left=0, resets_in_s=1)
    assert rates.learnt(budget, late, NOW + 1).left == 8
    new = Reading(capacity=9, left=9, resets_in_s=60)
    spent = rates.learnt(budget, Reading(left=0, resets_in_s=50), NOW + 10)
    assert spent.left == 0
    assert rates.learnt(spent, new, NOW + 20).left == 9


def test_permits_are_promised_in_the_order_of_asking() -> None:
    budget, ask = bucket(left=0), Ask(least=2, patience_s=5)
    waits = []
    for _ in range(8):
        budget, grant = rates.settle(budget, ask, NOW)
        waits.append((grant.permits, grant.wait_s))
    assert waits[:5] == [(2, 1), (2, 2), (2, 3), (2, 4), (2, 5)]
    assert waits[5:] == [(0, 6)] * 3, "what would take too long is not promised"
    assert budget.left == -10


def test_a_large_wish_takes_half_of_what_is_there() -> None:
    budget, grant = rates.settle(bucket(), Ask(least=1, want=1000), NOW)
    assert grant.permits == 1 + 39 / 2
    _, other = rates.settle(budget, Ask(least=1, want=1000), NOW)
    assert other.permits > 1, "the next runner gets its share"


def test_refusals_without_a_time_are_answered_with_longer_and_longer_pauses() -> None:
    budget, now, waits = Budget(at=NOW), NOW, []
    for _ in range(7):
        for _ in range(3):  # calls that were under way together count as one
            budget = rates.learnt(budget, Reading(refused=True), now)
        waits.append(budget.blocked_until - now)
        now = budget.blocked_until
    assert waits == [2, 4, 8, 16, 32, 60, 60]
    budget = rates.learnt(budget, Reading(), now)
    assert budget.refusals == 0


def test_what_costs_more_than_the_bucket_holds_may_go_when_it_is_full() -> None:
    budget, grant = rates.settle(bucket(), Ask(least=100), NOW)
    assert (grant.permits, grant.wait_s, budget.left) == (100, 0, 0)


@given(
    st.lists(
        st.tuples(
            st.floats(0, 3),
            st.floats(0.1, 9),
            st.floats(0, 50),
            st.floats(0, 10),
            st.booleans(),
        ),
        max_size=60,
    )
)
def test_never_more_is_given_than_the_vendor_allows(
    steps: list[tuple[float, float, float, float, bool]],
) -> None:
    """What may be used by any moment is at most the bucket and what flowed in since the start."""
    budget, now, given_out = bucket(), NOW, [(NOW, 0.0)]
    for pause_s, least, want, patience_s, returns in steps:
        now += pause_s
        before = budget
        budget, grant = rates.settle(
            budget, Ask(least=least, want=want, patience_s=patience_s), now
        )
        if returns and grant.permits and not grant.wait_s:
            budget, _ = rates.settle(budget, Ask(returned=grant.permits), now)
            assert budget.left <= rates.refilled(before, now).left + 1e-9
        elif grant.permits:
            given_out.append((grant.until, grant.permits))
    given_out.sort()
    used = 0.0
    for moment, permits in given_out:
        used += permits
        assert used <= 40 + 2 * (moment - NOW) + 1e-6
