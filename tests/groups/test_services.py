import uuid
from datetime import UTC, datetime

import pytest
from django.conf import settings
from django.utils import timezone

from storages_app.groups import errors
from storages_app.groups import services as groups
from storages_app.models import Event, File, Group
from tests.factories import make_file, make_group, make_project

pytestmark = pytest.mark.django_db


@pytest.fixture
def project():
    return make_project()


@pytest.fixture
def files(project):
    return [make_file(project, name=f"{n}.txt") for n in range(3)]


def members_of(group):
    return list(group.members.order_by("position").values_list("file_id", "effects"))


class TestCreate:
    def test_keeps_the_order_that_was_sent(self, project, files):
        wanted = [files[2], files[0], files[1]]
        group = groups.create(project=project, files=[str(file.uuid) for file in wanted])
        assert members_of(group) == [(file.uuid, "") for file in wanted]
        assert group.wire_id == f"{group.uuid}~3"

    @pytest.mark.parametrize(
        ("form", "effects"),
        [
            ("{uuid}", ""),
            ("{uuid}/", ""),
            ("{uuid}/-/resize/x800/", "resize/x800/"),
            ("{uuid}/-/resize/x800/-/flip/", "resize/x800/-/flip/"),
            ("{uuid}/-/resize/x800/name.jpg", "resize/x800/"),
            ("{cdn}/{uuid}/", ""),
            ("{cdn}/{uuid}/name.jpg", ""),
            ("{cdn}/{uuid}/-/crop/50px50p/10%2C10/", "crop/50px50p/10,10/"),
            ("https://ucarecdn.com/{uuid}/-/preview/", "preview/"),
            ("https://1s4oyld5dc.ucarecd.net/{uuid}/-/preview/", "preview/"),
        ],
    )
    def test_reads_each_form_of_a_file(self, project, files, form, effects):
        text = form.format(uuid=files[0].uuid, cdn=settings.CDN_URL)
        group = groups.create(project=project, files=[text])
        assert members_of(group) == [(files[0].uuid, effects)]

    def test_takes_a_file_several_times(self, project, files):
        one = str(files[0].uuid)
        group = groups.create(project=project, files=[one, f"{one}/-/preview/", one])
        assert [effects for _, effects in members_of(group)] == ["", "preview/", ""]
        assert group.n_files == 3

    def test_takes_a_thousand_files_and_not_one_more(self, project, files):
        names = [str(files[0].uuid)] * 1_000
        assert groups.create(project=project, files=names).members.count() == 1_000
        with pytest.raises(errors.TooManyFiles):
            groups.create(project=project, files=[*names, names[0]])
        assert Group.objects.count() == 1

    def test_asks_for_all_files_at_once(self, project, django_assert_max_num_queries):
        names = [str(make_file(project).uuid) for _ in range(40)]
        with django_assert_max_num_queries(8):
            groups.create(project=project, files=names)

    def test_two_of_the_same_moment_stand_in_a_row(self, project, files, monkeypatch):
        moment = datetime(2026, 3, 1, 12, tzinfo=UTC)
        monkeypatch.setattr(timezone, "now", lambda: moment)
        made = [groups.create(project=project, files=[str(files[0].uuid)]) for _ in range(3)]
        assert [group.created_at.microsecond for group in made] == [0, 1, 2]


class TestCreateRefuses:
    @pytest.mark.parametrize(
        "text",
        [
            "",
            "x",
            "{uuid}x",
            "{uuid}/resize/10x/",
            "{uuid}/-/../",
            "{uuid}/-/resize//10x/",
            "{uuid}/-/a\0b/",
            "{uuid}/-/a\nb/",
            "{uuid}/-/" + "x" * 5_000 + "/",
            "https://evil.example/{uuid}/",
            "ftp://ucarecdn.com/{uuid}/",
            "{uuid}~1",
            "{{{uuid}}}",
        ],
    )
    def test_what_names_no_file(self, project, files, text):
        sent = text.format(uuid=files[0].uuid)
        with pytest.raises(errors.BadFileUrl) as refused:
            groups.create(project=project, files=[str(files[1].uuid), sent])
        assert refused.value.message == f"This is not valid file url: {sent[:200]}."
        assert not Group.objects.exists()

    def test_files_that_are_not_there(self, project, files):
        removed = files[0]
        File.objects.filter(pk=removed.pk).update(stored_at=None, removed_at=timezone.now())
        unready = make_file(project, is_ready=False)
        foreign = make_file(make_project())
        for missing in (removed.pk, unready.pk, foreign.pk, uuid.uuid4()):
            with pytest.raises(errors.FilesNotFound):
                groups.create(project=project, files=[str(files[1].uuid), str(missing)])
        assert not Group.objects.exists()

    def test_none(self, project):
        with pytest.raises(errors.NoFilesNamed):
            groups.create(project=project, files=[])


class TestFind:
    def test_knows_a_group_by_its_whole_name(self, project, files):
        group = make_group(project, *files)
        assert groups.find(project=project, group_id=group.wire_id) == group
        assert groups.find(project=project, group_id=group.wire_id.upper()) == group
        assert groups.find_for_reader(group_id=group.wire_id) == group

    @pytest.mark.parametrize(
        "form",
        [
            "",
            "{uuid}",
            "{uuid}~",
            "{uuid}~0",
            "{uuid}~2",
            "{uuid}~03",
            "{uuid}~3\n",
            "{uuid}~3\0",
            "{uuid}~99999999999999999999",
            "{uuid}~٣",
            "{other}~3",
        ],
    )
    def test_knows_no_other_name(self, project, files, form):
        group = make_group(project, *files)
        name = form.format(uuid=group.uuid, other=uuid.uuid4())
        for find in (
            lambda: groups.find(project=project, group_id=name),
            lambda: groups.find_for_reader(group_id=name),
        ):
            with pytest.raises(errors.GroupNotFound):
                find()

    def test_shows_a_project_only_its_own(self, project, files):
        group = make_group(project, *files)
        with pytest.raises(errors.GroupNotFound):
            groups.find(project=make_project(), group_id=group.wire_id)

    def test_readers_find_none_of_a_removed_project(self, project, files):
        group = make_group(project, *files)
        project.removed_at = timezone.now()
        project.save()
        with pytest.raises(errors.GroupNotFound):
            groups.find_for_reader(group_id=group.wire_id)


class TestStore:
    def test_stores_what_is_there_and_says_when(self, project):
        waiting, removed = (
            make_file(project, stored_at=None, expires_at=timezone.now()) for _ in range(2)
        )
        File.objects.filter(pk=removed.pk).update(removed_at=timezone.now(), expires_at=None)
        group = groups.store(group=make_group(project, waiting, removed, waiting), actor="a test")
        waiting.refresh_from_db()
        removed.refresh_from_db()
        assert waiting.is_stored
        assert waiting.expires_at is None
        assert not removed.is_stored
        assert group.stored_at is not None

    def test_a_second_time_changes_nothing(self, project, files):
        group = groups.store(group=make_group(project, *files), actor="a test")
        assert groups.store(group=group, actor="a test").stored_at == group.stored_at


class TestDelete:
    def test_leaves_the_files_and_is_told(self, project, files):
        group = make_group(project, *files)
        for _ in range(2):
            groups.delete(group=group, actor="a test")
        with pytest.raises(errors.GroupNotFound):
            groups.find(project=project, group_id=group.wire_id)
        assert File.objects.live().filter(project=project).count() == 3
        event = Event.objects.get(kind="group.deleted")
        assert (event.subject, event.actor) == (group.wire_id, "a test")
