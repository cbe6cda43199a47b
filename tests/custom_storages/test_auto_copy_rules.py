"""What a rule of auto-copy may say, and which files it takes: in memory and in the database."""

import pytest

from storages_app.custom_storages import services
from storages_app.custom_storages.auto_copy_rules import (
    MAX_RENDITIONS,
    MAX_TYPES,
    Rule,
    clean_rule,
)
from storages_app.custom_storages.errors import BadRule, NotConnected
from storages_app.models import CustomStorage, Event, File
from tests.factories import make_custom_storage, make_file, make_project


class TestCleaned:
    @pytest.mark.parametrize(
        ("said", "kept"),
        [
            (None, {}),
            ({}, {}),
            ({"when": "upload", "types": [], "min_size": None, "renditions": None}, {}),
            ({"when": "store"}, {"when": "store"}),
            ({"types": [" Image/* ", "image/*"]}, {"types": ["image/*"]}),
            ({"min_size": 0}, {}),
            ({"min_size": 5, "max_size": 5}, {"min_size": 5, "max_size": 5}),
            (
                {"renditions": ["-/preview/800x800/", "-/preview/800x800"]},
                {"renditions": ["-/preview/800x800/"]},
            ),
        ],
    )
    def test_only_what_says_something_is_kept(self, said, kept):
        assert clean_rule(said) == kept

    @pytest.mark.parametrize(
        ("said", "field", "told"),
        [
            ("image/*", "", "should be an object"),
            ([], "", "should be an object"),
            ({"size": 1}, "", "no `size`"),
            ({"\u202e": 1}, "", "no `"),
            ({"when": "later"}, "when", "`upload` or `store`"),
            ({"when": ["store"]}, "when", "`upload` or `store`"),
            ({"types": "image/*"}, "types", "a list of texts"),
            ({"types": [1]}, "types", "a list of texts"),
            ({"types": ["image"]}, "types", "is no type"),
            ({"types": ["*/*"]}, "types", "none at all means every file"),
            ({"types": ["image/*; drop"]}, "types", "is no type"),
            ({"types": ["a/b"] * (MAX_TYPES + 1)}, "types", "at most 50"),
            ({"min_size": "5"}, "min_size", "whole number"),
            ({"min_size": True}, "min_size", "whole number"),
            ({"min_size": -1}, "min_size", "whole number"),
            ({"max_size": 1.5}, "max_size", "whole number"),
            ({"max_size": 10**30}, "max_size", "whole number"),
            ({"max_size": 0}, "max_size", "at least 1 byte"),
            ({"min_size": 6, "max_size": 5}, "max_size", "no file would fit"),
            ({"renditions": "-/preview/"}, "renditions", "a list of texts"),
            ({"renditions": ["preview/"]}, "renditions", "begin with"),
            ({"renditions": ["-/explode/"]}, "renditions", "not known here"),
            ({"renditions": ["-/resize/x/"]}, "renditions", "resize"),
            ({"renditions": [""]}, "renditions", "changes nothing"),
            ({"renditions": ["-/inline/yes/"]}, "renditions", "changes nothing"),
            ({"renditions": ["-/preview/"] * (MAX_RENDITIONS + 1)}, "renditions", "at most 10"),
        ],
    )
    def test_what_cannot_be_followed_is_refused_by_name(self, said, field, told):
        with pytest.raises(BadRule, match=told) as caught:
            clean_rule(said)
        assert caught.value.code == "auto_copy_rule_invalid"
        assert caught.value.field == field


@pytest.mark.django_db
class TestFiles:
    @pytest.fixture
    def photo(self):
        return make_file(make_project(), b"x" * 1000, detected_type="image/jpeg")

    @pytest.mark.parametrize(
        ("said", "is_taken"),
        [
            ({}, True),
            ({"types": ["image/*"]}, True),
            ({"types": ["application/pdf", "image/jpeg"]}, True),
            ({"types": ["image/png"]}, False),
            ({"types": ["video/*"]}, False),
            ({"types": ["imag/*"]}, False),
            ({"min_size": 1000}, True),
            ({"min_size": 1001}, False),
            ({"max_size": 1000}, True),
            ({"max_size": 999}, False),
            ({"types": ["image/*"], "max_size": 999}, False),
        ],
    )
    def test_are_taken_by_type_and_size_to_the_byte(self, photo, said, is_taken):
        self.both_say(Rule.of(CustomStorage(auto_copy_rule=said)), photo, is_taken)

    @pytest.mark.parametrize(
        ("detected", "declared", "is_taken"),
        [
            ("text/plain", "text/csv", True),
            ("application/octet-stream", "text/csv", True),
            ("text/html", "text/csv", False),  # what the bytes tell counts
            ("text/plain", "text/markdown", False),
        ],
    )
    def test_where_bytes_tell_little_the_declared_type_counts(self, detected, declared, is_taken):
        file = make_file(make_project(), detected_type=detected, mime_type=declared)
        for types in (["text/csv"], ["image/*", "text/csv"]):
            self.both_say(Rule(types=tuple(types)), file, is_taken)

    def both_say(self, rule: Rule, file: File, is_taken: bool) -> None:
        assert rule.takes(file) is is_taken
        assert File.objects.filter(rule.files, pk=file.pk).exists() is is_taken


@pytest.mark.django_db
class TestSetting:
    @pytest.fixture
    def storage(self):
        return make_custom_storage(make_project())

    def switch(self, storage, **options):
        services.set_auto_copy(custom_storage=storage, actor="ann", **options)
        storage.refresh_from_db()

    def test_switching_on_remembers_since_when(self, storage):
        self.switch(storage, on=True, rule={"types": ["image/*"]})
        assert storage.auto_copy_since is not None
        assert storage.auto_copy_rule == {"types": ["image/*"]}
        first = storage.auto_copy_since
        self.switch(storage, on=True)  # is on already
        assert storage.auto_copy_since == first
        assert storage.auto_copy_rule == {"types": ["image/*"]}
        self.switch(storage, on=False)
        self.switch(storage, on=True, rule={})
        assert storage.auto_copy_since > first
        assert storage.auto_copy_rule == {}

    def test_every_change_is_in_the_activity_once(self, storage):
        for _ in range(2):
            self.switch(storage, on=True, rule={"when": "store"})
        kinds = list(Event.objects.order_by("pk").values_list("kind", flat=True))
        assert kinds == ["storage.changed", "storage.auto_copy_on"]
        assert Event.objects.first().actor == "ann"
        changed = Event.objects.get(kind="storage.changed")
        assert changed.data["auto_copy_rule"] == {"when": "store"}

    def test_the_settings_of_rest_remember_it_as_well(self, storage):
        services.change(
            custom_storage=storage,
            actor="key",
            auto_copy=True,
            auto_copy_rule={"when": "store", "min_size": None},
        )
        storage.refresh_from_db()
        assert storage.auto_copy_since is not None
        assert storage.auto_copy_rule == {"when": "store"}

    def test_a_draft_is_switched_on_with_its_settings_and_not_alone(self):
        fields = {"name": "mine", "bucket": "bucket", "access_key_id": "AKIAKEY"}
        draft = services.create_draft(project=make_project(), actor="ann", auto_copy=True, **fields)
        assert draft.auto_copy_since is not None
        with pytest.raises(NotConnected):
            services.set_auto_copy(custom_storage=draft, actor="ann", on=True)

    def test_renditions_are_made_with_pictures_of_the_project(self, storage):
        """S034: the UUID of another project's file is as unknown as one that never was."""
        mine, other = make_file(storage.project), make_file(make_project())
        known, unknown = (
            {"renditions": [f"-/resize/200x/-/overlay/{file.pk}/"]} for file in (mine, other)
        )
        with pytest.raises(BadRule, match=f"{other.pk} is not a picture of this project"):
            self.switch(storage, on=True, rule=unknown)
        with pytest.raises(BadRule, match="not a picture of this project"):
            services.change(custom_storage=storage, actor="ann", auto_copy_rule=unknown)
        storage.refresh_from_db()
        assert storage.auto_copy_rule == {}
        self.switch(storage, on=True, rule=known)
        with pytest.raises(BadRule, match="not a picture of this project"):
            services.create_draft(
                project=storage.project, actor="ann", name="other", auto_copy_rule=unknown
            )
        mine.delete()  # and what has nothing to do with it can still be changed
        services.change(custom_storage=storage, actor="ann", name="renamed")

    def test_renditions_need_names_of_their_own(self, storage):
        rule = {"renditions": ["-/preview/800x800/"]}
        storage.key_pattern = "${uuid}/${filename}${ext}"
        storage.save()
        with pytest.raises(BadRule, match="name of their original"):
            self.switch(storage, on=True, rule=rule)
        storage.refresh_from_db()
        assert (storage.auto_copy, storage.auto_copy_rule) == (False, {})
        services.change(custom_storage=storage, actor="ann", key_pattern="${default}")
        self.switch(storage, on=True, rule=rule)
        with pytest.raises(BadRule, match="name of their original"):
            services.change(custom_storage=storage, actor="ann", key_pattern="${uuid}")
