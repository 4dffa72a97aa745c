"""Checks of orders that plugins bring: found by name, loaded alone, refused with a reason."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crossdock import plugins
from crossdock.checks import RegisterChecks, Verdict
from crossdock.errors import ConfigError

GOOD = """
    import crossdock
    from crossdock.checks import Verdict

    @crossdock.hookimpl
    def register_checks(register):
        register("acme-score", lambda order: Verdict("acme-score", "review", "odd", "odd"))
"""


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Callable[[str], None]]:
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))

    def make(source: str) -> None:
        (tmp_path / "acme_checks.py").write_text(textwrap.dedent(source))
        info = tmp_path / "acme_checks-1.dist-info"
        info.mkdir()
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme_checks\nVersion: 1\n")
        (info / "entry_points.txt").write_text("[crossdock.checks]\nacme-score = acme_checks\n")

    yield make
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_a_check_is_found_and_asked(install: Callable[[str], None]) -> None:
    install(GOOD)
    assert "acme-score" in plugins.installed_checks()
    assert "acme-score" not in plugins.installed(), "it is no connector"
    check = plugins.load_checks(["acme-score"])["acme-score"]
    assert check(None) == Verdict("acme-score", "review", "odd", "odd")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import nowhere_at_all", "cannot be loaded: ModuleNotFoundError"),
        (GOOD.replace('register("acme-score"', 'register("other"'), "registers ['other']"),
        ("x = 1", "registers []"),
    ],
)
def test_what_cannot_be_loaded_says_why(
    install: Callable[[str], None], source: str, says: str
) -> None:
    install(source)
    with pytest.raises(ConfigError) as caught:
        plugins.load_checks(["acme-score"])
    assert says in str(caught.value)


def test_a_name_that_is_not_there_or_twice() -> None:
    with pytest.raises(ConfigError, match="no check 'nobody' is installed"):
        plugins.load_checks(["nobody"])
    register = RegisterChecks()
    register("a", lambda order: Verdict("a", "pass", ""))
    with pytest.raises(ConfigError, match="twice"):
        register("a", lambda order: Verdict("a", "pass", ""))
