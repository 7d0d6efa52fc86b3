"""Series from a table's patients: what they are made of, what the fit sees of whom, and what the figures count."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.inference.registry import Model, read_manifest
from ml.inference.series_summary import SliceOutcome
from ml.model.series_calibration import SeriesCalibration
from ml.training.calibration import series_fit
from ml.training.calibration.series_fit import SeriesError
from ml.training.calibration.synthetic_series import LONG, SMALL, SMALL_TUMOR, WHOLE, synthesize
from ml.training.data.table import Row
from ml.training.evaluation import series_report
from tests.ml.conftest import table_row
from tests.ml.training.simulated import row

Findings = dict[str, SliceOutcome]


def patients(count: int, *, sequences: tuple[str, ...] = ("flair", "t1c"), slices: int = 8) -> list[Row]:
    """Of each, slices 2, 4, … of every sequence, the middle half with a tumor; in no order."""
    rows = []
    for number in range(count):
        for sequence in sequences:
            for at in range(slices):
                key = f"images/P_{number}-{2 * at + 2}-{sequence}.jpg"
                label = "tumor" if slices // 4 <= at < 3 * slices // 4 else "no_tumor"
                words = {"subject": f"P_{number}", "group": f"P_{number}", "sequence": sequence, "label": label}
                rows.append(row(0, key=key, path=Path(key), **words))
    return [rows[n] for n in np.random.default_rng(3).permutation(len(rows))]


def said(rows: list[Row], *, seed: int = 0, apart: float = 4.0) -> Findings:
    """Logits of slices with a tumor lie `apart` above the others', with a spread of 1."""
    rng = np.random.default_rng(seed)
    logits = [apart * (one.tumor - 0.5) + rng.normal() for one in rows]
    return {one.key: SliceOutcome(True, 1 / (1 + float(np.exp(-z)))) for one, z in zip(rows, logits, strict=True)}


def numbers(rows: tuple[Row, ...]) -> list[int]:
    return [int(one.path.stem.split("-")[1]) for one in rows]


def test_series_are_made_of_one_patient_in_the_order_of_the_slices() -> None:
    series = synthesize(patients(3, sequences=("t1c",)))
    mine = [one for one in series if one.subject == "P_0" and LONG not in one.variants]
    whole, free = ([one for one in mine if one.variants[0] == WHOLE and one.tumor == ill] for ill in (True, False))
    assert [numbers(one.rows) for one in whole] == [[2, 4, 6, 8, 10, 12, 14, 16]]
    assert [numbers(one.rows) for one in free] == [[2, 4, 14, 16]]
    small = [one.rows for one in mine if one.variants == (SMALL_TUMOR,)]
    assert [numbers(rows) for rows in small] == [[2, 4, 6, 8, 14, 16], [2, 4, 8, 10, 14, 16], [2, 4, 10, 12, 14, 16]]
    assert all(sum(one.tumor for one in rows) == SMALL for rows in small)
    assert {one.subject for one in mine for one in one.rows} == {"P_0"}


def test_a_long_series_has_no_tumor_but_that_of_its_patient() -> None:
    for one in (one for one in synthesize(patients(4)) if LONG in one.variants):
        assert len({row.subject for row in one.rows}) == 3
        assert {row.sequence for row in one.rows} == {one.sequence}
        assert {row.subject for row in one.rows if row.tumor} == ({one.subject} if one.tumor else set())


def test_patients_weigh_the_same_in_either_class() -> None:
    rows = [one for one in patients(4) if (one.subject, one.sequence) != ("P_0", "t1c")]
    series = synthesize(rows)
    for tumor in (True, False):
        weights = {
            name: sum(o.weight for o in series if (o.subject, o.tumor) == (name, tumor)) for name in ("P_0", "P_3")
        }
        assert weights["P_0"] == pytest.approx(weights["P_3"])
        assert sum(one.weight for one in series if one.tumor == tumor) == pytest.approx(7)  # pairs of both


def test_who_has_no_slices_of_either_kind_makes_no_series() -> None:
    tumor_alone = [one for one in patients(5) if one.tumor or one.subject not in ("P_0", "P_1")]
    assert {one.subject for one in synthesize(tumor_alone)} == {"P_2", "P_3", "P_4"}
    assert synthesize(patients(1)) == []
    unnamed = [row(n, label="tumor" if n % 2 else "no_tumor", sequence="flair") for n in range(40)]
    assert synthesize(unnamed) == []


def test_the_entry_is_what_the_registry_reads() -> None:
    rows = patients(6)
    entry = series_fit.fit(rows, said(rows))
    calibration = SeriesCalibration.from_dict(json.loads(json.dumps(entry, allow_nan=False)))
    assert calibration.sharpness in series_fit.SHARPNESS
    assert calibration.neighbors in series_fit.NEIGHBORS
    facts = entry["facts"]
    assert facts["patients"] == 6
    assert facts["series"] == len(synthesize(rows))
    chosen = f"{calibration.sharpness}, {calibration.neighbors}"
    forms = {name: loss for name, loss in facts["candidates"].items() if name not in ("mean", "maximum")}
    assert forms[chosen] == min(forms.values())
    assert facts["cross_validated"][WHOLE]["auroc"] > 0.95
    assert series_fit.fit(rows, said(rows)) == entry


def test_small_tumors_among_many_slices_are_found_by_no_mean() -> None:
    rows = patients(8, slices=16)
    candidates = series_fit.fit(rows, said(rows))["facts"]["candidates"]
    best = min(candidates.values())
    assert candidates["mean"] > best + 0.1


def test_no_patient_is_judged_by_a_line_that_saw_a_slice_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = patients(4)
    seen: list[set[str]] = []
    fitted = series_fit._line

    def line(series: list, findings: Findings, form: series_fit.Score) -> tuple[float, float]:
        seen.append({one.subject for series_ in series for one in series_.rows})
        return fitted(series, findings, form)

    monkeypatch.setattr(series_fit, "_line", line)
    series_fit.fit(rows, said(rows))
    everyone = {"P_0", "P_1", "P_2", "P_3"}
    forms = len(series_fit.SHARPNESS) * len(series_fit.NEIGHBORS) + 2
    assert seen == [everyone - {name} for name in sorted(everyone)] * forms + [everyone]


def test_refused_slices_take_no_part() -> None:
    rows = patients(5)
    without = [one for one in rows if not one.key.endswith("-2-flair.jpg")]
    refused = said(rows) | {one.key: SliceOutcome(False, reason="x") for one in rows if one not in without}
    assert series_fit.fit(rows, refused) == series_fit.fit(without, {one.key: refused[one.key] for one in without})


def test_too_few_patients_and_logits_that_fall_are_refused() -> None:
    few = patients(2)
    assert series_fit.entry(few, [0.5] * len(few)) is None
    with pytest.raises(SeriesError, match="three patients"):
        series_fit.fit(few, said(few))
    rows = patients(5)
    with pytest.raises(SeriesError, match="do not rise"):
        series_fit.fit(rows, said(rows, apart=-6))


def test_what_a_training_ends_with_is_the_same_fit() -> None:
    rows = patients(5)
    findings = said(rows)
    probabilities = [findings[one.key].tumor_probability or 0.0 for one in rows]
    assert series_fit.entry(rows, probabilities) == series_fit.fit(rows, findings)


def test_figures_count_whole_series_by_patient_and_say_what_any_slice_costs() -> None:
    rows = patients(3)
    findings = {one.key: SliceOutcome(True, 0.97 if one.tumor else 0.02) for one in rows}
    loud = next(one.key for one in rows if not one.tumor and one.subject == "P_0" and one.sequence == "flair")
    findings[loud] = SliceOutcome(True, 0.6)
    rule = SeriesCalibration(2.0, 1.0, 0.0, 0.5, (0.4, 0.6), 0.0)
    figures = series_report.evaluate(rule, synthesize(rows), findings, threshold=0.5)
    assert list(figures) == ["all", "flair", "t1c", SMALL_TUMOR, LONG]
    everything = figures["all"]
    assert (everything["patients"], everything["series"], everything["refused"]) == (3, 12, 0)
    for name in ("sensitivity", "specificity", "auroc", "sensitivity_of_any"):
        assert everything[name]["value"] == 1.0
    assert everything["specificity_of_any"]["value"] == pytest.approx(5 / 6)
    assert figures["flair"]["specificity_of_any"]["value"] == pytest.approx(2 / 3)
    assert figures["t1c"]["specificity_of_any"]["value"] == 1.0
    json.dumps(figures, allow_nan=False)


def test_refused_series_are_counted_apart() -> None:
    rows = patients(3)
    findings = said(rows)
    findings |= {one.key: SliceOutcome(False, reason="x", message="y") for one in rows if one.subject == "P_1"}
    rule = SeriesCalibration(2.0, 1.0, 0.0, 0.5, (0.4, 0.6), 0.0)
    figures = series_report.evaluate(rule, synthesize(rows), findings, threshold=0.5)["all"]
    assert (figures["patients"], figures["series"], figures["refused"]) == (2, 8, 4)


@pytest.fixture
def table(make_table: Callable[..., Path]) -> Path:
    rows = []
    for split in ("val", "test"):
        for one in patients(3, sequences=("flair",)):
            patient = split + one.subject
            words = {"label": one.label, "type": "glioma" if one.tumor else "", "split": split}
            path = f"images/{split}-{one.path.stem}.png"
            rows.append(table_row(0, path=path, subject=patient, group=patient, **words))
    return make_table(rows)


def test_from_a_table_to_an_artifact_that_judges_series(
    fake_model: Model, table: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The fake model sees no tumors, so what it says of the slices is put in its place."""
    monkeypatch.setattr(series_fit, "read", lambda model, series: said([r for one in series for r in one.rows]))
    old, out = fake_model.manifest, tmp_path / "out"
    assert old.series is None
    command = ["--model", str(old.path), "--data", str(table)]
    assert main(["evaluate-series", *command]) == 2
    assert "cannot judge series" in capsys.readouterr().err
    assert main(["fit-series", *command, "--out", str(out)]) == 0
    entry = json.loads(capsys.readouterr().out)
    fresh = read_manifest(out)
    assert fresh.series == SeriesCalibration.from_dict(entry)
    assert fresh.digest != old.digest
    assert read_manifest(old.path).digest == old.digest
    assert main(["evaluate-series", "--model", str(out), "--data", str(table), "--record"]) == 0
    assert "| all | 3 | 6 | 0 |" in capsys.readouterr().out
    recorded = read_manifest(out)
    assert recorded.digest == fresh.digest
    assert recorded.data["metrics"]["series"]["test"]["all"]["patients"] == 3
