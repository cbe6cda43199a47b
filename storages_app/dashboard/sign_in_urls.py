"""The pages of allauth that are ours; what a person has is on one page, and nobody signs up."""

from django.urls import URLPattern, URLResolver, include, path, re_path
from django.views.decorators.cache import never_cache
from django.views.generic import RedirectView

from storages_app.dashboard.views.account import RecoveryCodesPage

_to_account = RedirectView.as_view(pattern_name="dashboard:account")
_recovery_codes = never_cache(RecoveryCodesPage.as_view())

urlpatterns: list[URLPattern | URLResolver] = [
    # Members are known by the address they were added with; nobody confirms or adds another.
    re_path(r"^(?:email|confirm-email|confirm-email/.*|2fa|2fa/webauthn|sessions)/$", _to_account),
    # Recovery codes are shown on one page, once, and hashed then.
    path("2fa/recovery-codes/", _recovery_codes),
    path("2fa/recovery-codes/download/", _to_account),
    path("", include("allauth.urls")),
]
