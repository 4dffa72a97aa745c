"""`crossdock new connector`: a package from the template, whose tests pass before it is touched."""

import json
import re
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from crossdock import plugins

from crossdock_runner.output import complain, print_json, say

KINDS = ("storefront", "marketplace", "pos", "wms", "carrier", "payment", "other")
AUTHENTICATION = ("bearer", "api-key", "basic", "oauth2", "hmac")
NEWS = ("polling", "webhooks", "both")
_TITLE = re.compile(r"[A-Z][A-Za-z0-9 .&+-]{0,59}")
_NAME = re.compile(r"[a-z][a-z0-9]{0,38}(-[a-z0-9]+)*")


def new_connector(
    name: str,
    *,
    output: Path,
    kind: str | None,
    authentication: str | None,
    news: str | None,
    no_input: bool,
    title: str | None = None,
    as_json: bool,
) -> int:
    """Exit code 0 when it is made, 2 when a word is wrong or something stands there already."""
    wrong = _wrong(name, {"kind": kind, "auth": authentication, "news": news})
    if not wrong and title is not None and not _TITLE.fullmatch(title):
        wrong = (
            f"--title {title!r}: the vendor's own spelling, beginning with a capital, at most 60 "
            "letters, digits, spaces and .&+-, as in EasyPost"
        )
    if wrong:
        complain(wrong)
        return 2
    folder = output / f"crossdock-{name}"
    if folder.exists():
        complain(f"{folder} is there already; remove it, or choose another --output")
        return 2
    answers = {"kind": kind, "authentication": authentication, "news": news}
    given = {"name": name, **{key: value for key, value in answers.items() if value}}
    if title is not None:
        given |= {"title": title, "__class": re.sub(r"[^A-Za-z0-9]", "", title)}
    from cookiecutter.main import cookiecutter

    template = files("crossdock_runner") / "templates" / "connector"
    with as_file(template) as source, TemporaryDirectory() as scratch:
        # cookiecutter remembers answers in the home directory unless it is told otherwise
        config = Path(scratch) / "cookiecutter.yaml"
        config.write_text(f"replay_dir: {json.dumps(scratch)}\n")
        made = cookiecutter(
            str(source),
            extra_context=given,
            # what is answered on the command line is not asked again
            no_input=no_input or all(answers.values()),
            output_dir=str(output),
            config_file=str(config),
        )
    if as_json:
        print_json({"connector": name, "folder": made})
        return 0
    say(f"{made} is there; its tests pass as it is made. Next:")
    say(f"    cd {made}")
    say("    python -m pip install -e '.[test]'")
    say("    python -m pytest")
    say("    python -m crossdock.testing.conformance .")
    say("Then read README.md there, and search for FILL IN. The fields of an entity:")
    say("    crossdock schema list; crossdock schema show --short order")
    say("The tutorial is docs/tutorial/first-connector.md in Crossdock's source archive.")
    if name in plugins.installed():
        say(f"Note: a connector named {name!r} is installed already; one of the two must go.")
    return 0


def _wrong(name: str, given: dict[str, str | None]) -> str | None:
    if not _NAME.fullmatch(name) or len(name) > 40:
        return (
            f"a connector cannot be named {name!r}: lower-case letters, digits and single hyphens, "
            "beginning with a letter, at most 40, as in acme-pos"
        )
    known = {"kind": KINDS, "auth": AUTHENTICATION, "news": NEWS}
    for option, value in given.items():
        if value is not None and value not in known[option]:
            return f"--{option} {value!r}: must be one of {', '.join(known[option])}"
    return None
