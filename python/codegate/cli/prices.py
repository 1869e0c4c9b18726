"""``codegate prices``: what models cost."""

from __future__ import annotations

from typing import Annotated

import typer

from codegate.catalog import store
from codegate.catalog.catalog import shipped
from codegate.catalog.price import Price, as_per_million, per_million
from codegate.cli.command import Command
from codegate.cli.overrides import All, Model, drop_own, print_entries
from codegate.cli.state import AsJson, DataDir, opened

app = typer.Typer(help="What models cost, in USD per million tokens.", no_args_is_help=True)

UsdPerMillion = Annotated[str | None, typer.Option(metavar="USD", help="Per million tokens.")]


@app.command("list")
def list_(
    all_: All = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List your own prices, or with --all every known one."""
    with opened(data_dir) as state, state.database.read() as connection:
        _, own = store.load(connection)
    items = [_view(model, price, "own") for model, price in own.items()]
    if all_:
        items += [
            _view(m.name, m.price, f"shipped {shipped().checked}")
            for m in shipped().models.values()
            if m.price is not None
        ]
    print_entries(items, "price", as_json=as_json)


@app.command("set")
def set_(
    model: Model,
    input_: Annotated[str, typer.Option("--input", metavar="USD", help="Per million tokens.")],
    output: Annotated[str, typer.Option(metavar="USD", help="Per million tokens.")],
    cache_read: UsdPerMillion = None,
    cache_write: UsdPerMillion = None,
    data_dir: DataDir = None,
) -> None:
    """Set what a model costs. Cache tokens without a price of their own cost what input does."""
    price = Price(
        input=per_million(input_),
        output=per_million(output),
        cache_read=None if cache_read is None else per_million(cache_read),
        cache_write=None if cache_write is None else per_million(cache_write),
    )
    with opened(data_dir) as state, state.database.change() as connection:
        store.put_price(connection, model, price)
    typer.echo(f"Set the price of {model}.")


@app.command()
def unset(model: Model, data_dir: DataDir = None) -> None:
    """Take your own price of a model away."""
    drop_own(data_dir, model, "price", store.drop_price)


def _view(model: str, price: Price, source: str) -> dict[str, object]:
    return {
        "model": model,
        "input": as_per_million(price.input),
        "output": as_per_million(price.output),
        "cache_read": None if price.cache_read is None else as_per_million(price.cache_read),
        "cache_write": None if price.cache_write is None else as_per_million(price.cache_write),
        "source": source,
    }


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="prices"))
