"""``codegate route``: which accounts a model's name leads to, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import typer

from codegate import native
from codegate.accounts import store
from codegate.accounts.account import Account, from_record
from codegate.accounts.record import AccountRecord
from codegate.catalog import store as catalog_store
from codegate.catalog.catalog import shipped
from codegate.cli.command import Command
from codegate.cli.condition import Condition, Word, read_condition
from codegate.cli.output import print_json, print_table
from codegate.cli.state import AsJson, DataDir, State, opened
from codegate.errors import BadRequest, ConfigError, WrongUsage
from codegate.routing import configs
from codegate.routing.needs import IMAGES, TOOLS, WORDS
from codegate.routing.router import Plan, Routes, Survey
from codegate.routing.spend import SpendBook
from codegate.routing.strategies import Turns, order

app = typer.Typer(help="Which accounts a model's name leads to.", no_args_is_help=True)

Model = Annotated[str, typer.Argument(help="The name as a client would send it.")]
Format = Annotated[
    str | None, typer.Option("--format", help="The client's wire format; without it each.")
]
Pin = Annotated[
    str | None, typer.Option("--account", help="As if the client sent x-codegate-account.")
]


Images = Annotated[bool, typer.Option("--images", help="As if the request held images.")]
Tools = Annotated[bool, typer.Option("--tools", help="As if the request brought tools.")]


@app.command()
def explain(
    model: Model,
    format_: Format = None,
    account: Pin = None,
    images: Images = False,
    tools: Tools = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show which accounts would be tried for a model, in order, and why not the others."""
    if format_ is not None and format_ not in native.FORMATS:
        raise WrongUsage(f"{format_!r} is not a format; use {' or '.join(native.FORMATS)}")
    with opened(data_dir) as state:
        records, routes = _load(state)
        condition = read_condition(state)
    needs = (IMAGES if images else "") + (TOOLS if tools else "")
    found = [
        _route(routes, records, condition, wire_format, model, account, needs)
        for wire_format in ([format_] if format_ else native.FORMATS)
    ]
    if as_json:
        print_json({"model": model, "routes": [_view(route) for route in found]})
        return
    for number, route in enumerate(found):
        if number:
            typer.echo("")
        typer.echo(f"{route.wire_format}: {route.survey.model}: {route.survey.rule}")
        typer.echo(f"strategy: {route.survey.strategy}")
        print_table(
            ("order", "account", "model", "images", "tools", "state", "until", "why"),
            [
                (
                    *(line.rank, line.account, line.model, line.has(IMAGES), line.has(TOOLS)),
                    *(line.word.state, line.word.until, line.why),
                )
                for line in route.lines
            ],
            "No account yet: codegate accounts add NAME --provider P --api-key-stdin",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One account; ``rank`` counts those that would be tried from 1."""

    rank: int | None
    account: str
    model: str | None
    word: Word
    why: str
    abilities: str = ""

    def has(self, ability: str) -> bool | None:
        """Whether the model has it there; ``None`` where nobody knows."""
        return (
            True
            if ability.upper() in self.abilities
            else False
            if ability in self.abilities
            else None
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """What one format's clients would get."""

    wire_format: str
    survey: Survey
    lines: tuple[Line, ...]


def _load(state: State) -> tuple[dict[str, AccountRecord], Routes]:
    vault = state.vault
    with state.database.read() as connection:
        records = store.load_all(connection, vault)
        limits, prices = catalog_store.load(connection)
        aliases = catalog_store.load_aliases(connection)
        active = [c for c in configs.load_all(connection) if c.is_active]
    accounts = tuple(a for a in map(_usable, records) if a is not None)
    routes = Routes(
        accounts=accounts,
        aliases=aliases,
        catalog=shipped().with_overrides(limits, prices),
        config=active[0] if active else None,
        unused=frozenset(r.name for r in records) - {a.name for a in accounts},
    )
    return {record.name: record for record in records}, routes


def _usable(record: AccountRecord) -> Account | None:
    try:
        return from_record(record) if record.is_enabled else None
    except ConfigError:
        return None


def _route(
    routes: Routes,
    records: Mapping[str, AccountRecord],
    condition: Condition,
    wire_format: str,
    model: str,
    pin: str | None,
    needs: str,
) -> Route:
    try:
        survey = routes.survey(wire_format=wire_format, model=model, pin=pin)
    except BadRequest as error:
        raise ConfigError(error.message) from None
    spend = SpendBook()
    spend.load(condition.sums)
    upstreams = tuple(e.upstream for e in survey.entries if e.upstream is not None)
    reasons = {id(e.upstream): e.why for e in survey.entries}
    fitting = survey.plan().fitting(needs).upstreams if upstreams else ()
    plan = Plan(upstreams=upstreams, strategy=survey.strategy, group=survey.group)
    tried: list[Line] = []
    passed_over: list[Line] = []
    for upstream in order(plan, Turns(), spend):
        word = condition.word(records[upstream.account.name])
        is_left = word.is_away or upstream not in fitting
        why = reasons[id(upstream)]
        if upstream not in fitting:
            why = " and ".join(WORDS[need] for need in upstream.lacks(needs))
        line = Line(
            rank=None if is_left else len(tried) + 1,
            account=upstream.account.name,
            model=upstream.model,
            word=word,
            why=why,
            abilities=upstream.abilities,
        )
        (passed_over if is_left else tried).append(line)
    left_out = {e.account: e.why for e in survey.entries if e.upstream is None}
    named = {e.account for e in survey.entries}
    left_out |= {name: "not in use" for name in records if name not in named}
    rest = [
        Line(
            rank=None,
            account=name,
            model=None,
            word=condition.word(records[name]) if name in records else Word(state="removed"),
            why=why,
        )
        for name, why in left_out.items()
    ]
    return Route(wire_format=wire_format, survey=survey, lines=(*tried, *passed_over, *rest))


def _view(route: Route) -> dict[str, object]:
    return {
        "format": route.wire_format,
        "model": route.survey.model,
        "rule": route.survey.rule,
        "strategy": route.survey.strategy,
        "pinned": route.survey.is_pinned,
        "accounts": [
            {
                "order": line.rank,
                "account": line.account,
                "model": line.model,
                "images": line.has(IMAGES),
                "tools": line.has(TOOLS),
                "state": line.word.state,
                "until": line.word.until,
                "reason": line.word.reason,
                "why": line.why,
            }
            for line in route.lines
        ],
    }


COMMAND = Command(register=lambda parent: parent.add_typer(app, name="route"))
