"""Options that several commands share."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout.")]
DeploymentFile = Annotated[Path, typer.Argument(metavar="FILE", help="A deployment.yaml.")]
DeploymentOption = Annotated[Path, typer.Option("--deployment", "-d", help="The deployment.yaml.")]


class Role(StrEnum):
    """A part of a deployment that may run as a process of its own."""

    GATEWAY = "gateway"
    STAGES = "stages"
