"""Which code ran: the version and a hash over the package's own files."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable

VERSION = "0.1.0"


@cache
def code_version() -> str:
    """Return the version and 12 hexadecimal digits over every module and data file.

    Once a process: a file that is edited meanwhile is not what runs.
    """
    digest = hashlib.sha256()
    _feed(digest, resources.files("catalyst"), "")
    return f"{VERSION}+{digest.hexdigest()[:12]}"


def _feed(digest: hashlib._Hash, folder: Traversable, name: str) -> None:
    for item in sorted(folder.iterdir(), key=lambda i: i.name):
        path = f"{name}/{item.name}"
        if item.is_dir():
            if item.name != "__pycache__":
                _feed(digest, item, path)
        elif item.name.endswith((".py", ".yaml", ".csv", ".sql")):
            digest.update(path.encode() + b"\0" + hashlib.sha256(item.read_bytes()).digest())
