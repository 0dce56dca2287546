"""Where the command ``catalyst`` starts: nothing is open yet, so Ctrl-C may simply end it."""

from __future__ import annotations

import signal


def main() -> None:
    """Run the command line; until it is imported an interrupt ends the process without a word."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    from catalyst.cli.app import main as run

    run()
