"""What figures say about the news: beats, misses, rises and falls as words that have a tone."""

from __future__ import annotations

import re
from typing import NamedTuple

#: Words that stand for figures; the finance lexicon gives them their valence.
BEATS, MISSES, MEETS = "figure_beats", "figure_misses", "figure_meets"
MORE, LESS = "figure_more", "figure_less"
UP, DOWN = "percent_up", "percent_down"

#: Two figures nearer than this fraction of the second are the same.
SAME_FRAC = 0.002

_UNIT = r"(?:\s?(?:[KMB]|bln|mln|bn|billion|million)\b)?"
_NUMBER = rf"[~(]?-?[$€£]{{0,2}}\s?\(?-?\d[\d,]{{0,14}}(?:\.\d{{1,6}})?\)?{_UNIT}"
_SPAN = rf"(?<![\d.,])({_NUMBER})(?:\s?(?:-|–|to)\s?({_NUMBER}))?"
_ESTIMATE = r"(?:(?:the\s)?(?:est(?:imates?)?|consensus|expected|expectations\sof)\b\.?\s)?"
_AGAINST = re.compile(rf"{_SPAN}\s?,?\s(?:vs|versus)\b\.?\s{_ESTIMATE}({_NUMBER})", re.IGNORECASE)
_FROM = re.compile(rf"{_SPAN}\s?,?\s(?:up\s|down\s)?from\s({_NUMBER})", re.IGNORECASE)
_PARTS = re.compile(
    r"(?P<minus>\(?-?[$€£]{0,2}\s?\(?-?)(?P<digits>\d[\d,]*(?:\.\d+)?)\)?\s?(?P<unit>[a-z]*)"
)
_ABOUT = r"(?:by\s|about\s|over\s|nearly\s|more\sthan\s|as\smuch\sas\s|another\s|~)?"
_MOVED = re.compile(
    rf"\b(?:now\s|are\s|is\s)?(up|down)\s{_ABOUT}\d{{1,5}}(?:\.\d{{1,4}})?\s?(?:%|percent\b)",
    re.IGNORECASE,
)
_SIGNED = re.compile(r"(?<![\w.%-])([+-])\s?\d{0,5}(?:\.\d{1,4})?(?<=\d)\s?%")
_UNITS = {
    "": 1.0,
    "k": 1e3,
    **dict.fromkeys(("m", "mln", "million"), 1e6),
    **dict.fromkeys(("b", "bn", "bln", "billion"), 1e9),
}


class _Figure(NamedTuple):
    value: float
    unit: str


def figures_told(prose: str) -> str:
    """Put a word in the place of figures that are good or bad news.

    Parameters
    ----------
    prose
        Text without URLs, cashtags and mentions.

    Returns
    -------
    str
        ``EPS $0.31 vs $0.24 Est`` reads ``EPS figure_beats Est``: a figure is above the estimate
        (or the figure before), a range wholly above it or below it, or it meets it. ``$0.20 from
        $0.24`` becomes ``figure_less``; ``up 3.5%`` and ``+3.5%`` become ``percent_up``. In losses
        (``$(0.05) vs $(0.10)``) the smaller beats. A range without a unit has that of its end.
    """
    text = prose
    if " vs" in (lowered := text.lower()) or " versus" in lowered:
        text = _AGAINST.sub(lambda found: _compared(found, BEATS, MISSES), text)
    if " from " in lowered:
        text = _FROM.sub(lambda found: _compared(found, MORE, LESS), text)
    if "%" in text or "percent" in lowered:
        text = _MOVED.sub(lambda found: UP if found[1].lower() == "up" else DOWN, text)
        text = _SIGNED.sub(lambda found: UP if found[1] == "+" else DOWN, text)
    return text


def _compared(found: re.Match[str], above: str, below: str) -> str:
    first, last, other = found.groups()
    low, against = _figure(first), _figure(other)
    high = low if last is None else _figure(last)
    if not low.unit and high.unit:
        low = _Figure(low.value * _UNITS.get(high.unit, 1.0), high.unit)
    bottom, top = sorted((low.value, high.value))
    room = SAME_FRAC * abs(against.value)
    if bottom > against.value + room:
        return f" {above} "
    return f" {below} " if top < against.value - room else f" {MEETS} "


def _figure(text: str) -> _Figure:
    parts = _PARTS.search(text.lower())
    if parts is None:
        return _Figure(0.0, "")
    value = float(parts["digits"].replace(",", ""))
    negative = "-" in parts["minus"] or "(" in parts["minus"]
    value *= _UNITS.get(parts["unit"], 1.0)
    return _Figure(-value if negative else value, parts["unit"])
