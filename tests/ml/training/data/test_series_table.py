"""Whole series: a slice that is missing, or a value that is wrong, is named by row and column."""

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.training.data.series_table import COLUMNS, WholeSeries, read_series
from ml.training.data.table import TableError

Make = Callable[..., Path]


def series_row(number: int, **changes: Any) -> dict[str, Any]:
    row = {
        "series": f"series/here/{number}",
        "source": "here",
        "subject": f"s{number}",
        "split": "train",
        "label": "tumor",
        "sequence": "flair",
        "plane": "axial",
        "slices": 4,
        "tumor_slices": "2 1",
        "spacing_mm": "5",
    }
    return row | changes


@pytest.fixture
def make_series(tmp_path: Path) -> Make:
    """Write a table of series and their folders of empty slices; `there`: how many each folder holds."""

    def build(rows: list[dict[str, Any]], *, there: int = 4, columns: tuple[str, ...] = COLUMNS) -> Path:
        for row in rows:
            folder = tmp_path / str(row["series"] or "none")
            folder.mkdir(parents=True, exist_ok=True)
            for number in range(there):
                (folder / f"{number:03d}.jpg").touch()
        file = tmp_path / "series.csv"
        with file.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, columns, extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        return file

    return build


def error(file: Path) -> str:
    with pytest.raises(TableError) as caught:
        read_series(file)
    return caught.value.message


def test_series_in_order_with_their_slices(make_series: Make) -> None:
    healthy = {"label": "no_tumor", "tumor_slices": "", "spacing_mm": "", "sequence": "", "plane": ""}
    file = make_series([series_row(1), series_row(2, **healthy)])
    first, second = read_series(file)
    folder = file.parent / "series/here/1"
    none = (None, None, None, None)
    slices = tuple(folder / f"00{number}.jpg" for number in range(4))
    assert first == WholeSeries(
        "series/here/1", "here", "s1", "train", "tumor", "flair", "axial", slices, none, (1, 2), spacing=5.0
    )
    assert (first.tumor, second.tumor) == (True, False)
    assert (second.sequence, second.plane, second.tumor_slices, second.spacing) == ("", "", (), None)


def test_masks_lie_beside_their_slices(make_series: Make) -> None:
    file = make_series([series_row(1)])
    mask = file.parent / "series/here/1/002-mask.png"
    mask.touch()
    [one] = read_series(file)
    assert one.masks == (None, None, mask, None)
    assert len(one.slices) == 4


def test_a_folder_stands_for_its_table(make_series: Make) -> None:
    file = make_series([series_row(1)])
    assert read_series(file.parent) == read_series(file)


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("series", {"series": " "}),
        ("source", {"source": ""}),
        ("subject", {"subject": ""}),
        ("split", {"split": "holdout"}),
        ("label", {"label": "not_brain_mri"}),
        ("plane", {"plane": "oblique"}),
        ("slices", {"slices": "four"}),
        ("slices", {"slices": "0"}),
        ("slices", {"slices": "5"}),
        ("slices", {"slices": "3"}),
        ("tumor_slices", {"tumor_slices": "1 4"}),
        ("tumor_slices", {"tumor_slices": "a"}),
        ("tumor_slices", {"label": "no_tumor"}),
        ("spacing_mm", {"spacing_mm": "thick"}),
        ("spacing_mm", {"spacing_mm": "-1"}),
        ("spacing_mm", {"spacing_mm": "nan"}),
    ],
)
def test_a_bad_value_is_named_by_row_and_column(make_series: Make, column: str, changes: dict[str, Any]) -> None:
    message = error(make_series([series_row(1), series_row(2, **changes)]))
    assert message.startswith(f"Row 3, column {column}:")


def test_a_slice_that_is_missing_is_named(make_series: Make) -> None:
    file = make_series([series_row(1)])
    (file.parent / "series/here/1/002.jpg").unlink()
    assert error(file) == "Row 2, column slices: 1 has no slice 002 (1 missing)."


def test_a_folder_that_is_missing_is_named(make_series: Make) -> None:
    file = make_series([series_row(1)], there=0)
    (file.parent / "series/here/1").rmdir()
    assert error(file).startswith("Row 2, column series:")


def test_a_missing_column_is_named(make_series: Make) -> None:
    columns = tuple(column for column in COLUMNS if column not in ("sequence", "plane"))
    assert "row 1 (header): column sequence, plane is missing" in error(make_series([series_row(1)], columns=columns))


def test_a_row_with_too_many_values_is_named(make_series: Make) -> None:
    file = make_series([series_row(1), series_row(2)])
    file.write_text(file.read_text().rstrip() + ",left over\n")
    assert error(file).startswith("Row 3: more values than columns.")


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    assert "cannot be read" in error(tmp_path / "absent.csv")


def test_a_series_stands_once(make_series: Make) -> None:
    assert "series/here/1" in error(make_series([series_row(1), series_row(1)]))


def test_a_patient_in_two_splits_is_refused(make_series: Make) -> None:
    message = error(make_series([series_row(1, subject="s"), series_row(2, subject="s", split="val")]))
    assert message.startswith("Column subject: 's'")
