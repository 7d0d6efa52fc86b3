"""`python -m bench`: measure, print a table, keep the figures. `make bench` installs what it needs first."""

import argparse
import contextlib
import json
import os
import platform
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from bench import forward, history, predict, report, site, worker
from ml.engines import cores
from tests.verification.servers import postgres_server

OUT = Path("var/bench.json")
PAGE = Path(__file__).resolve().parents[1] / "docs" / "figures" / "performance.md"


def main() -> int:
    """Run the requested sections one after the other, and save each as soon as it is measured."""
    options = _options()
    machine = _machine()
    figures = _earlier(options.out, machine) | {"machine": machine}
    with tempfile.TemporaryDirectory(prefix="brainscan-bench-") as folder:
        for name, measure in _sections(options, Path(folder)).items():
            if name in options.only:
                print(f"Measuring: {name}", file=sys.stderr, flush=True)
                figures[name] = measure()
                options.out.parent.mkdir(parents=True, exist_ok=True)
                options.out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    print(report.terminal(figures))
    if options.record:
        report.record(figures, PAGE, sections=options.only)
    return 0


def _sections(options: argparse.Namespace, folder: Path) -> dict[str, Callable[[], dict[str, Any]]]:
    def histories() -> dict[str, Any]:
        with _databases(folder) as databases:
            return history.measure(databases=databases, counts=options.history, repeats=3, folder=folder / "history")

    return {
        "forward": lambda: forward.measure(repeats=options.repeats),
        "predict": lambda: predict.measure(repeats=options.repeats),
        "worker": lambda: worker.measure(repeats=5, folder=folder / "worker"),
        "site": lambda: site.measure(folder=folder),
        "history": histories,
    }


@contextlib.contextmanager
def _databases(folder: Path) -> Iterator[dict[str, str]]:
    """SQLite, and a temporary PostgreSQL server where PostgreSQL is installed."""
    databases = {"sqlite": f"sqlite:///{folder / 'history.sqlite3'}"}
    if not any(Path("/usr/lib/postgresql").glob("*/bin/postgres")):
        print("PostgreSQL is not installed, so SQLite alone is measured.", file=sys.stderr)
        yield databases
        return
    with postgres_server() as url:
        yield databases | {"postgresql": url}


def _machine() -> dict[str, Any]:
    with contextlib.suppress(OSError):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        found = {line.partition(":")[2].strip() for line in lines if line.startswith("model name")}
        return {"cpu": ", ".join(sorted(found)), "cores": cores.available(), "python": platform.python_version()}
    return {"cpu": platform.machine(), "cores": cores.available(), "python": platform.python_version()}


def _earlier(file: Path, machine: dict[str, Any]) -> dict[str, Any]:
    """Figures this machine measured before, for the sections that are not measured now."""
    try:
        found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if found.get("machine") == machine else {}


def _options() -> argparse.Namespace:
    names = report.SECTIONS
    p = argparse.ArgumentParser(prog="python -m bench", description="Measure brainscan on this machine.")
    p.add_argument("--only", type=lambda text: text.split(","), default=names, help=f"of {','.join(names)}")
    p.add_argument("--repeats", type=int, default=15, metavar="N", help="runs of each pass and prediction (default 15)")
    p.add_argument(
        "--history",
        type=lambda text: tuple(int(count) for count in text.split(",")),
        default=history.COUNTS,
        metavar="N,N",
        help="predictions in the history (default 1000,100000,1000000)",
    )
    p.add_argument("--out", type=Path, default=OUT, metavar="FILE", help=f"where the figures go (default {OUT})")
    p.add_argument("--record", action="store_true", help="also write the figures into docs/figures/performance.md")
    options = p.parse_args()
    if unknown := set(options.only) - set(names):
        p.error(f"no such section: {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return options


if __name__ == "__main__":
    sys.exit(main())
