"""The note that makes a simulated lake say what it is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

_NOTE = "SYNTHETIC.json"


def synthetic_note(root: Path) -> dict[str, Any] | None:
    """Return what a simulated lake says of itself; None for any other lake."""
    path = root / _NOTE
    if not path.exists():
        return None
    note: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return note


def write_synthetic_note(root: Path, note: dict[str, Any]) -> None:
    """Write what a simulated lake says of itself."""
    (root / _NOTE).write_text(json.dumps(note, indent=2) + "\n", encoding="utf-8")
