"""``catalyst params``: every number that can be set, and how variants differ."""

from __future__ import annotations

import json
from typing import Annotated

import typer

EPILOG = """
**Examples**

    catalyst params                                  # every number with its range and meaning
    catalyst params --variant thin                   # the same of thin; first, where it differs
    catalyst params --variant my.yaml --diff thin    # only what differs from thin
    catalyst params --set screen.price_max=1000 --json
"""


def command(
    *,
    variant: Annotated[
        str, typer.Option(help="Bundled variant (spec, daily, thin, ...) or a YAML file.")
    ] = "spec",
    diff: Annotated[
        str | None, typer.Option(help="Show only what differs from this variant.")
    ] = None,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", help="One field, such as screen.price_max=1000; may be repeated."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """List every number of the strategy with its range and meaning, and the components."""
    from catalyst.data.param_story import param_story
    from catalyst.data.variants import load

    params = load(variant, settings=settings or [])
    story = param_story(params, load(diff or "spec"), whole=diff is None)
    if as_json:
        typer.echo(json.dumps(story.as_json(), indent=2))
    else:
        from rich.console import Console
        from rich.text import Text

        from catalyst.data.story_text import lines

        console = Console()
        styles = {"headline": "bold", "title": "bold", "columns": "dim"}
        for line in lines(story, console.width):
            console.print(Text(line.text, styles.get(line.style, "")), soft_wrap=True)
