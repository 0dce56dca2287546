"""Small JSON files under ``CATALYST_HOME/state`` that save a question; any may be missing."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from catalyst.data.settings import settings


def noted(name: str) -> dict[str, Any]:
    """Return a note's content; empty if there is none, or it is damaged."""
    try:
        content = json.loads(_file(name).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def note(name: str, content: Mapping[str, Any]) -> None:
    """Replace a note whole; a folder without rights is no error."""
    path = _file(name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=f".{name}.", dir=path.parent)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, indent=2, sort_keys=True)
        Path(temporary).replace(path)
    except OSError:
        return


def _file(name: str) -> Path:
    return settings().catalyst_home / "state" / f"{name}.json"
