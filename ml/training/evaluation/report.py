"""The report of a split, by source, sequence, plane, height and type, and pooled, with intervals.

It is the same for validation and test. `ml.training.evaluation.summary` measures one stratum.
"""

from collections import Counter
from collections.abc import Callable
from typing import Any

import numpy as np

from ml.contracts import TUMOR_TYPES, Analysis
from ml.training.data.heights import height
from ml.training.data.table import Row
from ml.training.evaluation.scored import Refused, Scored
from ml.training.evaluation.summary import rate, summarize, type_summary

POOLED = "pooled"


def report(scored: Scored, *, threshold: float, refused: list[Refused] | None = None) -> dict[str, Any]:
    """{"threshold": …, "sources": {name: summary, …, "pooled": summary}, "sequences": …, "types": …}, JSON-ready.

    sequences: by "source/sequence", planes and heights: by plane and by fifth of the head, each of rows where it is
    known. types: by tumor type, of rows with a known type.
    """
    refused = refused or []

    def strata(name: Callable[[Row], str]) -> dict[str, Any]:
        return _strata(scored, refused, name, threshold)

    return {
        "threshold": threshold,
        "interval": "95% bootstrap by group",
        "sources": {
            **strata(lambda row: row.source),
            POOLED: summarize(scored, threshold=threshold, refused=refused),
        },
        "sequences": strata(lambda row: f"{row.source}/{row.sequence}" if row.sequence else ""),
        "planes": strata(lambda row: row.plane),
        "heights": strata(height),
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
            "refused": rate(groups[in_stratum], refused_flags[in_stratum], "no such image"),
            "called_tumor": outcomes["tumor"],
            "called_no_tumor": outcomes["no_tumor"],
            "reasons": {str(reason): n for reason, n in sorted(reasons.items(), key=str) if reason},
        }
    return summaries


def _strata(scored: Scored, refused: list[Refused], name: Callable[[Row], str], threshold: float) -> dict[str, Any]:
    """Summaries by `name` of the row, in order; rows without a name are left out."""
    judged, turned = [name(row) for row in scored.rows], [name(item.row) for item in refused]
    return {
        stratum: summarize(
            scored.only(np.array([one == stratum for one in judged], bool)),
            threshold=threshold,
            refused=[item for item, one in zip(refused, turned, strict=True) if one == stratum],
        )
        for stratum in sorted({*judged, *turned} - {""})
    }


def _mask(scored: Scored, tumor_type: str) -> Any:
    return np.array([row.type == tumor_type for row in scored.rows], bool)
