"""What commands print: one JSON document, or lines for a person."""

import json
import sys
from typing import Any


def print_json(document: Any) -> None:
    """The one JSON document of a command, on stdout."""
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False, default=str) + "\n")


def say(text: str = "") -> None:
    """A line for a person, on stdout."""
    sys.stdout.write(text + "\n")


def complain(text: str) -> None:
    """A line for a person, on stderr."""
    sys.stderr.write(text + "\n")
