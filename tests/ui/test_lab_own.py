"""What a person brings to learn from: laid, checked, and copied into the run."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from assistant.errors import BadDataset, ModelNotAvailable
from assistant.runs import Runs
from ui import lab, lab_own
from ui.web import lab_own_data
from ui.web.lab_own_data import BROUGHT


def drawn(folder: Path, count: int) -> list[str]:
    files = [folder / f"{number}.png" for number in range(count)]
    for number, file in enumerate(files):
        Image.new("L", (30, 30), 20 * number).save(file)
    return [str(file) for file in files]


def packed(folder: Path, names: Sequence[str], name: str = "mine.zip") -> str:
    (one,) = drawn(folder, 1)
    with zipfile.ZipFile(folder / name, "w") as into:
        for each in names:
            into.write(one, each)
    return str(folder / name)


def test_pictures_lie_in_a_folder(tmp_path: Path) -> None:
    with lab_own.laid("pictures", drawn(tmp_path, 10)) as folder:
        assert len(list(folder.iterdir())) == 10 and folder.name == "pictures"
    assert not folder.exists()
    lab_own.check("pictures", drawn(tmp_path, 10))
    with pytest.raises(ModelNotAvailable, match="has 9 pictures"):
        lab_own.check("pictures", drawn(tmp_path, 9))


def test_what_is_not_there_any_more_is_to_be_brought_again(tmp_path: Path) -> None:
    for learns in ("pictures", "text"):
        with (
            pytest.raises(BadDataset, match=r"old\.png is not here any more"),
            lab_own.laid(learns, [str(tmp_path / "old.png")]),
        ):  # type: ignore[arg-type]
            pass


def test_a_zip_has_a_folder_for_each_kind(tmp_path: Path) -> None:
    names = [f"mine/{kind}/{n}.png" for kind in ("cats", "dogs") for n in range(6)]
    path = packed(tmp_path, [*names, "__MACOSX/mine/cats/._1.png", "mine/.hidden/1.png", "mine/read me.txt"])
    lab_own.check("pictures", [path])
    with lab_own.laid("pictures", [path]) as folder:
        assert sorted(each.name for each in folder.iterdir()) == ["cats", "dogs"]
        assert [len(list(each.iterdir())) for each in folder.iterdir()] == [6, 6]


def test_pictures_beside_kinds_are_refused_and_hidden_ones_left_out(tmp_path: Path) -> None:
    path = packed(tmp_path, [f"{kind}/{n}.png" for kind in ("cats", "dogs") for n in range(6)])
    hidden = tmp_path / "._1.png"
    hidden.write_bytes(b"what a Mac writes beside a file")
    lab_own.check("pictures", [path, str(hidden)])
    with pytest.raises(ModelNotAvailable, match="has pictures beside its folders"):
        lab_own.check("pictures", [path, *drawn(tmp_path, 1)])
    with pytest.raises(ModelNotAvailable, match="has pictures beside its folders"):
        lab_own.check("pictures", [path, packed(tmp_path, ["1.png"], "loose.zip")])


def test_a_zip_stays_in_its_folder_and_has_bounds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("../../out.png", "a/../../b/../out.png", "/etc/out.png"):
        path = packed(tmp_path, [name])
        try:
            with lab_own.laid("pictures", [path]) as folder:
                assert all(folder in each.parents for each in folder.parent.rglob("*.png"))
        except BadDataset as error:
            assert "cannot be called" in error.message
        assert not (tmp_path / "out.png").exists()
    monkeypatch.setattr(lab_own, "MOST_PICTURES", 2)
    with (
        pytest.raises(BadDataset, match="holds too much"),
        lab_own.laid("pictures", [packed(tmp_path, [f"{n}.png" for n in range(3)])]),
    ):
        pass


@pytest.mark.parametrize(
    ("learns", "name", "said"),
    [
        ("pictures", "x.txt", "no picture by its ending"),
        ("pictures", "x.zip", "no ZIP file"),
        ("pictures", "x.png", "no picture that can be read"),
        ("text", "x.txt", "has 9 characters"),
        ("pairs", "x.csv", "has one column"),
        ("series", "x.csv", "has 0 rows"),
    ],
)
def test_what_cannot_be_learnt_from_is_said_at_once(learns: str, name: str, said: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text("too short")
    files = [str(tmp_path / name)] * (10 if name == "x.png" else 1)
    with pytest.raises(BadDataset, match=said):
        lab_own.check(learns, files)
    if learns != "pictures":
        with pytest.raises(BadDataset, match="There are 2 files"):
            lab_own.check(learns, files * 2)


def test_a_run_keeps_a_copy_of_what_was_brought(tmp_path: Path) -> None:
    runs = Runs()
    text = tmp_path / "mine.txt"
    text.write_text("x" * 3000)
    run = lab_own_data.create(runs, "rnn", {"data": BROUGHT, "steps": 2}, [str(text)])
    text.unlink()
    kept = Path(run.settings["data"])
    assert kept.read_text() == "x" * 3000 and run.folder in kept.parents and run.title.endswith("on mine.txt")
    (run.folder / "checkpoint.pt").write_bytes(b"")
    further = lab.create(runs, run.id, {"steps": 4})
    assert further.folder in Path(further.settings["data"]).parents
    run = lab_own_data.create(runs, "gan", {"data": BROUGHT}, drawn(tmp_path, 10))
    assert len(list(Path(run.settings["data"]).iterdir())) == 10 and run.title == "GAN on pictures"
    assert lab_own_data.create(runs, "gan", {"data": "digits"}, drawn(tmp_path, 10)).settings["data"] == "digits"
