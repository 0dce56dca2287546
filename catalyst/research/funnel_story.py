"""One symbol's way through the funnel: each rule with the two numbers it compared."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from catalyst.data.figures import against, count, eastern, iso_utc, number, price
from catalyst.data.story import Fact, Section, Value
from catalyst.data.visible import visible
from catalyst.errors import InputError
from catalyst.research.article_weights import check
from catalyst.research.run_books import Row, RunBooks
from catalyst.research.technical_points import toward_of
from catalyst.research.walk import Known
from catalyst.strategy.draw import is_on, lot
from catalyst.strategy.params import Params
from catalyst.strategy.reasons import Reason
from catalyst.strategy.values import Survey

REASONS = {reason.label: reason for reason in Reason}


@dataclass(frozen=True)
class Rule:
    """Hold one rule of validation as it applies to a symbol.

    Attributes
    ----------
    name
        The reason's label.
    passed
        Whether the symbol satisfies it.
    value, threshold
        The two numbers compared; two thresholds for the price's range.
    text
        What a person reads of it.
    wanted
        What would have had to be different.
    """

    name: str
    passed: bool
    value: float
    threshold: float
    text: str
    wanted: str


def validation(survey: Survey, i: int, params: Params) -> list[Rule]:
    """Return the rules of technical validation over a symbol's numbers, in the order of the funnel.

    Source: the specification, section 4, third point. Where finalists are drawn by lot, a price is
    all that is asked.
    """
    p = params.screen
    last, volume, rvol = float(survey.price[i]), float(survey.mean_volume[i]), float(survey.rvol[i])
    known, bars = int(survey.rvol_sessions[i]), int(survey.n_bars[i])
    bars_min = params.technical.bars_min
    few = Rule(
        "bars_min",
        bars >= bars_min,
        bars,
        bars_min,
        f"{count(bars, 'bar')}, at least {bars_min}",
        f"{count(bars_min - bars, 'bar')} of history more",
    )
    if is_on(params):
        text, wanted = f"{count(bars, 'bar')}, at least 1", "a bar"
        return [Rule("bars_min", not math.isnan(last), bars, 1, text, wanted)]
    if math.isnan(last):
        return [few]
    has_history = known >= p.rvol_sessions_min
    rules = [
        Rule(
            "price_min",
            last >= p.price_min,
            last,
            p.price_min,
            f"last price {price(last)}, at least {price(p.price_min)}",
            f"a price of {price(p.price_min)} or more",
        ),
        Rule(
            "price_max",
            last <= p.price_max,
            last,
            p.price_max,
            f"last price {price(last)}, at most {price(p.price_max)}",
            f"a price of {price(p.price_max)} or less, or a higher screen.price_max",
        ),
        Rule(
            "volume_min",
            volume >= p.volume_min,
            volume,
            p.volume_min,
            f"mean daily volume {number(volume, 0)} shares, at least {number(p.volume_min, 0)}",
            f"a mean of {number(p.volume_min, 0)} shares a day, or a lower screen.volume_min",
        ),
    ]
    if p.rvol_history:
        rules.append(
            Rule(
                "rvol_history",
                has_history,
                known,
                p.rvol_sessions_min,
                f"{count(known, 'session')} of volume before, at least {p.rvol_sessions_min}",
                f"{count(p.rvol_sessions_min - known, 'session')} of volume history more",
            )
        )
    if has_history:
        more = f", {number(p.rvol_min / rvol)} times as much as it had" if rvol > 0 else ""
        had, least = against(rvol, p.rvol_min)
        rules.append(
            Rule(
                "rvol_min",
                rvol >= p.rvol_min,
                rvol,
                p.rvol_min,
                f"relative volume {had}, at least {least}",
                f"{number(p.rvol_min)} times its usual volume by then{more}",
            )
        )
    return [*rules, few]


def funnel_section(
    books: RunBooks, known: Known, symbol: str, signal: Row | None = None
) -> tuple[Section, str]:
    """Tell how far a symbol came at a scan, from the run's candidates.

    Returns
    -------
    section, stopped
        ``stopped`` is the label of the rule that stopped it, empty if it reached the last five;
        ``no_row`` if the first stage never asked about it.
    """
    asof_ns, i = known.asof_ns, known.index(symbol)
    facts: list[Fact] = []
    chosen = books.candidate(books.chosen_ns(known.session, asof_ns), 50, symbol)
    title = "Funnel"
    if chosen is None:
        return Section(title, ()), "no_row"
    facts.append(_first_stage(books, chosen))
    if not chosen["passed"]:
        return Section(title, tuple(facts)), chosen["reason"]
    second = books.candidate(asof_ns, 20, symbol)
    if second is None:
        raise InputError(
            f"the run has no row of stage 20 for {symbol} at {eastern(asof_ns)}, though it was "
            "chosen: the code is another than the run's; replay it again"
        )
    facts.append(_second_stage(books, second))
    if not second["passed"]:
        return Section(title, tuple(facts)), second["reason"]
    last = books.candidate(asof_ns, 5, symbol)
    assert last is not None  # noqa: S101 - who passed the second stage is asked by the third
    for name, column in (("price", known.survey.price), ("rvol", known.survey.rvol)):
        check(f"{name} of {symbol}", float(column[i]), last[name])
    rules = books.rules(asof_ns)
    for rule in validation(known.survey, i, rules):
        stops = last["reason"] == rule.name
        facts.append(rule_fact(rule, "stopped" if stops else "passed"))
        if stops:
            check(rule.name, rule.value, last["value"])
            return Section(title, tuple(facts)), rule.name
    for place, component in enumerate(rules.entry_filters):
        values: dict[str, Value] = {"rule": "entry_filter", "component": component.name}
        name = f"your entry filter {visible(component.name)}"
        if last["reason"] == "entry_filter" and last["value"] == place:
            facts.append(Fact(f"{name} refused it", values, "stopped"))
            break
        facts.append(Fact(f"{name} let it through", values, "passed"))
    if last["reason"] != "entry_filter":
        facts.append(_last_stage(books, last, signal))
    return Section(title, tuple(facts)), last["reason"] if not last["passed"] else ""


def rule_fact(rule: Rule, mark: str) -> Fact:
    """Tell of one rule."""
    values: dict[str, Value] = {
        "rule": rule.name,
        "value": rule.value,
        "threshold": rule.threshold,
    }
    return Fact(rule.text, values, mark)  # type: ignore[arg-type]


def rank_of(rows: list[Row], symbol: str) -> tuple[int, int]:
    """Return a symbol's rank among those of a stage that reached its ranking, and their number."""
    ranked = [row for row in rows if row["passed"] or row["reason"] == "rank"]
    order = sorted(ranked, key=lambda row: (-row["value"], row["symbol"]))
    names = [row["symbol"] for row in order]
    return (names.index(symbol) + 1 if symbol in names else 0), len(names)


def row_values(row: Row) -> dict[str, Value]:
    """Return the numbers of a candidate's row."""
    names = ("stage", "passed", "reason", "value", "threshold")
    return {name: row[name] for name in names}


def _first_stage(books: RunBooks, row: Row) -> Fact:
    p = books.rules(row["decided_at"]).screen
    at = eastern(row["decided_at"], date=False)
    rank, n = rank_of(books.candidates(row["decided_at"], 50), row["symbol"])
    values = row_values(row) | {"rank": rank, "of": n, "chosen_at": iso_utc(row["decided_at"])}
    reason = row["reason"]
    if reason in {"passed", "rank"}:
        text = (
            f"{p.active_count} most active, chosen at {at}: ${number(row['value'] / 1e6)} M a day, "
            f"rank {rank} of {n}{' with news' if p.catalyst_required else ''}"
        )
        if reason == "rank":
            text += f"; the last one in had ${number(row['threshold'] / 1e6)} M"
        return Fact(text, values, "stopped" if reason == "rank" else "passed")
    said = REASONS[reason].text
    if reason == "no_history":
        said += f": {number(row['value'])}, at least {number(row['threshold'])}"
    return Fact(f"{p.active_count} most active, chosen at {at}: {said}", values, "stopped")


def _second_stage(books: RunBooks, row: Row) -> Fact:
    p = books.rules(row["decided_at"]).screen
    rank, n = rank_of(books.candidates(row["decided_at"], 20), row["symbol"])
    values = row_values(row) | {"rank": rank, "of": n}
    if is_on(books.rules(row["decided_at"])):
        text = f"not asked by the control: catalyst score {number(row['value'])}"
        return Fact(text, values, "passed")
    text = f"{p.catalyst_count} by catalyst: score {number(row['value'])}"
    if p.catalyst_required:
        had, least = against(row["value"], p.catalyst_min)
        text = f"{p.catalyst_count} by catalyst: score {had}, at least {least}"
        values["catalyst_min"] = p.catalyst_min
    if row["reason"] == "catalyst_min":
        return Fact(text, values, "stopped")
    text += f", rank {rank} of {n}"
    if row["reason"] == "rank":
        text += f"; the last one in had {number(row['threshold'])}"
    return Fact(text, values, "stopped" if row["reason"] == "rank" else "passed")


def _last_stage(books: RunBooks, row: Row, signal: Row | None) -> Fact:
    p = books.rules(row["decided_at"]).screen
    rank, n = rank_of(books.candidates(row["decided_at"], 5), row["symbol"])
    values = row_values(row) | {"rank": rank, "of": n}
    params = books.rules(row["decided_at"])
    text = f"last {p.final_count}: combined {number(row['value'])}"
    if is_on(params):
        drawn = lot(params.control.seed, row["decided_at"], row["symbol"])
        check(f"lot of {row['symbol']}", drawn, row["value"])
        text = f"last {p.final_count} by lot, seed {params.control.seed}: {number(drawn, 4)}"
    elif signal is not None:
        text += f" = {_combined(row, signal, params)}"
    text += f", rank {rank} of {n}"
    if row["reason"] == "rank":
        text += f"; the last one in had {number(row['threshold'])}"
    return Fact(text, values, "stopped" if row["reason"] == "rank" else "passed")


def _combined(row: Row, signal: Row, params: Params) -> str:
    p = params.screen
    # The funnel takes the technical score in the news' direction, the signal in its own.
    technical = signal["technical_score"]
    long = technical if toward_of(signal, params) > 0 else 100.0 - technical
    leaning = 100.0 - long if row["direction"] < -params.catalyst.neutral_band else long
    parts = np.array([row["catalyst_score"]])
    combined = (
        p.combined_catalyst * parts
        + p.combined_technical * np.array([leaning])
        + p.combined_volume * np.array([signal["volume_score"]])
    )
    # 100 - (100 - x) may lose the last bit of x.
    if not math.isclose(float(combined[0]), row["value"], rel_tol=1e-12):
        check(f"combined score of {row['symbol']}", float(combined[0]), row["value"])
    return (
        f"{number(p.combined_catalyst)} × {number(row['catalyst_score'])} catalyst + "
        f"{number(p.combined_technical)} × {number(leaning)} technical + "
        f"{number(p.combined_volume)} × {number(signal['volume_score'])} volume"
    )
