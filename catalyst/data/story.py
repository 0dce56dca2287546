"""A story: what happened and why, as sections of facts, each a sentence with its numbers.

The terminal, a notebook and the report draw the same value, so they can't tell different stories.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Literal, TypeAlias

Value: TypeAlias = "str | int | float | bool | Decimal | list[Any] | None"
Mark: TypeAlias = Literal["", "passed", "stopped", "gain", "loss", "warning", "quiet"]
"""How a fact is drawn: a rule that let through or stopped, money, a caution, an aside."""

WIDTH = 100
"""Characters of a line where nobody says how many there is room for."""

_NOTHING: Mapping[str, Value] = MappingProxyType({})


@dataclass(frozen=True)
class Fact:
    """Hold one fact.

    Attributes
    ----------
    text
        The sentence a person reads; numbers in it are rounded.
    values
        The same numbers to the bit, and ids, as a run's tables hold them, None for NaN; instants
        as ISO UTC.
    mark
        How to draw it.
    details
        Facts that belong under it.
    cells
        What stands in each column of its section's table; empty where it has none.
    folded
        Facts of the same kind that lines of text leave out; JSON has them, HTML unfolds them.
    """

    text: str
    values: Mapping[str, Value] = field(default_factory=lambda: _NOTHING)
    mark: Mark = ""
    details: tuple[Fact, ...] = ()
    cells: tuple[str, ...] = ()
    folded: tuple[Fact, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _without_nan(self.values))

    def as_json(self) -> dict[str, Any]:
        """Return what ``json.dumps`` takes; no number is null, money a number."""
        out: dict[str, Any] = {"text": self.text}
        if self.mark:
            out["mark"] = self.mark
        if self.values:
            out["values"] = {name: _plain(value) for name, value in self.values.items()}
        if self.details:
            out["details"] = [fact.as_json() for fact in self.details]
        if self.folded:
            out["folded"] = [fact.as_json() for fact in self.folded]
        return out


@dataclass(frozen=True)
class Section:
    """Hold a titled part of a story.

    Attributes
    ----------
    title
        What the facts are about.
    facts
        In the order in which they are read.
    columns
        Headings of the facts' cells; where there is room they are drawn as a table, else each
        fact's sentence.
    """

    title: str
    facts: tuple[Fact, ...]
    columns: tuple[str, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return what ``json.dumps`` takes."""
        return {"title": self.title, "facts": [fact.as_json() for fact in self.facts]}


@dataclass(frozen=True)
class Story:
    """Hold a whole story.

    Attributes
    ----------
    kind
        ``trade``, ``signal``, ``candidate``, ``why_not``, ``session`` or ``news``.
    headline
        The story in a line.
    lines
        What a reader should know first, beside the headline.
    sections
        In the order of time: from the news to the money.
    values
        The ids and numbers that name the story, to the bit.
    """

    kind: str
    headline: Fact
    lines: tuple[Fact, ...] = ()
    sections: tuple[Section, ...] = ()
    values: Mapping[str, Value] = field(default_factory=lambda: _NOTHING)

    def __post_init__(self) -> None:
        object.__setattr__(self, "values", _without_nan(self.values))

    def __str__(self) -> str:
        """Return the story as plain text, at most 100 characters wide."""
        from catalyst.data.story_text import lines

        return "\n".join(line.text for line in lines(self, WIDTH))

    def _repr_html_(self) -> str:
        from catalyst.data.story_html import STYLE

        return f"<style>{STYLE}</style>{self.html()}"

    def html(self) -> str:
        """Return the story as a fragment of HTML without style.

        Its elements have classes that begin with ``story``;
        `catalyst.data.story_html.STYLE` draws them, on light and dark ground.
        """
        from catalyst.data.story_html import fragment

        return fragment(self)

    def as_json(self) -> dict[str, Any]:
        """Return what ``json.dumps`` takes: kind, headline, values, and the sections' facts."""
        return {
            "kind": self.kind,
            "headline": self.headline.text,
            "values": {name: _plain(value) for name, value in self.values.items()},
            "lines": [fact.as_json() for fact in self.lines],
            "sections": [section.as_json() for section in self.sections],
        }

    def facts(self) -> Iterator[Fact]:
        """Iterate over every fact, details and folded ones after the fact they belong to."""
        waiting = [fact for section in reversed(self.sections) for fact in reversed(section.facts)]
        waiting += [*reversed(self.lines), self.headline]
        while waiting:
            fact = waiting.pop()
            yield fact
            waiting += reversed((*fact.details, *fact.folded))


def _without_nan(values: Mapping[str, Value]) -> Mapping[str, Value]:
    # A table's NaN says that there is no number; stories that say the same must be equal.
    return {name: None if value != value else value for name, value in values.items()}  # noqa: PLR0124 - only NaN is not itself


def _plain(value: Value) -> Any:  # noqa: ANN401 - whatever JSON holds
    if isinstance(value, Decimal):
        # 20 digits at most, 6 of them behind the point; below a billion a double holds all.
        return float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
