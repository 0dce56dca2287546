"""Whole-word phrases as one compiled regular expression."""

from __future__ import annotations

import re
from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

_END = ""
_TOKEN = re.compile(r"\w+")
_Trie = dict[str, "_Trie"]


@dataclass(frozen=True, slots=True)
class Phrases:
    """Hold phrases as one pattern, and the words they begin with.

    Attributes
    ----------
    pattern
        That of `phrase_pattern`.
    starts
        First word of each phrase, in lower case: a text without any of them holds no phrase.
    """

    pattern: re.Pattern[str]
    starts: frozenset[str]

    def found(self, text: str, tokens: AbstractSet[str]) -> list[str]:
        """List the phrases in a text whose `tokens_of` are given."""
        return [] if self.starts.isdisjoint(tokens) else self.pattern.findall(text)


def phrases_of(phrases: Iterable[str]) -> Phrases:
    """Compile phrases; see `phrase_pattern`."""
    listed = list(phrases)
    starts = frozenset(found[0].lower() for one in listed if (found := _TOKEN.search(one)))
    return Phrases(phrase_pattern(listed), starts)


def tokens_of(lower_text: str) -> frozenset[str]:
    """Give the runs of letters, digits and underscores of a lower-case text."""
    return frozenset(_TOKEN.findall(lower_text))


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
