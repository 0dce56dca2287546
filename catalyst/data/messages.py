"""What a file says, made fit to stand in a sentence of ours."""

from __future__ import annotations

from collections.abc import Iterable

_LONGEST = 160
_MOST = 12


def shown(text: object, *, longest: int = _LONGEST) -> str:
    """Write a name or value from outside in one line: no control characters, cut when long.

    What a file says never reaches a terminal as a control sequence.
    """
    plain = "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape", "backslashreplace").decode()
        for sign in str(text)[: longest + 1]
    )
    return plain if len(plain) <= longest else f"{plain[: longest - 1]}…"


def listed(names: Iterable[object], *, most: int = _MOST) -> str:
    """Write names with commas between them, the first few and how many more there are."""
    every = [shown(name) for name in names]
    more = len(every) - most
    return ", ".join(every[:most]) + (f" and {more:,} more" if more > 0 else "")
