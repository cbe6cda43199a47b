"""/api/v1/jobs/<id>/: what became of a copy."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api import schema
from storages_app.api.refusals import NoSuchThing
from storages_app.api.v1.base import V1View
from storages_app.api.wire import timestamp
from storages_app.models import CopyJob


class JobView(V1View):
    """One copy job of the caller's project, with the evidence for what was written."""

    @schema.get_job
    def get(self, request: Request, job_id: str) -> Response:
        if not (job_id.isascii() and job_id.isdigit() and len(job_id) <= 18):
            raise NoSuchThing
        jobs = CopyJob.objects.filter(project=self.project).select_related("custom_storage")
        job = jobs.filter(pk=int(job_id)).first()
        if job is None:
            raise NoSuchThing
        return Response(job_object(job))


def job_object(job: CopyJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "state": job.state,
        "word": job.word,
        "reason": job.reason or None,
        "detail": job.detail or None,
        "url": job.url,
        "file": str(job.file_id),
        "effects": job.effects,
        "custom_storage": job.custom_storage.name,
        "attempts": job.attempts,
        "created_at": timestamp(job.created_at),
        "finished_at": timestamp(job.finished_at),
        "evidence": _evidence(job),
    }


def _evidence(job: CopyJob) -> dict[str, Any] | None:
    if not job.evidence:
        return None
    return {
        "method": job.evidence,
        "checksum": job.evidence_checksum or None,
        "size": job.size,
        "etag": job.etag or None,
        "version_id": job.version_id or None,
        "verified_at": timestamp(job.verified_at),
    }
