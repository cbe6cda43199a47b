"""Addresses of the file host."""

from django.urls import path, re_path

from storages_app.delivery import groups, views

app_name = "delivery"

_GROUP = r"^(?P<group_id>[0-9a-f-]{36}~[0-9]{1,4})"
_MEMBER = rf"{_GROUP}/nth/(?P<position>[0-9]{{1,4}})"
_ARCHIVE = rf"{_GROUP}/archive/(?P<kind>zip|tar)"

urlpatterns = [
    path("<uuid:file_uuid>", views.add_slash, name="add_slash"),
    path("<uuid:file_uuid>/", views.serve, name="file"),
    path("<uuid:file_uuid>/<path:rest>", views.serve, name="file_with_rest"),
    re_path(rf"{_GROUP}/\Z", groups.listing, name="group"),
    re_path(rf"{_MEMBER}/(?P<rest>.*)\Z", groups.member, name="group_member"),
    re_path(rf"{_ARCHIVE}/(?P<filename>[^/]*)\Z", groups.archive, name="group_archive"),
    re_path(rf"{_GROUP}\Z", groups.add_slash),
    re_path(rf"{_MEMBER}\Z", groups.add_slash),
    re_path(rf"{_ARCHIVE}\Z", groups.add_slash),
    re_path(r"", views.not_found, name="not_found"),
]
