"""Addresses under /api/v1/. Anything else there is answered by `problems.unknown_address`."""

from django.urls import path
from rest_framework.routers import SimpleRouter

from diagnosis.api import pacs, views

app_name = "api"

router = SimpleRouter(use_regex_path=False)
router.register("cases", views.CaseViewSet, basename="case")
router.register("scans", views.ScanViewSet, basename="scan")
router.register("predictions", views.PredictionViewSet, basename="prediction")
router.register("models", views.ModelViewSet, basename="model")

urlpatterns = [
    *router.urls,
    path("pull/", pacs.PullView.as_view(), name="pull"),
    path("predictions/<int:pk>/dicom/", pacs.DicomView.as_view(), name="prediction-dicom"),
    path("predictions/<int:pk>/send/", pacs.SendView.as_view(), name="prediction-send"),
]
