"""Why a symbol was or was not traded at a scan, and what would have had to be different."""

from __future__ import annotations

import math
from itertools import groupby

import numpy as np

from catalyst.data.figures import against, count, eastern, iso_utc, number, percent, price
from catalyst.data.story import Fact, Section, Story, Value
from catalyst.errors import InputError
from catalyst.research.article_weights import Headlines, news_section, only
from catalyst.research.funnel_story import (
    REASONS,
    funnel_section,
    rule_fact,
    validation,
)
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.signal_story import hold_fact
from catalyst.research.walk import Known
from catalyst.strategy.clock import timeframe_label
from catalyst.strategy.draw import is_on
from catalyst.strategy.funnel import narrow
from catalyst.strategy.values import Session

_WITHOUT_NUMBERS = {
    "traded",
    "passed",
    "no_pattern",
    "undirected",
    "fights_catalyst",
    "allow_short",
    "symbol_busy",
    "pattern_used",
    "stopped_out",
    "not_in_universe",
    "entry_filter",
}


def stopped_story(
    books: RunBooks, headlines: Headlines, known: Known, chosen: Known, symbol: str
) -> Story:
    """Tell what stopped a symbol in the funnel.

    Parameters
    ----------
    known, chosen
        What was known at the scan, and when the first stage was last chosen.
    symbol
        It has no signal at the scan.
    """
    funnel, stopped = funnel_section(books, known, symbol)
    if stopped == "no_row":
        funnel, stopped = _unasked(books, known, chosen, symbol)
    row = _row(books, known.asof_ns, symbol)
    recorded = {name: row[name] for name in ("catalyst_score", "direction")} if row else {}
    sections = [news_section(books, headlines, known, symbol, recorded), funnel]
    wanted = _wanted(books, known, symbol, stopped, row)
    sections.append(Section("What would have had to be different", tuple(wanted)))
    said = "had no news that counted" if stopped == "no_news" else labelled(stopped)
    said += "" if row is None or row["passed"] else numbers_text(stopped, row)
    values: dict[str, Value] = {
        "symbol": symbol,
        "decided_at": iso_utc(known.asof_ns),
        "stopped_by": stopped,
    }
    last = next((f for f in reversed(funnel.facts) if f.mark == "stopped"), None)
    if last is not None:
        values |= {name: last.values.get(name) for name in ("value", "threshold")}
    return Story(
        "why_not",
        Fact(f"{symbol} was not traded at {eastern(known.asof_ns)}: it {said}"),
        (Fact(books.label, mark="quiet"), *_short(wanted)),
        sections=tuple(sections),
        values=values,
    )


def _short(wanted: list[Fact]) -> tuple[Fact, ...]:
    asked = [fact.text for fact in wanted if fact.mark != "quiet"]
    return (Fact(f"Wanted: {'; '.join(asked)}"),) if asked else ()


def _row(books: RunBooks, asof_ns: int, symbol: str) -> Row | None:
    return next(
        (
            row
            for stage in (5, 20, 50)
            if (row := books.candidate(asof_ns, stage, symbol)) is not None
        ),
        None,
    )


def _unasked(books: RunBooks, known: Known, chosen: Known, symbol: str) -> tuple[Section, str]:
    """Ask the funnel itself about a symbol that no table mentions."""
    params, i = books.rules(known.asof_ns), known.index(symbol)
    survey = chosen.survey
    first = narrow(survey, np.empty(0, np.int32), params, choose=True).chosen
    assert first is not None  # noqa: S101 - it was asked to choose
    if i in first[0].tolist():
        raise InputError(
            f"by the lake {symbol} had news when the first stage was chosen at "
            f"{eastern(chosen.asof_ns)}, and the run has no row of it: the lake or the code is "
            "another than the run's; replay it again"
        )
    at = eastern(chosen.asof_ns, date=False)
    hours = number(params.catalyst.news_hours)
    span = "since the previous close" if books.grid.daily else f"in the {hours} h before"
    why = "without news nobody is a candidate"
    if not params.screen.catalyst_required:
        member = "a member" if survey.member[i] else "no member"
        had = count(int(survey.n_sessions[i]), "session")
        least = params.screen.sessions_min
        why = f"it is {member} of the universe with {had} of history, at least {least} asked"
    facts = [
        Fact(
            f"{params.screen.active_count} most active, chosen at {at}: no article about it that "
            f"was known by then, {span}; {why}",
            {"rule": "no_news", "value": 0, "threshold": 1, "chosen_at": iso_utc(chosen.asof_ns)},
            "stopped",
        )
    ]
    now = len(only(known.survey.news, i).symbol)
    if now:
        facts.append(
            Fact(
                f"{count(now, 'article')} became known since; the first stage is chosen anew every "
                f"{params.screen.active_minutes} min",
                {"articles": now},
            )
        )
    return Section("Funnel", tuple(facts)), "no_news"


def _wanted(
    books: RunBooks, known: Known, symbol: str, stopped: str, row: Row | None
) -> list[Fact]:
    params, i = books.rules(known.asof_ns), known.index(symbol)
    p = params.screen
    rules = validation(known.survey, i, params)
    facts: list[Fact] = []
    if stopped == "no_news":
        facts.append(Fact("an article about it, published and known in time"))
        if not p.catalyst_required:
            facts.append(Fact("or membership in the universe, and enough sessions of history"))
    elif stopped == "not_in_universe":
        facts.append(Fact("membership in the universe that day"))
    elif stopped == "no_history":
        facts.append(Fact(f"{p.sessions_min} sessions of history"))
    elif stopped == "catalyst_min" and row is not None:
        facts.append(_weight_wanted(row["value"], row["threshold"]))
    elif stopped == "rank" and row is not None:
        last = "a higher lot" if is_on(params) else "a higher combined"
        stage = {50: "a larger turnover", 20: "a higher catalyst score", 5: last}
        what = stage[row["stage"]]
        facts.append(
            Fact(
                f"{what}: more than {number(row['threshold'])} instead of {number(row['value'])}",
                {"value": row["value"], "threshold": row["threshold"]},
            )
        )
    elif stopped == "entry_filter":
        facts.append(Fact("an entry filter that lets it through"))
    failing = [rule for rule in rules if not rule.passed]
    for rule in failing:
        said = "" if rule.name == stopped else ", which would have stopped it next"
        facts.append(
            Fact(
                f"{rule.wanted}{said}",
                {"rule": rule.name, "value": rule.value, "threshold": rule.threshold},
            )
        )
    if stopped in {"no_news", "catalyst_min"} and not failing:
        details = tuple(rule_fact(rule, "passed") for rule in rules)
        facts.append(
            Fact("nothing else: price, volume and history would have passed", details=details)
        )
    facts.append(
        Fact(
            "later stages were not asked, and might have stopped it too",
            mark="quiet",
        )
    )
    return facts


def _weight_wanted(score: float, least: float) -> Fact:
    needed = -math.log(1.0 - least / 100.0) if least < 100.0 else math.inf
    had = -math.log(1.0 - score / 100.0) if score < 100.0 else math.inf
    return Fact(
        f"a catalyst score of {number(least)} instead of {number(score)}: weights that sum to "
        f"{number(needed, 3)} instead of {number(had, 3)}, from fresher, better or more news",
        {"value": score, "threshold": least, "weight_sum": had, "weight_sum_needed": needed},
    )


def held_story(sections: list[Section], signal: Row, known: Known) -> Story:
    """Tell what stopped a signal: the hold or the refusal, and what it lacked."""
    reason = hold_fact(signal)
    wanted = signal_wanted(signal, [timeframe_label(ns) for ns in known.view.frame_ns])
    sections = [*sections, Section("What would have had to be different", tuple(wanted))]
    return Story(
        "why_not",
        Fact(
            f"{signal['symbol']} was not traded at {eastern(known.asof_ns)}: its signal was "
            f"{reason.text}"
        ),
        _short(wanted),
        sections=tuple(sections),
        values={
            "symbol": signal["symbol"],
            "signal_id": signal["signal_id"],
            "decided_at": iso_utc(signal["decided_at"]),
            "stopped_by": signal["rule"],
            "value": signal["value"],
            "threshold": signal["threshold"],
        },
    )


def signal_wanted(signal: Row, timeframes: list[str]) -> list[Fact]:
    """Say what a held or refused signal lacked.

    Parameters
    ----------
    signal
        Its row.
    timeframes
        Those in which patterns were looked for.
    """
    looked = ", ".join(timeframes)
    value, limit = signal["value"], signal["threshold"]
    texts = {
        "no_pattern": f"a directed candlestick at the last complete bar of {looked}",
        "undirected": "a candlestick with a direction; a doji, or a gap or surge alone, has none",
        "cancelled_out": "one side stronger than the other",
        "fights_catalyst": "a pattern on the side of the news, or neutral news",
        "neutral_catalyst": "news with a tone beyond the neutral band",
        "confidence_min": f"{number(limit - value)} points of confidence more",
        "allow_short": "signal.allow_short switched on",
        "positions_max": "a free slot",
        "symbol_busy": "no position and no working entry in this symbol",
        "entries_a_day": "fewer entries that day, or a higher risk.entries_a_day",
        "daily_loss": "a smaller loss that day",
        "pattern_used": "fresh pattern bars",
        "stopped_out": "another day: a symbol that was stopped out rests until the next",
        "quiet_time": f"an earlier signal: {number(limit)} min before the flatten are kept free",
        "size_zero": "money or volume for one whole share",
        "control_pace": "one entry more, by then, of the run that is controlled",
    }
    return [Fact(texts.get(signal["rule"], f"{signal['rule']} not to hold"))]


def day_story(books: RunBooks, session: Session, symbol: str) -> Story:
    """Tell a symbol's day scan by scan: which rule stopped it when, and how close it came."""
    scans = [at for at in books.scans(session) if at in books.seq_of]
    books.read_candidates(scans)
    books.read_signals(scans)
    steps = [(at, *_step(books, session, at, symbol)) for at in scans]
    facts = []
    for label, group in groupby(steps, key=lambda step: step[1]):
        run = list(group)
        first, last = run[0][0], run[-1][0]
        when = eastern(first, date=False, marked=first == last)
        if first != last:
            when += f"-{eastern(last, date=False)}"
        closest = _closest(run)
        compared = "" if closest is None else numbers_text(label, closest)
        text = f"{when}: {labelled(label)}{compared}"
        values: dict[str, Value] = {
            "from": iso_utc(first),
            "to": iso_utc(last),
            "scans": len(run),
            "rule": label,
        }
        if closest is not None:
            values |= {"value": closest["value"], "threshold": closest["threshold"]}
        facts.append(Fact(text, values, "passed" if label == "traded" else ""))
    date = eastern(session.open_ns)[:10]
    traded = [s for s in steps if s[1] == "traded"]
    said = f"was traded {count(len(traded), 'time')}" if traded else "was not traded"
    furthest = max(steps, key=_depth, default=None)
    lines = []
    if furthest is not None and furthest[3] > 0 and not traded:
        at, label, row, _ = furthest
        compared = "" if row is None else numbers_text(label, row)
        lines.append(
            Fact(
                f"It came furthest at {eastern(at, date=False)}: {labelled(label)}{compared}. For "
                f"that scan: {symbol}@{eastern(at, marked=False).replace(' ', 'T')}"
            )
        )
    return Story(
        "why_not",
        Fact(f"{symbol} {said} on {date}, in {count(len(scans), 'scan')}"),
        tuple(lines),
        (Section("What stopped it, scan by scan", tuple(facts)),),
        {"symbol": symbol, "session": date, "scans": len(scans), "traded": len(traded)},
    )


def _step(books: RunBooks, session: Session, at: int, symbol: str) -> tuple[str, Row | None, float]:
    """Return what stopped a symbol at a scan, the row that says so, and how far it came."""
    signal = next((s for s in books.signals_at(at) if s["symbol"] == symbol), None)
    if signal is not None:
        if signal["outcome"] == "intent":
            return "traded", signal, 5.0
        return signal["rule"], signal, 3.0 + (signal["outcome"] == "refused")
    for depth, stage in ((2.0, 5), (1.0, 20)):
        row = books.candidate(at, stage, symbol)
        if row is not None:
            return row["reason"], row, depth + nearness(row)
    row = books.candidate(books.chosen_ns(session, at), 50, symbol)
    return ("no_news", None, 0.0) if row is None else (row["reason"], row, 0.5)


def nearness(row: Row) -> float:
    """Return how near a value came to its threshold, 0 to 0.9."""
    value, limit = row["value"], row["threshold"]
    if not (math.isfinite(value) and math.isfinite(limit)) or not limit or not value:
        return 0.0
    near: float = min(value / limit, limit / value)
    return near * 0.9


def _depth(step: tuple[int, str, Row | None, float]) -> float:
    return step[3]


def _closest(run: list[tuple[int, str, Row | None, float]]) -> Row | None:
    return max(run, key=_depth)[2]


def labelled(label: str) -> str:
    """Write what a rule says of a symbol."""
    if label == "traded":
        return "traded"
    if label == "no_news":
        return "no news that counted"
    return REASONS[label].text if label in REASONS else label


def numbers_text(label: str, row: Row) -> str:
    """Write the two numbers that a rule compared; empty where it compared none."""
    if label in _WITHOUT_NUMBERS:
        return ""
    value, limit = row["value"], row["threshold"]
    if not (math.isfinite(value) and math.isfinite(limit)):
        return ""
    if label in {"price_min", "price_max"}:
        return f" ({price(value)}, limit {price(limit)})"
    if label == "daily_loss":
        return f" ({percent(value, 2)}, limit {percent(limit, 2)})"
    if label == "quiet_time":
        return f" ({number(value)} min before it, {number(limit)} min are kept free)"
    had, asked = against(value, limit)
    if label == "rank":
        return f" ({had}, the last one in had {asked})"
    return f" ({had} of {asked})"
