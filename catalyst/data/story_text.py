"""A story as lines of text: one layout for the terminal and for ``print``."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import NamedTuple

from catalyst.data.story import Fact, Section, Story
from catalyst.data.visible import cells_of, printable

_SIGNS = {"passed": "✓ ", "stopped": "✗ ", "warning": "! "}
_BULLET = "· "
_GAP = "  "
_LEAST_WIDTH = 40


class Line(NamedTuple):
    """Hold a line and how to draw it: a fact's mark, ``headline``, ``title`` or ``columns``."""

    text: str
    style: str


def lines(story: Story, width: int) -> Iterator[Line]:
    """Lay a story out.

    Parameters
    ----------
    story
        The story.
    width
        Characters of a line at most; words longer than that stand out.
    """
    width = max(width, _LEAST_WIDTH)
    yield from _wrapped(story.headline.text, width, "", "", story.headline.mark or "headline")
    for fact in story.lines:
        yield from _fact(fact, width, 0, bullet="")
    for section in story.sections:
        yield Line("", "")
        yield from _wrapped(section.title, width, "", "", "title")
        yield from _section(section, width)


def _section(section: Section, width: int) -> Iterator[Line]:
    rows = [fact for fact in section.facts if fact.cells]
    table = _table(section.columns, rows, width) if rows else None
    if table is None:
        for fact in section.facts:
            yield from _fact(fact, width, 1)
        return
    yield table[0]
    at = 1
    for fact in section.facts:
        if not fact.cells:
            yield from _fact(fact, width, 1)
            continue
        yield table[at]
        at += 1
        for detail in fact.details:
            yield from _fact(detail, width, 2)


def _table(columns: tuple[str, ...], rows: list[Fact], width: int) -> list[Line] | None:
    grid = [[printable(cell) for cell in row.cells] for row in rows]
    sizes = [max(cells_of(cell) for cell in cells) for cells in zip(columns, *grid, strict=True)]
    if 2 + sum(sizes) + len(_GAP) * (len(sizes) - 1) > width:
        return None
    right = [
        all(not cell or cell[0] in "+-0123456789$−" for cell in cells)
        for cells in zip(*grid, strict=True)
    ]

    def line(cells: tuple[str, ...] | list[str], style: str) -> Line:
        padded = [
            " " * (size - cells_of(cell)) + cell if r else cell + " " * (size - cells_of(cell))
            for cell, size, r in zip(cells, sizes, right, strict=True)
        ]
        return Line(f"  {_GAP.join(padded)}".rstrip(), style)

    return [
        line(columns, "columns"),
        *(line(cells, row.mark) for cells, row in zip(grid, rows, strict=True)),
    ]


def _fact(fact: Fact, width: int, depth: int, *, bullet: str = _BULLET) -> Iterator[Line]:
    indent = "  " * depth
    first = indent + _SIGNS.get(fact.mark, bullet)
    text = f"{fact.text} (all of them in JSON)" if fact.folded else fact.text
    yield from _wrapped(text, width, first, " " * len(first), fact.mark)
    for detail in fact.details:
        yield from _fact(detail, width, depth + 1)


def _wrapped(text: str, width: int, first: str, rest: str, style: str) -> Iterator[Line]:
    wrapped = textwrap.wrap(
        printable(text),
        width,
        initial_indent=first,
        subsequent_indent=rest,
        break_on_hyphens=False,
        break_long_words=False,
    )
    for line in wrapped or [first.rstrip()]:
        yield Line(line, style)
