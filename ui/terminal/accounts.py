"""`parley accounts`: who may log in to the page."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from ui.terminal.output import note, write, write_json

app = typer.Typer(no_args_is_help=True, add_completion=False)


@app.command()
def add(
    name: Annotated[str, typer.Argument(help="Up to 32 of a-z, 0-9, dot, dash and underscore.")],
    role: Annotated[str, typer.Option(help="user: chats; admin: also trains, evaluates and changes models.")] = "user",
) -> None:
    """Add a person; the password is asked for, or read from standard input.

    Example: parley accounts add ada --role admin
    """
    from ui.accounts import Accounts

    Accounts().add(name, _password(), role)  # type: ignore[arg-type]
    note(f"{name} may log in ({role}).")


@app.command("list")
def list_accounts(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """List who may log in.

    Example: parley accounts list
    """
    from ui.accounts import Accounts

    people = Accounts().list()
    if as_json:
        write_json([{"name": each.name, "role": each.role} for each in people])
        return
    for each in people:
        write(f"{each.role:<6} {each.name}\n")
    if not people:
        note("There is nobody. `parley accounts add NAME --role admin` adds you.")


@app.command()
def password(name: Annotated[str, typer.Argument(help="Whose.")]) -> None:
    """Set a new password, which ends that person's sessions.

    Example: parley accounts password ada
    """
    from ui.accounts import Accounts

    Accounts().set_password(name, _password())
    note(f"{name} has a new password.")


@app.command()
def remove(name: Annotated[str, typer.Argument(help="Whom.")]) -> None:
    """Let a person in no more; their conversations stay in people/NAME.

    Example: parley accounts remove ada
    """
    from ui.accounts import Accounts

    Accounts().remove(name)
    note(f"{name} is let in no more.")


def _password() -> str:
    """Asked for twice at a terminal, else the first line of standard input."""
    if sys.stdin is not None and sys.stdin.isatty():
        return typer.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    return sys.stdin.readline().rstrip("\n") if sys.stdin is not None else ""
