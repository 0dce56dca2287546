"""HTML of the report's parts: everything that comes from data is escaped here."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Iterable, Sequence
from html import escape

from catalyst.data.calendar import NEW_YORK
from catalyst.data.visible import printable, visible

DASH = "–"
MINUS = "\N{MINUS SIGN}"
_HYPHEN_OF_A_NUMBER = re.compile(r"(?<![\w.-])-(?=[$\d])")


def text(value: object) -> str:
    """Write a text from anywhere: visible characters only, escaped, directions kept apart."""
    return escape(visible(str(value)))


def words(sentence: str) -> str:
    """Write a sentence of ours, whole and escaped, with a minus where a number has one."""
    shown = _HYPHEN_OF_A_NUMBER.sub(MINUS, printable(sentence))
    return escape(shown).replace(" %", "&nbsp;%")


def signed(value: float, digits: int = 2, unit: str = "") -> str:
    """Write a number with its sign and separators; a dash for NaN."""
    if not math.isfinite(value):
        return DASH
    shown = f"{abs(value):,.{digits}f}"
    sign = "" if not shown.strip("0.,") else MINUS if value < 0 else "+"
    return f"{sign}{unit}{shown}"


def usd(value: float) -> str:
    """Write dollars with sign and separators, whole ones from 10,000 on."""
    return signed(value, 0 if abs(value) >= 10_000 else 2, "$")


def money(value: float) -> str:
    """Write dollars as a cell coloured by its sign; the sign is there for who sees no colour."""
    if not math.isfinite(value):
        return DASH
    kind = "gain" if value > 0 else "loss" if value < 0 else "flat"
    return f'<span class="{kind}">{usd(value)}</span>'


def price(value: float) -> str:
    """Write a price with two digits behind the point, four below ten dollars."""
    if not math.isfinite(value):
        return DASH
    return f"{value:,.{4 if abs(value) < 10 else 2}f}"


def percent(value: float | None, digits: int = 0) -> str:
    """Write a fraction as per cent; a dash for NaN and None."""
    return DASH if value is None or not math.isfinite(value) else f"{value:.{digits}%}"


def between(low: float, high: float, digits: int = 1, unit: str = "") -> str:
    """Write an interval; a dash where there is none."""
    if not (math.isfinite(low) and math.isfinite(high)):
        return DASH
    return f"{signed(low, digits, unit)} to {signed(high, digits, unit)}"


def new_york(at: dt.datetime) -> str:
    """Write an instant as New York time, to the minute."""
    return f"{at.astimezone(NEW_YORK):%Y-%m-%d %H:%M}"


def table(
    caption: str,
    heads: Sequence[str],
    rows: Iterable[Sequence[str]],
    *,
    kind: str = "",
    hidden: bool = False,
) -> str:
    """Write a table in a box that scrolls sideways by itself, so that the page never does.

    Parameters
    ----------
    caption
        What it shows, escaped already; ``hidden`` leaves it to screen readers.
    heads, rows
        Headings and cells, escaped already; the first cell of a row is its heading.
    kind
        A class.
    """
    shown = ' class="unseen"' if hidden else ""
    out = [f'<div class="scroll" tabindex="0" role="group" aria-label="{plain(caption)}">']
    out += [f'<table class="{kind}"><caption{shown}>{caption}</caption><thead><tr>']
    out += [f'<th scope="col">{head}</th>' for head in heads]
    out.append("</tr></thead><tbody>")
    for first, *rest in rows:
        cells = "".join(f"<td>{cell}</td>" for cell in rest)
        out.append(f'<tr><th scope="row">{first}</th>{cells}</tr>')
    out.append("</tbody></table></div>")
    return "".join(out)


def section(name: str, title: str, *parts: str) -> str:
    """Write a section that the page's list of contents can point to."""
    return (
        f'<section id="{name}" aria-labelledby="{name}-title"><h2 id="{name}-title">{title}</h2>'
        f"{''.join(parts)}</section>"
    )


def figure(name: str, says: str, *, tall: bool = False) -> str:
    """Write the place of a chart; ``says`` is what it shows, for who can't see it."""
    size = "plot tall" if tall else "plot"
    return (
        f'<figure data-chart="{name}"><div class="{size}" role="img" aria-label="{plain(says)}">'
        f"</div><figcaption>{says}</figcaption></figure>"
    )


def note(says: str) -> str:
    """Write an aside, escaped already."""
    return f'<p class="note">{says}</p>'


def plain(markup: str) -> str:
    """Make escaped text fit for an attribute: without tags."""
    out, inside = [], False
    for sign in markup:
        inside = sign == "<" or (inside and sign != ">")
        if not inside and sign != ">":
            out.append(sign)
    return "".join(out).replace('"', "&quot;")
