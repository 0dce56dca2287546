"""Which process something belongs to, and whether it still lives."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
from pathlib import Path


def owner() -> str:
    """Return a mark of this process: its number and when it started, for numbers come again."""
    return f"{os.getpid()}:{_start_of(os.getpid())}"


def machine() -> str:
    """Return a mark of this machine: a hash, for those who read it need not learn its name."""
    return hashlib.sha256(platform.node().encode()).hexdigest()[:12]


def is_alive(mark: str) -> bool:
    """Tell whether the process of a mark by `owner`, made on this machine, still lives."""
    pid, _, start = mark.partition(":")
    return pid.isdigit() and bool(start) and _start_of(int(pid)) == start


def _start_of(pid: int) -> str:
    """Say when a process started, in whatever words; empty if it is gone."""
    if Path("/proc/self/stat").exists():
        try:
            stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
            # The name, which comes before, may hold blanks and brackets.
            state, *fields = stat.rpartition(")")[2].split()
        except (OSError, ValueError):
            return ""
        # One that was killed and not yet waited for is gone, too.
        return "" if state == "Z" else fields[18]
    told = subprocess.run(  # noqa: S603 - the one argument is a number
        ["ps", "-o", "lstart=", "-p", str(pid)],  # noqa: S607 - where it stands differs by system
        capture_output=True,
        check=False,
        text=True,
    )
    return told.stdout.strip()
