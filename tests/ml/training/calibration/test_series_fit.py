"""Whole series: what is fitted, on which patients, and what the figures count."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ml.cli import main
from ml.inference.registry import Model, read_manifest
from ml.inference.series_pooling import SliceOutcome
from ml.inference.series_summary import summarize
from ml.model.series_calibration import CellPooling, NeighborPooling, SeriesCalibration
from ml.training.calibration import series_fit
from ml.training.calibration.series_examples import FREE, PART, THINNED, WHOLE, examples
from ml.training.calibration.series_fit import SeriesError, outcomes
from ml.training.data.series_table import COLUMNS
from ml.training.evaluation import series_report
from tests.ml.training.whole_series import few_candidates, findings, series, split_of

pytestmark = pytest.mark.slow

REFUSED = SliceOutcome(False, reason="not_brain", message="It shows no brain.")


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    few_candidates(monkeypatch)


def test_the_entry_is_what_the_registry_reads() -> None:
    members = split_of(4)
    entry = series_fit.fit(members, findings(members))
    calibration = SeriesCalibration.from_dict(json.loads(json.dumps(entry, allow_nan=False)))
    assert isinstance(calibration.pooling, CellPooling)
    facts = entry["facts"]
    assert facts["patients"] == {"tumor": 4, "no_tumor": 8}
    assert (facts["series"], facts["examples"]) == (12, len(examples(members)))
    forms = (f"{s}, {d}, 0.0, 0.0" for s in (1.0, 2.0) for d in (0.0, 0.04))
    assert set(facts["candidates"]) == set(facts["drifts"]) == {*series_fit.PLAIN, *forms}
    assert facts["cross_validated"][WHOLE]["auroc"] > 0.95
    assert facts["cross_validated"][FREE]["sensitivity"] is None


def test_scattered_alarms_make_places_in_depth_the_best_form() -> None:
    """Healthy heads raise as many alarms as there are tumor slices, nowhere twice in one place."""
    members = split_of(4)
    entry = series_fit.fit(members, findings(members, alarms=0.35))
    assert entry["depth"] == 0.04
    losses = entry["facts"]["candidates"]
    deep = min(losses[f"{s}, 0.04, 0.0, 0.0"] for s in (1.0, 2.0))
    assert deep < min(losses[name] for name in series_fit.PLAIN) - 0.05
    calibration = SeriesCalibration.from_dict(entry)
    strangers = split_of(6)
    said = findings(strangers, alarms=0.35, seed=9)
    for one in examples(strangers):
        if one.variant in (WHOLE, THINNED):
            assert (summarize(calibration, outcomes(one, said), threshold=0.5).outcome == "tumor") == one.tumor


def test_a_form_that_changes_more_with_the_number_of_slices_is_not_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A width of two percent has the lower loss, but of every ninth of sixty slices it leaves each alone."""
    members = split_of(4)
    said = findings(members, alarms=0.05)
    monkeypatch.setattr(series_fit, "SHARPNESS", (1.0,))
    monkeypatch.setattr(series_fit, "DEPTHS", (0.0, 0.02))
    monkeypatch.setattr(series_fit, "MAX_DRIFT", 2.0)
    found = series_fit.fit(members, said)
    steady, loose = (found["facts"]["drifts"][f"1.0, {depth}, 0.0, 0.0"] for depth in (0.0, 0.02))
    assert found["depth"] == 0.02
    assert steady < loose
    monkeypatch.setattr(series_fit, "MAX_DRIFT", (steady + loose) / 2)
    assert series_fit.fit(members, said)["depth"] == 0.0


def test_parts_of_a_healthy_head_are_never_a_certain_tumor() -> None:
    members = split_of(4)
    calibration = SeriesCalibration.from_dict(series_fit.fit(members, findings(members, alarms=0.35)))
    strangers = [series(f"S_{n}", tumor=False, slices=60) for n in range(6)]
    said = findings(strangers, alarms=0.35, seed=5)
    for one in strangers:
        for part in (one.slices[:15], one.slices[-15:], one.slices[:3], one.slices[30:31]):
            found = summarize(calibration, [said[file] for file in part], threshold=0.5)
            assert found.outcome == "no_tumor" or found.uncertain


def test_each_patient_is_judged_by_a_fit_without_that_patient(monkeypatch: pytest.MonkeyPatch) -> None:
    members = split_of(3)
    said = findings(members)
    seen: list[int] = []
    line = series_fit._line

    def spy(scores: np.ndarray, truth: np.ndarray, weights: np.ndarray) -> tuple[float, float]:
        seen.append(len(scores))
        return line(scores, truth, weights)

    monkeypatch.setattr(series_fit, "_line", spy)
    series_fit.fit(members, said)
    made = examples(members)
    without = {name: sum(one.subject != name for one in made) for name in {one.subject for one in made}}
    forms = len(series_fit.PLAIN) + 4
    assert sorted(seen) == sorted([*without.values(), len(made)] * forms)


def test_series_of_which_too_little_is_accepted_are_left_out() -> None:
    members = split_of(4)
    said = findings(members)
    said |= dict.fromkeys(members[-1].slices, REFUSED)
    entry = series_fit.fit(members, said)
    assert entry["facts"]["patients"] == {"tumor": 4, "no_tumor": 7}


def test_too_few_patients_are_an_error() -> None:
    ill = [one for one in split_of(4) if one.tumor]
    with pytest.raises(SeriesError, match="Only 2 patients have series with a tumor"):
        series_fit.fit(split_of(2), findings(split_of(2)))
    short = [series(f"P_{n}", tumor=True, slices=14) for n in range(4)]  # no stretch without the tumor
    with pytest.raises(SeriesError, match="Only 0 patients have series without a tumor"):
        series_fit.fit(short, findings(short))
    assert series_fit.fit(ill, findings(ill))["facts"]["patients"] == {"tumor": 4, "no_tumor": 4}


def test_logits_that_fall_with_a_tumor_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(series_fit, "DEPTHS", (0.04,))
    members = split_of(4)
    said = findings(members, alarms=0.9, strength=5.0)
    said |= {file: REFUSED for one in members for index, file in enumerate(one.slices) if index in one.tumor_slices}
    with pytest.raises(SeriesError, match="do not rise"):
        series_fit.fit(members, said)


RULE = SeriesCalibration(NeighborPooling(2.0, 0.0), 1.0, 0.0, 0.5, (0.4, 0.6))


def test_the_report_counts_by_source_sequence_plane_and_variant() -> None:
    members = split_of(3)
    figures = series_report.evaluate(RULE, members, findings(members, alarms=0.02), threshold=0.5)
    assert list(figures) == ["all", "here", "there", "flair", "t1", "t1c", "axial", THINNED, FREE, PART]
    everything = figures["all"]
    assert (everything["patients"], everything["series"], everything["refused"]) == (6, 9, 0)
    assert everything["sensitivity"]["value"] == 1.0
    assert everything["auroc"]["value"] == 1.0
    assert figures["there"]["sensitivity"]["value"] is None
    assert figures["there"]["specificity_of_any"]["value"] < 1.0
    assert figures[FREE]["patients"] == 3
    json.dumps(figures, allow_nan=False)


def test_errors_that_are_not_called_uncertain_are_counted_apart() -> None:
    """A tumor that nothing shows, two healthy heads that show one, and one that may show one."""
    ill, *well = [series("P_0", tumor=True), *(series(f"H_{n}", tumor=False) for n in range(3))]
    said = findings([ill, *well])
    for one, probability in ((ill, 0.01), (well[0], 0.99), (well[1], 0.99), (well[2], 0.5)):
        said |= dict.fromkeys(one.slices, SliceOutcome(True, probability))
    figures = series_report.evaluate(RULE, [ill, *well], said, threshold=0.5)["all"]
    assert figures["certain_and_wrong"]["value"] == 0.75
    assert figures["uncertain"]["value"] == 0.25


def test_refused_series_are_counted_apart() -> None:
    members = split_of(3)
    said = findings(members) | dict.fromkeys(members[0].slices, REFUSED)
    figures = series_report.evaluate(RULE, members, said, threshold=0.5)["all"]
    assert (figures["patients"], figures["series"], figures["refused"]) == (6, 8, 1)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder with a table of whole series, whose slices are empty files."""
    lines = [",".join(COLUMNS)]
    for split in ("val", "test"):
        for one in split_of(3, sequences=("flair",)):
            key = f"{one.key}-{split}"
            folder = tmp_path / key
            folder.mkdir(parents=True)
            for file in one.slices:
                (folder / file.name).touch()
            ill = " ".join(map(str, one.tumor_slices))
            subject = f"{one.subject}-{split}"
            lines.append(
                f"{key},{one.source},{subject},{split},{one.label},{one.sequence},axial,{len(one.slices)},{ill},"
            )
    (tmp_path / "series.csv").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_from_a_table_to_an_artifact_that_judges_series(
    fake_model: Model,
    data: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    make_table: Callable[..., Path],
) -> None:
    """The fake model sees no tumors, so what it says of the slices is put in its place."""
    monkeypatch.setattr(series_fit, "read", lambda model, members: findings(members))
    old, out = fake_model.manifest, tmp_path / "out"
    assert old.series is None
    command = ["--model", str(old.path), "--data", str(data)]
    assert main(["evaluate-series", *command]) == 2
    assert "cannot judge series" in capsys.readouterr().err
    assert main(["fit-series", *command, "--out", str(out)]) == 0
    entry = json.loads(capsys.readouterr().out)
    fresh = read_manifest(out)
    assert fresh.series == SeriesCalibration.from_dict(entry)
    assert fresh.digest != old.digest
    assert read_manifest(old.path).digest == old.digest
    assert main(["evaluate-series", "--model", str(out), "--data", str(data), "--record"]) == 0
    assert "| all | 6 (3 / 3) | 6 | 0 |" in capsys.readouterr().out
    recorded = read_manifest(out)
    assert recorded.digest == fresh.digest
    assert recorded.data["metrics"]["series"]["test"]["all"]["patients"] == 6


def test_a_split_without_series_is_an_error(data: Path, fake_model: Model, capsys: pytest.CaptureFixture[str]) -> None:
    table = data / "series.csv"
    table.write_text("\n".join(line for line in table.read_text().splitlines() if ",val," not in line))
    command = ["fit-series", "--model", str(fake_model.manifest.path), "--data", str(data), "--out", str(data / "x")]
    assert main(command) != 0
    assert "no series has split 'val'" in capsys.readouterr().err
