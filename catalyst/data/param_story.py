"""Parameters for people: what differs first, then every number with its range and meaning."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import Field, fields
from typing import Any

from catalyst.data.story import Fact, Section, Story
from catalyst.strategy.components import BUILT_IN, PATTERN_NAMES, SIGNATURES, Component
from catalyst.strategy.param_content import content, day_text, shown_value
from catalyst.strategy.params import SECTIONS, Params

_NUMBERS = ("name", "value", "from", "to", "meaning")
_DATES = ("from", "name", "value")
_COMPONENTS = ("kind", "components", "arguments of your own")


def param_story(params: Params, other: Params | None = None, *, whole: bool = True) -> Story:
    """Tell what a variant sets.

    Parameters
    ----------
    params
        The variant.
    other
        What it is compared with; None is ``spec``.
    whole
        Whether to list every number, or only what differs.

    Returns
    -------
    Story
        Its sections: what differs, then the numbers by section of the specification with range
        and unit, then the components.
    """
    other = other or Params()
    changed = params.differences(other)
    title = f"what differs from {other.variant}"
    rows = tuple(
        Fact(
            f"{name} is {shown_value(mine)}, not {shown_value(theirs)}",
            {"name": name, "value": _plain(mine), "other": _plain(theirs)},
            cells=(name, shown_value(mine), shown_value(theirs)),
        )
        for name, (mine, theirs) in changed.items()
    )
    nothing = (Fact(f"nothing: every number and component is that of {other.variant}"),)
    sections = [Section(title, rows or nothing, ("name", params.variant, other.variant))]
    if whole:
        sections += [
            Section(f"{name}: {_subject(cls)}", tuple(_numbers(params, name)), _NUMBERS)
            for name, cls in SECTIONS.items()
        ]
        sections.append(Section("components", tuple(_components(params)), _COMPONENTS))
        if params.by_date:
            sections.append(Section("by date", tuple(_dates(params)), _DATES))
    return Story(
        "params",
        Fact(f"variant {params.variant}, hash {params.hash}"),
        sections=tuple(sections),
        values={"variant": params.variant, "hash": params.hash, "other": other.variant},
    )


def _dates(params: Params) -> Iterator[Fact]:
    for day, entry in params.by_date:
        date = day_text(day)
        for name, (mine, _) in entry.differences(params.replace(by_date={})).items():
            yield Fact(
                f"from {date} on {name} is {shown_value(mine)}",
                {"date": date, "name": name, "value": _plain(mine)},
                cells=(date, name, shown_value(mine)),
            )


def _numbers(params: Params, section: str) -> Iterator[Fact]:
    held = content(params, idle=True)
    for item in fields(SECTIONS[section]):
        name, value = f"{section}.{item.name}", held[f"{section}.{item.name}"]
        low, high, unit = _range(item)
        between = f", from {low} to {high}" if high else ""
        yield Fact(
            f"{name} is {shown_value(value)}{between} ({unit})",
            {
                "name": name,
                "value": _plain(value),
                "default": _plain(item.default),
                "low": item.metadata.get("low"),
                "high": item.metadata.get("high"),
                "meaning": unit,
            },
            cells=(item.name, shown_value(value), low, high, unit),
        )


def _range(item: Field[Any]) -> tuple[str, str, str]:
    meta = item.metadata
    if "low" not in meta:
        return "", "", f"true or false: {meta['unit']}"
    return shown_value(meta["low"]), shown_value(meta["high"]), meta["unit"]


def _components(params: Params) -> Iterator[Fact]:
    for kind, arguments in SIGNATURES.items():
        value = getattr(params, kind)
        known = [*BUILT_IN[kind], *(PATTERN_NAMES if kind == "patterns" else ())]
        yield Fact(
            f"{kind}: {shown_value(value)}; built in are {', '.join(known) or 'none'}; one of your "
            f"own takes ({', '.join(arguments)})",
            {"name": kind, "value": _plain(value), "built_in": known, "arguments": [*arguments]},
            cells=(kind, shown_value(value), f"f({', '.join(arguments)})"),
        )


def _subject(cls: type) -> str:
    text = (cls.__doc__ or "").partition("\n")[0].rstrip(".").partition(" (")[0]
    return text[:1].lower() + text[1:]


def _plain(value: object) -> Any:  # noqa: ANN401 - what JSON holds
    if isinstance(value, Component):
        return value.name
    if isinstance(value, tuple):
        return [_plain(v) for v in value]
    return value


# A notebook shows a variant by this; the strategy itself draws nothing.
def _html(params: Params) -> str:
    return param_story(params)._repr_html_()


Params._repr_html_ = _html
