"""Similar past cases: what the same model version made of the scans that look most like one, in cases one may see.

Who may see what is asked twice. Cases of others never enter the search, so what a person finds does not depend on them,
and there are as many results as their own scans allow. What was found is then read through `selectors`, as everything
is: a stale row in memory can cost a result, never show one.
"""

from dataclasses import dataclass
from itertools import islice, takewhile

from diagnosis.access import selectors
from diagnosis.access.users import AnyUser
from diagnosis.models import Embedding, Prediction
from diagnosis.models.embedding import unpack
from diagnosis.models.prediction import State
from diagnosis.similarity import embedding_index
from diagnosis.similarity.embedding_index import Neighbor

DEFAULT_LIMIT = 6
MAX_LIMIT = 20


@dataclass(frozen=True, slots=True)
class Similar:
    """A past prediction, with scan, case, owner and model version. similarity: cosine of the embeddings, 0 to 1."""

    prediction: Prediction
    similarity: float


def similar(user: AnyUser, *, prediction: Prediction, limit: int = DEFAULT_LIMIT) -> list[Similar] | None:
    """The `limit` scans most like that of `prediction`, most similar first: one of each other case.

    Scans of its own case are left out (they stand beside it anyway), and so are copies of the same picture. None where
    there is nothing to search by: the prediction is not done, or its model version gives no embedding. Four queries,
    however many scans there are.

    prediction: from `selectors.result`, so that the user may see it and its model version is loaded whole.
    """
    version = prediction.model_version
    asked = Embedding.objects.filter(prediction=prediction.pk).first() if prediction.state == State.DONE else None
    if asked is None or version is None:
        return None
    index = embedding_index.index(version.pk)
    index.refresh()
    vector = unpack(asked.vector)
    ranked = index.nearest(
        vector,
        owners=selectors.visible_owners(user),
        other_than_case=prediction.scan.case_id,
        other_than_pixels=prediction.scan.pixel_sha256,
    )
    candidates = takewhile(lambda neighbor: neighbor.similarity > 0, ranked)  # below, nothing is alike
    found: list[Similar] = []
    while len(found) < limit and (part := list(islice(candidates, limit - len(found)))):
        rows = _rows(user, part)
        if len(rows) < len(part):
            index.expire()
        for row in rows:
            row.model_version = version  # the same for all, and loaded whole
            found.append(Similar(row, float(unpack(row.embedding.vector) @ vector)))
    return sorted(found, key=lambda one: (-one.similarity, one.prediction.pk))


def _rows(user: AnyUser, neighbors: list[Neighbor]) -> list[Prediction]:
    ids = [neighbor.prediction_id for neighbor in neighbors]
    visible = selectors.predictions(user).filter(pk__in=ids, state=State.DONE, embedding__isnull=False)
    return list(visible.select_related("embedding"))
