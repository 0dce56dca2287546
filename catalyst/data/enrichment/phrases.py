"""Whole-word phrases as one compiled regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterable

_END = ""
_Trie = dict[str, "_Trie"]


def phrase_pattern(phrases: Iterable[str], *, flags: int = 0) -> re.Pattern[str]:
    """Compile phrases into one pattern that matches whole words, the longest phrase first.

    The pattern is a prefix tree: at a word that begins no phrase it gives up at the first letter,
    so its cost hardly depends on how many phrases there are.

    Parameters
    ----------
    phrases
        Words and phrases, single spaces inside. The order doesn't matter.
    flags
        Flags of `re.compile`, for example ``re.IGNORECASE`` (phrases are then given in lower case).

    Returns
    -------
    re.Pattern
        Matches don't overlap; no letter, digit or underscore touches either end ("sec" is not in
        "sector"). Without phrases it matches nothing.
    """
    root: _Trie = {}
    for phrase in sorted(set(phrases)):
        node = root
        for letter in phrase:
            node = node.setdefault(letter, {})
        node[_END] = {}
    if not root:
        return re.compile(r"(?!)")
    return re.compile(rf"(?<!\w){_expression(root)}(?!\w)", flags)


def _expression(node: _Trie) -> str:
    branches = [re.escape(key) + _expression(below) for key, below in node.items() if key != _END]
    if not branches:
        return ""
    body = branches[0] if len(branches) == 1 else f"(?:{'|'.join(branches)})"
    # Greedy, so the longest phrase is tried first and a shorter one remains the fallback.
    return f"(?:{body})?" if _END in node else body
