"""The pages of allauth that are ours; what a person has is on one page, and nobody signs up."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.generic import RedirectView

_to_account = RedirectView.as_view(pattern_name="dashboard:account")

urlpatterns: list[URLPattern | URLResolver] = [
    # Members are known by the address they were added with; nobody confirms or adds another.
    re_path(r"^(?:email|confirm-email|confirm-email/.*|2fa|2fa/webauthn|sessions)/$", _to_account),
    path("", include("allauth.urls")),
]
