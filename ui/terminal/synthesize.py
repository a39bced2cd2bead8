"""`parley data synthesize`: training data that a chat model writes."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ui.terminal.output import note, waiting


def synthesize(
    description: Annotated[str, typer.Argument(help="What the rows are: “mails of customers to a telephone shop”.")],
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="JSON lines; what is there stays.")],
    count: Annotated[int, typer.Option("--count", "-n", min=1, help="Rows.")] = 100,
    labels: Annotated[
        str, typer.Option(help="For a classifier: billing,repair, or 'billing=invoices, refunds;repair=broken phones'.")
    ] = "",
    samples: Annotated[Path | None, typer.Option(metavar="FILE", help="A few good rows, to write alike.")] = None,
    tests: Annotated[Path | None, typer.Option("--test", metavar="FILE", help="Rows that must not come out.")] = None,
    model: Annotated[str | None, typer.Option(help="The chat model that writes.")] = None,
    check: Annotated[str | None, typer.Option(help="The second model; for labels the encoder unless named.")] = None,
    agreed_only: Annotated[bool, typer.Option(help="Leave out what the second model holds for wrong.")] = False,
    seed: Annotated[int, typer.Option(help="Another draw.")] = 0,
) -> None:
    """Let a chat model write training data: texts under labels, or questions with their answers.

    Near-duplicates and what stands in the test file are left out, and a second model says what share it agrees with.
    Ctrl-C ends it; what was written stays, and the next call adds to it.

    Examples:

    parley data synthesize "mails of customers to a shop" --labels billing,repair,delivery -n 60 -o mails.jsonl

    parley data synthesize "You are a ship's captain of few words." --samples captain.jsonl -o more.jsonl
    """
    from contextlib import closing

    from assistant.service import Assistant
    from finetune.synthesis import Tally, Wanted, labels_of, synthesize

    tally = Tally()
    wanted = Wanted(
        description, count, labels_of(labels), samples, tests, model, check, agreed_only=agreed_only, seed=seed
    )
    with closing(Assistant()) as assistant, waiting("loading the model") as saying:
        try:
            for _ in synthesize(assistant, wanted, tally, output):
                saying(f"{tally.kept:,} of {count:,} rows")
        except KeyboardInterrupt:
            note(f"Stopped with {tally.kept:,} rows in {output}.")
            raise
        finally:
            note(str(tally), style="dim")
    typer.echo(output)
