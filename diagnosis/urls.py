"""URLs of the pages."""

from django.contrib.auth import views as auth
from django.urls import path
from django.views.generic import RedirectView

from diagnosis.views import (
    account,
    cases,
    compare,
    files,
    history,
    pacs,
    reports,
    results,
    similar,
    slices,
    status,
    upload,
)

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="history"), name="home"),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", account.PasswordChange.as_view(), name="password_change"),
    path("upload/", upload.upload, name="upload"),
    path("archive/", pacs.pull_page, name="archive"),
    path("history/", history.history, name="history"),
    path("history/export/", reports.worklist, name="history-export"),
    path("cases/", cases.case_list, name="cases"),
    path("cases/<int:case_id>/", cases.case_detail, name="case"),
    path("cases/<int:case_id>/compare/", compare.compare, name="case-compare"),
    path("cases/<int:case_id>/export/", reports.case_list, name="case-export"),
    path("cases/<int:case_id>/report/", reports.case, name="case-report"),
    path("scans/<int:scan_id>/", results.scan, name="scan"),
    path("scans/<int:scan_id>/file/", files.original, name="scan-file"),
    path("scans/<int:scan_id>/preview/", files.preview, name="scan-preview"),
    path("scans/<int:scan_id>/thumbnail/", files.thumbnail, name="scan-thumbnail"),
    path("scans/<int:scan_id>/pixels/<int:first>/", files.pixels, name="scan-pixels"),
    path("predictions/<int:prediction_id>/", results.prediction, name="prediction"),
    path("predictions/<int:prediction_id>/retry/", results.retry, name="prediction-retry"),
    path("predictions/<int:prediction_id>/cancel/", results.cancel, name="prediction-cancel"),
    path("predictions/<int:prediction_id>/dicom/", pacs.download, name="prediction-dicom"),
    path("predictions/<int:prediction_id>/send/", pacs.send, name="prediction-send"),
    path("predictions/<int:prediction_id>/report/", reports.prediction, name="prediction-report"),
    path("predictions/<int:prediction_id>/fhir/", reports.fhir, name="prediction-fhir"),
    path("predictions/<int:prediction_id>/heatmap/", files.heatmap, name="prediction-heatmap"),
    path("predictions/<int:prediction_id>/overlay/", files.overlay, name="prediction-overlay"),
    path("predictions/<int:prediction_id>/similar/", similar.similar, name="prediction-similar"),
    path("predictions/<int:prediction_id>/slices/", slices.listing, name="prediction-slices"),
    path("slices/<int:slice_id>/preview/", slices.preview, name="slice-preview"),
    path("slices/<int:slice_id>/thumbnail/", slices.thumbnail, name="slice-thumbnail"),
    path("slice-results/<int:result_id>/heatmap/", slices.heatmap, name="slice-heatmap"),
    path("slice-results/<int:result_id>/overlay/", slices.overlay, name="slice-overlay"),
    path("status/", status.status, name="status"),
    path("queue/", status.queue_indicator, name="queue"),
]
