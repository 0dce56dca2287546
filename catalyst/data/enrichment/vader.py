"""VADER's compound score, to the last digit, without the work that no headline needs.

Source: Hutto & Gilbert 2014, and the package vaderSentiment 3.3, whose `polarity_scores` lowers
every word once for each of its neighbours. The rules are the same, quirks included: a test compares
the two.
"""

from __future__ import annotations

import math
import string
from collections.abc import Mapping, Sequence

from vaderSentiment.vaderSentiment import (
    BOOSTER_DICT,
    C_INCR,
    N_SCALAR,
    NEGATE,
    SPECIAL_CASES,
)

_ALPHA = 15
_DIGITS = 4
_NEGATE = frozenset(NEGATE)
# How much a word counts that stands one, two or three words before.
_NEARNESS = (1.0, 0.95, 0.9)
_SHORTEST_WORD = 3


def compound(text: str, lexicon: Mapping[str, float], emojis: Mapping[str, str]) -> float:
    """Score a text as ``polarity_scores(text)["compound"]`` does.

    Parameters
    ----------
    text
        Any text; time is linear in its length.
    lexicon
        Lower-case word -> valence.
    emojis
        Character -> its description in words.

    Returns
    -------
    float
        In [-1, 1], 4 digits; 0.0 without a word of the lexicon.
    """
    if not text.isascii() and not emojis.keys().isdisjoint(text):
        text = _described(text, emojis)
    words = [token if token.isalnum() else _bare(token) for token in text.split()]
    lower = [word.lower() for word in words]
    hits = [
        at
        for at, word in enumerate(lower)
        if word in lexicon
        and word not in BOOSTER_DICT
        and not (word == "kind" and lower[at + 1 : at + 2] == ["of"])
    ]
    if not hits:
        return 0.0
    capitals = sum(map(str.isupper, words))
    scorer = _Words(words, lower, lexicon, shouted=0 < capitals < len(words))
    if "but" in lower:
        valences = [0.0] * len(words)
        for at in hits:
            valences[at] = scorer.valence(at)
        total = sum(_turned(valences, lower.index("but")))
    else:
        total = sum(scorer.valence(at) for at in hits)
    total = float(total)
    if total > 0:
        total += _emphasis(text)
    elif total < 0:
        total -= _emphasis(text)
    return round(max(-1.0, min(1.0, total / math.sqrt(total * total + _ALPHA))), _DIGITS)


def _described(text: str, emojis: Mapping[str, str]) -> str:
    parts: list[str] = []
    spaced = True
    for letter in text:
        description = emojis.get(letter)
        if description is None:
            parts.append(letter)
            spaced = letter == " "
        else:
            parts.append(description if spaced else f" {description}")
            spaced = False
    return "".join(parts).strip()


def _bare(token: str) -> str:
    stripped = token.strip(string.punctuation)
    # What is left of an emoticon is too short for a word.
    return stripped if len(stripped) >= _SHORTEST_WORD else token


def _emphasis(text: str) -> float:
    asked = text.count("?")
    doubt = 0.0 if asked < 2 else asked * 0.18 if asked <= 3 else 0.96
    return min(text.count("!"), 4) * 0.292 + doubt


def _turned(valences: list[float], turn: int) -> list[float]:
    # Looked up by value, as VADER does: the first of two equal valences is changed twice.
    for valence in valences:
        at = valences.index(valence)
        if at < turn:
            valences[at] = valence * 0.5
        elif at > turn:
            valences[at] = valence * 1.5
    return valences


class _Words:
    def __init__(
        self,
        words: Sequence[str],
        lower: Sequence[str],
        lexicon: Mapping[str, float],
        *,
        shouted: bool,
    ) -> None:
        self._words = words
        self._lower = lower
        self._lexicon = lexicon
        self._shouted = shouted

    def valence(self, at: int) -> float:
        lower, lexicon = self._lower, self._lexicon
        valence = self._own(at)
        for back in range(min(at, 3)):
            before = lower[at - back - 1]
            if before in lexicon:
                continue
            valence += self._boost(at - back - 1, valence) * _NEARNESS[back]
            valence = self._negated(valence, at, back)
            if back == 2:
                valence = self._idiom(valence, at)
        if at and lower[at - 1] == "least" and "least" not in lexicon:
            exempt = at > 1 and lower[at - 2] in {"at", "very"}
            valence = valence if exempt else valence * N_SCALAR
        return valence

    def _own(self, at: int) -> float:
        lower, lexicon = self._lower, self._lexicon
        word = lower[at]
        valence = lexicon[word]
        if word == "no" and at + 1 < len(lower) and lower[at + 1] in lexicon:
            valence = 0.0
        if (
            (at > 0 and lower[at - 1] == "no")
            or (at > 1 and lower[at - 2] == "no")
            or (at > 2 and lower[at - 3] == "no" and lower[at - 1] in {"or", "nor"})
        ):
            valence = lexicon[word] * N_SCALAR
        if self._shouted and self._words[at].isupper():
            valence = valence + C_INCR if valence > 0 else valence - C_INCR
        return valence

    def _boost(self, at: int, valence: float) -> float:
        scalar: float = BOOSTER_DICT.get(self._lower[at], 0.0)
        if not scalar:
            return 0.0
        if valence < 0:
            scalar = -scalar
        if self._shouted and self._words[at].isupper():
            scalar = scalar + C_INCR if valence > 0 else scalar - C_INCR
        return scalar

    def _negated(self, valence: float, at: int, back: int) -> float:
        lower = self._lower
        word = lower[at - back - 1]
        if back == 1:
            if word == "never" and lower[at - 1] in {"so", "this"}:
                return valence * 1.25
            if word == "without" and lower[at - 1] == "doubt":
                return valence
        elif back == 2:
            near = lower[at - 1], lower[at - 2]
            if (word == "never" and near[1] in {"so", "this"}) or near[0] in {"so", "this"}:
                return valence * 1.25
            if word == "without" and "doubt" in near:
                return valence
        return valence * N_SCALAR if word in _NEGATE or "n't" in word else valence

    def _idiom(self, valence: float, at: int) -> float:
        lower = self._lower
        three, two, one, zero = lower[at - 3 : at + 1]
        backwards = (
            f"{one} {zero}",
            f"{two} {one} {zero}",
            f"{two} {one}",
            f"{three} {two} {one}",
            f"{three} {two}",
        )
        valence = next((SPECIAL_CASES[s] for s in backwards if s in SPECIAL_CASES), valence)
        for length in (2, 3):
            if at + length <= len(lower):
                valence = SPECIAL_CASES.get(" ".join(lower[at : at + length]), valence)
        for pair in (backwards[3], backwards[4], backwards[2]):
            valence += BOOSTER_DICT.get(pair, 0.0)
        return valence
