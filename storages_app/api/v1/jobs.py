"""/api/v1/jobs/: copies of single files, what became of them, and ending or trying them again."""

from typing import Any

from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import choice, single
from storages_app.api.refusals import JobNotOver, JobNotWaiting, NoSuchThing
from storages_app.api.v1 import activity_schema as schema
from storages_app.api.v1.base import V1View
from storages_app.api.v1.pages import page
from storages_app.api.wire import number_in_path, parse_uuid, timestamp
from storages_app.copying import services
from storages_app.models import CopyJob
from storages_app.models.copy_jobs import CopyJobQuerySet, State


class _JobsView(V1View):
    def jobs(self) -> CopyJobQuerySet:
        return CopyJob.objects.filter(project=self.project)

    def shown(self, pk: int) -> Response:
        job = self.jobs().select_related("custom_storage").filter(pk=pk).first()
        if job is None:
            raise NoSuchThing
        return Response(job_object(job))


class JobsView(_JobsView):
    """The project's copies, newest first."""

    @schema.list_jobs
    def get(self, request: Request) -> Response:
        jobs = self.jobs().select_related("custom_storage")
        asked = {
            name: single(name, request.query_params) for name in ("state", "file", "custom_storage")
        }
        if (state := asked["state"]) is not None:
            jobs = jobs.filter(state=choice("state", state, State.values))
        if (file := asked["file"]) is not None:
            jobs = jobs.filter(file=parse_uuid(file))
        if (storage := asked["custom_storage"]) is not None:
            jobs = jobs.filter(custom_storage=parse_uuid(storage))
        return page(jobs, request, job_object)


class JobView(_JobsView):
    """One copy job of the caller's project, with the evidence for what was written."""

    @schema.get_job
    def get(self, request: Request, job_id: str) -> Response:
        return self.shown(number_in_path(job_id))


class CancelView(_JobsView):
    """Drop a copy that still waits; one that is under way ends by itself."""

    @schema.cancel_job
    def post(self, request: Request, job_id: str) -> Response:
        pk = number_in_path(job_id)
        shown = self.shown(pk)
        if not services.cancel(jobs=self.jobs().filter(pk=pk), actor=self.caller.name):
            raise JobNotWaiting(f"It is {shown.data['state']}.")
        return self.shown(pk)


class RetryView(_JobsView):
    """Make an ended copy again; the bucket is read before anything is written."""

    @schema.retry_job
    def post(self, request: Request, job_id: str) -> Response:
        pk = number_in_path(job_id)
        self.shown(pk)
        if not services.retry(jobs=self.jobs().filter(pk=pk), actor=self.caller.name):
            raise JobNotOver
        return self.shown(pk)


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
