"""The model card: says what the manifest and the committed figures say, and docs hold that of the shipped artifact."""

import re
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from ml.cli import main
from ml.contracts import ModelUnavailable
from ml.inference.registry import Manifest, read_manifest
from ml.model.series_calibration import OF_NEIGHBORS
from ml.training.calibration import series_fit
from ml.training.calibration.calibrate import calibrate
from ml.training.data.table import Row
from ml.training.evaluation import error_analysis, series_report, tables
from ml.training.evaluation.card import card
from ml.training.evaluation.documents import DocumentError, Documents
from ml.training.evaluation.report import report
from ml.training.evaluation.scored import scored
from tests.ml.training.simulated import analysis, population, row
from tests.ml.training.whole_series import few_candidates, findings, split_of

pytestmark = pytest.mark.slow

DOCS = Path(__file__).resolve().parents[4] / "docs"
FRACTION = {"share": 0.9812, "pictures": 111}
GATE = {
    "leave_one_kind_out": {"ultrasound": FRACTION},
    "leave_one_family_out": {"surfaces": FRACTION},
    "leave_one_source_out_wrongly_refused": {"br35h": {"share": 0.01, "pictures": 100}},
    "wrongly_refused": {"cheng": {"share": 0.0, "pictures": 144}},
    "leave_one_kind_out_all": FRACTION,
    "wrongly_refused_all": {"share": 0.0039, "pictures": 519},
}


@pytest.fixture(scope="session")
def shipped() -> Manifest:
    """The manifest of the shipped artifact."""
    try:
        return read_manifest()
    except ModelUnavailable as error:
        pytest.skip(f"no shipped artifact: {error.message}")


@pytest.fixture
def evaluated() -> dict[str, Any]:
    """A test report with every kind of error in it."""
    rows: list[Row] = []
    results = []
    for n in range(40):
        ill = n % 2 == 0
        boxes = ((0.1, 0.1, 0.3, 0.3),) if ill else ()
        tumor_type = "glioma" if ill else ""
        rows.append(
            row(n, label="tumor" if ill else "no_tumor", type=tumor_type, source="web", boxes=boxes, split="test")
        )
        results.append(analysis(0.9 if ill else 0.1, peak=(0.2, 0.2), box=(0.1, 0.1, 0.3, 0.3)))
    results[0] = analysis(0.2, peak=(0.9, 0.9), uncertain=True)
    results[1] = analysis(0.97)
    results[2] = analysis(0.9, tumor_type="pituitary", peak=(0.2, 0.2))
    results[4] = analysis(0.9, peak=(0.9, 0.1))
    results[5] = analysis(None)
    said, refused = scored(rows, results)
    return {
        "split": "test",
        "model": "m@1",
        **report(said, threshold=0.5, refused=refused),
        "not_brain": None,
        "worst": error_analysis.worst(said, threshold=0.5),
    }


@pytest.fixture(scope="module")
def calibrated() -> dict[str, Any]:
    """What a calibration leaves in a manifest."""
    rows, logits = population(300, slope=0.4)
    return calibrate(rows, logits, np.zeros((300, 3))).manifest()


@pytest.fixture
def full(tiny_artifact: Path, evaluated: dict[str, Any], calibrated: dict[str, Any]) -> Manifest:
    """A manifest with everything that an artifact has once it is measured."""
    manifest = read_manifest(tiny_artifact)
    entries = {**deepcopy(calibrated), "gate": GATE, "metrics": {"validation": evaluated, "test": evaluated}}
    return replace(manifest, data=manifest.data | entries)


def documents(comparison: dict[str, Any] | None = None) -> Documents:
    return replace(Documents.read(), comparison=comparison, changes=None, left_out=None)


def test_docs_hold_the_card_of_the_shipped_artifact(shipped: Manifest) -> None:
    assert (DOCS / "model-card.md").read_text(encoding="utf-8") == card(shipped, Documents.read()), (
        "docs/model-card.md is out of date: python -m ml card --out docs/model-card.md"
    )


def test_the_readme_states_the_shipped_figures(shipped: Manifest) -> None:
    text = " ".join((DOCS.parent / "README.md").read_text(encoding="utf-8").split())
    test, gate = shipped.data["metrics"]["test"], shipped.data["gate"]
    pooled = test["sources"]["pooled"]
    flair, t1c = (test["sequences"][f"tcga-lgg/{name}"]["auroc"]["value"] for name in ("flair", "t1c"))
    sensitivity, specificity = pooled["sensitivity"]["value"], pooled["specificity"]["value"]
    assert f"pooled AUROC is {pooled['auroc']['value']:.2f}," in text
    assert f"sensitivity {sensitivity:.2f} and specificity {specificity:.2f} at its threshold" in text
    assert f"AUROC is {flair:.2f} for FLAIR and {t1c:.2f} for T1 post-contrast" in text
    assert f"left out of its training, it refused {100 * gate['leave_one_kind_out_all']['share']:.0f} %" in text
    located = pooled["evidence"]["in_box_or_mask"]["value"]
    assert f"In {100 * located:.0f} % of the test slices with a marked tumor" in text


def test_it_names_sources_licenses_and_what_it_is_not(shipped: Manifest) -> None:
    text = " ".join(card(shipped, Documents.read()).split())
    assert "not a diagnosis" in text
    for source, facts in shipped.data["training"]["sources"].items():
        assert f"| {source} |" in text
        assert facts["license"] in text
    for limit in shipped.data["limits"]:
        assert " ".join(limit.split()) in text


def test_the_manifest_names_no_machine(shipped: Manifest) -> None:
    text = (shipped.path / "manifest.json").read_text(encoding="utf-8")
    assert not re.search(r'"/|[ =]/\w+/|[A-Z]:\\', text)


def test_it_tells_what_was_measured(full: Manifest) -> None:
    text = " ".join(card(full, documents()).split())
    pooled = full.data["metrics"]["test"]["sources"]["pooled"]
    for name in ("sensitivity", "specificity", "auroc", "calibration_error"):
        assert f"{pooled[name]['value']:.3f} ({pooled[name]['interval'][0]:.3f}" in text
    assert "Target sensitivity: 0.95" in text
    assert "| ultrasound | 0.981 of 111 |" in text
    assert "brain slices of the validation split wrongly refused: 0.004 of 519" in text
    assert "| cheng | 0.000 of 144 | – |" in text
    assert "in the box or mask of the tumor in 0.900" in text
    assert "calibrated, each patient by a fit without it" in text
    assert "calibrated, each source by a fit without it" in text
    assert re.search(r"The error of each source by a fit without it: [\w-]+ 0\.\d{3}[,.] ", text)
    assert "| glioma | 20 | 20 |" in text


def test_the_error_analysis_describes_cases_and_names_no_file(full: Manifest) -> None:
    text = card(full, documents())
    section = " ".join(text[text.index("## Its worst errors") : text.index("## Limits")].split())
    assert "web glioma; tumor in the upper left, box over 4.0% of the image; probability 0.200, called uncertain" in (
        section
    )
    assert "- web; probability 0.970" in section
    assert "called pituitary with 0.80" in section
    assert "hottest point upper right" in section
    assert not re.search(r"\.(png|jpe?g)|images/", section)


def test_the_comparison_says_where_the_accuracy_comes_from(full: Manifest) -> None:
    measured = {"value": 0.991, "interval": [0.98, 0.995]}
    figures = dict.fromkeys(("accuracy", "sensitivity", "specificity", "auroc"), measured)
    found = {
        "command": "a command",
        "pictures": 1234,
        "reported": figures,
        "leak": {"same_picture": 0.96, "same_group": 0.99},
        "held_out": {"pooled": figures, "tcga-lgg/flair": figures},
        "unseen_hospital": None,
    }
    text = " ".join(card(full, documents(found)).split())
    assert "reports an accuracy of 0.991 (0.980–0.995)" in text
    assert "96.0% have a copy among those it learned from" in text
    assert "| baseline vgg16-gap-1@1c82e7f29757 | test split |" in text
    assert "| this model | test split |" in text
    assert "a table of 1,234 training images" in text
    assert "Not measured yet" in card(full, documents(None))


def test_it_tells_what_changed_against_the_model_before(full: Manifest) -> None:
    figures = {"sensitivity": 0.9, "specificity": 0.8, "auroc": None}
    one = {"n": 40, "before": figures, "after": figures, "right_to_wrong": 1, "wrong_to_right": 7}
    found = {"command": "a command", "before": "old@1", "after": "m@1", "sources": {"pooled": one}}
    text = card(full, replace(documents(), changes=found))
    assert "## What changed against old\n" in text
    assert "| pooled | 40 | 0.900 → 0.900 | 0.800 → 0.800 | – → – | 7 | 1 |" in text
    assert "## What changed" not in card(full, replace(documents(), changes=found | {"after": "another@1"}))


def test_it_tells_what_a_new_hospital_may_expect(full: Manifest) -> None:
    measure = {"value": 0.9, "interval": [0.8, 1.0]}
    web = {"n": 39, "tumor": 20, "groups": 12} | dict.fromkeys(("sensitivity", "specificity", "auroc"), measure)
    found = {"command": "a command", "schedule": "Two steps each.", "sources": {"web": {"left out": {"web": web}}}}
    text = card(full, replace(documents(), left_out=found))
    _, _, after = text.partition("## What a new hospital may expect")
    assert "of the others. Two steps each. Made by `a command`." in " ".join(after.split())
    assert "\n| web | left out | 39 (20 / 19) | 12 | 0.900 (0.800–1.000) | " in after
    assert "new hospital may expect" not in card(full, replace(documents(), left_out=None))


def test_it_names_the_model_that_was_tuned_further(full: Manifest) -> None:
    assert "tuned further from" not in card(full, documents())
    training = full.data["training"] | {"init": "before@1"}
    text = " ".join(card(replace(full, data=full.data | {"training": training}), documents()).split())
    assert "Blocks 4 and 5 and the heads were tuned further from before@1;" in text


def test_it_tells_planes_and_heights(full: Manifest, evaluated: dict[str, Any]) -> None:
    pooled = evaluated["sources"]["pooled"]
    test = evaluated | {"planes": {"axial": pooled}, "heights": {"1 lowest fifth": pooled}}
    full = replace(full, data=full.data | {"metrics": full.data["metrics"] | {"test": test}})
    text = card(full, documents())
    assert "| axial | 39 (20 / 19) |" in text
    assert "| 1 lowest fifth | 39 (20 / 19) |" in text


def test_an_artifact_without_test_figures_says_so(tiny_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--model", str(tiny_artifact)]) == 0
    said = capsys.readouterr().out
    assert "has not been evaluated" in said
    assert "Nothing is recorded of the gate." in said


def test_it_is_written_where_told(tiny_artifact: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "card.md"
    assert main(["card", "--model", str(tiny_artifact), "--out", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == card(read_manifest(tiny_artifact), Documents.read())


def test_figures_that_are_missing_or_damaged_are_named(tmp_path: Path) -> None:
    with pytest.raises(DocumentError, match=r"baseline\.json"):
        Documents.read(tmp_path)
    (tmp_path / "baseline.json").write_text("{", encoding="utf-8")
    with pytest.raises(DocumentError):
        Documents.read(tmp_path)
    (tmp_path / "baseline.json").write_text("{}", encoding="utf-8")
    assert Documents.read(tmp_path).comparison is None


def test_it_tells_how_series_are_judged_and_what_was_measured_of_them(
    full: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    few_candidates(monkeypatch)
    assert "## Whole series" not in card(full, documents())
    members = split_of(4)
    entry = series_fit.fit(members, findings(members))
    full = replace(full, data=full.data | {"series": entry})
    assert "evaluate-series" in card(full, documents())
    calibration = full.series
    assert calibration is not None
    figures = series_report.evaluate(calibration, members, findings(members), threshold=0.5)
    full.data["metrics"]["series"] = {"test": figures}
    text = card(full, documents())
    assert f"sharpness {entry['sharpness']:g}" in " ".join(text.split())
    assert "12 whole series of the validation split: 4 patients with a tumor, 8 without" in " ".join(text.split())
    assert tables.series_table(figures) in text
    assert "fewer than twelve slices" in " ".join(text.split())


def test_a_model_of_the_first_method_keeps_its_words(full: Manifest) -> None:
    common = {"sharpness": 2.0, "neighbors": 0.5, "slope": 1.0, "intercept": 0.0, "threshold": 0.5}
    entry = common | {"method": OF_NEIGHBORS, "uncertain": [0.4, 0.6], "facts": {"patients": 5, "series": 150}}
    text = " ".join(card(replace(full, data=full.data | {"series": entry}), documents()).split())
    assert "averaged with its neighbors, which count 0.5" in text
    assert "5 validation patients, in 150 series" in text
