"""Refuse a name that cannot be a package before anything is written."""

import re
import sys

name = "{{ cookiecutter.name }}"
if not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or len(name) > 40:
    sys.stderr.write(
        f"a connector cannot be named {name!r}: "
        "lower-case letters, digits and single hyphens, beginning with a letter, as in acme-pos\n"
    )
    sys.exit(1)
