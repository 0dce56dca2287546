"""One live trader as a process that lives through named moments, and may die at one of them."""

from __future__ import annotations

import datetime as dt
import json
import os
import signal
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import requests
from live_world import DAYS, HISTORY, SYMBOLS, live_params, session_on
from pydantic import SecretStr
from typer.testing import CliRunner

from catalyst import Lake
from catalyst.cli.app import app
from catalyst.data.calendar import MINUTE_NS
from catalyst.data.market import Market
from catalyst.data.session_bars import ROW_COLUMNS, SessionBars, known_bars
from catalyst.data.settings import Settings
from catalyst.live import alpaca_rest
from catalyst.live.events import Decided, Filled, Intent, OrderChanged
from catalyst.live.exchange_clock import ExchangeClock
from catalyst.live.journal import Journal
from catalyst.live.rehearsal import rehearse
from catalyst.live.stack import Live, run_live
from catalyst.strategy.news import empty_news
from catalyst.strategy.values import Flags, Grid, NewsBatch, Session

_LOOK_S = 20.0
_UNSEEN = ("alert", "control", "cycle", "found", "missed", "inputs")


class Moments:
    """Count what this process lives through, and do at some of it what a plan says."""

    def __init__(self, job: dict[str, Any]) -> None:
        path = Path(job["trace"])
        self._trace = path.open("a", encoding="utf-8")
        self._plan: Sequence[dict[str, Any]] = job["plan"]
        self._url = job["url"]
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def lived(self, name: str) -> None:
        """Count a moment, by its name and among all."""
        with self._lock:
            self._counts[name] += 1
            self._counts["any"] += 1
            self._trace.write(name + "\n")
            self._trace.flush()
            for deed in self._plan:
                if deed["at"] in (name, "any") and self._counts[deed["at"]] == deed["nth"]:
                    self._do(deed)

    def _do(self, deed: dict[str, Any]) -> None:
        match deed["do"]:
            case "kill":
                os.kill(os.getpid(), signal.SIGKILL)
                time.sleep(_LOOK_S)
            case "signal":
                os.kill(deed["pid"], deed["signal"])
            case "faults":
                where = self._url + "/catalyst/faults"
                requests.post(where, json={"faults": deed["faults"]}, timeout=_LOOK_S)
            case "clock":
                _set_clock(deed["by_s"])


def _set_clock(by_s: float) -> None:
    """Set the machine's clock, as far as this process can tell."""
    now, now_ns, by_ns = time.time, time.time_ns, round(by_s * 1e9)
    time.time = lambda: now() + by_s
    time.time_ns = lambda: now_ns() + by_ns


def watch(moments: Moments) -> None:
    """Stand around everything that is written and sent."""
    append, send = Journal.append, alpaca_rest._Strict.send

    def appended(self: Journal, bodies: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        names = list(dict.fromkeys(map(_name, bodies)))
        for name in filter(None, names):
            moments.lived(f"before {name} is written")
        events = append(self, bodies, **more)
        for name in filter(None, names):
            moments.lived(f"after {name} is written")
        return events

    def sent(self: Any, request: Any, **more: Any) -> Any:  # noqa: ANN401 - passed on
        name = _wire_name(request)
        if name:
            moments.lived(f"before {name} is sent")
        answer = send(self, request, **more)
        if name:
            moments.lived(f"after {name} is sent")
        return answer

    Journal.append = appended  # type: ignore[method-assign]
    alpaca_rest._Strict.send = sent  # type: ignore[method-assign]


def _name(body: Any) -> str:  # noqa: ANN401 - any body
    match body:
        case Intent(purpose=purpose):
            return f"intent {purpose}"
        case Filled(role=role):
            return f"fill {role}"
        case OrderChanged(order=order):
            return f"order {order['status']}"
        case Decided(decision=decision):
            return "decision with orders" if decision["orders"] else "decision"
    return "" if body.kind in _UNSEEN else str(body.kind)


def _wire_name(request: requests.PreparedRequest) -> str:
    path = str(request.url).partition("/v2")[2]
    if request.method == "DELETE":
        return "cancel"
    if request.method == "PATCH":
        return "replace"
    if request.method != "POST" or not path.startswith("/orders"):
        return ""
    body = json.loads(str(request.body, "utf-8") if isinstance(request.body, bytes) else "{}")
    side, shape = body["side"], body.get("order_class") or "simple"
    return f"{side} {shape}"


def look_before_steps(job: dict[str, Any]) -> None:
    """Before each step in regular hours, write down what is held, and what works against it."""
    step = ExchangeClock._step
    seen = Path(job["seen"]).open("a", encoding="utf-8")  # noqa: SIM115 - as long as we live
    session = session_on(job["day"])
    asked = requests.Session()
    asked.headers.update({"APCA-API-KEY-ID": job["key"], "APCA-API-SECRET-KEY": job["key"]})

    def ask(path: str) -> Any:  # noqa: ANN401 - JSON
        answer = asked.get(job["url"] + path, timeout=_LOOK_S)
        return answer.json() if answer.ok else []

    async def stepped(self: ExchangeClock, at_ns: int) -> None:
        if session.open_ns <= self.now_ns() < min(at_ns, session.close_ns):
            held = {row["symbol"]: int(row["qty"]) for row in ask("/v2/positions")}
            if held:
                orders = ask("/v2/orders?status=open&nested=true&limit=500")
                row = {"now_ns": self.now_ns(), "to_ns": at_ns, "held": held, "orders": orders}
                seen.write(json.dumps(row) + "\n")
                seen.flush()
        await step(self, at_ns)

    ExchangeClock._step = stepped  # type: ignore[method-assign]


def trade(job: dict[str, Any]) -> None:
    """Trade one session, as ``catalyst live`` does."""
    watch(Moments(job))
    look_before_steps(job)
    settings = Settings(
        catalyst_home=Path(job["home"]),
        database_url=SecretStr(job["database_url"]),
        redis_url=SecretStr(job["redis_url"]),
        alpaca_api_key=SecretStr(job["key"]),
        alpaca_secret_key=SecretStr(job["key"]),
        alpaca_base_url=job["url"],
    )
    day = dt.date.fromisoformat(job["day"])
    lake = Lake(Path(job["lake"]))
    asked = Live(live_params(), lake, "15m", None, day, 1, 0.0, job["key"], "iex")
    run_live(asked, settings, tell=_tell)


def _tell(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def prove(job: dict[str, Any]) -> None:
    """Judge the session, as ``catalyst parity`` does."""
    os.environ |= {
        "CATALYST_HOME": job["home"],
        "DATABASE_URL": job["database_url"],
        "REDIS_URL": job["redis_url"],
        "ALPACA_API_KEY": job["key"],
        "ALPACA_SECRET_KEY": job["key"],
        "ALPACA_BASE_URL": job["url"],
    }
    asked = ["parity", "--session", job["day"], "--account", job["account"], "--json"]
    told = CliRunner().invoke(app, asked)
    Path(job["proof"]).write_text(told.stdout, encoding="utf-8")
    if told.exception is not None and not isinstance(told.exception, SystemExit):
        raise told.exception


class _Quiet:
    """A market in which nothing was ever known."""

    names, grid, actions = SYMBOLS, Grid(15 * MINUTE_NS), ()

    def bars(self, session: Session, *, grace_ns: int) -> SessionBars:
        columns = {n: np.empty(0, np.int64 if n == "ts_ns" else np.float64) for n in ROW_COLUMNS}
        return known_bars(
            np.empty(0, np.int32),
            columns,
            known_ns=np.empty(0, np.int64),
            adjusted=np.empty(0, np.int8),
            assumed=0,
            n_symbols=len(self.names),
            session=session,
            grid=self.grid,
            grace_ns=grace_ns,
        )

    def coarse(self, session: Session, *, known_by_ns: int) -> None:
        del session, known_by_ns

    def news(self, after_ns: int, until_ns: int) -> NewsBatch:
        del after_ns, until_ns
        return empty_news()

    def members(self, session: Session, *, known_by_ns: int) -> Flags:
        del session, known_by_ns
        return np.ones(len(self.names), np.bool_)


def warm() -> None:
    """Load the kernels, on arrays alone: what reads a lake has threads, and a fork has none."""
    session = session_on(str(DAYS[HISTORY]))
    rehearse(Market(_Quiet(), live_params()), live_params(), session)


TASKS: dict[str, Callable[[dict[str, Any]], None]] = {"trade": trade, "prove": prove}
