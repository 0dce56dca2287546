"""The audit of components: the laws, tried on real and hostile views, and what each call costs."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache, partial
from typing import Any

import numpy as np

from catalyst.data.feed import Feed
from catalyst.data.lake import Lake
from catalyst.errors import InputError, ParamsError
from catalyst.research.audit import laws
from catalyst.research.audit.cases import Case, cases_of, windows_of
from catalyst.research.audit.component_files import Found, kind_of
from catalyst.research.audit.component_verdicts import ComponentAudit, ComponentsAudit
from catalyst.research.audit.estimates import estimated, statistics_of
from catalyst.research.audit.laws import Finding
from catalyst.research.audit.lookahead import audit_lookahead
from catalyst.research.audit.looks import SESSIONS, VIEWS, looks
from catalyst.research.audit.purity import Impurity, impurities
from catalyst.research.audit.trial import tried
from catalyst.research.audit.variations import noisy
from catalyst.strategy.components import SIGNATURES, Component, as_component
from catalyst.strategy.ledger import begin
from catalyst.strategy.params import Params
from catalyst.strategy.step import step
from catalyst.strategy.values import MarketView

NOISE = (0.003, 0.01, 0.03, 0.1)
"""By how much bars are moved to see which of them a component looks at."""

_CALLS = 8
_TIMED = 60


def audit_components(
    functions: Callable[..., Any]
    | Sequence[Callable[..., Any] | Found]
    | Mapping[str, Any]
    | Params,
    lake: Lake,
    *,
    kind: str | None = None,
    params: Params | None = None,
    timeframe: str | None = None,
    sessions: int = SESSIONS,
    views: int = VIEWS,
    lookahead: int = 0,
    clock: Callable[[], float] | None = None,
    tell: Callable[[str], None] | None = None,
) -> ComponentsAudit:
    """Hold components to the laws, on real views of a lake and on hostile ones.

    Parameters
    ----------
    functions
        One component, several, several by name, or the `Params` that names them; from a file, what
        `components_in` found.
    lake
        Where real views come from: the end of it.
    kind
        The kind of all of them; None tells it from the names of their arguments.
    params
        The variant they are called with; None takes ``spec``, or the one given as ``functions``.
    timeframe
        Base bars; None takes the finest.
    sessions, views
        How many of the last sessions, and how many views of each.
    lookahead
        At how many decision times of the last session to make the look-ahead audit of a run with
        those components that load and answer; 0 for none.
    clock
        Seconds, such as `time.perf_counter`; None measures no cost.
    tell
        Told what is being done.

    Returns
    -------
    ComponentsAudit

    Raises
    ------
    InputError
        If a function is of no kind, or the lake gives no views.
    """
    if params is None:
        params = functions if isinstance(functions, Params) else Params()
    given = _given(functions, kind)
    tell = tell or (lambda _text: None)
    tell("taking views from the lake")
    feed = Feed(lake, timeframe)
    real = looks(feed, params, sessions=sessions, views=views)
    if not real:
        raise InputError(
            f"the lake {lake.root} gives no views: no symbol has {params.technical.bars_min} "
            f"{feed.timeframe} bars at its end; name a longer lake, or a lower technical.bars_min"
        )
    step_s = _step_seconds(real, params, clock)
    statistics = cache(partial(statistics_of, lake, str(feed.timeframe)))
    out = []
    for one in given:
        tell(f"trying {one.name}")
        # What a component prints must not land in a table or in JSON.
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = [*impurities(one.function), *estimated(one.function, statistics)]
            out.append(_audited(one, found, real, params, clock, step_s))
    walked = None
    sound = [one for one, audit in zip(given, out, strict=True) if _answers(audit)]
    if lookahead and sound:
        tell("walking beside other futures")
        with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            walked = audit_lookahead(
                lake,
                plugged(params, sound),
                timeframe=feed.timeframe,
                start=feed.reach[1],
                sample=lookahead,
                replays=False,
            )
    return ComponentsAudit(tuple(out), _coverage(feed, real), walked)


def plugged(params: Params, components: Sequence[Found]) -> Params:
    """Return a variant with components in their places; of several for one place, the first.

    A pattern, a filter or an exit is added to those there are; a scored part gets a tenth of the
    weight.
    """
    changed: dict[str, Any] = {}
    for one in components:
        if one.kind in ("patterns", "entry_filters", "exits"):
            there = changed.get(one.kind, getattr(params, one.kind))
            changed[one.kind] = [*there, one.function]
        elif one.kind == "scored":
            there = changed.get("scored", params.scored)
            changed["scored"] = [*((c, 0.9 * w) for c, w in there), (one.function, 0.1)]
        else:
            changed.setdefault(one.kind, one.function)
    return params.replace(**changed)


def _answers(audit: ComponentAudit) -> bool:
    return not any(one.law in ("loads", "result") for one in audit.findings)


def user_components(params: Params) -> list[Found]:
    """List the components of a variant that are the user's own."""
    found: list[Found] = []
    for kind in SIGNATURES:
        value = getattr(params, kind)
        pairs = value if isinstance(value, tuple) else (value,)
        for pair in pairs:
            component = pair[0] if isinstance(pair, tuple) else pair
            if component.function is not None:
                found.append(Found(component.name, kind, component.function))
    return found


def _given(functions: object, kind: str | None) -> list[Found]:
    if isinstance(functions, Params):
        found = user_components(functions)
        if not found:
            raise InputError(
                f"variant {functions.variant} has no component of your own; replace one, such as "
                "params.replace(technical_score=my_score)"
            )
        return found
    if isinstance(functions, Mapping):
        return [_named(function, kind, str(name)) for name, function in functions.items()]
    many = functions if isinstance(functions, (list, tuple)) else [functions]
    return [
        one if isinstance(one, Found) else _named(one, kind, getattr(one, "__name__", repr(one)))
        for one in many
    ]


def _named(function: Any, kind: str | None, name: str) -> Found:  # noqa: ANN401 - a user's object
    if not callable(function):
        raise InputError(f"{name} is {type(function).__name__}; expected a function")
    found = kind or kind_of(function)
    if found not in SIGNATURES:
        raise InputError(
            f"{name} is of no kind that its arguments tell; name it with kind=, one of "
            f"{', '.join(SIGNATURES)}"
        )
    return Found(name, found, function)


def _audited(
    one: Found,
    impure: Sequence[Impurity],
    real: Sequence[MarketView],
    params: Params,
    clock: Callable[[], float] | None,
    step_s: float,
) -> ComponentAudit:
    found = [Finding("purity", str(impurity)) for impurity in impure]
    component = Component(one.name, "", one.function)
    cases = [case for view in real for case in cases_of(one.kind, view, params)]
    reads = given = 0
    cost = float("nan")
    try:
        as_component(one.kind, one.function)
    except ParamsError as error:
        found.append(Finding("loads", str(error)))
    callable_ = hasattr(one.function, "__code__") or hasattr(one.function, "py_func")
    if callable_ and cases:
        spread = cases[:: max(1, len(cases) // _CALLS)]
        trials = tried(one.function, [case.arguments() for case in spread])
        writes = any("writes into its argument" in str(one) for one in (*impure, *trials))
        found += laws.results(component, one.kind, real, params)
        if not any(finding.law == "result" and finding.serious for finding in found):
            found += laws.subset(component, spread)
            found += laws.causality(component, spread)
            asked = reach_cases(one.kind, real, params)
            asked = [replace(case, shared=not writes) for case in asked]
            reads, given = laws.reach(component, asked)
        told = {_gist(finding.what) for finding in found}
        found += [
            Finding(_law_of(str(impurity)), str(impurity))
            for impurity in trials
            if _gist(str(impurity)) not in told
        ]
        if clock is not None:
            cost = _cost(one.function, spread, clock)
    share = cost * 1e-6 * _calls_a_step(one.kind, params) / step_s if step_s > 0 else float("nan")
    return ComponentAudit(
        one.name,
        one.kind,
        tuple(f for f in found if f.serious),
        tuple(f for f in found if not f.serious),
        reads,
        given,
        hasattr(one.function, "py_func"),
        cost,
        share,
        len(cases),
    )


def reach_cases(kind: str, real: Sequence[MarketView], params: Params) -> list[Case]:
    """List calls that tell how far back a component looks."""
    moved = [noisy(real[-1], frac) for frac in NOISE]
    if kind == "patterns":
        return [case for view in (real[-1], *moved[1:3]) for case in windows_of(view, params)]
    cases = [case for view in real for case in cases_of(kind, view, params)]
    more = [case for view in moved for case in cases_of(kind, view, params)]
    return cases[:: max(1, len(cases) // _CALLS)] + more[:: max(1, len(more) // _CALLS)]


def _gist(what: str) -> str:
    # Read and tried, one fault is told twice; where it was seen is not what it is.
    subject, _, rest = what.partition(" ")
    return f"{subject.partition('.')[0]} {' '.join(rest.split(' ')[:3])}"


def _law_of(what: str) -> str:
    return "repeat" if "another result for the same" in what else "purity"


def _calls_a_step(kind: str, params: Params) -> int:
    finalists = params.screen.final_count
    if kind == "patterns":
        return finalists * len(params.pattern.timeframes)
    return finalists if kind in ("scored", "exits") else 1


def _cost(function: Callable[..., Any], cases: Sequence[Case], clock: Callable[[], float]) -> float:
    times: list[float] = []
    ready = [case.arguments() for case in cases]
    while len(times) < _TIMED:
        for arguments in ready:
            before = clock()
            # What it raises was told by the laws; here only time counts.
            with contextlib.suppress(Exception):
                function(*arguments)
            times.append(clock() - before)
    return float(np.median(times)) * 1e6


def _step_seconds(
    real: Sequence[MarketView], params: Params, clock: Callable[[], float] | None
) -> float:
    if clock is None:
        return 0.0
    plain = _without_own(params)
    # Every filter off, so that a step has its five finalists: the busiest there is.
    state = begin(plain)
    times: list[float] = []
    for view in (*real[:1], *real):
        before = clock()
        step(state, replace(view, choose=True), (), plain)
        times.append(clock() - before)
    return float(np.median(times[1:]))


def _without_own(params: Params) -> Params:
    wide = {
        "catalyst_min": 0,
        "catalyst_required": False,
        "rvol_min": 0,
        "volume_min": 0,
        "price_max": 1e6,
    }
    spec = Params()
    return params.replace(
        **wide,
        **{kind: getattr(spec, kind) for kind in SIGNATURES},
    )


def _coverage(feed: Feed, real: Sequence[MarketView]) -> str:
    symbols = {int(s) for view in real for s in view.symbols}
    days = {view.session.day for view in real}
    return (
        f"Tried on {len(real)} views of {len(days)} sessions, {len(symbols)} symbols, "
        f"{feed.timeframe} bars, and on hostile ones (constant, tiny and huge prices, no volume, "
        "few bars). Not seen: hindsight that was typed into the code as a number."
    )
