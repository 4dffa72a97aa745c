"""`crossdock schema show --short`: what a mapping's author needs, and no more."""

import pytest
from crossdock_runner.cli import app
from typer.testing import CliRunner


@pytest.mark.parametrize("name", ["package", "order", "product", "inventory"])
def test_short_tells_fields_and_no_codes(name: str) -> None:
    done = CliRunner().invoke(app, ["schema", "show", name, "--short"])
    assert done.exit_code == 0, done.output
    assert len(done.output.splitlines()) < 200
    assert "XAF" not in done.output
    assert "$ref" not in done.output


def test_short_tells_types_duties_and_words() -> None:
    told = CliRunner().invoke(app, ["schema", "show", "package", "--short"]).output
    assert "  tracking_number string: The carrier's number.\n" in told
    assert "  events list of TrackingEvent: " in told
    assert "  at * Instant: " in told
    assert "  status * label_created | picked_up | " in told
