"""Similar past cases: the scans that look most like one to the same model version, among cases the user may see.

Visibility is checked twice. Cases the user may not see never enter the search, so they neither change nor crowd out
results. What the search finds is then read through `selectors`, so a stale row in memory may cost a result but never
shows one.
"""

from dataclasses import dataclass
from itertools import islice, takewhile

from diagnosis.access import blinding, selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Embedding, ModelVersion, Prediction
from diagnosis.models.embedding import unpack
from diagnosis.models.prediction import State
from diagnosis.similarity import embedding_index
from diagnosis.similarity.embedding_index import Neighbor

DEFAULT_LIMIT = 6
MAX_LIMIT = 20
FLOOR = 0.4
"""Smallest cosine that is worth showing: of pairs of validation images of different people with different findings,
fewer than 1 in 100 reach it (`python -m bench.unrelated`, vgg16-cells-6)."""


@dataclass(frozen=True, slots=True)
class Similar:
    """A past prediction, with scan, case, owner and model version. similarity: cosine of the embeddings, from the model
    version's floor to 1."""

    prediction: Prediction
    similarity: float


def floor(version: ModelVersion) -> float | None:
    """Smallest cosine that is worth showing by this model version; None if it was not measured.

    Its manifest has it: of pairs of validation images of different people with different findings, fewer than 1 in 100
    reach it (`python -m bench.unrelated`).
    """
    found = (version.manifest.get("similarity") or {}).get("floor")
    return None if found is None else float(found)


def similar(user: AnyUser, *, prediction: Prediction, limit: int = DEFAULT_LIMIT) -> list[Similar] | None:
    """The `limit` scans most similar to that of `prediction`, best first: one of each other case.

    Leaves out scans of the same case, which its page shows anyway, and copies of the same image. None if there is
    nothing to search by: the prediction is not done, its result is hidden from the user, or its model version gives no
    embedding or has no floor. Four queries, however many scans there are; five if cases are assigned to the user.

    prediction: from `selectors.result`, which checks that the user may see it and loads its whole model version.
    """
    version = prediction.model_version
    searchable = prediction.state == State.DONE and not prediction.blinded
    embedding = Embedding.objects.filter(prediction=prediction.pk).first() if searchable else None
    least = floor(version) if version is not None else None
    if embedding is None or version is None or least is None:
        return None
    index = embedding_index.index(version.pk)
    index.refresh()
    vector = unpack(embedding.vector)
    ranked = index.nearest(
        vector,
        owners=selectors.visible_owners(user),
        cases=selectors.assigned_cases(user),
        other_than_case=prediction.scan.case_id,
        other_than_pixels=prediction.scan.pixel_sha256,
    )
    candidates = takewhile(lambda neighbor: neighbor.similarity >= least, ranked)
    found: list[Similar] = []
    while len(found) < limit and (part := list(islice(candidates, limit - len(found)))):
        rows = _rows(user, part)
        if len(rows) < len(part):
            index.expire()
        for row in rows:
            row.model_version = version  # the same row, but with its manifest
            found.append(Similar(row, float(unpack(row.embedding.vector) @ vector)))
    return sorted(found, key=lambda one: (-one.similarity, one.prediction.pk))


def _rows(user: AnyUser, neighbors: list[Neighbor]) -> list[Prediction]:
    ids = [neighbor.prediction_id for neighbor in neighbors]
    # That a scan looks like one whose result is known tells something of it, so hidden ones are left out.
    visible = blinding.revealed(selectors.predictions(user))
    visible = visible.filter(pk__in=ids, state=State.DONE, embedding__isnull=False)
    return list(visible.select_related("embedding"))
