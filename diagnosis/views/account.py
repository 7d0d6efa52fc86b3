"""Login and password change."""

from django.contrib import messages
from django.contrib.auth import views as auth
from django.contrib.auth.forms import PasswordChangeForm
from django.http import HttpResponse
from django.urls import reverse_lazy

from diagnosis.access import audit


class Login(auth.LoginView):
    """The only page that does not require a login."""

    redirect_authenticated_user = True


class PasswordChange(auth.PasswordChangeView):
    """Changes the password, which ends the user's other sessions."""

    success_url = reverse_lazy("history")

    def form_valid(self, form: PasswordChangeForm) -> HttpResponse:
        response = super().form_valid(form)
        audit.record("password.changed", actor=form.user, target=form.user)
        messages.success(self.request, "Your password is changed. Your other sessions were logged out.")
        return response
