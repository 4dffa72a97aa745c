"""What the tests of the canonical language share. `--hypothesis-profile=canonical` draws 2,000."""

import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

sys.path.insert(0, str(Path(__file__).parent))

settings.register_profile(
    "canonical",
    max_examples=2_000,
    deadline=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
)
