"""A status with something of everything, as a view or a reader may meet it."""

from __future__ import annotations

from catalyst.live import status as s

RESTING = s.Protection(s.Protected.RESTING, ("168.02", "168.02"), ("176.35", "181.48"))
WATCHED = s.Protection(s.Protected.WATCHED, ("343.00",), ("360.50",))
NAKED = s.Protection(s.Protected.NONE)

FULL = s.Status(
    s.Running.RUNNING,
    "trading spec on 5m bars, on the paper exchange",
    market="regular",
    at="2023-10-02T10:35:04-04:00",
    session="2023-10-02",
    account="PA3F81BB09",
    variant="spec",
    timeframe="5m",
    positions=(
        s.PositionLine("AAPL", 120, "171.2100", "172.0300", "98.40", RESTING),
        s.PositionLine("BRK.B", 3, "350.0000", "349.1100", "-2.67", WATCHED),
        s.PositionLine("ZQAB", 1_000, "12.1000", "11.9100", "-190.00", NAKED),
    ),
    orders=(
        s.OrderLine("AAPL", "sell", "stop", "stop", 60, 0, "168.02", "held", "a-0", ""),
        s.OrderLine("AAPL", "sell", "target_1", "limit", 60, 20, "176.35", "accepted", "a-0", ""),
        s.OrderLine("BAC", "buy", "entry", "limit", 400, 0, "27.41", "unknown", "b-0", ""),
    ),
    health={
        **{
            name: s.ServiceLine("healthy", 0.05)
            for name in ("news", "scanner", "pattern", "technical", "reporting", "trading")
        },
        "coordination": s.ServiceLine("healthy", 0.05),
        "redis": s.ServiceLine("degraded", 0.05, "Redis refused the password of REDIS_URL"),
    },
    degraded=(s.Degraded("no_cache", "reads come from PostgreSQL: slower, nothing else"),),
    alerts=(
        s.AlertLine(
            "entries_a_day", "", "warning", "20 of 20 entries are used up", "20", "20", "", "", 1
        ),
    ),
    funnel=s.Funnel(
        "2023-10-02T10:35:00-04:00",
        {"50": 38, "20": 14, "5": 3},
        ("AAPL", "ZQAB", "BAC"),
        (
            s.Dropped(20, "catalyst_min", "has a catalyst score below the minimum", 24),
            s.Dropped(5, "rvol_min", "trades no more than usual", 7),
            s.Dropped(5, "volume_min", "has too little mean daily volume", 4),
        ),
    ),
    money=s.Money("61234.12", "100312.55", "402.10", "-94.27", "307.83"),
    cycles=s.Cycles(79, 0, 1, 0),
    last_decision=s.LastDecision("2023-10-02T10:35:00-04:00", 2_031, 38, 3, 1, 2),
    limits=(
        s.Limit("positions and entries", "4", "5", reached=False),
        s.Limit("entries today", "20", "20", reached=True),
    ),
    events=(
        s.EventLine("2023-10-02T10:35:02-04:00", "bought 120 AAPL at 171.21 [entry]"),
        s.EventLine("2023-10-02T10:35:02-04:00", "bought 120 AAPL at 171.21 [entry]"),
        s.EventLine("2023-10-02T10:30:01-04:00", "decided: 38 candidates, 3 signals, 1 intent"),
    ),
)
