"""A stage whose functions run in processes of their own, so that it shows what they take."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from functools import partial
from multiprocessing import Pipe
from pathlib import Path
from typing import Any

from chalicelib.bootstrap import serving
from tests.strict import resources, wire
from tests.strict.function_process import Use
from tests.strict.stage import Context, Given, Json, Setup, StrictStage

_ROOT = Path(__file__).parents[2]


class FunctionProcess:
    """One process of a function, from its first call on."""

    def __init__(self, stage: StrictStage) -> None:
        self._stage = stage
        self._pipe, theirs = Pipe()
        start = f"from tests.strict.function_process import serve; serve({theirs.fileno()})"
        self._child = subprocess.Popen(
            [sys.executable, "-c", start], cwd=_ROOT, pass_fds=[theirs.fileno()]
        )
        theirs.close()
        self._pipe.send(resources.settings())
        (self.begun,) = self._serve()

    def call(self, function: str, event: Json, deadline: datetime) -> tuple[Json, Use]:
        """Raises what keeps the function from an answer; then it can't be called again."""
        self._pipe.send((self._stage.clock(), function, event, deadline))
        answer, use = self._serve()
        return answer, use

    def close(self) -> None:
        self._pipe.close()
        self._child.wait()

    def _serve(self) -> list[Any]:
        """Answer what the process asks until it has done its work."""
        while True:
            try:
                asked = self._pipe.recv()
            except EOFError as error:
                raise AssertionError("a function's process has died") from error
            match asked:
                case ["ready" | "done", *told]:
                    return told
                case ["begin"]:
                    self._tell(None)
                case ["sleep", seconds]:
                    self._stage.spend(seconds)
                    self._tell(None)
                case ["request", service, operation, params]:
                    self._tell(wire.answer(self._stage.aws, service, operation, params))

    def _tell(self, answer: Any) -> None:
        self._pipe.send((self._stage.clock(), answer))


class ApartStage(StrictStage):
    """Each function has one process. `uses` are those of all calls, in order, with its function."""

    def __init__(self, setup: Setup | None = None) -> None:
        self.uses: list[tuple[str, Use]] = []
        self.begun: dict[str, Use] = {}
        self._children: dict[str, FunctionProcess] = {}
        super().__init__(setup)

    def close(self) -> None:
        for child in self._children.values():
            child.close()

    @contextmanager
    def _process_of(self, function: str) -> Iterator[Given]:
        if function not in self._children:
            self._children[function] = FunctionProcess(self)
            self.begun[function] = self._children[function].begun
        yield partial(serving, self.ports)

    def _run(self, function: str, event: Json, context: Context, given: Given) -> Json:
        del given
        answer, use = self._children[function].call(function, event, context.deadline)
        self.uses.append((function, use))
        if isinstance(answer, Exception):
            raise answer
        return answer
