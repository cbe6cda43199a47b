"""What the dashboard's host answers: pages, admin, REST API and Upload API."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include("storages_app.api.urls")),  # asked most, so tried first
    path("admin/", admin.site.urls),
    path("accounts/", include("storages_app.dashboard.sign_in_urls")),
    path("", include("storages_app.dashboard.urls")),
    path("", include("storages_app.api.documentation")),
    path("", include("storages_app.api.monitoring")),
]

handler400 = "storages_app.dashboard.views.errors.bad_request"
handler403 = "storages_app.dashboard.views.errors.forbidden"
handler404 = "storages_app.dashboard.views.errors.not_found"
handler429 = "storages_app.dashboard.views.errors.too_many"  # asked by allauth
handler500 = "storages_app.dashboard.views.errors.server_error"
