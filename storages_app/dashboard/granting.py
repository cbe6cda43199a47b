"""The grant of a storage as pages show it: for its owner, for a colleague, and as files."""

from dataclasses import dataclass

from django.http import Http404, HttpResponse

from storages_app.custom_storages import grants

_TYPES = {
    "json": "application/json",
    "sh": "text/x-shellscript; charset=utf-8",
    "hcl": "text/plain; charset=utf-8",
}


@dataclass(frozen=True)
class ShownGrant:
    """What `_grant.html` shows; `file_url` is where its files are, with a slash at its end."""

    grant: grants.Grant
    file_url: str = ""

    @property
    def tabs(self) -> tuple[grants.Tab, ...]:
        return self.grant.tabs


def shown(wanted: grants.Wanted, *, file_url: str = "") -> ShownGrant:
    return ShownGrant(grants.grant_for(wanted), file_url)


def file_of(wanted: grants.Wanted, filename: str) -> HttpResponse:
    """One text of the grant to keep; 404 for a name that the grant has not."""
    for tab in grants.grant_for(wanted).tabs:
        for text in tab.texts:
            if text.filename == filename:
                return as_file(text.text, filename, language=text.language)
    raise Http404


def as_file(text: str, filename: str, *, language: str = "json") -> HttpResponse:
    """A download that no browser opens as a page."""
    return HttpResponse(
        text,
        content_type=_TYPES[language],
        headers={"Content-Disposition": f'attachment; filename="{filename}"'},
    )
