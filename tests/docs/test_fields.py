"""What a connector declares of its vendor's fields is what its schemas and samples have."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DECLARED = sorted(file.parents[2] for file in ROOT.glob("connectors/*/src/*/fields.json"))
SAY = """
import json, pathlib, sys
from crossdock.testing.conformance.__main__ import subject_of
from crossdock.testing.coverage import known_fields
print(json.dumps(known_fields(subject_of(pathlib.Path(sys.argv[1])).coverage)))
"""


@pytest.mark.parametrize("folder", DECLARED, ids=lambda folder: folder.name)
def test_the_declared_fields_are_those_of_schemas_and_samples(folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SAY, str(folder)], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    (file,) = folder.glob("src/*/fields.json")
    assert json.loads(file.read_text("utf-8")) == json.loads(done.stdout), (
        f"python -m crossdock.testing.coverage --write connectors/{folder.name} writes it anew"
    )


def test_there_are_some() -> None:
    assert {"amazon", "shopify", "square"} <= {folder.name for folder in DECLARED}
