"""The kit lets a good connector pass, and fails a wrong one by the very check that is for it."""

import sys
from pathlib import Path

import pytest
from crossdock.testing import conformance

sys.path.insert(0, str(Path(__file__).parent / "conformance"))
import sabotage
import toybox

CHECKS = conformance.checks()
UNSABOTAGED = {"webhook.receives-without-io"}


def test_there_are_enough_checks_and_each_says_why() -> None:
    assert len(CHECKS) >= 60
    for one in CHECKS.values():
        assert len(one.why) > 20, one.id
        assert one.why.endswith("."), one.id


def test_nearly_every_check_has_its_sabotage() -> None:
    assert set(CHECKS) - set(sabotage.WRONG) == UNSABOTAGED
    assert set(sabotage.WRONG) <= set(CHECKS)


def test_a_good_connector_is_platinum() -> None:
    quality, outcomes = conformance.examine(toybox.subject())
    assert [(one.check.id, one.said) for one in outcomes if one.state == "failed"] == []
    assert quality.tier == "platinum"
    assert sum(one.state == "passed" for one in outcomes) >= 145


@pytest.mark.parametrize("id_", sorted(sabotage.WRONG))
def test_a_wrong_connector_fails_the_check_that_is_for_it(id_: str) -> None:
    outcome = conformance.run_check(sabotage.WRONG[id_](), CHECKS[id_])
    assert outcome.state == "failed", outcome.said
    assert "What to do: " in outcome.said
