"""The console of rich, with one habit changed."""

from rich.console import Console


class Terminal(Console):
    """Leaves a broken pipe to whoever called, instead of ending the program with a failure."""

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError
