"""Write the sentences that translators are measured on, so that any can be: `python -m finetune.held_out DATA OUTPUT`.

For each direction OUTPUT gains en-fr.txt, a sentence a line, and en-fr.ref1, en-fr.ref2 …: its known translations, an
empty line where a sentence has fewer. Then, for example:

parley translate --input OUTPUT/en-fr.txt --output said.txt --from en --to fr --model parley-t5
sacrebleu OUTPUT/en-fr.ref* -i said.txt -m bleu chrf
"""

from __future__ import annotations

import argparse
from itertools import zip_longest
from pathlib import Path

from finetune.translation_data import Measured, apart, measured, pairs, split


def write(test: Measured, output: Path, direction: str) -> None:
    """Write one direction's sentences and their references into the folder `output`."""
    output.mkdir(parents=True, exist_ok=True)
    (output / f"{direction}.txt").write_text("".join(f"{text}\n" for text in test.sources), "utf-8")
    for number, column in enumerate(zip_longest(*test.references, fillvalue=""), 1):
        (output / f"{direction}.ref{number}").write_text("".join(f"{text}\n" for text in column), "utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder laid out as translation_data.py says")
    parser.add_argument("output", type=Path)
    parser.add_argument("--languages", default="fr,es,de", help="besides English")
    parser.add_argument("--apart", action="store_true", help="without sentences that another language learns from")
    given = parser.parse_args()
    languages = given.languages.split(",")
    found = pairs(given.data, languages)
    for language in languages:
        held_out = apart(found, language) if given.apart else split(found, language)[1]
        write(measured(held_out, found, into_english=False), given.output, f"en-{language}")
        write(measured(held_out, found, into_english=True), given.output, f"{language}-en")


if __name__ == "__main__":
    main()
