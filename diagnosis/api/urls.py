"""URLs under /api/v1/. Every other URL there is answered by `problems.unknown_address`."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from diagnosis.api import pacs
from diagnosis.api.views import audit_trail, cases, model_versions, predictions, reviews, scans, tokens, worklist

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("cases", cases.CaseViewSet, basename="case")
router.register("scans", scans.ScanViewSet, basename="scan")
router.register("predictions", predictions.PredictionViewSet, basename="prediction")
router.register("assignments", worklist.AssignmentViewSet, basename="assignment")
router.register("views", worklist.SavedViewViewSet, basename="view")
router.register("reviews", reviews.ReviewViewSet, basename="review")
router.register("audit", audit_trail.AuditViewSet, basename="audit")
router.register("tokens", tokens.TokenViewSet, basename="token")
router.register("models", model_versions.ModelViewSet, basename="model")

urlpatterns = [
    *router.urls,
    path("pull/", pacs.PullView.as_view(), name="pull"),
    path("predictions/<int:pk>/dicom/", pacs.DicomView.as_view(), name="prediction-dicom"),
    path("predictions/<int:pk>/send/", pacs.SendView.as_view(), name="prediction-send"),
]
