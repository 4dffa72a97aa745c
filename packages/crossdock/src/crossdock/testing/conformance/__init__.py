"""The conformance kit: what every connector must hold to, as more than a hundred checks.

    # tests/test_conformance.py
    SUBJECT = Subject(connector="acme", features=Features(polls=True, probes=True), …)
    test_conformance = conformance(SUBJECT)

The checks are chosen by the declared features. See docs/guides/conformance.md.
"""

from crossdock.testing.conformance.bench import Bench, opened
from crossdock.testing.conformance.kit import (
    TIERS,
    Check,
    Failed,
    Outcome,
    checks,
    chosen,
    run_check,
)
from crossdock.testing.conformance.quality import Quality, conformance, examine
from crossdock.testing.conformance.subject import Features, Refusal, Sample, Subject
from crossdock.testing.conformance.wire import Answer

__all__ = [
    "TIERS",
    "Answer",
    "Bench",
    "Check",
    "Failed",
    "Features",
    "Outcome",
    "Quality",
    "Refusal",
    "Sample",
    "Subject",
    "checks",
    "chosen",
    "conformance",
    "examine",
    "opened",
    "run_check",
]
