"""A driver that only looks on."""

import time

from chalicelib.core.run import Run


class Onlooker:
    """Follows runs that are driven elsewhere, with a look every `pause` seconds."""

    is_driving = False
    is_idle = False

    def __init__(self, holder: str, pause: float) -> None:
        self.pause = pause
        self._holder = holder

    def other(self) -> str:
        return self._holder

    def run(self, run_id: str) -> Run | None:
        del run_id
        return None

    def step(self, seconds: float) -> None:
        time.sleep(seconds)

    def deliver(self, seconds: float) -> int:
        """Whoever drives delivers."""
        del seconds
        return 0

    def __enter__(self) -> "Onlooker":
        return self

    def __exit__(self, *_: object) -> None:
        pass
