"""``codegate keys``: the keys that stored secrets are encrypted with."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from codegate.cli.command import Command
from codegate.cli.key_copies import export_keys, import_keys
from codegate.cli.output import print_fields, print_json
from codegate.cli.state import AsJson, DataDir, opened
from codegate.crypto.vault import rotate as rotate_account
from codegate.guardrails.keys import rotate as rotate_guardrail

app = typer.Typer(help="The keys that stored secrets are encrypted with.", no_args_is_help=True)


class Which(StrEnum):
    """The keys that can be replaced."""

    ACCOUNT = "account"
    GUARDRAIL = "guardrail"


@app.callback()
def keys() -> None:
    """The keys that stored secrets are encrypted with."""


@app.command()
def rotate(
    which: Annotated[Which, typer.Argument(help="What the key is for.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Replace a key and encrypt everything anew, also while the proxy runs.

    Copies of the database made before need the key that was in force then. With a new guardrail
    key every value gets a new token, once; portable tokens made before open for 30 more days.
    """
    result: dict[str, object] = {"key": which.value}
    with opened(data_dir) as state:
        if which is Which.GUARDRAIL:
            old, new = rotate_guardrail(state.data_dir, state.config.guardrail_passphrase)
            with state.database.change():
                # Only to let a running proxy know.
                pass
            result |= {"old_key_id": old, "new_key_id": new}
        else:
            old, new, count = rotate_account(state.database, state.config.account_passphrase)
            result |= {"old_key_id": old, "new_key_id": new, "values": count}
    if as_json:
        print_json(result)
    else:
        print_fields(result)


app.command("export")(export_keys)
app.command("import")(import_keys)

COMMAND = Command(register=lambda parent: parent.add_typer(app, name="keys"))
