"""Checks of orders: what a plugin is asked before an order becomes work, and what it answers.

A check is a pure function of the order: no I/O, no clock. A service that must be asked over the
network answers `review` at once and gives its word later, as `hold.released` or
`order.cancelled` from a connection that stands in the deployment's `reviewers`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from crossdock.canonical import Order
from crossdock.errors import ConfigError

Outcome = Literal["pass", "hold", "review", "decline"]


@dataclass(frozen=True)
class Verdict:
    """What one check says of one order, in words that explain it.

    `pass`: it may go on. `hold`: it waits for news that comes by itself. `review`: a person or a
    reviewer must look. `decline`: it must not be carried out. `code` is a stable word of at most
    64 characters to filter by.
    """

    check: str
    outcome: Outcome
    reason: str
    code: str = ""


Check = Callable[[Order], Verdict]


class RegisterChecks:
    """What `register_checks` is given: call it once for each check."""

    def __init__(self) -> None:
        self.checks: dict[str, Check] = {}

    def __call__(self, name: str, check: Check) -> None:
        """ConfigError when the name is taken."""
        if name in self.checks:
            raise ConfigError(f"check {name!r} is registered twice")
        self.checks[name] = check
