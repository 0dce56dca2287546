"""``catalyst mlflow``: MLflow's pages over what was compared and swept."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from catalyst.cli.asked import console

EPILOG = """
**Examples**

    catalyst mlflow                          # what is under CATALYST_HOME, or MLFLOW_TRACKING_URI
    catalyst mlflow --port 5050 --open
    catalyst mlflow --experiment earnings    # the address of another experiment
"""


def command(
    *,
    experiment: Annotated[
        str, typer.Option(help="The experiment whose address is told.")
    ] = "catalyst",
    port: Annotated[
        int | None,
        typer.Option(min=1, max=65535, help="Where to listen; default the first free from 5000."),
    ] = None,
    open_: Annotated[bool, typer.Option("--open", help="Show it in the browser.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the address as JSON.")] = False,
) -> None:
    """Start MLflow's pages on this machine's own address, until Ctrl-C.

    The address told shows the newest comparison.
    Runs that a killed process left open are settled first. It takes half a minute and half a
    gigabyte; what MLflow would report of its use is switched off.
    """
    from catalyst.research.tracking import is_served, settle, shown_uri, store_uri
    from catalyst.research.tracking_server import HOST, free_port, page_of, server

    uri = store_uri()

    def told(address: str) -> None:
        page = f"{address}/{path}"
        typer.echo(json.dumps({"address": page}) if as_json else page)
        if open_:
            typer.launch(page)

    with console().status("opening MLflow ...") as status:
        settle(tell=lambda text: status.update(f"{text} ..."))
        path = page_of(experiment)
        if is_served(uri):
            told(shown_uri(uri).rstrip("/"))
            return
        chosen = free_port(port)
        status.update("starting MLflow's pages, for half a minute ...")
        with server(uri, chosen) as running:
            status.stop()
            told(f"http://{HOST}:{chosen}")
            console().print("Ctrl-C ends it", highlight=False)
            try:
                running.wait()
            except KeyboardInterrupt:
                raise typer.Exit from None
