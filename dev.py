"""The two commands of the README: `python3 dev.py demo` and `python3 dev.py test`.

Needs Python 3.11 with pip and a package index, nothing else; everything stays in this folder.
"""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
UV = ROOT / ".tools" / "bin" / "uv"
GROUPS = ["--group", "nox", "--group", "test", "--group", "lint"]

if not UV.exists():
    pip = [sys.executable, "-m", "pip", "install", "-q", "--root-user-action=ignore"]
    subprocess.run([*pip, "--target", str(UV.parents[1]), "uv==0.13.*"], check=True)
command, *rest = sys.argv[1:] or ["demo"]
if command == "test":
    os.chdir(ROOT)
    words = ["run", *GROUPS, "nox", *rest]
else:  # relative paths are the caller's
    words = ["run", "--project", str(ROOT), "crossdock", command, *rest]
os.execve(UV, [str(UV), "--quiet", *words], {**os.environ, "UV_PYTHON_DOWNLOADS": "never"})
