"""Every combination of answers passes the whole kit: `nox -s template`."""

from pathlib import Path

import pytest
from generating import EVERY, Answers, examine, generate


@pytest.mark.timeout(600)
@pytest.mark.parametrize("answers", EVERY, ids=lambda answers: answers.name)
def test_the_whole_kit(answers: Answers, tmp_path: Path) -> None:
    (found,) = examine([generate(answers, tmp_path)])
    assert found["failed"] == {}
    assert found["tier"] == "bronze"  # until what only the author knows is filled in
