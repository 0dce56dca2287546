"""A status on a terminal: everything at a glance on 80 columns, side by side on wide ones."""

from __future__ import annotations

import io
import itertools
from collections.abc import Callable, Iterator, Sequence

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from catalyst.data.messages import shown
from catalyst.live.status import Protected, Running, Status

_WIDE = 120
_BAR = 24
_MOST_REASONS, _MOST_EVENTS, _MOST_ORDERS, _MOST_PAST = 4, 8, 10, 3
_STATES = {
    Running.RUNNING: "bold green",
    Running.PAUSED: "bold yellow",
    Running.STOPPED: "bold red",
}
_HEALTH = {"healthy": "green", "degraded": "yellow", "dead": "bold red", "stopped": "dim"}
_PROTECTION = {
    Protected.RESTING: "green",
    Protected.LEAVING: "cyan",
    Protected.WATCHED: "yellow",
    Protected.NONE: "bold red",
}
_MARKETS = {
    "pre_market": "pre-market",
    "regular": "regular hours",
    "after_hours": "after hours",
    "closed": "closed",
}
_STAGES = (("50", "have news"), ("20", "have a catalyst"), ("5", "are finalists"))

Section = tuple[str, RenderableType]


class StatusView:
    """Show a status; rich renders it anew at whatever width there is."""

    def __init__(self, status: Status) -> None:
        self.status = status

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        status = self.status
        yield _header(status)
        yield from _needs(status)
        if options.max_width < _WIDE:
            yield from (_ruled(*section) for section in _sections(status, _ORDER))
            return
        two = Table.grid(expand=True)
        two.add_column(ratio=3)
        two.add_column(ratio=2)
        two.add_row(
            *(
                Group(*(_boxed(*section) for section in _sections(status, names)))
                for names in (_LEFT, _RIGHT)
            )
        )
        yield two


def _sections(status: Status, names: Sequence[str]) -> Iterator[Section]:
    for name in names:
        found = _SECTIONS[name](status)
        if found is not None:
            yield found


def _ruled(title: str, inside: RenderableType) -> RenderableType:
    rule = Rule(Text(title, style="bold"), align="left", style="dim")
    return Group(rule, Padding(inside, (0, 1)))


def _boxed(title: str, inside: RenderableType) -> RenderableType:
    return Panel(inside, title=title, title_align="left", border_style="dim")


def _header(status: Status) -> RenderableType:
    line = Table.grid(expand=True, padding=(0, 1))
    line.add_column()
    line.add_column(justify="right", no_wrap=True)
    left = Text.assemble(
        ("● ", _STATES[status.state]),
        (status.state.value, _STATES[status.state]),
        (f"  {_MARKETS.get(status.market, status.market)}", "bold"),
        (f"  {status.at[:10]} {status.at[11:19]} New York" if status.at else "", ""),
    )
    about = " ".join(filter(None, (status.variant, status.timeframe)))
    right = Text(" · ".join(filter(None, (status.account, about))), style="dim")
    line.add_row(left, right)
    return Group(line, Text(shown(status.text, longest=400), style="dim"))


def _needs(status: Status) -> Iterator[RenderableType]:
    lines = [Text(f"! {shown(text, longest=300)}", style="bold red") for text in status.needs]
    # What is an alert and a rule by which less is done is told once.
    told = {one.text for one in status.degraded}
    lines += [
        Text(
            f"! {shown(one.text, longest=300)}" + f" ({one.times} times)" * (one.times > 1),
            style="yellow",
        )
        for one in status.alerts
        if not one.over and one.severity != "critical" and one.text not in told
    ]
    past = [one for one in status.alerts if one.over]
    lines += [
        Text(f"passed {_clock(one.last_at)}: {shown(one.text, longest=300)}", style="dim")
        for one in past[:_MOST_PAST]
    ]
    for one in status.degraded:
        lines.append(Text(f"degraded: {shown(one.text, longest=300)}", style="yellow"))
    if lines:
        yield Panel(Group(*lines), title="attention", border_style="red", title_align="left")


def _table(*columns: tuple[str, bool]) -> Table:
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="dim")
    for name, is_number in columns:
        table.add_column(
            name, justify="right" if is_number else "left", no_wrap=is_number, overflow="fold"
        )
    return table


def _positions(status: Status) -> Section:
    if not status.positions:
        return ("positions", Text("none", style="dim"))
    table = _table(
        ("symbol", False), ("shares", True), ("average", True), ("mark", True), ("P&L", True)
    )
    table.add_column("protection", ratio=1)
    for one in status.positions:
        table.add_row(
            Text(shown(one.symbol), style="bold"),
            f"{one.quantity:,}",
            one.average_price,
            one.mark or "-",
            _signed(one.pnl),
            Text(one.protection.text, style=_PROTECTION[one.protection.kind]),
        )
    return (f"positions ({len(status.positions)})", table)


def _orders(status: Status) -> Section:
    if not status.orders:
        return ("orders", Text("none working", style="dim"))
    table = _table(
        ("symbol", False), ("order", False), ("shares", True), ("price", True), ("status", False)
    )
    for one in status.orders[:_MOST_ORDERS]:
        of = f"{one.filled:,}/{one.quantity:,}" if one.filled else f"{one.quantity:,}"
        table.add_row(
            Text(shown(one.symbol), style="bold"),
            Text(f"{one.side} {one.role.replace('_', ' ')}"),
            of,
            one.price or "market",
            Text(one.status, style="bold red" if one.status == "unknown" else ""),
        )
    return (_counted("orders", len(status.orders), _MOST_ORDERS), table)


def _money(status: Status) -> Section:
    money, cycles = status.money, status.cycles
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    grid.add_column(style="dim")
    grid.add_column(justify="right")
    if money is not None:
        grid.add_row("equity", _usd(money.equity), "today", _signed(money.today))
        grid.add_row("cash", _usd(money.cash), "realised", _signed(money.realised))
        grid.add_row("", "", "unrealised", _signed(money.unrealised))
    counts = [f"{cycles.done} done"]
    counts += [
        f"{count} {name}"
        for name, count in (
            ("degraded", cycles.degraded),
            ("missed", cycles.missed),
            ("failed", cycles.failed),
        )
        if count
    ]
    bad = cycles.missed + cycles.failed
    lines: list[RenderableType] = [grid] if money is not None else []
    lines.append(
        Text.assemble(("cycles today  ", "dim"), (", ".join(counts), "yellow" if bad else ""))
    )
    last = status.last_decision
    if last is not None:
        lines.append(
            Text.assemble(
                ("last decision  ", "dim"),
                f"{_clock(last.at)} of {last.candidates} candidates: signals {last.signals}, "
                f"intents {last.intents}, refused {last.refused}; lag {last.lag_ms:,.0f} ms",
            )
        )
    return ("money, USD" if money is not None else "day", Group(*lines))


def _funnel(status: Status) -> Section:
    funnel = status.funnel
    if funnel is None:
        return ("funnel", Text("no scan yet", style="dim"))
    grid = Table.grid(padding=(0, 1))
    grid.add_column(justify="right", style="bold")
    grid.add_column(no_wrap=True)
    grid.add_column(style="dim")
    most = max((*funnel.passed.values(), 1))
    for stage, text in _STAGES:
        count = funnel.passed.get(stage, 0)
        width = -(-count * _BAR // most)
        grid.add_row(str(count), Text("█" * width + "░" * (_BAR - width), style="cyan"), text)
    lines: list[RenderableType] = [grid]
    if funnel.finalists:
        lines.append(Text(" ".join(map(shown, funnel.finalists)), style="bold cyan"))
    lines += [
        Text(f"{one.count:>3} {one.text}", style="dim") for one in funnel.dropped[:_MOST_REASONS]
    ]
    return (f"funnel at {_clock(funnel.at)}", Group(*lines))


def _limits(status: Status) -> Section | None:
    if not status.limits:
        return None
    parts = [
        Text.assemble(
            (f"{one.name} ", "dim"),
            (f"{one.value} of {one.limit}", "bold yellow" if one.reached else ""),
        )
        for one in status.limits
    ]
    return ("limits", _Flow(parts))


def _health(status: Status) -> Section:
    if not status.health:
        return ("health", Text("nothing has reported yet", style="dim"))
    parts = [
        Text.assemble(("● ", _HEALTH.get(line.status, "")), name)
        for name, line in sorted(status.health.items())
    ]
    lines: list[RenderableType] = [_Flow(parts)]
    lines += [
        Text(f"{name}: {shown(line.error, longest=200)}", style=_HEALTH.get(line.status, ""))
        for name, line in sorted(status.health.items())
        if line.error
    ]
    ages = [
        line.minutes_since_heartbeat
        for line in status.health.values()
        if line.minutes_since_heartbeat is not None
    ]
    if ages:
        lines.append(Text(f"last sign of life {_age(min(ages))} ago", style="dim"))
    return ("health", Group(*lines))


def _events(status: Status) -> Section | None:
    if not status.events:
        return None
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(ratio=1)
    # The two halves of an entry say the same at the same time.
    told = [(one.at, one.text) for one in status.events]
    for (at, text), same in itertools.islice(itertools.groupby(told), _MOST_EVENTS):
        count = len(list(same))
        grid.add_row(_clock(at), Text(shown(text, longest=200) + f" ({count} times)" * (count > 1)))
    return ("what happened last", grid)


class _Flow:
    """Parts in lines that break between two of them, never within one."""

    def __init__(self, parts: Sequence[Text]) -> None:
        self.parts = parts

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        line = Text()
        for part in self.parts:
            if line and line.cell_len + 2 + part.cell_len > options.max_width:
                yield line
                line = Text()
            line = Text.assemble(line, "  " if line else "", part)
        yield line


_SECTIONS: dict[str, Callable[[Status], Section | None]] = {
    "money": _money,
    "positions": _positions,
    "orders": _orders,
    "funnel": _funnel,
    "limits": _limits,
    "health": _health,
    "events": _events,
}
_LEFT = ("positions", "orders", "events")
_RIGHT = ("money", "funnel", "limits", "health")
_ORDER = ("money", "positions", "orders", "funnel", "limits", "health", "events")


def _counted(title: str, count: int, most: int) -> str:
    return f"{title} ({count}{f', the first {most}' if count > most else ''})"


def _usd(text: str) -> str:
    return f"{float(text):,.2f}"


def _signed(text: str) -> Text:
    if not text:
        return Text("-")
    value = float(text)
    style = "green" if value > 0 else "red" if value < 0 else ""
    return Text(f"{value:+,.2f}", style=style)


def _clock(at: str) -> str:
    # ISO text in New York time: what follows the date, to the second, is the clock of a session.
    return f"{at[11:19]} NY" if len(at) >= len("2023-10-02T09:35:00") else at


def _age(minutes: float) -> str:
    return f"{minutes * 60:.0f} s" if minutes < 2 else f"{minutes:,.0f} min"


def plain_lines(status: Status, *, width: int = 100) -> Sequence[str]:
    """Return the status as lines without colours or boxes, for a pipe or a log."""
    sink = io.StringIO()
    console = Console(file=sink, width=width, color_system=None, emoji=False, highlight=False)
    console.print(StatusView(status))
    return [line.rstrip() for line in sink.getvalue().splitlines()]
