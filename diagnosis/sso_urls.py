"""URLs of single sign-on; `brainscan.urls` adds them where OIDC_ISSUER is set."""

from django.urls import path

from diagnosis.views import single_sign_on

urlpatterns = [
    path("sso/login/", single_sign_on.login, name="sso-login"),
    path("sso/confirm/", single_sign_on.confirm, name="sso-confirm"),
    path("sso/link/", single_sign_on.link, name="sso-link"),
    path("sso/unlink/", single_sign_on.unlink, name="sso-unlink"),
    path("sso/callback/", single_sign_on.callback, name="sso-callback"),
]
