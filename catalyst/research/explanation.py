"""Stories of a run: of a trade, a signal, a symbol at an instant, an article, a session.

Every number is read from the run's tables. What no table holds is made again by the strategy's own
functions from what was known at that instant, and must reproduce what the tables hold to the bit.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from typing import TYPE_CHECKING

from catalyst.data.figures import count, eastern, iso_utc, number
from catalyst.data.story import Fact, Section, Story, Value
from catalyst.errors import InputError
from catalyst.research.article_story import article_story
from catalyst.research.article_weights import Headlines, news_section
from catalyst.research.candidate_story import day_story, held_story, stopped_story
from catalyst.research.exit_story import exit_section, exit_stops
from catalyst.research.funnel_story import funnel_section
from catalyst.research.pattern_parts import BEST, pattern_section
from catalyst.research.risk_story import risk_section
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.session_story import session_story
from catalyst.research.signal_story import confidence_section, direction_section, hold_fact
from catalyst.research.subjects import Asked, find_id, read_session, read_symbol_at
from catalyst.research.technical_points import technical_section
from catalyst.research.trade_story import (
    fills_section,
    headline,
    held_text,
    money_section,
    orders_section,
)
from catalyst.research.walk import Known, walk

if TYPE_CHECKING:
    from catalyst.research.result import Result


def explain(
    result: Result,
    subject: str | None = None,
    *,
    why_not: bool = False,
    session: dt.date | str | None = None,
) -> Story:
    """Tell one story of a run.

    Parameters
    ----------
    result
        The run, with its lake.
    subject
        An id of the run's tables or its beginning (6 digits or more), or ``SYMBOL@INSTANT``, New
        York time unless it carries a zone; a date instead of an instant means the whole day.
    why_not
        Tell only what stopped the symbol at that instant.
    session
        A session's date, instead of a subject.

    Raises
    ------
    InputError
        If the subject is not of this run, or lake or code are others than the run's.
    """
    if (subject is None) == (session is None):
        raise InputError(
            "a story needs one subject: an id, SYMBOL@INSTANT such as AAPL@2015-03-02T10:05, or "
            "session=2015-03-02"
        )
    books = RunBooks(result)
    if session is not None:
        if why_not:
            raise InputError("why_not goes with SYMBOL@INSTANT; a session's story says it anyway")
        return session_story(books, read_session(books, session))
    assert subject is not None  # noqa: S101 - one of the two is given
    if "@" in subject:
        asked = read_symbol_at(books, subject)
        if asked.asof_ns is None:
            return day_story(books, asked.session, asked.symbol)
        return _at(books, asked, asked.asof_ns, why_not=why_not)
    if why_not:
        raise InputError(
            f"why_not goes with SYMBOL@INSTANT such as AAPL@2015-03-02T10:05, not with {subject!r}"
        )
    return _by_id(books, subject)


def stories(result: Result) -> dict[str, Story]:
    """Tell every trade of a run, and every position still open, in one walk through the market.

    Returns
    -------
    dict
        Stories by trade_id, in the order of ``trades``; then those of open positions, by entry_id.

    Raises
    ------
    InputError
        If the run has no lake, or lake or code are others than the run's.
    """
    books = RunBooks(result)
    trades = {row["signal_id"]: row for row in books.rows("trades")}
    entries = [e for e, fills in books.fills_by_entry.items() if fills]
    told = _entries(books, entries)
    found = {trades[s]["trade_id"]: told[s] for s in trades if s in told}
    return found | {books.entry_of[s]: story for s, story in told.items() if s not in trades}


def _entries(books: RunBooks, entry_ids: list[str]) -> dict[str, Story]:
    """Return stories of entries by their signal's id."""
    trades = {row["signal_id"]: row for row in books.rows("trades")}
    headlines = Headlines(books.lake)
    stops: dict[int, set[str]] = defaultdict(set)
    signals: dict[int, list[Row]] = defaultdict(list)
    reversals: set[int] = set()
    books.read_signals(books.orders_by_entry[name][0]["submitted_at"] for name in entry_ids)
    for entry_id in entry_ids:
        signal = books.signal_of(entry_id)
        signals[signal["decided_at"]].append(signal)
        stops[signal["decided_at"]].add(signal["symbol"])
        for at in exit_stops(books, entry_id):
            stops[at].add(signal["symbol"])
            reversals.add(at)
    books.read_candidates(set(signals) | _choices(books, set(signals)))
    decided: dict[str, list[Section]] = {}
    seen: dict[int, Known] = {}
    names = sorted({name for symbols in stops.values() for name in symbols})
    asked = {at: sorted(symbols) for at, symbols in stops.items()}
    for known in walk(books.feed_of(names), books.params, asked, books.sessions):
        for signal in signals.get(known.asof_ns, ()):
            decided[signal["signal_id"]] = _decision(books, headlines, known, signal)
        if known.asof_ns in reversals:
            seen[known.asof_ns] = known
    out = {}
    for entry_id in entry_ids:
        signal = books.signal_of(entry_id)
        trade = trades.get(signal["signal_id"])
        sections = [
            *decided[signal["signal_id"]],
            orders_section(books, entry_id),
            fills_section(books, entry_id),
            exit_section(books, headlines, seen, signal, entry_id, trade),
        ]
        if books.fills_by_entry.get(entry_id):
            sections.append(money_section(books, signal, entry_id, trade))
        out[signal["signal_id"]] = _entry_story(books, signal, entry_id, trade, sections)
    return out


def _choices(books: RunBooks, instants: set[int]) -> set[int]:
    out = set()
    for at in instants:
        session = books.session_at(at)
        if session is not None:
            out.add(books.chosen_ns(session, at))
    return out


def _entry_story(
    books: RunBooks,
    signal: Row,
    entry_id: str,
    trade: Row | None,
    sections: list[Section | None],
) -> Story:
    filled = bool(books.fills_by_entry.get(entry_id))
    kind = "trade" if trade else "position" if filled else "order"
    values: dict[str, Value] = {
        "trade_id": trade["trade_id"] if trade else None,
        "entry_id": entry_id,
        "signal_id": signal["signal_id"],
        "symbol": signal["symbol"],
        "side": signal["side"],
        "decided_at": iso_utc(signal["decided_at"]),
    }
    lasted = f", {held_text(trade)}" if trade else ""
    name = f"trade {trade['trade_id']}" if trade else f"entry {entry_id}"
    line = f"{books.label}, decided {eastern(signal['decided_at'])}{lasted}, {name}"
    first = headline(books, signal, entry_id, trade)
    told = tuple(section for section in sections if section is not None)
    lines = (Fact(line, mark="quiet"), _in_short(signal, told), *_out_short(told))
    return Story(kind, first, lines, told, values | dict(first.values))


def _in_short(signal: Row, sections: tuple[Section, ...]) -> Fact:
    news, patterns = sections[0].facts, sections[2]
    n = len(signal["news_ids"])
    asked = "no pattern" if patterns.title.startswith("Patterns: score") else "drawn by lot"
    best = next((p.text for p in patterns.facts if p.text.endswith(BEST)), asked)
    reasons = [best.removesuffix(BEST)]
    if n:
        more = f" and {count(n - 1, 'article')} more" if n > 1 else ""
        reasons.insert(0, f"{news[0].text}{more}, catalyst {number(signal['catalyst_score'])}")
    return Fact(f"In: {'; '.join(reasons)}; confidence {number(signal['confidence'])}")


def _out_short(sections: tuple[Section, ...]) -> tuple[Fact, ...]:
    found = [s for s in sections if s.title.startswith("Exit")]
    return tuple(Fact(f"Out: {'; '.join(f.text for f in s.facts)}") for s in found)


def _decision(books: RunBooks, headlines: Headlines, known: Known, signal: Row) -> list[Section]:
    symbol = signal["symbol"]
    recorded = {name: signal[name] for name in ("catalyst_score", "direction")}
    funnel, _ = funnel_section(books, known, symbol, signal)
    sections = [
        news_section(books, headlines, known, symbol, recorded),
        funnel,
        pattern_section(books, known, symbol, signal),
        technical_section(books, known, symbol, signal),
        confidence_section(books, signal, known.view.state),
        direction_section(books, signal),
    ]
    if signal["outcome"] != "hold":
        sections.append(risk_section(books, known, symbol, signal))
    return sections


def _known(books: RunBooks, symbol: str, instants: list[int]) -> dict[int, Known]:
    stops = {at: [symbol] for at in instants}
    found = walk(books.feed_of([symbol]), books.params, stops, books.sessions)
    return {known.asof_ns: known for known in found}


def _signal(books: RunBooks, signal: Row, *, why_not: bool = False) -> Story:
    if signal["outcome"] == "intent" and not why_not:
        return _entries(books, [books.entry_of[signal["signal_id"]]])[signal["signal_id"]]
    known = _known(books, signal["symbol"], [signal["decided_at"]])[signal["decided_at"]]
    sections = _decision(books, Headlines(books.lake), known, signal)
    line = Fact(f"{books.label}, signal {signal['signal_id']}", mark="quiet")
    if signal["outcome"] == "intent":
        # Why it was not stopped; what became of it is another story.
        when = eastern(signal["decided_at"])
        said = f"{signal['symbol']} was stopped by nothing at {when}: an entry was ordered"
        values: dict[str, Value] = {
            "symbol": signal["symbol"],
            "signal_id": signal["signal_id"],
            "decided_at": iso_utc(signal["decided_at"]),
            "stopped_by": None,
        }
        return Story("why_not", Fact(said), (line,), tuple(sections), values)
    story = held_story(sections, signal, known)
    if why_not:
        lines = (line, *story.lines)
        return Story(story.kind, story.headline, lines, story.sections, story.values)
    first = Fact(
        f"{signal['symbol']}: a signal with confidence {signal['confidence']:.2f} at "
        f"{eastern(signal['decided_at'])}, {hold_fact(signal).text}"
    )
    return Story("signal", first, (line,), story.sections, story.values)


def _at(books: RunBooks, asked: Asked, asof_ns: int, *, why_not: bool) -> Story:
    every = [at for session in books.sessions for at in books.scans(session) if at <= asof_ns]
    if not every:
        first = min(books.scans(books.sessions[0]))
        raise InputError(
            f"the run had decided nothing by {eastern(asof_ns)}; its first scan is at "
            f"{eastern(first)}"
        )
    at = every[-1]
    story = _scan_story(books, asked.symbol, at, why_not=why_not)
    lines = story.lines or (Fact(books.label, mark="quiet"),)
    if at != asof_ns:
        said = f"The strategy decides at scans; the last one by {eastern(asof_ns)} is told here."
        lines = (*lines, Fact(said, {"asked_at": iso_utc(asof_ns)}))
    return Story(story.kind, story.headline, lines, story.sections, story.values)


def _scan_story(books: RunBooks, symbol: str, at: int, *, why_not: bool) -> Story:
    signal = next((s for s in books.signals_at(at) if s["symbol"] == symbol), None)
    if signal is not None:
        return _signal(books, signal, why_not=why_not)
    session = books.session_at(at)
    assert session is not None  # noqa: S101 - scans lie in sessions
    chosen_ns = books.chosen_ns(session, at)
    books.read_candidates([at, chosen_ns])
    known = _known(books, symbol, [at, chosen_ns])
    return stopped_story(books, Headlines(books.lake), known[at], known[chosen_ns], symbol)


def _by_id(books: RunBooks, text: str) -> Story:
    found = find_id(books, text)
    if found.kind == "news":
        return article_story(books, found.id)
    if found.kind == "signal":
        return _signal(books, books.signal(found.id))
    if found.kind == "pattern":
        row = books.rows("patterns", pattern_id=found.id)[0]
        signals = books.signals_at(row["decided_at"])
        return _signal(books, next(s for s in signals if s["symbol"] == row["symbol"]))
    if found.kind == "trade":
        signal_id = books.rows("trades", trade_id=found.id)[0]["signal_id"]
    elif found.kind == "entry":
        signal_id = books.orders_by_entry[found.id][0]["signal_id"]
    elif found.kind == "order":
        signal_id = books.rows("orders", order_id=found.id)[0]["signal_id"]
    else:
        entry_id = books.rows("fills", fill_id=found.id)[0]["entry_id"]
        signal_id = books.orders_by_entry[entry_id][0]["signal_id"]
    return _signal(books, books.signal(signal_id))
