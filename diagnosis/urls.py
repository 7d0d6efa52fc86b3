"""URLs of the pages."""

from django.contrib.auth import views as auth
from django.urls import path
from django.views.generic import RedirectView

from diagnosis.views import account, cases, files, history, results, similar, upload

urlpatterns = [
    path("", RedirectView.as_view(pattern_name="history"), name="home"),
    path("login/", account.Login.as_view(), name="login"),
    path("logout/", auth.LogoutView.as_view(), name="logout"),
    path("password/", account.PasswordChange.as_view(), name="password_change"),
    path("upload/", upload.upload, name="upload"),
    path("history/", history.history, name="history"),
    path("cases/", cases.case_list, name="cases"),
    path("cases/<int:case_id>/", cases.case_detail, name="case"),
    path("scans/<int:scan_id>/", results.scan, name="scan"),
    path("scans/<int:scan_id>/file/", files.original, name="scan-file"),
    path("scans/<int:scan_id>/preview/", files.preview, name="scan-preview"),
    path("scans/<int:scan_id>/thumbnail/", files.thumbnail, name="scan-thumbnail"),
    path("predictions/<int:prediction_id>/", results.prediction, name="prediction"),
    path("predictions/<int:prediction_id>/retry/", results.retry, name="prediction-retry"),
    path("predictions/<int:prediction_id>/cancel/", results.cancel, name="prediction-cancel"),
    path("predictions/<int:prediction_id>/heatmap/", files.heatmap, name="prediction-heatmap"),
    path("predictions/<int:prediction_id>/overlay/", files.overlay, name="prediction-overlay"),
    path("predictions/<int:prediction_id>/similar/", similar.similar, name="prediction-similar"),
    path("status/", results.status, name="status"),
    path("queue/", results.queue_indicator, name="queue"),
]
