"""SQL stands in ``sql/*.sql`` as named blocks; this reads them."""

from __future__ import annotations

import re
from functools import cache
from importlib import resources
from typing import LiteralString

from catalyst.errors import InvariantError

_NAME = re.compile(r"^-- name: (\S+)\s*$", re.MULTILINE)


def statement(name: str) -> LiteralString:
    """Return the SQL of a block that begins with ``-- name: <name>``.

    Raises
    ------
    InvariantError
        If there is no such block.
    """
    try:
        return statements()[name]
    except KeyError:
        raise InvariantError(f"no SQL block is named {name!r}; this is a bug") from None


@cache
def statements() -> dict[str, LiteralString]:
    """Read all blocks, by name.

    Raises
    ------
    InvariantError
        If two blocks have one name, or a file has text outside of them.
    """
    found: dict[str, LiteralString] = {}
    folder = resources.files("catalyst.live").joinpath("sql")
    files = [item for item in folder.iterdir() if item.name.endswith(".sql")]
    for file in sorted(files, key=lambda item: item.name):
        before, *parts = _NAME.split(file.read_text(encoding="utf-8"))
        if any(line.strip() and not line.startswith("--") for line in before.splitlines()):
            raise InvariantError(f"{file.name} has SQL before its first name; this is a bug")
        for name, block in zip(parts[::2], parts[1::2], strict=True):
            if name in found:
                raise InvariantError(f"two SQL blocks are named {name!r}; this is a bug")
            found[name] = block.strip()
    return found
