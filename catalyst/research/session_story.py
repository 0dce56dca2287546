"""A whole session: its news, its funnel, its signals, and what stood in the way of trades."""

from __future__ import annotations

import math
from collections import Counter

import polars as pl

from catalyst.data.calendar import day_to_date
from catalyst.data.figures import count, eastern, iso_utc, money, number, percent
from catalyst.data.news_asof import known_news
from catalyst.data.story import Fact, Section, Story, Value
from catalyst.research.candidate_story import labelled, nearness, numbers_text
from catalyst.research.run_books import Row, RunBooks
from catalyst.strategy.money import MICRO
from catalyst.strategy.values import Session

_STAGES = {50: "most active", 20: "by catalyst", 5: "last"}
_NEAREST = 5
_LIMITS = ("positions_max", "entries_a_day", "daily_loss")


def session_story(books: RunBooks, session: Session) -> Story:
    """Tell a session of a run."""
    date = str(day_to_date(session.day))
    scans = [at for at in books.scans(session) if at in books.seq_of]
    books.read_signals(scans)
    signals = [s for at in scans for s in books.signals_at(at)]
    intents = [s for s in signals if s["outcome"] == "intent"]
    filled = [
        f
        for fills in books.fills_by_entry.values()
        for f in fills[:1]
        if session.pre_ns <= f["filled_at"] <= session.post_ns
    ]
    sections = [
        _news(books, session),
        _funnel(books, scans),
        _signals(signals),
        _near(books, scans, signals, traded={s["symbol"] for s in intents}),
        *_limits(signals),
        _account(books, session),
    ]
    entries = count(len(intents), "entry", "entries")
    said = f"{entries} ordered" if intents else "no entry ordered"
    if filled:
        said += f", {len(filled)} filled"
    return Story(
        "session",
        Fact(f"{date}: {said}, in {count(len(scans), 'scan')}"),
        (Fact(books.label, mark="quiet"), Fact(_why(books, scans, signals, intents))),
        tuple(section for section in sections if section.facts),
        {
            "session": date,
            "scans": len(scans),
            "signals": len(signals),
            "entries_ordered": len(intents),
            "entries_filled": len(filled),
        },
    )


def _why(books: RunBooks, scans: list[int], signals: list[Row], intents: list[Row]) -> str:
    if not scans:
        return "The run made no scan that day."
    drops = _drops(books, scans)
    held: Counter[str] = Counter(s["rule"] for s in signals if s["rule"])
    asked = sum(drops.values()) + len(signals)
    if not asked:
        return "Nobody was a candidate: no symbol of the run had news that counted."
    rules: Counter[str] = Counter()
    for (_, rule), n in drops.items():
        rules[rule] += n
    rules.update(held)
    if not rules:
        return "Nothing was stopped."
    rule, n = rules.most_common(1)[0]
    begin = "What bound most" if intents else "What stopped most"
    return f"{begin}: {n:,} of {asked:,} times a symbol {labelled(rule)}."


def _drops(books: RunBooks, scans: list[int]) -> Counter[tuple[int, str]]:
    books.read_candidates(scans)
    out: Counter[tuple[int, str]] = Counter()
    for at in scans:
        for stage in _STAGES:
            for row in books.candidates(at, stage):
                if not row["passed"]:
                    out[stage, row["reason"]] += 1
    return out


def _news(books: RunBooks, session: Session) -> Section:
    before = session.pre_ns - round(books.params.catalyst.news_hours * 3_600_000_000_000)
    rows = known_news(books.lake, before, session.post_ns, symbols=books.symbols)
    known = rows["known_at"].dt.timestamp("ns")
    today = rows.filter(known > session.pre_ns)
    facts = []
    for text, part in (
        ("became known in the session", today),
        ("in the 24 h before it", rows.filter(known <= session.pre_ns)),
    ):
        articles, symbols = part["news_id"].n_unique(), part["symbol"].n_unique()
        edited = part.filter(pl.col("tier") <= 2)["news_id"].n_unique()
        said = text
        if "24 h" in text:
            said = f"in the {number(books.params.catalyst.news_hours)} h before it"
        facts.append(
            Fact(
                f"{count(articles, 'article')} about {count(symbols, 'symbol')} {said}, "
                f"{edited:,} of tier 1 or 2",
                {"articles": articles, "symbols": symbols, "tier_1_or_2": edited},
            )
        )
    if not rows.height:
        facts.append(
            Fact("without news there are no candidates: is the news source alive?", mark="warning")
        )
    return Section("News", tuple(facts))


def _funnel(books: RunBooks, scans: list[int]) -> Section:
    drops, screen = _drops(books, scans), books.rules(scans[0] if scans else 0).screen
    facts = []
    for stage, name in _STAGES.items():
        rows = [row for at in scans for row in books.candidates(at, stage)]
        passed = sum(row["passed"] for row in rows)
        symbols = len({row["symbol"] for row in rows if row["passed"]})
        size = {
            50: screen.active_count,
            20: screen.catalyst_count,
            5: screen.final_count,
        }[stage]
        details = []
        found = [(rule, n) for (at, rule), n in drops.items() if at == stage]
        for rule, n in sorted(found, key=lambda pair: (-pair[1], pair[0])):
            who = {row["symbol"] for row in rows if row["reason"] == rule}
            limit = _threshold(rows, rule)
            said = f"{count(n, 'time')}: {labelled(rule)}{limit} ({count(len(who), 'symbol')})"
            details.append(Fact(said, {"rule": rule, "count": n, "symbols": len(who)}, "stopped"))
        facts.append(
            Fact(
                f"{size} {name}: {passed:,} of {len(rows):,} passed, {count(symbols, 'symbol')}",
                {"stage": stage, "asked": len(rows), "passed": passed},
                details=tuple(details),
            )
        )
    return Section("Funnel, all scans together", tuple(facts))


def _threshold(rows: list[Row], rule: str) -> str:
    limits = {row["threshold"] for row in rows if row["reason"] == rule}
    if len(limits) != 1 or rule == "rank":
        return ""
    limit = limits.pop()
    return f", limit {number(limit)}" if math.isfinite(limit) else ""


def _signals(signals: list[Row]) -> Section:
    facts = []
    for outcome, text in (
        ("intent", "became orders"),
        ("refused", "refused by the risk gate"),
        ("hold", "held"),
    ):
        rows = [s for s in signals if s["outcome"] == outcome]
        if not rows:
            continue
        rules: Counter[str] = Counter(s["rule"] for s in rows if s["rule"])
        details = tuple(
            Fact(f"{count(n, 'time')}: {labelled(rule)}", {"rule": rule, "count": n}, "stopped")
            for rule, n in sorted(rules.items(), key=lambda pair: (-pair[1], pair[0]))
        )
        if outcome == "intent":
            details = tuple(
                Fact(
                    f"{eastern(s['decided_at'], date=False)} {s['symbol']} {s['side']}, confidence "
                    f"{number(s['confidence'])}, signal {s['signal_id'][:10]}",
                    {"signal_id": s["signal_id"], "confidence": s["confidence"]},
                    "passed",
                )
                for s in rows
            )
        facts.append(
            Fact(f"{len(rows):,} {text}", {"outcome": outcome, "count": len(rows)}, "", details)
        )
    title = f"Signals: {len(signals):,}" if signals else "Signals: none"
    return Section(title, tuple(facts))


def _near(books: RunBooks, scans: list[int], signals: list[Row], *, traded: set[str]) -> Section:
    best: dict[str, tuple[float, int, Row]] = {}

    def offer(depth: float, at: int, row: Row) -> None:
        symbol = row["symbol"]
        if symbol not in traded and (symbol not in best or depth > best[symbol][0]):
            best[symbol] = (depth, at, row)

    for s in signals:
        if s["outcome"] != "intent":
            depth = 4.0 if s["outcome"] == "refused" else 3.0
            offer(depth + s["confidence"] / 1_000.0, s["decided_at"], s)
    for at in scans:
        for depth, stage in ((2.0, 5), (1.0, 20)):
            for row in books.candidates(at, stage):
                if not row["passed"]:
                    offer(depth + nearness(row), at, row)
    order = sorted(best.items(), key=lambda item: (-item[1][0], item[0]))[:_NEAREST]
    facts = []
    for symbol, (_, at, row) in order:
        rule = row["rule"] if "rule" in row else row["reason"]
        when = eastern(at, date=False)
        ask = f"{symbol}@{eastern(at, marked=False).replace(' ', 'T')}"
        confidence = f", confidence {number(row['confidence'])}" if "rule" in row else ""
        facts.append(
            Fact(
                f"{symbol} at {when}: {labelled(rule)}{numbers_text(rule, row)}{confidence}",
                {
                    "symbol": symbol,
                    "decided_at": iso_utc(at),
                    "rule": rule,
                    "value": row["value"],
                    "threshold": row["threshold"],
                    "ask": ask,
                },
            )
        )
    if order:
        symbol, (_, at, _) = order[0]
        when = eastern(at, marked=False).replace(" ", "T")
        facts.append(Fact(f"more: catalyst explain --why-not {symbol}@{when}", mark="quiet"))
    return Section("Who came closest", tuple(facts))


def _limits(signals: list[Row]) -> list[Section]:
    facts = []
    for rule in _LIMITS:
        hits = [s for s in signals if s["rule"] == rule]
        if not hits:
            continue
        first = hits[0]
        value, limit = first["value"], first["threshold"]
        compared = (
            f"{percent(value, 2)} of {percent(limit, 2)}"
            if rule == "daily_loss"
            else f"{number(value)} of {number(limit)}"
        )
        facts.append(
            Fact(
                f"{rule} reached ({compared}); it refused a signal first at "
                f"{eastern(first['decided_at'], date=False)}, {count(len(hits), 'time')} in all",
                {
                    "rule": rule,
                    "value": value,
                    "threshold": limit,
                    "first_at": iso_utc(first["decided_at"]),
                    "count": len(hits),
                },
                "warning",
            )
        )
    return [Section("Limits reached", tuple(facts))]


def _account(books: RunBooks, session: Session) -> Section:
    start = books.day_start_micro(session)
    rows = [r for ts, r in books.equity_rows.items() if session.pre_ns <= ts <= session.post_ns]
    end = rows[-1] if rows else None
    equity = end["equity"] if end else start
    facts = [
        Fact(
            f"equity {money(start)} at the last session's mark, {money(equity)} at the end of "
            f"this one: {money(equity - start, signed=True)}",
            {"equity_before": start / MICRO, "equity": equity / MICRO},
        )
    ]
    held = books.marks_by_ns.get(end["ts"], []) if end else []
    values: dict[str, Value] = {"positions": [f"{m['symbol']} {m['quantity']}" for m in held]}
    if held:
        names = ", ".join(f"{m['symbol']} {m['quantity']:+,}" for m in held)
        facts.append(Fact(f"open at the end: {names}", values))
    else:
        facts.append(Fact("no position open at the end", values))
    return Section("Account", tuple(facts))
