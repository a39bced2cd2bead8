"""`parley lab`: the five generative architectures, trained and sampled."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, help="See generative models learn and make.")

Which = Annotated[
    str, typer.Argument(metavar="WHAT", help="rnn, transformer, gan, vae, diffusion; or the id of a training.")
]


@app.command()
def train(
    architecture: Annotated[
        str, typer.Argument(metavar="ARCHITECTURE", help="rnn, transformer, gan, vae, diffusion or classifier.")
    ],
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings: steps=500 data=digits seed=1")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it and return.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object when it is done.")] = False,
) -> None:
    """Train an architecture. Ctrl-C pauses it; `parley runs resume` goes on.

    data is fashion (Fashion-MNIST), digits, or a folder of pictures; for rnn and transformer tales or a file of text.

    Examples:

    parley lab train vae data=digits steps=500

    parley lab train gan loss=wgan-gp critic_steps=3
    """
    from assistant.runs import Runs
    from finetune.settings import read_pairs
    from ui import lab
    from ui.terminal.watching import see_through

    runs = Runs()
    run = lab.create(runs, architecture, read_pairs(pairs or []))
    see_through(runs, run, detach=detach, as_json=as_json)


@app.command()
def sample(
    what: Which,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="A .png, or a .gif of how they come to be.")
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", help="Pictures, or characters of a text.")] = 0,
    label: Annotated[str, typer.Option("--label", "-l", help="A class: dress, sneaker, …")] = "",
    begin: Annotated[str, typer.Option("--begin", help="What a text begins with.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Of the noise.")] = 0,
    steps: Annotated[int, typer.Option("--steps", help="Of a diffusion.")] = 20,
    guidance: Annotated[float, typer.Option("--guidance", help="Of a diffusion, towards the class; 1 is none.")] = 1.5,
    sampler: Annotated[str, typer.Option("--sampler", help="Of a diffusion: ddim, ddpm or dpm-solver.")] = "ddim",
    temperature: Annotated[float, typer.Option("--temperature", help="Of a text; 0 takes the likeliest.")] = 0.7,
) -> None:
    """Make pictures (to a file) or text (to stdout).

    Examples:

    parley lab sample diffusion --label dress --output dresses.png

    parley lab sample rnn --begin "On Monday"
    """
    from assistant.runs import Runs
    from demos.sampling import Wish
    from ui import lab
    from ui.terminal.output import note, write

    with lab.mapped():
        chosen, folder = lab.weights(Runs(), what)
        if chosen.learns == "text":
            for piece in chosen.load(folder).write(begin, count or 400, temperature=temperature, seed=seed):
                write(piece)
            write("\n")
            return
        wish = Wish(count=count or 16, label=label, seed=seed, steps=steps, guidance=guidance, sampler=sampler)
        path = output or Path(f"{chosen.name}.png")
        lab.write_bytes(path, lab.picture(chosen, folder, wish, path.suffix[1:].lower()))
    note(f"{path} has them.")


@app.command()
def faceoff(
    makers: Annotated[
        list[str] | None,
        typer.Argument(metavar="[WHAT]...", help="Ids of trainings; Parley's own GAN, VAE and diffusion by default."),
    ] = None,
    judge: Annotated[
        str, typer.Option("--judge", help="Whose features measure: a training of a classifier.")
    ] = "classifier",
    samples: Annotated[int, typer.Option("--samples", "-n", help="Pictures of each.")] = 2000,
    data: Annotated[str, typer.Option("--data", help="The pictures that they learnt from.")] = "fashion",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Their pictures side by side, as a .png.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object.")] = False,
) -> None:
    """Measure GAN, VAE and diffusion in one feature space, beside real pictures.

    Example: parley lab faceoff --samples 10000 --output side-by-side.png
    """
    from assistant.errors import BadSettings
    from assistant.runs import Runs
    from demos import images
    from demos.faceoff import compete, markdown, packed
    from ui import lab
    from ui.terminal.output import waiting, write, write_json

    runs = Runs()
    if output is not None:
        lab.refuse_folder(output)
        if output.suffix.lower() != ".png":
            raise BadSettings(f"{output.name} is no name for a picture.", hint="It should end in .png.")
    with lab.mapped(), waiting("reading the pictures") as saying:
        chosen, folder = lab.weights(runs, judge)
        if chosen.name != "classifier":
            raise BadSettings(f"{judge} is no classifier.", hint="parley lab train classifier makes one.")
        known = chosen.load(folder)
        found = [lab.weights(runs, name) for name in makers or ("gan", "vae", "diffusion")]
        train, test = (images.load(data, split, home=lab.data_folder()) for split in ("train", "test"))
        folders = {each.name: place for each, place in found}
        if len(folders) < len(found):
            raise BadSettings("Two of one architecture cannot be told apart here.", hint="Name one of each.")
        lab.refuse_others(train, folder, *folders.values())
        done = []
        for each in compete(folders, known, train, test, count=samples):
            done.append(each)
            saying(f"{each.name} is measured")
    if as_json:
        write_json([packed(each) for each in done])
    else:
        write(markdown(done))
    if output is not None:
        lab.write_bytes(output, lab.beside_each_other([each.sheet for each in done]))


@app.command()
def eras(
    text: Annotated[str, typer.Argument(help="A sentence that all four judge.")] = "",
    rows: Annotated[
        Path | None,
        typer.Option("--rows", metavar="FILE", help="Texts with labels, positive or negative, to learn from."),
    ] = None,
    test: Annotated[Path | None, typer.Option("--test", metavar="FILE", help="Others, to be measured on.")] = None,
    curves: Annotated[bool, typer.Option("--curves", help="Also learn from the first 100, 1,000 and 10,000.")] = False,
    model: Annotated[str | None, typer.Option("--model", "-m", help="The transformer.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object a line.")] = False,
) -> None:
    """Four eras of language technology on sentiment: rules, statistics, deep learning, the transformer.

    Examples:

    parley lab eras "Not bad at all, but far too long."

    parley lab eras --rows train.csv --test dev.csv --curves
    """
    from dataclasses import asdict

    from assistant.errors import BadSettings
    from ui import lab, lab_eras
    from ui.terminal.output import write, write_json
    from ui.terminal.texts import use_models

    if bool(text.strip()) == bool(test):
        raise BadSettings("Give a sentence, or --rows with --test.", hint="`parley lab eras --help` has examples.")
    with use_models("sentiment", model) as assistant, lab.mapped():
        train = lab_eras.read_rows(rows) if rows else []
        made = lab_eras.makers(assistant, model)
        if text.strip():
            for name, sure, looked in lab_eras.judged(made, train, text):
                if as_json:
                    write_json({"era": name, "positive": sure, "words": looked})
                else:
                    moved = sorted(looked, key=lambda pair: -abs(pair[1]))[:4]
                    said = ", ".join(f"{word} {weight:+.2f}" for word, weight in moved if weight)
                    write(f"{name:<14} {'for' if sure >= 0.5 else 'against':<8} {sure:>4.0%}  {said}\n")
            return
        if not train or test is None:
            raise BadSettings("There is nothing to learn from.", hint="Give --rows as well.")
        for era in lab_eras.compared(made, train, lab_eras.read_rows(test), curves=curves):
            if as_json:
                write_json(asdict(era))
                continue
            found = era.measured
            curve = "".join(f"  {size:,}: {accuracy:.1%}" for size, accuracy in era.curve.items())
            write(
                f"{era.name:<14} {found.accuracy:.1%}  {found.texts_a_second:,.0f} texts/s, "
                f"learnt in {found.learnt_seconds:.1f} s{curve}\n"
            )
