"""The error analysis: the right errors, worst first, once a patient, in words without file names."""

import json

import numpy as np
import pytest

from ml.contracts import Analysis
from ml.training.data.table import Row
from ml.training.evaluation import error_analysis
from ml.training.evaluation.scored import Scored, scored
from tests.ml.training.simulated import analysis, row

BOX = (0.0, 0.0, 0.2, 0.2)


def judge(pairs: list[tuple[Row, Analysis]]) -> dict[str, list[dict[str, object]]]:
    evaluated, _ = scored([one for one, _ in pairs], [other for _, other in pairs])
    return error_analysis.worst(evaluated, threshold=0.5)


def test_errors_by_kind_worst_first() -> None:
    found = judge(
        [
            (row(1, boxes=(BOX,), sequence="flair"), analysis(0.2, peak=(0.9, 0.9))),
            (row(2), analysis(0.1)),
            (row(3, label="no_tumor"), analysis(0.8)),
            (row(4, label="no_tumor"), analysis(0.95)),
            (row(5, type="meningioma"), analysis(0.9, tumor_type="pituitary")),
            (row(6, boxes=(BOX,)), analysis(0.9, peak=(0.9, 0.1))),
            (row(7, boxes=(BOX,), type="glioma"), analysis(0.9, peak=(0.1, 0.1))),
            (row(8, label="no_tumor"), analysis(None)),
        ]
    )
    assert [entry["probability"] for entry in found["missed"]] == [0.1, 0.2]
    assert found["missed"][1] == {
        "source": "here",
        "sequence": "flair",
        "type": None,
        "tumor": {"share": 0.04, "from": "box", "where": "upper left"},
        "probability": 0.2,
        "said_type": "glioma",
        "type_probability": 0.8,
        "hottest": "lower right",
        "uncertain": False,
    }
    assert [entry["probability"] for entry in found["false_alarms"]] == [0.95, 0.8]
    assert [(entry["type"], entry["said_type"]) for entry in found["mistyped"]] == [("meningioma", "pituitary")]
    assert [entry["hottest"] for entry in found["misplaced"]] == ["upper right"]


def test_a_patient_stands_once_and_lists_are_short() -> None:
    slices = [(row(n, group="one"), analysis(0.3 - n / 100)) for n in range(9)]
    others = [(row(10 + n), analysis(0.4)) for n in range(9)]
    missed = judge([*slices, *others])["missed"]
    assert len(missed) == error_analysis.MAX_ENTRIES
    assert missed[0]["probability"] == pytest.approx(0.22)
    assert [entry["probability"] for entry in missed[1:]] == [0.4] * (error_analysis.MAX_ENTRIES - 1)


def test_no_file_and_no_patient_is_named() -> None:
    text = json.dumps(judge([(row(1, subject="somebody", group="somebody"), analysis(0.1))]))
    assert "images/" not in text
    assert "somebody" not in text


def test_without_evidence_and_without_errors() -> None:
    bare = Scored([row(1)], np.array([0.1]), np.array([[1.0, 0, 0]]))
    assert error_analysis.worst(bare, threshold=0.5)["missed"][0]["hottest"] is None
    assert not any(judge([(row(1), analysis(0.9))]).values())


@pytest.mark.parametrize(
    ("x", "y", "words"), [(0.5, 0.5, "center"), (0.0, 1.0, "lower left"), (1.0, 0.5, "middle right")]
)
def test_places_in_words(x: float, y: float, words: str) -> None:
    assert error_analysis.position_in_words(x, y) == words
