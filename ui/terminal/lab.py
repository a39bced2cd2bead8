"""`parley lab`: the lab's architectures, trained, sampled and looked into."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from demos.architectures import ARCHITECTURES, GUIDANCE
from ui.terminal import lab_compare

app = typer.Typer(no_args_is_help=True, add_completion=False, help="See generative models learn and make.")

Which = Annotated[str, typer.Argument(metavar="WHAT", help=f"{', '.join(ARCHITECTURES)}; or the id of a training.")]


@app.command()
def train(
    architecture: Annotated[
        str,
        typer.Argument(metavar="ARCHITECTURE", help=f"{', '.join(ARCHITECTURES)}; or a training's id, to go further"),
    ],
    pairs: Annotated[
        list[str] | None, typer.Argument(metavar="[KEY=VALUE]...", help="Settings: steps=500 data=digits seed=1")
    ] = None,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Start it and return.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one object when it is done.")] = False,
) -> None:
    """Train an architecture. Ctrl-C pauses it; `parley runs resume` goes on.

    data is fashion (Fashion-MNIST), digits, or a folder of pictures; for rnn and transformer tales or a file of text;
    for a translator phrases or a table of two columns; for a forecaster waves or a table with numbers.

    Examples:

    parley lab train vae data=digits steps=500

    parley lab train gan loss=wgan-gp critic_steps=3

    parley lab train last steps=2000
    """
    from assistant.runs import Runs
    from demos.lesson import Config
    from finetune.settings import read_pairs
    from ui import lab
    from ui.terminal.watching import see_through

    runs = Runs()
    run = lab.create(runs, architecture, read_pairs(pairs or [], Config))
    see_through(runs, run, detach=detach, as_json=as_json)


@app.command()
def sample(
    what: Which,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A .png, or a .gif: a diffusion's steps, of others draw after draw; or for a text."
        ),
    ] = None,
    count: Annotated[int, typer.Option("--count", "-n", min=0, help="Pictures, or characters of a text.")] = 0,
    label: Annotated[str, typer.Option("--label", "-l", help="A class: dress, sneaker, …")] = "",
    begin: Annotated[str, typer.Option("--begin", help="What a text begins with.")] = "",
    seed: Annotated[int, typer.Option("--seed", help="Of the noise.")] = 0,
    steps: Annotated[int, typer.Option("--steps", help="Of a diffusion.")] = 20,
    guidance: Annotated[
        float, typer.Option("--guidance", help="Of a diffusion, towards the class; 1 is none.")
    ] = GUIDANCE,
    sampler: Annotated[str, typer.Option("--sampler", help="Of a diffusion: ddim, ddpm or dpm-solver.")] = "ddim",
    temperature: Annotated[float, typer.Option("--temperature", help="Of a text; 0 takes the likeliest.")] = 0.7,
) -> None:
    """Make pictures (to a file) or text (to stdout, or to a file).

    Examples:

    parley lab sample diffusion --label dress --output dresses.png

    parley lab sample rnn --begin "On Monday"
    """
    from assistant.errors import BadSettings
    from assistant.runs import Runs
    from demos.sampling import Wish
    from ui import lab
    from ui.lab_making import ENDINGS, picture
    from ui.terminal.output import note, write

    if output is not None:
        lab.refuse_folder(output)
    with lab.mapped():
        chosen, folder = lab.weights(Runs(), what)
        wish = Wish(count=count or 16, label=label, seed=seed, steps=steps, guidance=guidance, sampler=sampler)
        wish.check()
        if chosen.makes == "text":
            if output is not None and output.suffix[1:].lower() in ENDINGS:
                raise BadSettings(f"{chosen.title} writes text, no picture.", hint="Name a .txt.")
            pieces = chosen.load(folder).write(begin, count or 400, temperature=temperature, seed=seed)
            if output is not None:
                lab.write_bytes(output, ("".join(pieces) + "\n").encode())
                note(f"{output} has it.")
                return
            for piece in pieces:
                write(piece)
            write("\n")
            return
        path = output or Path(f"{chosen.name}.png")
        lab.write_bytes(path, picture(chosen, folder, wish, path.suffix[1:].lower()))
    note(f"{path} has them.")


@app.command()
def look(
    what: Which,
    name: Annotated[str, typer.Argument(metavar="[LOOK]", help="What to look at; without one, what there is.")] = "",
    text: Annotated[str, typer.Option("--text", "-t", help="What it reads.")] = "",
    picture: Annotated[Path | None, typer.Option("--picture", "-p", help="A picture of your own.")] = None,
    other: Annotated[Path | None, typer.Option("--other", help="A second one.")] = None,
    mask: Annotated[Path | None, typer.Option("--mask", help="A picture, white where something is to be made.")] = None,
    amount: Annotated[float | None, typer.Option("--amount", "-a", help="How much: noise, times, …")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Of the noise.")] = 0,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to: one .html file, or a .png of its last pictures.")
    ] = None,
) -> None:
    """Look inside: the state of a recurrent network, attention, a VAE's map, a hole filled.

    Examples:

    parley lab look transformer attention --text "Mara came to the mill." --output attention.html

    parley lab look diffusion fill --picture me.png --mask hole.png --output filled.png
    """
    from assistant.errors import BadSettings
    from assistant.runs import Runs
    from demos.exhibits import Words, grows
    from demos.explained import EXPLAINED
    from demos.looks import Given, looks
    from ui import lab, lab_looks
    from ui.lab_shown import file_html
    from ui.terminal.output import note, write

    runs = Runs()
    if not name:
        about = lab.weights(runs, what)[0].name
        told = EXPLAINED[about]
        note(f"{told.how}\nGood at: {told.good}\nFails at: {told.bad}")
        for each in looks(about):
            write(f"{each.name:<12} {each.told}\n")
        for title, where in told.papers.items():
            note(f"{title}: {where}", style="dim")
        return
    path = output or Path(f"{name}.html")
    lab.refuse_folder(path)
    drawn = path.suffix.lower() == ".png"
    if not drawn and path.suffix.lower() not in (".html", ".htm"):
        raise BadSettings(f"{path.name} is no name for it.", hint="It should end in .html or .png.")
    chosen, folder = lab_looks.found(runs, what, name)
    lab_looks.refuse_unused(chosen, text=text, picture=picture, other=other, mask=mask, amount=amount)
    one, second = (lab_looks.read_picture(each) if each else None for each in (picture, other))
    painted = lab_looks.read_mask(mask) if mask else None
    given = Given(text=text, picture=one, other=second, mask=painted, amount=amount, seed=seed, home=lab.data_folder())
    exhibits = []
    for exhibit in lab_looks.shown(chosen, folder, given):
        if grows(exhibit):
            continue
        exhibits.append(exhibit)
        write((exhibit.text if isinstance(exhibit, Words) else exhibit.said) + "\n")
    page = lab_looks.last_pictures(exhibits) if drawn else file_html(chosen.title, chosen.told, exhibits).encode()
    lab.write_bytes(path, page)
    note(f"{path} has it.")


app.command()(lab_compare.faceoff)
app.command()(lab_compare.eras)
app.command()(lab_compare.paint)
