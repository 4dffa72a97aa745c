"""Finding connectors: every way a plugin can be wrong ends in one ConfigError."""

import sys
import textwrap
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crossdock import plugins
from crossdock.errors import ConfigError

Install = Callable[..., None]

GOOD = """
    import crossdock
    from contextlib import asynccontextmanager
    from collections.abc import AsyncIterator

    class Acme:
        async def poll(self, cursor): yield None

    @asynccontextmanager
    async def open_acme(config, context) -> AsyncIterator[Acme]:
        yield Acme()

    @crossdock.hookimpl
    def register_connectors(register):
        for name in NAMES:
            register(name, config=crossdock.Config, open=open_acme, translate=lambda raw: ())
"""


@pytest.fixture
def install(tmp_path: Path) -> Iterator[Install]:
    """Make a distribution on sys.path, as pip would."""
    before = set(sys.modules)
    sys.path.insert(0, str(tmp_path))

    def make(module: str, source: str, *names: str) -> None:
        (tmp_path / f"{module}.py").write_text(textwrap.dedent(source))
        info = tmp_path / f"{module}-1.2.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.2\n")
        lines = [f"{name} = {module}" for name in names]
        (info / "entry_points.txt").write_text("[crossdock]\n" + "\n".join(lines))

    yield make
    sys.path.remove(str(tmp_path))
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_loads_what_is_asked_for_and_nothing_else(install: Install) -> None:
    install("acme_good", GOOD.replace("NAMES", "['acme']"), "acme")
    install("acme_other", "raise RuntimeError('must not be imported')", "other")
    loaded = plugins.load(["acme"])["acme"]
    assert loaded.plugin == "acme_good 1.2"
    assert loaded.ports == {"Polls", "Translates"}
    assert "acme_other" not in sys.modules
    assert {"acme", "other"} <= set(plugins.installed())


def test_one_plugin_may_bring_two_connectors(install: Install) -> None:
    install("acme_two", GOOD.replace("NAMES", "['acme-eu', 'acme-us']"), "acme-eu", "acme-us")
    assert set(plugins.load(["acme-us", "acme-eu"])) == {"acme-eu", "acme-us"}


def test_an_unknown_name_has_the_nearest_known_one(install: Install) -> None:
    install("acme_near", GOOD.replace("NAMES", "['acme-pos']"), "acme-pos")
    with pytest.raises(ConfigError, match="did you mean 'acme-pos'\\?") as caught:
        plugins.load(["acme-poss"])
    assert "pip install" not in str(caught.value), "a typo must not be installed"


def test_a_name_like_no_other_has_no_hint() -> None:
    with pytest.raises(ConfigError, match=r"'zzzzzz' is installed\. Installed: ") as caught:
        plugins.load(["zzzzzz"])
    assert "did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module_anywhere", "cannot be imported: ModuleNotFoundError"),
        ("1/0", "cannot be imported: ZeroDivisionError"),
        ("def broken(:", "cannot be imported: SyntaxError"),
        (GOOD.replace("NAMES", "['emca']"), r"registers \['emca'\], not 'acme'"),
        (GOOD.replace("NAMES", "['acme', 'acme']"), "registered twice"),
        (GOOD.replace("NAMES", "[]"), r"registers \[\]"),
        ("x = 1", r"registers \[\]"),
        (GOOD.replace("NAMES", "['acme']").replace("translate=", "tranzlate="), "tranzlate"),
        (
            GOOD.replace("NAMES", "['acme']").replace(
                "translate=", "handles=('order.eat',), translate="
            ),
            "order.eat.*which are no commands",
        ),
        (
            GOOD.replace("NAMES", "['acme']").replace("connectors(register)", "connectors(wrong)"),
            "cannot be registered",
        ),
    ],
    ids=[
        "import",
        "crash",
        "syntax",
        "other name",
        "twice",
        "none",
        "no hook",
        "argument",
        "command",
        "signature",
    ],
)
def test_a_broken_plugin_is_a_config_error(install: Install, source: str, says: str) -> None:
    install("acme_broken", source, "acme")
    with pytest.raises(ConfigError, match=says):
        plugins.load(["acme"])


def test_ports_need_an_annotated_open(install: Install) -> None:
    source = GOOD.replace("NAMES", "['acme']").replace(" -> AsyncIterator[Acme]", "")
    install("acme_bare", source, "acme")
    with pytest.raises(ConfigError, match="open must be annotated"):
        _ = plugins.load(["acme"])["acme"].ports
