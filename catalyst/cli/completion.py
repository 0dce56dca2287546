"""What a shell may complete: variants, timeframes, symbols of the lake, runs, trades, files."""

from __future__ import annotations

from typing import Any


def answer(command: Any) -> None:  # noqa: ANN401 - a command of typer
    """Answer the shell's question for completions, and end the process."""
    command.main(prog_name="catalyst")
