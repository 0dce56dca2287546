"""A story as HTML, for a notebook and the report: everything escaped, light and dark."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape

from catalyst.data.story import Fact, Section, Story
from catalyst.data.visible import printable

STYLE = """
.story{font:14px/1.5 system-ui,-apple-system,"Segoe UI",sans-serif;max-width:60rem;
color:inherit;overflow-wrap:anywhere;text-align:left}
.story h3{font-size:1.1em;margin:0 0 .3em}
.story h4{font-size:1em;margin:1em 0 .25em;padding-bottom:.15em;
border-bottom:1px solid rgba(128,128,128,.35)}
.story p{margin:.1em 0}
.story.story ul{list-style:none;margin:.1em 0;padding-left:0}
.story.story ul ul{opacity:.85}
.story li{margin:.1em 0;padding-left:1.1em;position:relative}
.story li::before{position:absolute;left:0;content:"·";opacity:.6}
.story li.story-passed::before{content:"✓";color:#2e9e5b;opacity:1}
.story li.story-stopped::before{content:"✗";color:#d9534f;opacity:1}
.story li.story-warning::before{content:"!";color:#c98a00;font-weight:bold;opacity:1}
.story .story-gain{color:#2e9e5b}
.story .story-loss,.story li.story-stopped{color:#d9534f}
.story .story-quiet{opacity:.7}
.story summary{cursor:pointer}
.story-scroll{overflow-x:auto}
.story table{border-collapse:collapse;margin:.2em 0;font-variant-numeric:tabular-nums;
background:none;color:inherit}
.story.story :is(th,td){padding:.1em .8em .1em 0;text-align:left;white-space:nowrap;border:0;
background:none}
.story th{font-weight:normal;opacity:.7}
""".strip()
"""Rules for the classes of `fragment`; colours that are read on white and on black."""


def fragment(story: Story) -> str:
    """Return a story as one ``<div class="story">``."""
    return "".join(_parts(story))


def _parts(story: Story) -> Iterator[str]:
    # A notebook would set what stands between two dollar signs as a formula.
    yield f'<div class="story story-of-{escape(story.kind)} mathjax_ignore tex2jax_ignore">'
    yield f"<h3{_class(story.headline)}>{_text(story.headline.text)}</h3>"
    for fact in story.lines:
        yield f"<p{_class(fact)}>{_text(fact.text)}</p>"
    for section in story.sections:
        yield f"<h4>{_text(section.title)}</h4>"
        yield from _section(section)
    yield "</div>"


def _section(section: Section) -> Iterator[str]:
    rows = [fact for fact in section.facts if fact.cells]
    if rows:
        yield '<div class="story-scroll"><table><thead><tr>'
        yield from (f"<th>{_text(name)}</th>" for name in section.columns)
        yield "</tr></thead><tbody>"
        for fact in rows:
            yield f"<tr{_class(fact)}>"
            yield from (f"<td>{_text(cell)}</td>" for cell in fact.cells)
            yield "</tr>"
        yield "</tbody></table></div>"
    rest = [fact for fact in section.facts if not fact.cells]
    rest += [detail for fact in rows for detail in fact.details]
    yield from _list(tuple(rest))


def _list(facts: tuple[Fact, ...]) -> Iterator[str]:
    if not facts:
        return
    yield "<ul>"
    for fact in facts:
        yield f"<li{_class(fact)}>"
        if fact.folded:
            yield f"<details><summary>{_text(fact.text)}</summary>"
            yield from _list(fact.folded)
            yield "</details>"
        else:
            yield _text(fact.text)
        yield from _list(fact.details)
        yield "</li>"
    yield "</ul>"


def _class(fact: Fact) -> str:
    return f' class="story-{fact.mark}"' if fact.mark else ""


def _text(text: str) -> str:
    return escape(printable(text))
