"""`python -m ml audit`: planted copies are found in whatever form, and a clean table passes."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image as Pillow

from ml.cli import main
from ml.training.data.near_duplicates import drop_near_duplicates
from ml.training.data.table import read_table
from tests.builders import jpeg_bytes, png_bytes
from tests.ml.conftest import table_row
from tests.ml.heads import head

Make = Callable[..., Path]
SPLITS = ("train", "train", "val", "val", "test", "test")


@pytest.fixture
def table(make_table: Make, tmp_path: Path) -> Callable[..., Path]:
    """A table of six different heads, two a split; `rows` and `files` replace those at a position."""

    def build(rows: dict[int, dict[str, Any]] | None = None, files: dict[int, bytes] | None = None) -> Path:
        plain = [table_row(n, split=split) | (rows or {}).get(n, {}) for n, split in enumerate(SPLITS)]
        table = make_table(plain, images=False)
        (tmp_path / "images").mkdir()
        for n in range(len(SPLITS)):
            (tmp_path / "images" / f"{n}.png").write_bytes((files or {}).get(n) or png_bytes(head(n)))
        return table

    return build


def audited(table: Path, capsys: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, Any]]:
    status = main(["audit", "--data", str(table), "--json", *options])
    return status, json.loads(capsys.readouterr().out)


def paths(report: dict[str, Any], problem: str) -> list[tuple[str, ...]]:
    return [
        tuple(Path(row["path"]).stem for row in finding["rows"])
        for finding in report["findings"]
        if finding["kind"] == problem
    ]


def bmp(pixels: Any) -> bytes:
    buffer = io.BytesIO()
    Pillow.fromarray(pixels).save(buffer, "BMP")
    return buffer.getvalue()


def test_a_clean_table_passes(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    built = table()
    status, report = audited(built, capsys)
    assert (status, report["clean"], report["findings"]) == (0, True, [])
    assert report["pictures"] == {"test": 2, "train": 2, "val": 2}
    assert main(["audit", "--data", str(built)]) == 0
    assert "Nothing is in two splits." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("copy", "problem"),
    [
        (png_bytes(head(0)), "file"),
        (bmp(head(0)), "pixels"),
        (jpeg_bytes(head(0), quality=70), "near"),
        (png_bytes(np.asarray(Pillow.fromarray(head(0)).resize((150, 150)))), "near"),
        (png_bytes(np.clip(head(0) * 0.8 + 15, 0, 255).astype(np.uint8)), "near"),
        (png_bytes(head(0)[10:-10, 20:-20]), "near"),
    ],
    ids=["bytes", "format", "recompressed", "resized", "brightness", "cropped"],
)
def test_a_copy_in_another_split_is_named_once(
    table: Any, capsys: pytest.CaptureFixture[str], copy: bytes, problem: str
) -> None:
    status, report = audited(table(files={4: copy}), capsys)
    assert (status, len(report["findings"]), paths(report, problem)) == (1, 1, [("0", "4")])


def test_it_says_what_training_leaves_out(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """The earlier image of each copy, once, as `drop_near_duplicates` does; a head that only correlates stays."""
    turned = np.asarray(Pillow.fromarray(head(3)).rotate(3, Pillow.Resampling.BICUBIC))
    built = table(files={2: bmp(head(0)), 4: jpeg_bytes(head(0)), 5: png_bytes(turned)})
    status, report = audited(built, capsys, "--min-correlation", "0.97")
    kept = {row.key for row in drop_near_duplicates(read_table(built))}
    assert {"images/0.png", "images/2.png"} == {f"images/{n}.png" for n in range(6)} - kept
    assert (status, report["left_out"]) == (1, {"train": ["images/0.png"], "val": ["images/2.png"]})
    assert (report["counts"]["near"], report["stays"]) == (3, 1)
    assert main(["audit", "--data", str(built)]) == 1
    said = capsys.readouterr().out
    assert "Training leaves out 1 images of train and 1 images of val: copies of images of a later split." in said
    assert "Findings in what it uses: 0." in said


def test_clashing_labels_pass_once_one_of_the_images_is_left_out(
    table: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    built = table(rows={4: {"label": "no_tumor", "type": ""}}, files={4: png_bytes(head(0))})
    _, report = audited(built, capsys)
    assert (report["counts"]["label"], report["left_out"]["train"], report["stays"]) == (1, ["images/0.png"], 0)


def test_images_that_train_the_gate_alone_are_not_left_out(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    built = table(rows={4: {"label": "not_brain_mri", "type": ""}}, files={4: png_bytes(head(0))})
    _, report = audited(built, capsys)
    assert (report["left_out"], report["stays"]) == ({"train": [], "val": []}, 2)


def test_copies_within_a_split_are_no_leak(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert audited(table(files={1: jpeg_bytes(head(0))}), capsys)[0] == 0


def test_groups_and_subjects_in_two_splits_are_all_named(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    changed = {0: {"group": "g", "subject": "s"}, 2: {"group": "g"}, 4: {"group": "g", "subject": "s"}}
    status, report = audited(table(rows=changed), capsys)
    assert status == 1
    assert (paths(report, "group"), paths(report, "subject")) == ([("0", "2", "4")], [("0", "4")])
    assert [finding["value"] for finding in report["findings"]] == ["g", "s"]


def test_labels_that_clash_on_equal_pixels(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    changed = {1: {"label": "no_tumor", "type": ""}, 3: {"type": "meningioma"}}
    same = {1: bmp(head(0)), 3: bmp(head(2))}
    status, report = audited(table(rows=changed, files=same), capsys)
    assert (status, paths(report, "label")) == (1, [("0", "1"), ("2", "3")])
    assert [finding["value"] for finding in report["findings"]] == ["tumor / no_tumor", "glioma / meningioma"]


def test_files_that_cannot_be_read_fail_it(table: Any, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    built = table(files={3: b"no image"})
    (tmp_path / "images" / "5.png").unlink()
    status, report = audited(built, capsys)
    assert (status, report["counts"]["unreadable"]) == (1, 2)


def test_the_criterion_can_be_set(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    """A turn by five degrees is beyond the hashes, and beyond the default."""
    turned = np.asarray(Pillow.fromarray(head(0)).rotate(5, Pillow.Resampling.BICUBIC))
    built = table(files={4: png_bytes(turned)})
    assert audited(built, capsys)[0] == 0
    status, report = audited(built, capsys, "--min-correlation", "0.97")
    assert (status, report["min_correlation"], paths(report, "near")) == (1, 0.97, [("0", "4")])
    assert (report["findings"][0]["value"], report["findings"][0]["correlation"] > 0.97) == ("heads", True)


def test_without_json_the_report_is_lines_of_text(table: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data", str(table(files={4: png_bytes(head(0))}))]) == 1
    said = capsys.readouterr().out
    assert "Equal files in two splits: 1" in said
    assert "images/0.png (train) = images/4.png (test)" in said


def test_wrong_use_exits_2(table: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", "--data", str(tmp_path / "absent")]) == 2
    assert "absent" in capsys.readouterr().err
    for value in ("0", "1.5", "much"):
        with pytest.raises(SystemExit) as caught:
            main(["audit", "--data", str(tmp_path), "--min-correlation", value])
        assert caught.value.code == 2
