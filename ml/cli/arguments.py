"""The commands' arguments. Training options left out take their defaults from `ml.training.settings`."""

import argparse
from collections.abc import Callable
from pathlib import Path

from ml.engines import CHOICES

WORK = Path("var/training")
BENCH = Path("var/benchmark.json")


def parser() -> argparse.ArgumentParser:
    """The parser of `python -m ml`."""
    parser = argparse.ArgumentParser(prog="python -m ml", description="Brain MRI tumor detection with VGG16.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (build, help_) in _COMMANDS.items():
        build(commands.add_parser(name, help=help_, description=help_))
    return parser


def _predict(p: argparse.ArgumentParser) -> None:
    _model(p)
    p.add_argument("--batch", type=_positive, default=1, metavar="N", help="files in one forward pass (default 1)")
    p.add_argument("files", nargs="+", type=Path, metavar="FILE")


def _benchmark(p: argparse.ArgumentParser) -> None:
    _model(p)
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--repeats", type=_positive, default=15, metavar="N", help="runs of each measurement (default 15)")
    p.add_argument("--out", type=Path, default=BENCH, metavar="FILE", help=f"where the figures go (default {BENCH})")


def _train(p: argparse.ArgumentParser) -> None:
    _data(p)
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new artifact")
    p.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=f"cache and run (default {WORK})")
    p.add_argument("--weights", default="imagenet", metavar="FILE", help="VGG16 base: imagenet, or a Keras file")
    p.add_argument("--name", help="name in the manifest (default: the shipped artifact's)")
    p.add_argument("--seed", type=int, help="of everything that is drawn")
    p.add_argument("--init", type=Path, metavar="DIR", help="artifact to tune further (default: begin with --weights)")
    p.add_argument("--without", metavar="SOURCE", help="learn nothing from this source, and judge the model on it")
    p.add_argument("--copies", type=_positive, metavar="N", help="images and augmented copies to learn from, each once")
    p.add_argument("--sections", type=_positive, metavar="N", help="parts of the training; each ends with a checkpoint")


def _evaluate(p: argparse.ArgumentParser) -> None:
    _model(p)
    _data(p)
    p.add_argument("--split", choices=("train", "val", "test"), default="test")
    p.add_argument("--batch", type=_positive, default=8, metavar="N", help="images in one forward pass (default 8)")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--out", type=Path, metavar="DIR", help="also write evaluation.json and plots here")
    p.add_argument("--record", action="store_true", help="also put the figures into the manifest")


def _fit_gate(p: argparse.ArgumentParser) -> None:
    p.add_argument("--model", type=Path, metavar="DIR", help="artifact folder (default: the shipped one)")
    _data(p)
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new artifact")
    p.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=f"cache of features (default {WORK})")
    p.add_argument("--name", help="name in the manifest (default: the artifact's)")


def _fit_series(p: argparse.ArgumentParser) -> None:
    _model(p)
    _data(p)
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the new artifact")


def _evaluate_series(p: argparse.ArgumentParser) -> None:
    _model(p)
    _data(p)
    p.add_argument("--split", choices=("val", "test"), default="test")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--record", action="store_true", help="also put the figures into the manifest")


def _audit(p: argparse.ArgumentParser) -> None:
    _data(p)
    p.add_argument("--json", action="store_true", help="print JSON instead of lines")
    p.add_argument(
        "--min-correlation",
        type=_correlation,
        metavar="R",
        help="near-duplicates, too: images whose heads correlate by this or more (default 0.985)",
    )


def _export(p: argparse.ArgumentParser) -> None:
    p.add_argument("--run", type=Path, default=WORK / "run", metavar="DIR", help=f"a run (default {WORK / 'run'})")
    p.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the artifact")
    p.add_argument("--name", help="name in the manifest (default: the shipped artifact's)")


def _card(p: argparse.ArgumentParser) -> None:
    p.add_argument("--model", type=Path, metavar="DIR", help="artifact folder (default: the shipped one)")
    p.add_argument("--out", type=Path, metavar="FILE", help="where the card goes (default: standard output)")


def _model(p: argparse.ArgumentParser) -> None:
    p.add_argument("--model", type=Path, metavar="DIR", help="artifact folder (default: the shipped one)")
    p.add_argument("--engine", choices=CHOICES, default="auto", help="what runs the convolutions (default auto)")


def _data(p: argparse.ArgumentParser) -> None:
    p.add_argument("--data", type=Path, required=True, metavar="TABLE", help="data table, or the folder of scans.csv")


def _correlation(text: str) -> float:
    number = float(text)
    if not 0 < number <= 1:
        raise argparse.ArgumentTypeError(f"{number} is not above 0 and at most 1")
    return number


def _compare(p: argparse.ArgumentParser) -> None:
    p.add_argument("--model", type=Path, metavar="DIR", help="artifact folder (default: the shipped one)")
    _data(p)
    p.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=f"cache of features (default {WORK})")
    p.add_argument("--weights", default="imagenet", metavar="FILE", help="VGG16 base: imagenet, or a Keras file")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--out", type=Path, metavar="FILE", help="also write the prototype's figures here, as JSON")


def _changes(p: argparse.ArgumentParser) -> None:
    for name in ("before", "after"):
        p.add_argument(name, type=Path, metavar=name.upper(), help="results.json that `evaluate --out` wrote")
    _data(p)
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--out", type=Path, metavar="FILE", help="also write the changes here, as JSON")


def _forecast(p: argparse.ArgumentParser) -> None:
    sources = "train once without this source; those joined by a comma are left out together"
    p.add_argument("without", nargs="+", metavar="SOURCE", help=sources)
    _data(p)
    p.add_argument("--work", type=Path, default=WORK, metavar="DIR", help=f"cache and checkpoints (default {WORK})")
    p.add_argument("--weights", default="imagenet", metavar="FILE", help="VGG16 base: imagenet, or a Keras file")
    p.add_argument("--drawn", type=_positive, metavar="N", help="images and augmented copies that all learn from")
    p.add_argument("--steps", type=_positive, metavar="N", help="steps of each training, 32 images in each")
    p.add_argument("--json", action="store_true", help="print JSON instead of a table")
    p.add_argument("--out", type=Path, metavar="FILE", help="also write the figures here, as JSON")


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is less than 1")
    return number


_COMMANDS: dict[str, tuple[Callable[[argparse.ArgumentParser], None], str]] = {
    "predict": (_predict, "Analyze files; one JSON object a line, in order."),
    "benchmark": (_benchmark, "Measure the model on this machine, against Keras in the same run."),
    "train": (_train, "Train on a data table, export the artifact and evaluate it on the test split."),
    "evaluate": (_evaluate, "Measure an artifact on a split of a data table, per source, with intervals."),
    "fit-gate": (_fit_gate, "Fit again what an artifact takes for a brain, on the table that it was trained on."),
    "fit-series": (_fit_series, "Fit how slices speak for a whole series, on the validation patients of a table."),
    "evaluate-series": (_evaluate_series, "Measure an artifact on whole series of a split, by patient."),
    "audit": (_audit, "Fail if an image, a near-duplicate, a group or a patient is in two splits."),
    "export": (_export, "Write the artifact of a finished run again."),
    "compare": (_compare, "Set the prototype's protocol, the baseline and an artifact side by side."),
    "changes": (_changes, "Count what changed between two models on the same images."),
    "forecast": (_forecast, "Train shortly without each source, and judge each training on its source."),
    "card": (_card, "Write the model card of an artifact."),
}
