"""The data table: errors name row and column, and no group is in two splits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ml.training.data.table import COLUMNS, SEQUENCE, TableError, brain_rows, check_trainable, counts, read_table
from tests.ml.conftest import table_row

Make = Callable[..., Path]


def error(file: Path) -> str:
    with pytest.raises(TableError) as caught:
        read_table(file)
    return caught.value.message


def test_rows_in_order_with_their_values(make_table: Make) -> None:
    file = make_table(
        [table_row(1, boxes="0.1 0.2 0.3 0.4;0.5 0.5 1 1"), table_row(2, label="no_tumor", type="", split="val")]
    )
    first, second = read_table(file)
    assert first.key == "images/1.png"
    assert first.path == file.parent / "images/1.png"
    assert first.boxes == ((0.1, 0.2, 0.3, 0.4), (0.5, 0.5, 1.0, 1.0))
    assert (first.tumor, second.tumor) == (True, False)
    assert (second.type, second.boxes) == ("", ())


def test_a_mask_lies_beside_the_table(make_table: Make) -> None:
    columns = (*COLUMNS, "mask")
    file = make_table([table_row(1, mask="masks/1.png"), table_row(2, mask=" ")], columns=columns, images=False)
    first, second = read_table(file)
    assert first.mask == file.parent / "masks/1.png"
    assert second.mask is None
    assert read_table(make_table([table_row(1)], images=False))[0].mask is None


@pytest.mark.parametrize(
    ("path", "column", "sequence"),
    [
        ("images/p1-12-flair.png", "", "flair"),
        ("images/p1-12-T1C.png", "", "t1c"),
        ("images/p1-12-flair.png", "T2", "t2"),
        ("images/p1-12.png", "", ""),
        ("flair/1.png", "", ""),
    ],
)
def test_the_sequence_is_the_columns_or_the_files(make_table: Make, path: str, column: str, sequence: str) -> None:
    columns = (*COLUMNS, "sequence")
    [row] = read_table(make_table([table_row(1, path=path, sequence=column)], columns=columns, images=False))
    assert row.sequence == sequence


def test_a_column_that_is_needed_is_named_if_it_is_missing(make_table: Make) -> None:
    """Training needs the sequence, or a sequence gives the label away."""
    table, needed = make_table([table_row(1)], images=False), (*COLUMNS, SEQUENCE)
    with pytest.raises(TableError, match=r"^scans\.csv, row 1 \(header\): column sequence is missing\.$"):
        read_table(table, needed=needed)
    assert len(read_table(make_table([table_row(1)], columns=needed, images=False), needed=needed)) == 1


def test_the_plane_is_read_where_there_is_a_column(make_table: Make) -> None:
    columns = (*COLUMNS, "plane")
    rows = [table_row(1, plane="coronal"), table_row(2, plane="")]
    assert [row.plane for row in read_table(make_table(rows, columns=columns, images=False))] == ["coronal", ""]
    assert read_table(make_table([table_row(1)], images=False))[0].plane == ""


def test_an_unknown_plane_is_named_by_row_and_column(make_table: Make) -> None:
    message = error(make_table([table_row(1, plane="oblique")], columns=(*COLUMNS, "plane"), images=False))
    assert message.startswith("Row 2, column plane: 'oblique' is not one of")


def test_a_tumor_of_another_type(make_table: Make) -> None:
    assert read_table(make_table([table_row(1, type="other")], images=False))[0].type == "other"


def test_an_audit_reads_what_stands_in_two_splits(make_table: Make) -> None:
    file = make_table([table_row(1, group="p7"), table_row(2, group="p7", split="test")], images=False)
    assert [row.split for row in read_table(file, check_splits=False)] == ["train", "test"]


def test_a_folder_stands_for_its_table(make_table: Make) -> None:
    file = make_table([table_row(1)])
    assert read_table(file.parent) == read_table(file)


@pytest.mark.parametrize(
    ("column", "changes"),
    [
        ("path", {"path": ""}),
        ("source", {"source": "  "}),
        ("label", {"label": "maybe"}),
        ("type", {"type": "sarcoma"}),
        ("type", {"label": "no_tumor", "type": "glioma"}),
        ("group", {"group": ""}),
        ("split", {"split": "holdout"}),
        ("boxes", {"boxes": "0 0 1"}),
        ("boxes", {"boxes": "a b c d"}),
        ("boxes", {"boxes": "0.5 0 0.4 1"}),
        ("boxes", {"boxes": "0 0 2 1"}),
        ("boxes", {"boxes": "nan 0 1 1"}),
    ],
)
def test_a_bad_value_is_named_by_row_and_column(make_table: Make, column: str, changes: dict[str, Any]) -> None:
    message = error(make_table([table_row(1), table_row(2, **changes)], images=False))
    assert message.startswith(f"Row 3, column {column}:")


def test_a_missing_column_is_named(make_table: Make) -> None:
    message = error(make_table([table_row(1)], columns=("path", "source", "label", "type", "group", "boxes")))
    assert "row 1" in message
    assert "subject, split" in message


HEADER = ",".join(COLUMNS) + "\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (HEADER + "1.png,here,tumor,,,g1,train,\n2.png,here, there,tumor,,,g2,train,\n", "Row 3: more values than"),
        (HEADER.replace("\n", ",label\n") + "1.png,here,tumor,,,g1,train,,tumor\n", "column label stands there twice"),
        (
            HEADER + '1.png,here,tumor,,,g1,train,\n"2.png,here,tumor,,,g2,train,\n',
            "after row 2: unexpected end of data",
        ),
        (HEADER + "1.png,here,tumor,,,g1,train," + "x" * 200_000 + "\n", "after row 1: field larger than"),
        (HEADER + "1.png,h\xe4,tumor,,,g1,train,\n", "cannot be read"),
    ],
    ids=["comma", "column twice", "quote", "endless value", "not UTF-8"],
)
def test_a_file_whose_values_cannot_be_told_apart(tmp_path: Path, text: str, said: str) -> None:
    """Read all the same, they would be in the wrong columns, or end in a traceback."""
    file = tmp_path / "scans.csv"
    file.write_bytes(text.encode("latin-1"))
    assert said in error(file)


def test_a_table_saved_with_a_byte_order_mark(make_table: Make) -> None:
    """As spreadsheet programs do."""
    file = make_table([table_row(1)], images=False)
    plain = read_table(file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert read_table(file) == plain


def test_a_table_that_is_not_there_or_empty(tmp_path: Path, make_table: Make) -> None:
    assert "cannot be read" in error(tmp_path / "absent.csv")
    assert "no rows" in error(make_table([]))


def test_a_path_stands_once(make_table: Make) -> None:
    assert "images/1.png" in error(make_table([table_row(1), table_row(1)]))


def test_a_group_in_two_splits_is_refused(make_table: Make) -> None:
    message = error(make_table([table_row(1, group="p7"), table_row(2, group="p7", split="test")]))
    assert message.startswith("Column group: 'p7'")
    assert "images/1.png" in message
    assert "images/2.png" in message


def test_a_patient_in_two_splits_is_refused(make_table: Make) -> None:
    assert error(make_table([table_row(1, subject="s"), table_row(2, subject="s", split="val")])).startswith(
        "Column subject: 's'"
    )


def test_images_of_other_things_are_left_out(make_table: Make) -> None:
    rows = read_table(
        make_table([table_row(1), table_row(2, label="not_brain_mri", type=""), table_row(3, split="val")])
    )
    assert [row.key for row in brain_rows(rows)] == ["images/1.png", "images/3.png"]
    assert [row.key for row in brain_rows(rows, "val")] == ["images/3.png"]
    assert counts(rows)["train"]["here"] == {"tumor": 1, "not_brain_mri": 1}


def test_the_real_table_is_sound(real_data: Path) -> None:
    rows = read_table(real_data)
    groups = {split: {row.group for row in rows if row.split == split} for split in ("train", "val", "test")}
    assert all(groups.values())
    assert not groups["train"] & groups["test"]
    assert not groups["train"] & groups["val"]
    assert not groups["val"] & groups["test"]


def trainable(**changes: Any) -> list[dict[str, Any]]:
    rows = [table_row(n, split=split) for n, split in enumerate(("train", "val", "test"))]
    rows += [table_row(n + 3, split=s, label="no_tumor", type="") for n, s in enumerate(("train", "val"))]
    return [row | (changes if row["split"] == "val" and row["label"] == "no_tumor" else {}) for row in rows]


def test_a_table_to_train_on(make_table: Make) -> None:
    check_trainable(read_table(make_table(trainable())))


def test_every_split_and_both_classes_are_needed(make_table: Make) -> None:
    with pytest.raises(TableError, match="split 'val' has only 'tumor'"):
        check_trainable(read_table(make_table(trainable(label="tumor"))))
    with pytest.raises(TableError, match="split 'test'"):
        check_trainable(read_table(make_table([row for row in trainable() if row["split"] != "test"])))


def test_an_image_that_is_not_there_is_named_before_anything_runs(make_table: Make) -> None:
    rows = read_table(make_table(trainable()))
    rows[1].path.unlink()
    with pytest.raises(TableError, match=r"images/1\.png does not exist"):
        check_trainable(rows)


def test_a_mask_that_is_not_there_is_named_before_anything_runs(make_table: Make) -> None:
    rows = trainable()
    rows[0]["mask"] = "masks/0.png"
    table = read_table(make_table(rows, columns=(*COLUMNS, "mask")))
    with pytest.raises(TableError, match=r"mask of images/0\.png does not exist"):
        check_trainable(table)
