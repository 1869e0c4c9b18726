"""``codegate limits``: what models can do."""

from __future__ import annotations

from typing import Annotated

import typer

from codegate.catalog import store
from codegate.catalog.catalog import Limit, shipped
from codegate.cli.command import Command
from codegate.cli.overrides import All, Model, drop_own, print_entries
from codegate.cli.state import AsJson, DataDir, opened

_MAX = 2**53 - 1
"""The largest whole number that every reader of JSON keeps."""

app = typer.Typer(help="What models can do.", no_args_is_help=True)


@app.command("list")
def list_(
    all_: All = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List your own limits, or with --all every known one."""
    with opened(data_dir) as state, state.database.read() as connection:
        own, _ = store.load(connection)
    items = [_view(model, limit, "own") for model, limit in own.items()]
    if all_:
        items += [_view(m.name, m.limit, "shipped") for m in shipped().models.values()]
    print_entries(items, "limit", as_json=as_json)


@app.command("set")
def set_(
    model: Model,
    max_output: Annotated[
        int | None, typer.Option(help="Most output tokens.", min=1, max=_MAX)
    ] = None,
    tools: Annotated[bool | None, typer.Option(help="Whether it calls tools.")] = None,
    reasoning: Annotated[bool | None, typer.Option(help="Whether it reasons.")] = None,
    vision: Annotated[bool | None, typer.Option(help="Whether it sees images.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Set what a model can do; what is not named stays as it was."""
    if max_output is None and tools is None and reasoning is None and vision is None:
        raise typer.BadParameter("name a limit: --max-output, --tools, --reasoning or --vision")
    with opened(data_dir) as state, state.database.change() as connection:
        before = store.load(connection)[0].get(model, Limit())
        store.put_limit(
            connection,
            model,
            Limit(
                max_output=before.max_output if max_output is None else max_output,
                has_tools=before.has_tools if tools is None else tools,
                has_reasoning=before.has_reasoning if reasoning is None else reasoning,
                has_vision=before.has_vision if vision is None else vision,
            ),
        )
    typer.echo(f"Set the limits of {model}.")


@app.command()
def unset(model: Model, data_dir: DataDir = None) -> None:
    """Take your own limits of a model away."""
    drop_own(data_dir, model, "limit", store.drop_limit)


def _view(model: str, limit: Limit, source: str) -> dict[str, object]:
    return {
        "model": model,
        "max_output": limit.max_output,
        "tools": limit.has_tools,
        "reasoning": limit.has_reasoning,
        "vision": limit.has_vision,
        "source": source,
    }


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="limits"))
