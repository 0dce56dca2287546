"""Every command, its options and examples, as the second half of ``docs/command-line.md``.

``python -m catalyst.cli.reference`` writes that half anew; a test holds the two equal.
"""

from __future__ import annotations

import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

# typer keeps the classes of its commands to itself.
Typers = Any
_WIDTH = 120
#: Where the written part of the page ends.
MARK = "<!-- Below here: python -m catalyst.cli.reference -->\n"


def reference() -> str:
    """Return the reference in Markdown."""
    from catalyst.cli.app import app

    return "\n".join(_section(path, one) for path, one in commands(typer.main.get_command(app)))


def commands(group: Typers, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Typers]]:
    """Walk the tree of commands; a group is among them if it does something by itself."""
    for name, found in sorted(group.commands.items()):
        below = hasattr(found, "commands")
        if not below or found.invoke_without_command:
            yield (*path, name), found
        if below:
            yield from commands(found, (*path, name))


def examples(command: Typers) -> list[str]:
    """Return the lines of a command's examples, one example a line."""
    text = re.sub(r"\\\n\s*", "", command.epilog or "")
    return [line.strip() for line in text.splitlines() if line.startswith("    catalyst ")]


def _section(path: tuple[str, ...], command: Typers) -> str:
    parameters = [one for one in command.params if one.name != "help" and not one.hidden]
    told = textwrap.dedent(command.help or "").split("\n\n")
    lines = [f"### catalyst {' '.join(path)}", ""]
    lines += [f"{textwrap.fill(_flowing(part), _WIDTH)}\n" for part in told]
    if parameters:
        lines += ["| | |", "|---|---|", *map(_row, parameters), ""]
    lines += [f"    {line}" for line in examples(command)]
    return "\n".join([*lines, ""])


def _row(parameter: Typers) -> str:
    if parameter.param_type_name == "argument":
        name = f"`{parameter.name.upper().rstrip('_')}`"
    else:
        name = ", ".join(f"`{option}`" for option in [*parameter.opts, *parameter.secondary_opts])
    told = _flowing(parameter.help).replace("|", "\\|")
    plain = isinstance(parameter.default, str | int | float) and not isinstance(
        parameter.default, bool
    )
    default = f" Default `{parameter.default}`." if plain and parameter.default != "" else ""
    return f"| {name} | {told}{default} |"


def _flowing(text: str | None) -> str:
    return " ".join((text or "").split())


if __name__ == "__main__":
    page = Path(__file__).parents[2] / "docs" / "command-line.md"
    written, mark, _ = page.read_text(encoding="utf-8").partition(MARK)
    page.write_text(f"{written}{mark}\n{reference()}", encoding="utf-8")
    sys.stdout.write(f"wrote {page}\n")
