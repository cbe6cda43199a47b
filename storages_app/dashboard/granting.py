"""The grant of a storage as pages show it: for its owner, for a colleague, and as files."""

from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.http import Http404, HttpResponse

from storages_app.custom_storages import grants
from storages_app.models import CustomStorage
from storages_app.objectstores.providers import provider

_TYPES = {
    "json": "application/json",
    "sh": "text/x-shellscript; charset=utf-8",
    "hcl": "text/plain; charset=utf-8",
}


def wanted_for(storage: CustomStorage, **changes: Any) -> grants.Wanted:
    """The storage as its grant sees it; it has no secret, and no access key id."""
    wanted = grants.Wanted(
        provider=provider(storage.provider),
        bucket=storage.bucket,
        prefix=storage.prefix,
        region=storage.region,
        public_mode=storage.public_mode,
        uses=tuple(storage.uses),
        identity=storage.identity,  # type: ignore[arg-type]  # one of the three, by its choices
        storage_name=storage.name,
        endpoint=storage.endpoint_url,
        account_id=storage.account_id,
        principal_arn=settings.AWS_PRINCIPAL_ARN,
        external_id=storage.external_id,
        role_arn=storage.role_arn,
        kms_key_id=str(storage.encryption.get("kms_key_id", "")),
    )
    return replace(wanted, **changes)


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
