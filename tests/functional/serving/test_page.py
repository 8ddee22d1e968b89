"""The page of the HTTP API: what it tells to type is typed, in its order, to a real server."""

import re
import subprocess
from pathlib import Path

from tests.functional.serving.conftest import Serve

PAGE = Path(__file__).parents[3] / "docs" / "how-to" / "use-the-http-api.md"
# An answer that is an error is one here, wherever in the page it comes.
STRICT = 'set -eu -o pipefail; curl() { command curl --fail-with-body -S "$@"; }'


def test_each_command_of_the_page_is_answered_as_the_page_has_it(
    serve: Serve, tmp_path: Path
) -> None:
    server = serve()
    blocks = re.findall(r"^```sh\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)
    script = "\n".join([STRICT, *blocks]).replace("http://127.0.0.1:8080", server.url)
    done = subprocess.run(
        ["bash", "-c", script.replace("sleep 1", "sleep 0.1")],
        cwd=tmp_path,
        env={**server.environment, "TOKEN": server.token},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    assert len(blocks) > 6
    assert done.returncode == 0, done.stdout
    assert '"name": "ci"' in done.stdout
