"""One backup run: what it found, what it lacks, and its manifest."""

from collections.abc import Iterator
from typing import Any, cast

from django.contrib import messages
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from storages_app.backups import reading
from storages_app.backups import services as backups
from storages_app.dashboard import backup_texts
from storages_app.dashboard.access import PageRequest, project_page
from storages_app.dashboard.forms.base import message_of
from storages_app.dashboard.frame import show
from storages_app.dashboard.polling import poll_answer
from storages_app.dashboard.reasons import explanations
from storages_app.dashboard.reports import digest, version_of_runs
from storages_app.lib.errors import UcdashError
from storages_app.models import BackupRun, Project
from storages_app.projects.roles import Action


@project_page()
def page(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    return show(
        request, "dashboard/backup_run.html", project, _context(project, pk), section="backup"
    )


@project_page()
def status(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The part that changes while the run is under way."""
    context = _context(project, pk) | {"project": project, "is_part": True}
    context["is_new_word"] = request.GET.get("said") != context["said"]
    return poll_answer(
        request,
        version=context["version"],
        is_over=context["run"].is_over,
        render=lambda status: render(request, "dashboard/_backup_run.html", context, status=status),
    )


def _run_of(project: Project, pk: int) -> BackupRun:
    runs = BackupRun.objects.select_related("plan__custom_storage", "plan__project")
    return get_object_or_404(runs, plan__project=project, pk=pk)


def _context(project: Project, pk: int) -> dict[str, Any]:
    run = _run_of(project, pk)
    texts = explanations()
    progress = backups.progress(run)
    spoken = backup_texts.spoken(run, progress)
    n_before = backups.n_runs_before(run) if run.state == BackupRun.State.WAITING else None
    return {
        "run": run,
        "progress": progress,
        "n_before": n_before,
        "sentence": backup_texts.sentence(run, progress),
        "spoken": spoken,
        "said": digest([spoken]),
        "tab_title": backup_texts.tab_title(run, progress),
        "gaps": [gap | {"text": texts.get(gap["reason"])} for gap in run.gaps],
        "version": version_of_runs([run], f"{progress}{n_before}"),
    }


@project_page(see=Action.MANAGE_STORAGES)
def manifest(request: PageRequest, project: Project, pk: int) -> HttpResponse:
    """The manifest as it is in the bucket, or with ?files the line of each file that it has."""
    run = _run_of(project, pk)
    wants_files = "files" in request.GET
    try:
        chunks = reading.files_of(run) if wants_files else reading.manifest_of(run)
    except UcdashError as error:
        messages.error(request, f"The manifest could not be read. {message_of(error)}")
        return redirect("dashboard:backup_run", project.slug, pk)
    kind = "files" if wants_files else "manifest"
    return _download(chunks, f"backup-{project.slug}-{run.pk}-{kind}.jsonl")


def _download(chunks: Iterator[bytes], name: str) -> HttpResponse:
    answer = StreamingHttpResponse(chunks, content_type="application/x-ndjson")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    answer["X-Content-Type-Options"] = "nosniff"
    return cast("HttpResponse", answer)  # a stream is none, but goes the same way
