"""Text that others wrote, made safe to print: what can't be seen is shown or left out."""

from __future__ import annotations

import html
import unicodedata
from itertools import islice

#: Characters of a text that are looked at; a headline has no more to say on one line.
SHOWN_CHARACTERS = 400
_MARKS = 2
_C0_PICTURES = 0x2400
_DELETE, _DELETE_PICTURE = 0x7F, 0x2421


def visible(text: str | None) -> str:
    """Give a text on one line, without anything that a terminal would obey.

    HTML entities are undone first, so that none can hide a control character. Control characters
    become their pictures (an escape shows as ``␛``), line ends and tabs spaces; characters without
    a shape (zero-width, direction marks, private, unassigned, halves of a pair) are left out; of
    combining marks on one letter two stay. At most 400 characters are looked at; a longer text
    ends in an ellipsis.
    """
    if not text:
        return ""
    if text.isascii() and text.isprintable() and "&" not in text and len(text) <= SHOWN_CHARACTERS:
        return " ".join(text.split())
    shown: list[str] = []
    marks = 0
    undone = html.unescape(text[:SHOWN_CHARACTERS])
    for letter in islice(undone, SHOWN_CHARACTERS):
        kind = unicodedata.category(letter)
        marks = marks + 1 if kind in {"Mn", "Me", "Mc"} else 0
        if marks > _MARKS:
            continue
        shown.append(_shown(letter, kind))
    if len(text) > SHOWN_CHARACTERS:
        shown.append("…")
    return " ".join("".join(shown).split())


def _shown(letter: str, kind: str) -> str:
    code = ord(letter)
    if letter.isspace():
        return " "
    if kind == "Cc":
        if code < 0x20:
            return chr(_C0_PICTURES + code)
        return chr(_DELETE_PICTURE) if code == _DELETE else "\N{REPLACEMENT CHARACTER}"
    return "" if kind[0] == "C" or kind in {"Zl", "Zp"} else letter


def printable(text: str) -> str:
    """Give a text of ours as it is, less any control character that came with a name in it."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def cells_of(text: str) -> int:
    """Count the cells of a terminal that a text takes: wide letters two, marks none."""
    return sum(
        0
        if unicodedata.combining(letter)
        else 2
        if unicodedata.east_asian_width(letter) in {"W", "F"}
        else 1
        for letter in text
    )
