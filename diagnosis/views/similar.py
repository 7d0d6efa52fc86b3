"""Similar past cases: a fragment that the result page fetches after loading, and a plain page without JavaScript."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from diagnosis.access import selectors
from diagnosis.models.prediction import State
from diagnosis.similarity import search
from ml.percent import percent


@require_safe
def similar(request: HttpRequest, prediction_id: int) -> HttpResponse:
    """The fragment is empty if the prediction has no embedding, so that the panel disappears from the page. A model
    version without a floor shows no cases and says why."""
    asked = get_object_or_404(selectors.result(request.user, prediction_id=prediction_id))
    found = search.similar(request.user, prediction=asked)
    rows = [{"p": one.prediction, "similarity": percent(one.similarity)} for one in found or ()]
    version = asked.model_version
    unmeasured = asked.state == State.DONE and version is not None and search.floor(version) is None
    context = {"p": asked, "available": found is not None, "similar": rows, "unmeasured": unmeasured}
    fragment = bool(request.headers.get("HX-Request"))
    return render(request, f"diagnosis/{'_fragments/' if fragment else ''}similar.html", context)
