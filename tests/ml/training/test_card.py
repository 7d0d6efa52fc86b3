"""The model card: says what the manifest says, and the one in docs is the one of the shipped artifact."""

import re
from pathlib import Path

import pytest

from ml.cli import main
from ml.contracts import ModelUnavailable
from ml.registry import Manifest, read_manifest
from ml.training.card import card

DOCS = Path(__file__).resolve().parents[3] / "docs"


@pytest.fixture(scope="session")
def shipped() -> Manifest:
    """The manifest of the shipped artifact."""
    try:
        return read_manifest()
    except ModelUnavailable as error:
        pytest.skip(f"no shipped artifact: {error.message}")


def test_docs_hold_the_card_of_the_shipped_artifact(shipped: Manifest) -> None:
    assert (DOCS / "model-card.md").read_text(encoding="utf-8") == card(shipped), (
        "docs/model-card.md is out of date: python -m ml card --out docs/model-card.md"
    )


def test_it_is_plain_about_what_the_model_is_not(shipped: Manifest) -> None:
    text = " ".join(card(shipped).split())
    assert "not a diagnosis" in text
    assert "not a calibrated probability" in text
    assert "does not yet recognize a picture that is no brain MRI" in text
    for source, facts in shipped.data["training"]["sources"].items():
        assert f"| {source} |" in text
        assert facts["license"] in text


def test_the_manifest_names_no_machine(shipped: Manifest) -> None:
    text = (shipped.path / "manifest.json").read_text(encoding="utf-8")
    assert not re.search(r'"/|[ =]/\w+/|[A-Z]:\\', text)


def test_an_artifact_without_test_figures_says_so(tiny_artifact: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["card", "--model", str(tiny_artifact)]) == 0
    assert "has not been evaluated" in capsys.readouterr().out


def test_it_is_written_where_told(tiny_artifact: Path, tmp_path: Path) -> None:
    target = tmp_path / "new" / "card.md"
    assert main(["card", "--model", str(tiny_artifact), "--out", str(target)]) == 0
    assert target.read_text(encoding="utf-8") == card(read_manifest(tiny_artifact))
