"""The report of a split, by source, sequence and type, and pooled, with intervals.

It is the same for validation and test. `ml.training.evaluation.summary` measures one stratum.
"""

from collections import Counter
from typing import Any

import numpy as np

from ml.contracts import TUMOR_TYPES, Analysis
from ml.training.data.table import Row
from ml.training.evaluation.scored import Refused, Scored
from ml.training.evaluation.summary import rate, summarize, type_summary

POOLED = "pooled"


def report(scored: Scored, *, threshold: float, refused: list[Refused] | None = None) -> dict[str, Any]:
    """{"threshold": …, "sources": {name: summary, …, "pooled": summary}, "sequences": …, "types": …}, JSON-ready.

    sequences: by "source/sequence", of rows with a known sequence. types: by tumor type, of rows with a known type.
    """
    refused = refused or []
    sources = _strata([row.source for row in scored.rows], [item.row.source for item in refused])
    sequences = _strata([_sequence(row) for row in scored.rows], [_sequence(item.row) for item in refused])
    return {
        "threshold": threshold,
        "interval": "95% bootstrap by group",
        "sources": {
            **{name: _stratum(scored, refused, name, _source, threshold) for name in sources},
            POOLED: summarize(scored, threshold=threshold, refused=refused),
        },
        "sequences": {name: _stratum(scored, refused, name, _sequence, threshold) for name in sequences},
        "types": {
            tumor_type: type_summary(scored.only(_mask(scored, tumor_type)), tumor_type, threshold=threshold)
            for tumor_type in TUMOR_TYPES
            if _mask(scored, tumor_type).any()
        },
    }


def not_brain_report(rows: list[Row], results: list[Analysis]) -> dict[str, Any] | None:
    """Images that are no brain, by class: the fraction refused, and how many were called tumor.

    A row's class is the part of its file name before "--", else its source. None without such rows.
    """
    if not rows:
        return None
    categories = np.array([row.path.name.split("--")[0] if "--" in row.path.name else row.source for row in rows])
    groups = np.array([row.group for row in rows])
    refused_flags = np.array([result.outcome == "refused" for result in results], np.float64)
    summaries = {}
    for name in [*sorted(set(categories)), POOLED]:
        in_stratum = np.ones(len(rows), bool) if name == POOLED else categories == name
        outcomes = Counter(result.outcome for result, kept in zip(results, in_stratum, strict=True) if kept)
        reasons = Counter(result.gate.reason for result, kept in zip(results, in_stratum, strict=True) if kept)
        summaries[name] = {
            "n": int(in_stratum.sum()),
            "refused": rate(groups[in_stratum], refused_flags[in_stratum], "no such picture"),
            "called_tumor": outcomes["tumor"],
            "called_no_tumor": outcomes["no_tumor"],
            "reasons": {str(reason): n for reason, n in sorted(reasons.items(), key=str) if reason},
        }
    return summaries


def _stratum(scored: Scored, refused: list[Refused], name: str, stratum_of: Any, threshold: float) -> dict[str, Any]:
    in_stratum = np.array([stratum_of(row) == name for row in scored.rows], bool)
    return summarize(
        scored.only(in_stratum), threshold=threshold, refused=[item for item in refused if stratum_of(item.row) == name]
    )


def _mask(scored: Scored, tumor_type: str) -> Any:
    return np.array([row.type == tumor_type for row in scored.rows], bool)


def _source(row: Row) -> str:
    return row.source


def _sequence(row: Row) -> str:
    return f"{row.source}/{row.sequence}" if row.sequence else ""


def _strata(*names: list[str]) -> list[str]:
    return sorted({name for part in names for name in part if name})
