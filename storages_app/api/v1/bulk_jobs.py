"""/api/v1/bulk-jobs/: copies of many files, by programs."""

import uuid
from collections.abc import Callable
from typing import Any

from django.http import StreamingHttpResponse
from rest_framework.request import Request
from rest_framework.response import Response

from storages_app.api.parsers import choice, single
from storages_app.api.refusals import NoSuchThing, ParameterInvalid, ParameterMissing
from storages_app.api.v1 import bulk_job_schema as schema
from storages_app.api.v1.base import V1View
from storages_app.api.v1.pages import page
from storages_app.api.v1.storage_fields import json_object
from storages_app.api.wire import number_in_path, timestamp
from storages_app.bulk_copies import figures, lists, services
from storages_app.copying.errors import TargetMissing
from storages_app.library.filters import FileFilter
from storages_app.models import BulkJob, CustomStorage


class BulkJobsView(V1View):
    """The project's copies of many files, newest first, and asking for one more."""

    @schema.list_jobs
    def get(self, request: Request) -> Response:
        jobs = BulkJob.objects.filter(project=self.project).select_related("custom_storage")
        return page(jobs, request, job_object)

    @schema.create_job
    def post(self, request: Request) -> Response:
        """A worker counts first; the job is at its Location."""
        order = _read_order(request.data)
        name = order.pop("target")
        storage = self.project.custom_storages.live().filter(name=name).first()
        if storage is None:
            raise TargetMissing
        job = services.request(
            project=self.project, custom_storage=storage, asked_by=self.caller.name, **order
        )
        location = {"Location": f"/api/v1/bulk-jobs/{job.pk}/"}
        return Response(whole_job_object(job), status=201, headers=location)


class _OneJobView(V1View):
    """Of one job; another project's is not found."""

    def get_job(self, job_id: str) -> BulkJob:
        jobs = BulkJob.objects.select_related("custom_storage", "project")
        job: BulkJob | None = jobs.filter(project=self.project, pk=number_in_path(job_id)).first()
        if job is None:
            raise NoSuchThing
        return job

    def answer(self, job_id: str, do: Callable[..., object], **more: str) -> Response:
        job = self.get_job(job_id)
        do(bulk_job=job, actor=self.caller.name, **more)
        return Response(whole_job_object(job))


class BulkJobView(_OneJobView):
    """One job with its figures, and what was not copied by reason."""

    @schema.get_job
    def get(self, request: Request, job_id: str) -> Response:
        return Response(whole_job_object(self.get_job(job_id)))


class StartView(_OneJobView):
    """Begin to copy what a dry run has counted."""

    @schema.start_job
    def post(self, request: Request, job_id: str) -> Response:
        return self.answer(job_id, services.start)


class PauseView(_OneJobView):
    """Order no more copies; those under way end."""

    @schema.pause_job
    def post(self, request: Request, job_id: str) -> Response:
        return self.answer(job_id, services.pause)


class ResumeView(_OneJobView):
    """Go on from where it was paused."""

    @schema.resume_job
    def post(self, request: Request, job_id: str) -> Response:
        return self.answer(job_id, services.resume)


class CancelView(_OneJobView):
    """Stop. What was copied stays."""

    @schema.cancel_job
    def post(self, request: Request, job_id: str) -> Response:
        return self.answer(job_id, services.cancel)


class RetryView(_OneJobView):
    """Try the files again that ended without a copy, all or those of one reason."""

    @schema.retry_job
    def post(self, request: Request, job_id: str) -> Response:
        self.get_job(job_id)
        body = json_object(request.data or {}, ("reason",))
        return self.answer(job_id, services.retry, reason=_text("reason", body))


class ItemsView(_OneJobView):
    """Every file of the job as CSV, or with `only=gaps` those that ended without a copy."""

    @schema.list_items
    def get(self, request: Request, job_id: str) -> StreamingHttpResponse:
        job = self.get_job(job_id)
        only = single("only", request.query_params)
        only_gaps = choice("only", only, ["gaps"]) == "gaps" if only else False
        answer = StreamingHttpResponse(
            lists.as_csv(job, only_gaps=only_gaps), content_type="text/csv; charset=utf-8"
        )
        answer["Content-Disposition"] = f'attachment; filename="copy-{job.pk}.csv"'
        return answer


# --- Reading an order ----------------------------------------------------------------------------

_FIELDS = (
    *("target", "what", "filter", "files", "effects", "pattern"),
    *("on_clash", "make_public", "dry_run"),
)


def _read_order(data: Any) -> dict[str, Any]:
    """The body by the names of the service; whether it can be done is for the service to say."""
    body = json_object(data, _FIELDS)
    for name in ("target", "what"):
        if not body.get(name):
            raise ParameterMissing(name)
    what = choice("what", _text("what", body), BulkJob.What.values)
    for name, kind in (("filter", "filter"), ("files", "selection")):
        if name in body and what != kind:
            raise ParameterInvalid(f"`{name}` parameter goes with `what` `{kind}` only.")
    on_clash = _text("on_clash", body)
    return {
        "target": _text("target", body),
        "what": what,
        "filter_by": json_object(body.get("filter") or {}, FileFilter.base_filters),
        "file_uuids": _uuids(body.get("files", [])),
        "effects": _text("effects", body),
        "pattern": _text("pattern", body),
        "on_clash": choice("on_clash", on_clash, CustomStorage.OnClash.values) if on_clash else "",
        "make_public": _boolean("make_public", body),
        "is_dry_run": _boolean("dry_run", body),
    }


def _text(name: str, body: Any) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or "\0" in value:
        raise ParameterInvalid(f"`{name}` parameter should be a text.")
    return value


def _boolean(name: str, body: Any) -> bool | None:
    value = body.get(name)
    if value is not None and not isinstance(value, bool):
        raise ParameterInvalid(f"`{name}` parameter should be `true` or `false`.")
    return value


def _uuids(value: Any) -> list[uuid.UUID]:
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        raise ParameterInvalid("`files` parameter should be a list of UUIDs.")
    try:
        return [uuid.UUID(one) for one in value]
    except ValueError as error:
        raise ParameterInvalid("`files` parameter should be a list of UUIDs.") from error


# --- What is told --------------------------------------------------------------------------------


def job_object(job: BulkJob) -> dict[str, Any]:
    return {
        "id": job.pk,
        "state": job.state,
        "word": job.word,
        "reason": job.reason or None,
        "target": job.custom_storage.name,
        "what": job.what,
        "filter": job.filter,
        "effects": job.effects,
        "pattern": job.pattern,
        "on_clash": job.on_clash,
        "is_public": job.is_public,
        "dry_run": job.is_dry_run,
        "asked_by": job.asked_by,
        "cancelled_by": job.ended_by or None,
        "created_at": timestamp(job.created_at),
        "counted_at": timestamp(job.counted_at),
        "started_at": timestamp(job.started_at),
        "paused_at": timestamp(job.paused_at),
        "finished_at": timestamp(job.finished_at),
    }


def whole_job_object(job: BulkJob) -> dict[str, Any]:
    return job_object(job) | {
        "count": _count_object(job),
        "progress": _progress_object(job),
        "gaps": [
            {
                "reason": gap.reason,
                "files": gap.n_files,
                "may_retry": gap.may_retry,
                "samples": [str(item.file_id) for item in gap.samples],
            }
            for gap in figures.gaps_of(job)
        ],
    }


def _count_object(job: BulkJob) -> dict[str, Any]:
    return {
        "files": job.n_files,
        "bytes": job.n_bytes,
        "to_copy": job.n_to_copy,
        "bytes_to_copy": job.n_bytes_to_copy,
        "already_there": job.n_already,
        "names_taken": job.n_clashes,
        "too_large": job.n_too_large,
        "requests": job.n_requests,
        "seconds": round(figures.seconds_needed(job), 1) if job.counted_at else None,
    }


def _progress_object(job: BulkJob) -> dict[str, Any]:
    progress = figures.progress(job)
    return {
        "files": progress.n_files,
        "ended": progress.n_ended,
        "bytes": progress.n_bytes,
        "bytes_ended": progress.n_bytes_ended,
        "percent": progress.percent,
        "copied": job.n_copied,
        "already_there": job.n_there,
        "skipped": job.n_skipped,
        "failed": job.n_failed,
        "waiting": job.n_waiting,
        "files_per_second": progress.files_per_s,
        "bytes_per_second": progress.bytes_per_s,
        "seconds_left": progress.seconds_left,
    }
