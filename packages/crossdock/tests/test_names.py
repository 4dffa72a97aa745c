"""What `crossdock` exports, and what importing it does not cost."""

import json
import subprocess
import sys

import crossdock

HEAVY = ["pydantic", "nats", "httpx", "sqlalchemy", "jsonschema", "starlette", "alembic"]


def test_the_exported_names() -> None:
    assert crossdock.__all__ == [
        "Applies",
        "AuthError",
        "Command",
        "Config",
        "ConfigError",
        "ConflictError",
        "Context",
        "ContractError",
        "CrossdockError",
        "Event",
        "Fact",
        "Health",
        "Http",
        "Ignore",
        "PermanentError",
        "Polls",
        "Probes",
        "RateLimitedError",
        "Raw",
        "Receipt",
        "Register",
        "RejectedError",
        "Request",
        "Snapshots",
        "Statement",
        "TransientError",
        "Translates",
        "UnavailableError",
        "Webhooks",
        "Window",
        "hookimpl",
        "revision_of",
    ]
    for name in crossdock.__all__:
        assert getattr(crossdock, name) is not None
    assert dir(crossdock) == crossdock.__all__


def test_an_unknown_name_is_an_attribute_error() -> None:
    assert not hasattr(crossdock, "Ordre")


def loaded_after(code: str) -> set[str]:
    script = f"{code}\nimport json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    return set(json.loads(done.stderr))


def test_import_crossdock_is_cheap() -> None:
    assert not loaded_after("import crossdock").intersection(HEAVY)


def test_help_is_cheap() -> None:
    code = (
        "import sys; sys.argv = ['crossdock', '--help']\n"
        "from crossdock_runner.cli import main\n"
        "try: main()\nexcept SystemExit as end: assert not end.code"
    )
    assert not loaded_after(code).intersection(HEAVY)


def test_a_name_is_looked_for_once() -> None:
    """1.5 µs each time otherwise, and a mapping says `crossdock.Event` for every record."""
    assert all(getattr(crossdock, name) is vars(crossdock)[name] for name in crossdock.__all__)
