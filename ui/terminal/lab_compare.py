"""`parley lab faceoff`, `eras` and `paint`: what is measured beside each other, and what others' weights make."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def faceoff(
    makers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHAT]...", help="Ids of trainings; Parley's own by default."),
    ] = None,
    judge: Annotated[
        str, typer.Option("--judge", help="Whose features measure: a training of a classifier.")
    ] = "classifier",
    samples: Annotated[int, typer.Option("--samples", "-n", help="Pictures of each.")] = 1000,
    data: Annotated[
        str | None, typer.Option("--data", help="The pictures that they learnt from; those of the judge by default.")
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="Their pictures side by side, as a .png; all of it as one .html file."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Measure GAN, VAE and diffusion in one feature space, beside real pictures.

    Example: parley lab faceoff --samples 10000 --output side-by-side.html
    """
    from assistant.errors import BadSettings
    from assistant.runs import Runs
    from demos.faceoff import markdown, packed
    from ui import lab
    from ui.lab_faceoff import beside_each_other, face_off, file_of, shipped
    from ui.terminal.output import waiting, write, write_json

    runs = Runs()
    if output is not None:
        lab.refuse_folder(output)
        if output.suffix.lower() not in (".png", ".html", ".htm"):
            raise BadSettings(f"{output.name} is no name for it.", hint="It should end in .png or .html.")
    with waiting("reading the pictures") as saying:
        done = []

        def drawing(pictures: int) -> None:
            saying(f"the next one draws: {pictures:,} of {samples:,} pictures")

        for each in face_off(runs, makers or shipped(), judge, count=samples, data=data, tell=drawing):
            done.append(each)
            saying(f"{each.title}: measured")
    if as_json:
        write_json([packed(each) for each in done])
    else:
        write(markdown(done))
    if output is not None:
        drawn = output.suffix.lower() == ".png"
        made = beside_each_other([each.sheet for each in done]) if drawn else file_of(done).encode()
        lab.write_bytes(output, made)


def eras(
    text: Annotated[str, typer.Argument(help="A sentence that all four judge.")] = "",
    rows: Annotated[
        Path | None,
        typer.Option(
            "--rows",
            metavar="FILE",
            help="Texts with labels, positive or negative, to learn from; else what comes with Parley.",
        ),
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", metavar="FILE", help="Others, to be measured on.")] = None,
    save: Annotated[
        Path | None, typer.Option("--save", metavar="FOLDER", help="Where to keep what statistics and LSTM learnt.")
    ] = None,
    kept: Annotated[
        Path | None,
        typer.Option("--kept", metavar="FOLDER", help="What --save has kept, in place of what comes with Parley."),
    ] = None,
    curves: Annotated[bool, typer.Option("--curves", help="Also learn from the first 100, 1,000 and 10,000.")] = False,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The transformer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object a line.")] = False,
) -> None:
    """Four eras of language technology on sentiment: rules, statistics, deep learning, the transformer.

    Examples:

    parley lab eras "Not bad at all, but far too long."

    parley lab eras --rows train.csv --test dev.csv --curves

    parley lab eras --rows train.csv --save mine, then parley lab eras "Not bad." --kept mine
    """
    from dataclasses import asdict

    from assistant.errors import BadSettings
    from ui import lab, lab_eras
    from ui.terminal.output import note, write, write_json
    from ui.terminal.texts import use_models

    if save is not None:
        if rows is None or text.strip() or test:
            raise BadSettings("--save keeps what is learnt from --rows.", hint="Give --rows and --save alone.")
        lab_eras.keep(rows, save)
        note(f"{save} has it.")
        return
    if kept is not None and rows is not None:
        raise BadSettings("--kept has learnt already.", hint="Give --rows or --kept.")
    if bool(text.strip()) == bool(test):
        raise BadSettings("Give a sentence, or --test with a table.", hint="`parley lab eras --help` has examples.")
    with use_models("sentiment", model) as assistant, lab.mapped():
        train = lab_eras.read_rows(rows) if rows else []
        made = lab_eras.makers(assistant, model, kept)
        if text.strip():
            for name, sure, looked in lab_eras.judged(made, train, text):
                if as_json:
                    write_json({"era": name, "positive": sure, "words": looked})
                else:
                    moved = sorted(looked, key=lambda pair: -abs(pair[1]))[:4]
                    said = ", ".join(f"{word} {weight:+.2f}" for word, weight in moved if weight)
                    write(f"{name:<14} {'for' if sure >= 0.5 else 'against':<8} {sure:>4.0%}  {said}\n")
            return
        assert test is not None  # noqa: S101 - there is no text
        for era in lab_eras.compared(made, train, lab_eras.read_rows(test), curves=curves):
            if as_json:
                write_json(asdict(era))
                continue
            found = era.measured
            curve = "".join(f"  {size:,}: {accuracy:.1%}" for size, accuracy in era.curve.items())
            learnt = f", learnt in {found.learnt_seconds:.1f} s" if found.learnt_seconds else ""
            pace = f"{found.texts_a_second:,.0f} texts/s  {found.weights:,} weights"
            write(f"{era.name:<14} {found.accuracy:.1%}  {pace}{learnt}{curve}\n")


def paint(
    prompt: Annotated[str, typer.Argument(help="What is to be seen.")],
    model: Annotated[str, typer.Option("--model", "-m", help="Catalogue key, Hub id, or folder of a pipeline.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="A .png.")] = Path("painted.png"),
    without: Annotated[str, typer.Option("--without", help="What is not to be seen.")] = "",
    width: Annotated[int, typer.Option("--width", help="In pixels, a multiple of 8.")] = 512,
    height: Annotated[int, typer.Option("--height", help="In pixels, a multiple of 8.")] = 512,
    steps: Annotated[int, typer.Option("--steps", help="Of the diffusion.")] = 25,
    guidance: Annotated[float, typer.Option("--guidance", help="How closely the words are followed.")] = 7.0,
    seed: Annotated[int, typer.Option("--seed", help="Of the noise.")] = 0,
) -> None:
    """Paint what a sentence says, with a text-to-image pipeline. Wants a GPU.

    `parley models list --task text-to-image` shows those of the catalogue, `parley models pull KEY` fetches one.

    Example: parley lab paint "a lighthouse in the fog" --model stable-diffusion-v1-5
    """
    from assistant.catalogue import Catalogue
    from assistant.errors import BadSettings
    from demos.grids import png
    from ui import lab, lab_painting
    from ui.terminal.output import note, waiting

    lab.refuse_folder(output)
    if output.suffix.lower() != ".png":
        raise BadSettings(f"{output.name} is no name for a picture.", hint="It should end in .png.")
    with lab.mapped(), waiting("loading the model") as saying:
        from demos.text_to_image import Asked, Painter

        asked = Asked(
            prompt=prompt, without=without, width=width, height=height, steps=steps, guidance=guidance, seed=seed
        )
        asked.check()
        chosen = Painter(lab_painting.source(Catalogue.load(), model))
        made = chosen.paint(asked, lambda step: saying(f"step {step} of {steps}") or True)
    assert made is not None  # noqa: S101 - nobody stops it
    lab.write_bytes(output, png(made))
    note(f"{output} has it.")
