"""What quarantine says, by rule, file and symbol."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from catalyst.data.checks.findings import Finding, bounded_severity
from catalyst.data.columns import ACTION_ALIASES, BAR_ALIASES, NEWS_ALIASES
from catalyst.data.symbols import joined_symbol

if TYPE_CHECKING:
    from catalyst.data.lake import Lake

_CONFLICT, _MISLINKED = "conflict", "mislinked"
_MOST_NAMED = 12
_NO_LETTER = re.compile(r"[\W_]+")
# A row is kept as it was given, so its symbol and times stand under whatever name the file had.
_SYMBOL_NAMES = tuple(dict.fromkeys((*BAR_ALIASES["symbol"], *NEWS_ALIASES["symbol"])))
_TIME_NAMES = tuple(
    dict.fromkeys((*BAR_ALIASES["ts"], *NEWS_ALIASES["published_at"], *ACTION_ALIASES["ex_date"]))
)


def quarantine_findings(lake: Lake) -> Iterator[Finding]:
    """Say how many rows were rejected under which rule; wrong links are told with the news."""
    import polars as pl

    frame = lake.quarantine().filter(pl.col("rule") != _MISLINKED)
    if "options" not in frame.columns:
        frame = frame.with_columns(options=pl.lit("{}"))
    for (table, file, rule), rows in frame.partition_by(
        "table", "file", "rule", as_dict=True, maintain_order=True
    ).items():
        read = [
            {**fields_of(options), **fields_of(row)}
            for row, options in rows.select("row", "options").iter_rows()
        ]
        symbols = Counter(symbol for fields in read if (symbol := symbol_of(fields)))
        sources = {str(fields["source"]) for fields in read if fields.get("source")}
        times = sorted(time for fields in read if (time := _time_of(fields)))
        n = rows.height
        kind = "conflicting_rows" if rule == _CONFLICT else "quarantined_rows"
        named = ", ".join(f"{name} {count}" for name, count in symbols.most_common(_MOST_NAMED))
        said = f" ({named})" if named else ""
        if kind == "conflicting_rows":
            text = (
                f"{n} row(s) of {file} have the key of a stored row of {table} and other "
                f"values{said}: expected one truth for each, the first one given stays; compare "
                "both (catalyst data quarantine)"
            )
        else:
            text = (
                f"{n} row(s) of {file} for {table} break the rule '{rule}'{said}: expected none; "
                "look at them (catalyst data quarantine) and import them again as what they are"
            )
        base = 55 if kind == "conflicting_rows" else 30
        yield Finding(
            kind,
            bounded_severity(base + 4 * len(str(n))),
            str(table),
            ", ".join(sorted(sources)[:3]),
            next(iter(symbols)) if len(symbols) == 1 else "",
            "",
            times[0] if times else "",
            times[-1] if times else "",
            n,
            float(n),
            0.0,
            text,
        )


def fields_of(text: str) -> Mapping[str, Any]:
    """Read a rejected row; one that is no object has no fields."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    if not isinstance(found, dict):
        return {}
    return {_NO_LETTER.sub("", str(name).casefold()): value for name, value in found.items()}


def symbol_of(fields: Mapping[str, Any]) -> str:
    """Find the symbol that a rejected row was given, if it names one."""
    for name in _SYMBOL_NAMES:
        value = fields.get(name)
        if isinstance(value, str) and value.strip():
            return joined_symbol(value)
    return ""


def _time_of(fields: Mapping[str, Any]) -> str:
    for name in _TIME_NAMES:
        value = fields.get(name)
        if isinstance(value, str) and value[:4].isdigit():
            return value[:19]
    return ""
