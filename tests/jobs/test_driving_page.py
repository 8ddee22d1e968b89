"""What docs/how-to/drive-other-services.md tells to type can be typed."""

import json
import re
import shlex
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from fetch_and_run.exits import Exit
from fetch_and_run.main import main
from tests.jobs.test_aws import WORLD

PAGE = Path(__file__).parents[2] / "docs" / "how-to" / "drive-other-services.md"
BLOCKS = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.DOTALL | re.MULTILINE)
ALLOWED = {"BATCH_FILE_ALLOWED": "s3://scripts"}
COMMANDS = [line for block in BLOCKS for line in block.splitlines()]


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_of_the_page_says_what_it_would_ask(command: str) -> None:
    world = replace(WORLD, out=StringIO(), err=StringIO(), environment=ALLOWED)

    code = main([*shlex.split(command), "--dry-run"], world)

    assert isinstance(world.out, StringIO)
    assert isinstance(world.err, StringIO)
    assert code == Exit.OK, world.err.getvalue()
    assert {"service", "operation", "parameters"} == set(json.loads(world.out.getvalue()))
