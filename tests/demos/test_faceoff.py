"""The face-off measures what it says, on makers whose worth is known."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from demos import distances, explained, faceoff, figures, images, reference
from demos.architectures import ARCHITECTURES
from demos.classifier import Classifier, load
from demos.comparisons import COMPARISONS
from demos.errors import BadConfig, NoData
from demos.figures import DOWN, HIGH
from demos.lesson import save
from tests.demos.test_training import config, trained


@pytest.fixture
def judge() -> Classifier:
    torch.manual_seed(0)
    return Classifier(1, 10, 4).eval()


def weights(name: str, folder: Path) -> Path:
    asked = config(name, steps=1)
    made, _ = trained(name, folder / f"{name}-work", asked)
    save(folder / name, made, name, asked, {"steps": 1, "seconds": 3.0})
    return folder / name


def test_real_pictures_are_the_floor(tmp_path: Path, judge: Classifier) -> None:
    pictures, test = images.digits(), images.digits("test")
    folders = {name: weights(name, tmp_path) for name in ("gan", "vae")}
    against = reference.real(judge, pictures, test, count=200)
    told: list[int] = []
    real, gan, vae = faceoff.compete(folders, judge, against, count=200, tell=told.append)
    assert told == [0, 100, 0, 100]
    assert real.name == "real" and real.fid < min(gan.fid, vae.fid) and real.recall > max(gan.recall, vae.recall)
    assert real.kid < min(gan.kid, vae.kid) and real.diversity > 0
    assert gan.seconds_to_train == 3.0 and (gan.seconds_a_picture or 0) > 0 and vae.right is None
    assert sum(gan.histogram) == pytest.approx(1) and gan.sheet.shape == (20, 1, 28, 28)
    assert real.sharpness == against.sharpness and min(gan.sharpness, vae.sharpness) > 0
    table = faceoff.markdown([real, gan, vae])
    assert "| Real pictures | " in table and "| GAN | two networks" in table and "| | FID |" in table
    assert "sheet" not in faceoff.packed(gan)
    with pytest.raises(BadConfig, match="3 pictures are too few"):
        next(faceoff.compete({}, judge, against, count=3))
    with pytest.raises(BadConfig, match="20 test pictures are too few"):
        reference.real(judge, pictures, replace(test, images=test.images[:20], labels=test.labels[:20]))


class Asked:
    """Draws pictures that hold nothing but the class that was asked for."""

    def __init__(self, classes: int) -> None:
        self.classes = tuple(map(str, range(classes)))

    def sample(self, classes: Tensor, *, seed: int) -> Tensor:
        return classes[:, None, None, None].float()


@pytest.mark.parametrize("classes", [10, 60, 130])
def test_every_kind_is_drawn_as_often_as_another(classes: int) -> None:
    made, labels = faceoff._many("gan", Asked(classes), classes, 10 * classes, 0, lambda _: None)
    assert torch.equal(made[:, 0, 0, 0].long(), labels) and labels.bincount().tolist() == [10] * classes
    assert labels[:100].tolist() == [place % classes for place in range(100)]


def test_what_is_kept_of_real_pictures_measures_alike(tmp_path: Path, judge: Classifier) -> None:
    pictures, test = images.digits(), images.digits("test")
    whole = reference.real(judge, pictures, test, count=300)
    with pytest.raises(NoData, match="cannot be used"):
        reference.kept(tmp_path)
    (tmp_path / "lab.json").write_text('{"classes": ["a", "b"]}')
    reference.keep(tmp_path, whole)
    few = reference.kept(tmp_path)
    assert (
        few.sharpness == pytest.approx(whole.sharpness) == pytest.approx(distances.sharpness(whole.sheet), rel=0.3)
    )  # twenty say it roughly
    assert few.classes == ("a", "b")
    assert few.sheet.shape == (20, 1, 28, 28) and len(few.train) == 300
    few = replace(few, classes=whole.classes)
    (one,), (other,) = (list(faceoff.compete({}, judge, each, count=200)) for each in (whole, few))
    assert one.fid == pytest.approx(other.fid, rel=0.02) and one.kid == pytest.approx(other.kid, rel=0.05, abs=1e-4)


def test_a_classifier_is_saved_with_how_good_it_is(tmp_path: Path) -> None:
    folder = weights("classifier", tmp_path)
    network = load(folder)
    assert not (folder / reference.KEPT).exists()  # forty test pictures are too few to measure with
    digits = images.digits()
    assert torch.allclose(
        network(images.scaled(digits.images[:4])), network.head(network.features(images.scaled(digits.images[:4])))
    )


def test_what_was_kept_before_sharpness_was_has_that_of_its_few_pictures(tmp_path: Path, judge: Classifier) -> None:
    (tmp_path / "lab.json").write_text('{"classes": ["a", "b"]}')
    whole = reference.real(judge, images.digits(), images.digits("test"), count=300)
    reference.keep(tmp_path, whole)
    kept = load_file(tmp_path / reference.KEPT)
    del kept["sharpness"]
    save_file(kept, tmp_path / reference.KEPT)
    assert reference.kept(tmp_path).sharpness == pytest.approx(distances.sharpness(whole.sheet))


@pytest.mark.parametrize("name", COMPARISONS)
def test_every_other_tab_is_explained_and_drawn(name: str) -> None:
    told, figure = COMPARISONS[name]
    drawn = ElementTree.fromstring(figures.svg(figure))
    assert set(drawn.attrib) >= {"aria-label", "viewBox"} and len(figure.said) > 60
    assert {end for arrow in figure.arrows for end in arrow} == set(figure.boxes)  # nothing stands apart
    places = [(x, y) for x, y, _ in figure.boxes.values()]
    near = [(a, b) for a, b in combinations(places, 2) if a[0] == b[0] and abs(a[1] - b[1]) * DOWN < HIGH]
    assert not near and all(len(words) <= 15 for *_, words in figure.boxes.values())
    assert min(map(len, (told.how, told.good, told.bad))) > 100 and len(told.papers) >= 4
    assert all(address.startswith("https://") for address in told.papers.values())


def test_arrows_of_a_figure_need_no_other_figure() -> None:
    """A tip that is defined in a tab that is hidden is not drawn in the one that is seen."""
    drawn = [figures.svg(each) for each in (*figures.FIGURES.values(), *(figure for _, figure in COMPARISONS.values()))]
    tips = [re.findall(r'<marker id="([\w-]+)"', each) for each in drawn]
    assert len({tip for (tip,) in tips}) == len(drawn)
    assert all(
        each.count(f'marker-end="url(#{tip})"') == each.count("<line") for each, (tip,) in zip(drawn, tips, strict=True)
    )


@pytest.mark.parametrize("name", sorted({*explained.EXPLAINED, *ARCHITECTURES}))
def test_everything_that_is_explained_is_drawn(name: str) -> None:
    assert name in ARCHITECTURES
    drawn = figures.svg(figures.FIGURES[name])
    assert drawn.count("<rect") == sum(not box.startswith("_") for box in figures.FIGURES[name].boxes)
    assert all(address.startswith("https://") for address in explained.EXPLAINED[name].papers.values())


def test_colour_is_kept(tmp_path: Path) -> None:
    found = images.digits()
    colour: Any = replace(found, images=found.images[:20].expand(-1, 3, -1, -1), labels=found.labels[:20])
    asked = config("gan", steps=1)
    from demos import gan, training

    made, _, _ = training.train(lambda: gan.build(asked, colour, torch.device("cpu")), asked, tmp_path)
    save(tmp_path / "gan", made, "gan", asked, {})
    assert gan.Gan(tmp_path / "gan").sample(torch.tensor([3, 4])).shape == (2, 3, 28, 28)
