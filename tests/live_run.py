"""Live trading as processes that are killed at a named moment and started again."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from live_laws import broken_laws
from live_services import open_home
from live_world import DAYS, HISTORY, live_lake, session_on
from paper_exchange import Exchange, paper_exchange
from pydantic import SecretStr

from catalyst.live.postgres import Postgres
from catalyst.live.quarters import quarters_of
from catalyst.live.schema import migrate
from catalyst.live.shared_server import Tenancy

#: Nobody listens there: the cache is optional, and most runs do without.
NO_REDIS = "redis://127.0.0.1:1"
#: What goes wrong beside the kill.
CONDITIONS = ("fine", "504", "stream", "database")

_LAUNCHER = Path(__file__).with_name("live_launcher.py")
_PATIENCE_S = 90.0
_LOOK_S = 0.02
_SECOND_NS = 10**9


class Cluster:
    """A PostgreSQL that can be killed, and comes back at the same address."""

    def __init__(self, home: Path) -> None:
        self._quarters = quarters_of(home / "postgres")
        self._server = Postgres(self._quarters, durable=False)
        self._claims = [Tenancy(self._quarters, self._server)]
        self.url = SecretStr(self._server.address(self._claims[0].port))
        migrate(self.url)

    @property
    def pid(self) -> int:
        return self._claims[-1].pid

    def crash(self) -> None:
        """End it as ``pg_ctl stop -m immediate`` does, and start it again."""
        os.kill(self.pid, signal.SIGQUIT)
        while self.pid:
            time.sleep(_LOOK_S)
        self.revive()

    def revive(self) -> None:
        """Start it if it does not run."""
        if not self.pid:
            self._claims.append(Tenancy(self._quarters, self._server))

    def close(self) -> None:
        for claim in self._claims:
            claim.close()


class Launcher:
    """The warm process that forks traders."""

    def __init__(self) -> None:
        # Only test folders and the package itself: nothing else of this process matters there.
        self._process = subprocess.Popen(
            [sys.executable, str(_LAUNCHER)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        self.cpu_s = 0.0
        self._ready = False

    def run(self, job: dict[str, Any], cluster: Cluster) -> int:
        """Run a job to its end; return its exit status, negative for a signal."""
        process = self._process
        assert process.stdin is not None
        if not self._ready:
            assert self._line(_PATIENCE_S) == "ready"
            self._ready = True
        process.stdin.write(json.dumps(job).encode() + b"\n")
        pid = int(json.loads(self._line(_PATIENCE_S))["pid"])
        ends = time.monotonic() + _PATIENCE_S
        while not (line := self._line(_LOOK_S)):
            cluster.revive()
            if time.monotonic() > ends:
                os.kill(pid, signal.SIGUSR1)
                time.sleep(1.0)
                os.kill(pid, signal.SIGKILL)
                raise AssertionError(f"it did not end:\n{Path(job['log']).read_text()}")
        told = json.loads(line)
        self.cpu_s = float(told["cpu_s"])
        return int(told["status"])

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(_PATIENCE_S)

    def _line(self, patience_s: float) -> str:
        assert self._process.stdout is not None
        if not select.select([self._process.stdout], [], [], patience_s)[0]:
            return ""
        line = self._process.stdout.readline().decode().strip()
        assert line, "the launcher has ended"
        return line


@dataclass(frozen=True)
class Kill:
    """Where the first process dies: at the n-th moment of a name; ``any`` counts all."""

    at: str
    nth: int = 1


@dataclass
class Course:
    """What became of a session: what was lived through, what was broken, where its books are."""

    day: str
    key: str
    account: str = ""
    killed: bool = False
    moments: list[str] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)
    trades: list[tuple[str, str, int, str]] = field(default_factory=list)
    alerts: list[tuple[str, str, str]] = field(default_factory=list)
    log: str = ""


class Stage:
    """An exchange, a database and a launcher, on which one session after another is traded."""

    def __init__(self, home: Path, exchange: Exchange, n_sessions: int) -> None:
        self.home = home
        self.exchange = exchange
        self.cluster = Cluster(home)
        self.launcher = Launcher()
        self.lake = live_lake(n_sessions)
        self._days = [str(day) for day in DAYS[HISTORY : HISTORY + n_sessions]]

    @property
    def day(self) -> str:
        """The day of the next session, ISO."""
        return self._days[0]

    def close(self) -> None:
        self.launcher.close()
        self.cluster.close()

    def run(
        self,
        kill: Kill | None = None,
        then: str = "fine",
        *,
        away_s: float = 0.0,
        plan: Sequence[dict[str, Any]] = (),
        prove: bool = False,
        redis_url: str = NO_REDIS,
    ) -> Course:
        """Trade the next session, with a kill and a restart; say what was broken.

        Parameters
        ----------
        kill
            Where; None for a session without.
        then
            One of `CONDITIONS`, for the time after the kill.
        away_s
            Exchange time that passes before the restart.
        plan
            What else is done, and at which moments.
        prove
            Whether parity is asked for, too.
        """
        day = self._days.pop(0)
        exchange = self.exchange.as_key(f"key-{day}")
        course = Course(day, exchange.key)
        deeds = [*plan, *([{"at": kill.at, "nth": kill.nth, "do": "kill"}] if kill else [])]
        status = self._trade(course, deeds, redis_url)
        course.killed = kill is not None and status == -signal.SIGKILL
        if course.killed:
            if away_s:
                exchange.step(exchange.clock()["now_ns"] + round(away_s * _SECOND_NS))
            status = self._trade(course, self._trouble(then, exchange), redis_url)
        exchange.faults()
        account = exchange.request("GET", "/v2/account").json()
        course.account = account["account_number"]
        if status:
            course.broken.append(f"the last process ended with {status}: {course.log[-500:]}")
        exchange.step(session_on(day).post_ns)
        now_ns = exchange.clock()["now_ns"]
        while self._days and session_on(self._days[0]).post_ns <= now_ns:
            # Whoever dies after the close begins the next session when it comes back.
            self._days.pop(0)
        proof = self._proof(course) if prove and not status else None
        broken_laws(course, exchange, self.cluster.url, self._path(course, "seen"), proof)
        return course

    def _trouble(self, then: str, exchange: Exchange) -> list[dict[str, Any]]:
        if then == "504":
            where = {"on": "request", "method": "POST", "path": "/v2/orders"}
            exchange.faults({**where, "do": "answer", "status": 504, "accepted": True, "count": 1})
        elif then == "stream":
            on = {"on": "stream", "stream": "trade_updates"}
            exchange.faults(
                {**on, "do": "disconnect", "skip": 1, "count": 1},
                {**on, "do": "refuse", "count": 1},
            )
        elif then == "database":
            self.cluster.crash()
            at = {"at": "any", "nth": 6, "do": "signal"}
            return [{**at, "pid": self.cluster.pid, "signal": int(signal.SIGQUIT)}]
        return []

    def _trade(self, course: Course, plan: Sequence[dict[str, Any]], redis_url: str) -> int:
        status = self._job(course, "trade", plan=list(plan), redis_url=redis_url)
        self.cluster.revive()
        course.log = self._path(course, "log").read_text()
        course.moments = self._path(course, "trace").read_text().splitlines()
        return status

    def _proof(self, course: Course) -> dict[str, Any]:
        self._job(course, "prove", account=course.account)
        told: dict[str, Any] = json.loads(self._path(course, "proof").read_text() or "{}")
        return told

    def _job(self, course: Course, task: str, **more: object) -> int:
        folder = self.home / course.day
        folder.mkdir(exist_ok=True)
        job = {
            "task": task,
            "url": self.exchange.url,
            "key": course.key,
            "home": str(folder),
            "database_url": self.cluster.url.get_secret_value(),
            "redis_url": NO_REDIS,
            "lake": str(self.lake.root),
            "day": course.day,
            **{name: str(folder / name) for name in ("trace", "seen", "log", "proof")},
            **more,
        }
        for name in ("trace", "seen", "log", "proof"):
            (folder / name).touch()
        return self.launcher.run(job, self.cluster)

    def _path(self, course: Course, name: str) -> Path:
        return self.home / course.day / name


@contextmanager
def live_stage(n_sessions: int) -> Iterator[Stage]:
    """Open everything that so many sessions need; end every process afterwards."""
    with open_home() as home:
        lake = live_lake(n_sessions)
        with paper_exchange("--start", DAYS[HISTORY], lake=lake.root) as exchange:
            stage = Stage(home, exchange, n_sessions)
            try:
                yield stage
            finally:
                stage.close()
