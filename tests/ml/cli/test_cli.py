"""`python -m ml`: the contract of its output and of its exit status."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from ml.cli import main
from ml.contracts import TUMOR_TYPES
from ml.inference.registry import Model
from tests import builders

KEYS = [
    "file", "outcome", "uncertain", "tumor_probability", "type_probabilities", "evidence", "gate", "trained_on",
    "model", "engine", "milliseconds",
]  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> list[str]:
    contents = [builders.png_bytes(), builders.TEXT, builders.jpeg_bytes(), builders.png_bytes(builders.phantom(8))]
    paths = [tmp_path / f"{number}.png" for number in range(4)]
    for path, content in zip(paths, contents, strict=True):
        path.write_bytes(content)
    return [str(path) for path in paths]


def lines(capsys: pytest.CaptureFixture[str]) -> list[dict[str, object]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize("batch", ["1", "2", "9"])
def test_predict_prints_one_object_a_file(
    fake_model: Model, files: list[str], batch: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["predict", "--model", str(fake_model.manifest.path), "--batch", batch, *files])
    objects = lines(capsys)
    assert status == 0
    assert [item["file"] for item in objects] == files
    assert all(list(item) == KEYS for item in objects)
    assert [item["outcome"] == "refused" for item in objects] == [False, True, False, True]


def test_predict_says_what_the_contract_says(
    fake_model: Model, files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    main(["predict", "--model", str(fake_model.manifest.path), *files[:2]])
    judged, refused = lines(capsys)
    assert 0 <= judged["tumor_probability"] <= 1  # type: ignore[operator]
    assert set(judged["type_probabilities"]) == set(TUMOR_TYPES)  # type: ignore[call-overload]
    assert set(judged["gate"]) == {"accepted", "score", "threshold", "reason", "message"}  # type: ignore[call-overload]
    assert judged["model"] == fake_model.manifest.label
    assert {"peak", "box", "share"} <= set(judged["evidence"])  # type: ignore[call-overload]
    assert all(0 <= fraction <= 1 for fraction in judged["evidence"]["peak"])  # type: ignore[index]
    assert refused["tumor_probability"] is refused["type_probabilities"] is refused["evidence"] is None
    assert refused["gate"]["reason"] == "text"  # type: ignore[index]


def test_predict_answers_for_a_file_that_is_not_there(
    fake_model: Model, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["predict", "--model", str(fake_model.manifest.path), str(tmp_path / "absent.png")]) == 0
    assert lines(capsys)[0]["gate"]["reason"] == "not_found"  # type: ignore[index]


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["predict"],
        ["predict", "--engine", "abacus", "x.png"],
        ["predict", "--batch", "0", "x.png"],
        ["predict", "--batch", "many", "x.png"],
        ["guess", "x.png"],
        ["train", "--out", "x"],
        ["train", "--data", "x", "--out", "x", "--sections", "0"],
        ["train", "--data", "x", "--out", "x", "--copies", "some"],
        ["evaluate", "--data", "x", "--split", "all"],
    ],
)
def test_wrong_arguments_exit_2(argv: list[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(argv)
    assert caught.value.code == 2


@pytest.mark.parametrize(
    "argv",
    [
        ["predict", "--model", "{absent}", "x.png"],
        ["benchmark", "--model", "{absent}"],
        ["card", "--model", "{absent}"],
        ["evaluate", "--data", "{absent}"],
        ["export", "--run", "{absent}", "--out", "{absent}"],
        ["train", "--data", "{absent}", "--weights", "{absent}", "--out", "{absent}"],
        ["train", "--data", "{absent}", "--out", "{absent}"],
    ],
)
def test_what_is_missing_exits_2_with_a_sentence(
    argv: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([word.format(absent=tmp_path / "absent") for word in argv]) == 2
    assert "absent" in capsys.readouterr().err


TRAINING = {"tensorflow", "keras", "matplotlib", "ml.training"}


def imported(script: str) -> set[str]:
    """Names of the modules that a new Python process has loaded after `script`."""
    script += "\nimport sys; print(*sys.modules)"
    return set(
        subprocess.run([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    )


def test_wrong_arguments_import_no_framework() -> None:
    loaded = imported("from ml.cli import main\ntry: main(['predict'])\nexcept SystemExit: pass")
    assert "ml.cli" in loaded and not loaded & TRAINING


def test_serving_never_imports_training() -> None:
    loaded = imported("import ml.inference.analysis, ml.inference.registry, ml.cli.benchmark, ml.cli.serving")
    assert "ml.inference.registry" in loaded and not loaded & (TRAINING | {"django", "celery"})


@pytest.mark.slow
def test_predictions_by_ncnn_import_no_tensorflow(tmp_path: Path) -> None:
    pytest.importorskip("ncnn", reason="there is no ncnn for this platform")
    file = tmp_path / "scan.png"
    file.write_bytes(builders.png_bytes())
    script = (
        "import sys\n"
        "from ml.cli import main\n"
        f"code = main(['predict', '--engine', 'ncnn', {str(file)!r}])\n"
        "heavy = {'tensorflow', 'keras'} & set(sys.modules)\n"
        "sys.exit(f'imported: {heavy}' if heavy else code)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["engine"] == "ncnn"


def test_as_a_program_it_exits_2_without_a_model(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ml", "predict", "--model", str(tmp_path), "x.png"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert done.stdout == ""
    assert "manifest.json" in done.stderr
