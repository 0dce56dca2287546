"""The certificate of a session: what parity, the broker's books and the journal say of it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from catalyst.data.enrichment import enrichment_hash
from catalyst.data.parity import CAUSES, Parity, parity_json, usd
from catalyst.data.session_record import Booked, ClosedBooks, SessionRecord
from catalyst.data.version import code_version
from catalyst.errors import OutputError
from catalyst.live.chain import canonical
from catalyst.live.ports import Execution

Json = dict[str, Any]

# Half a cent: books that agree to the cent may round it away.
_HALF_CENT_MICRO = 5_000
_CAUSE_TEXT = {
    "own_inputs": "own inputs",
    "data": "data",
    "fills": "fills",
    "missed": "missed instants",
}


@dataclass(frozen=True)
class Activities:
    """Hold what the broker says it executed in a session.

    Attributes
    ----------
    by_order
        By broker id; None where the broker was not asked.
    unasked
        Why it was not, one sentence; empty if it was.
    """

    by_order: dict[str, Booked] | None
    unasked: str = ""


def activities_of(executions: Sequence[Execution], span_ns: tuple[int, int]) -> Activities:
    """Sum up the broker's executions by order, of those between two instants, both included."""
    out: dict[str, Booked] = {}
    for one in executions:
        if span_ns[0] <= one.at_ns <= span_ns[1]:
            known = out.get(one.broker_id, Booked(0, 0))
            value = int(Decimal(one.price) * one.quantity * 1_000_000)
            out[one.broker_id] = Booked(known.quantity + one.quantity, known.value_micro + value)
    return Activities(out)


def own_lake(home: Path, account: str) -> Path:
    """Say where live writes what it saw for an account, under ``CATALYST_HOME``."""
    return home / "lake" / f"live-{account}"


def certificate(record: SessionRecord, found: Parity, activities: Activities) -> Json:
    """Return a session's certificate as JSON values: the same bytes whenever it is asked for.

    ``verdict`` is ``identical``; ``different`` if a decision is; ``books`` if only the broker's
    books or activities are.
    """
    books = _books(record.closed)
    executed = _executed(record.executed, activities)
    return {
        "account": record.account,
        "session": str(record.day),
        "verdict": _verdict(found.identical, books, executed),
        **parity_json(found),
        "variant": record.variant,
        "params_hash": record.params_hash,
        "timeframe": record.timeframe,
        "symbols_traded": len(record.symbols),
        "code_version": record.code_version,
        "replayed_by": code_version(),
        "enrichment_hash": enrichment_hash(),
        "books": books,
        "activities": executed,
        "journal": {"seq": record.head_seq, "hash": record.head_hash, "broken_seq": None},
    }


def _verdict(identical: bool, books: Json, executed: Json) -> str:  # noqa: FBT001 - of three
    agree = books["agree"] and executed["agree"] is not False
    return "different" if not identical else "identical" if agree else "books"


def with_earlier_activities(told: Json, state: Path) -> Json:
    """Return a certificate with what the broker said of the same events earlier.

    Whoever asks again later, with no broker there, would lose it. Where the broker was asked, or no
    earlier certificate is of the same events of the journal, it is the given one.
    """
    try:
        earlier = json.loads(_place(state, told).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return told
    same = earlier["journal"] == told["journal"] and earlier["verdict"] != "broken"
    if told["activities"]["agree"] is not None or not same:
        return told
    executed = earlier["activities"]
    verdict = _verdict(told["identical"], told["books"], executed)
    return {**told, "activities": executed, "verdict": verdict}


def broken_certificate(account: str, day: str, broken_seq: int) -> Json:
    """Return the certificate of a session whose journal can't be trusted: nothing is compared."""
    return {
        "account": account,
        "session": day,
        "verdict": "broken",
        "identical": False,
        "decisions": 0,
        "first_difference": f"the journal's chain is broken at event {broken_seq}; restore the "
        "database from a backup before anything is concluded from it",
        "gap_usd": dict.fromkeys(CAUSES),
        "journal": {"seq": None, "hash": None, "broken_seq": broken_seq},
    }


def write_certificate(state: Path, told: Json) -> Path:
    """Write a certificate and its page of text, each whole or not at all.

    Parameters
    ----------
    state
        ``state`` under ``CATALYST_HOME``.

    Returns
    -------
    Path
        Of the JSON; the text lies beside it.

    Raises
    ------
    OutputError
        If it can't be written.
    """
    path = _place(state, told)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _write(path, canonical(told) + "\n")
        _write(path.with_suffix(".txt"), page(told))
    except OSError as error:
        raise OutputError(
            f"{path} can't be written ({error.strerror}); make room, or give the right to write"
        ) from None
    return path


def _place(state: Path, told: Json) -> Path:
    return state / "parity" / str(told["account"]) / f"{told['session']}.json"


def _write(path: Path, text: str) -> None:
    partial = path.with_name(f".{path.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(path)


def _books(closed: ClosedBooks | None) -> Json:
    if closed is None:
        return {"agree": False}
    pairs = (
        ("cash", closed.cash_micro, closed.broker_cash_micro),
        ("equity", closed.equity_micro, closed.broker_equity_micro),
    )
    return {
        "agree": all(abs(own - broker) <= _HALF_CENT_MICRO for _, own, broker in pairs),
        **{
            f"{name}_usd": {"journal": usd(own), "broker": usd(broker), "gap": usd(own - broker)}
            for name, own, broker in pairs
        },
    }


def _executed(journal: dict[str, Booked], activities: Activities) -> Json:
    shares = sum(one.quantity for one in journal.values())
    out: Json = {"agree": None, "orders": len(journal), "shares": shares}
    broker = activities.by_order
    if broker is None:
        return out | {"unasked": activities.unasked}
    nothing = Booked(0, 0)
    apart = []
    for broker_id in sorted(journal.keys() | broker.keys()):
        own, theirs = journal.get(broker_id, nothing), broker.get(broker_id, nothing)
        value = own.value_micro - theirs.value_micro
        if own.quantity != theirs.quantity or abs(value) > _HALF_CENT_MICRO:
            apart.append(
                {
                    "broker_id": broker_id,
                    "journal_shares": own.quantity,
                    "broker_shares": theirs.quantity,
                    "value_gap_usd": usd(value),
                }
            )
    return out | {"agree": not apart, "apart": apart}


def page(told: Json) -> str:
    """Write a certificate as a page that a person reads."""
    of = f"session {told['session']} of account {told['account']}"
    if told["verdict"] == "broken":
        return f"BROKEN: {of}: {told['first_difference']}\n"
    word = {"identical": "IDENTICAL", "different": "DIFFERENT", "books": "BOOKS DIFFER"}
    counts = f"{told['decisions']:,} decisions, {told['fills']:,} fills"
    lines = [f"{word[told['verdict']]}: {of}: {counts}, {told['missed_instants']:,} missed"]
    if told["first_difference"]:
        lines.append(f"first difference: {told['first_difference']}")
    lines += ["", *_dollars(told), "", *_broker(told), "", *_hashes(told), ""]
    return "\n".join(lines)


def _dollars(told: Json) -> list[str]:
    lines = [f"{'live made':<24}{_usd(told['pnl_usd']['live'])}"]
    lines += [f"  {_CAUSE_TEXT[cause]:<22}{_usd(told['gap_usd'][cause])}" for cause in CAUSES]
    lines.append(f"{'the backtest made':<24}{_usd(told['pnl_usd']['backtest'])}")
    if told["unjudged"]:
        lines.append(f"data is not judged: {told['unjudged']}")
    for row in told["symbols"]:
        gaps = ", ".join(
            f"{_CAUSE_TEXT[cause]} {_usd(gap).strip()}"
            for cause, gap in row["gap_usd"].items()
            if Decimal(gap)
        )
        shares = [
            f"{bought:,} bought {sold:,} sold"
            for bought, sold in (row["live_shares"], row["backtest_shares"])
        ]
        lines.append(f"  {row['symbol']:<8}{gaps}; live {shares[0]}, backtest {shares[1]}")
    return lines


def _broker(told: Json) -> list[str]:
    books, executed = told["books"], told["activities"]
    lines = []
    for name in ("cash", "equity"):
        row = books.get(f"{name}_usd")
        if row is not None:
            lines.append(
                f"{name:<8}journal {_usd(row['journal'])}  broker {_usd(row['broker'])}  "
                f"gap {_usd(row['gap'])}"
            )
    if executed["agree"] is None:
        lines.append(f"the broker's activities were not compared: {executed['unasked']}")
    elif executed["agree"]:
        lines.append(
            f"the broker's activities are the journal's fills: {executed['shares']:,} shares of "
            f"{executed['orders']:,} orders"
        )
    else:
        lines += [
            f"order {row['broker_id']}: {row['journal_shares']:,} shares in the journal, "
            f"{row['broker_shares']:,} at the broker, {_usd(row['value_gap_usd']).strip()} apart"
            for row in executed["apart"]
        ]
    return lines


def _hashes(told: Json) -> list[str]:
    rows = (
        (
            "variant",
            f"{told['variant']}, {told['timeframe']} bars, {told['symbols_traded']} symbols",
        ),
        ("parameters", told["params_hash"]),
        ("code that traded", told["code_version"]),
        ("code that replayed", told["replayed_by"]),
        ("enrichment", told["enrichment_hash"]),
        ("own data", told["own_data_digest"]),
        ("vendor's data", told["vendor_data_digest"] or "-"),
        ("decisions", told["decision_digest"]),
        ("journal", f"event {told['journal']['seq']}, {told['journal']['hash']}"),
    )
    return [f"{name:<20}{value}" for name, value in rows]


def _usd(text: str | None) -> str:
    return f"{'-':>16}" if text is None else f"{Decimal(text):>+16,.6f}"
