"""The suite bites: every wrong variant is found out; the line as it is passes the same story."""

from collections.abc import Callable
from typing import Any

import plant
import pytest
from wrong_variants import SABOTAGES, Sabotage

SOUND = {(one.story, one.rests): one for one in SABOTAGES}.values()
pytestmark = pytest.mark.timeout(120)


@pytest.mark.parametrize("sabotage", SABOTAGES, ids=lambda one: one.name)
async def test_it_is_caught(
    sabotage: Sabotage, make_yard: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage.rests(monkeypatch)
    sabotage.change(monkeypatch)
    monkeypatch.setattr(plant, "IDLE_S", 4.0)  # what is lost need not be waited for
    monkeypatch.setattr(plant, "MOST_S", 15.0)
    faults = await sabotage.story(make_yard)
    assert sabotage.caught_as in faults, f"{sabotage.name} was not caught: {faults}"


@pytest.mark.parametrize("sabotage", SOUND, ids=lambda one: f"story of {one.name}")
async def test_the_same_story_goes_well_without_it(
    sabotage: Sabotage, make_yard: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    sabotage.rests(monkeypatch)
    faults = await sabotage.story(make_yard)
    assert not faults, f"the line as it is fails the story of {sabotage.name}: {faults}"


def test_each_has_a_name_of_its_own() -> None:
    assert len({one.name for one in SABOTAGES}) == len(SABOTAGES) >= 12
