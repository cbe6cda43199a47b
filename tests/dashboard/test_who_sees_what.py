"""Every page from one table: owner, viewer, another project's owner, stranger (S033)."""

import json
import re

import pytest
from django.urls import get_resolver, reverse

from storages_app.models import Membership, User
from tests.dashboard.conftest import client_of, new_client
from tests.factories import make_custom_storage, make_project, make_user

# name of the page → (arguments, may a viewer open it, does it take POST only)
SEEN_BY_ALL, MANAGERS, POST_ONLY = "all", "managers", "post"
OWN = "own"  # what all members may do, of themselves
MOVED = "moved"  # to the managers' page that it stands for
PAGES = {
    "overview": ((), SEEN_BY_ALL),
    "first_steps": ((), POST_ONLY),
    "files": ((), SEEN_BY_ALL),
    "files_selection": ((), POST_ONLY),
    "files_download": ((), SEEN_BY_ALL),
    "file": (("file.pk",), SEEN_BY_ALL),
    "files_undo": ((), POST_ONLY),
    "file_copy": (("file.pk",), POST_ONLY),
    "file_copies": (("file.pk",), SEEN_BY_ALL),
    "file_metadata": (("file.pk",), POST_ONLY),
    "file_copy_link": (("file.pk", "job.pk"), POST_ONLY),
    "file_copy_verify": (("file.pk", "job.pk"), POST_ONLY),
    "file_copy_remove": (("file.pk", "job.pk"), MANAGERS),
    "playground": ((), SEEN_BY_ALL),
    "upload": ((), MANAGERS),
    "upload_fetch": ((), POST_ONLY),
    "upload_fetches": ((), MANAGERS),
    "upload_group": (("group.wire_id",), MOVED),
    "upload_signature": ((), MANAGERS),
    "storages": ((), SEEN_BY_ALL),
    "connect": ((), MANAGERS),
    "setup": (("draft.pk",), MOVED),
    "setup_where": (("draft.pk",), MANAGERS),
    "setup_uses": (("draft.pk",), MANAGERS),
    "setup_access": (("draft.pk",), MANAGERS),
    "setup_proof": (("draft.pk",), MANAGERS),
    "setup_grant_file": (("draft.pk", "policy_file.name"), MANAGERS),
    "setup_merge": (("draft.pk",), POST_ONLY),
    "setup_hand_off": (("draft.pk",), POST_ONLY),
    "setup_bucket": (("draft.pk",), MANAGERS),
    "setup_checklist": (("draft.pk",), MANAGERS),
    "setup_read_bucket": (("draft.pk",), POST_ONLY),
    "setup_tick": (("draft.pk",), POST_ONLY),
    "setup_test": (("draft.pk",), MANAGERS),
    "setup_finish": (("draft.pk",), MANAGERS),
    "setup_done": (("storage.pk",), MANAGERS),
    "storage": (("storage.pk",), SEEN_BY_ALL),
    "storage_state": (("storage.pk",), SEEN_BY_ALL),
    "storage_copies": (("storage.pk",), SEEN_BY_ALL),
    "pattern_preview": (("storage.pk",), POST_ONLY),
    "storage_settings": (("storage.pk",), MANAGERS),
    "storage_rights": (("storage.pk",), SEEN_BY_ALL),
    "storage_use": (("storage.pk",), SEEN_BY_ALL),
    "storage_test_start": (("storage.pk",), POST_ONLY),
    "storage_test": (("storage.pk", "test.pk"), SEEN_BY_ALL),
    "storage_test_rows": (("storage.pk", "test.pk"), SEEN_BY_ALL),
    "storage_test_watch": (("storage.pk", "test.pk"), POST_ONLY),
    "storage_pause": (("storage.pk",), POST_ONLY),
    "storage_resume": (("storage.pk",), POST_ONLY),
    "storage_auto_copy": (("storage.pk",), SEEN_BY_ALL),
    "storage_auto_copy_switch": (("storage.pk",), POST_ONLY),
    "storage_auto_copy_standing": (("storage.pk",), SEEN_BY_ALL),
    "storage_auto_copy_missed": (("storage.pk",), POST_ONLY),
    "storage_check": (("storage.pk",), SEEN_BY_ALL),
    "storage_check_start": (("storage.pk",), POST_ONLY),
    "storage_check_policy": (("storage.pk",), POST_ONLY),
    "storage_check_run": (("storage.pk", "reconciliation.pk"), SEEN_BY_ALL),
    "storage_check_status": (("storage.pk", "reconciliation.pk"), SEEN_BY_ALL),
    "storage_check_csv": (("storage.pk", "reconciliation.pk"), SEEN_BY_ALL),
    "storage_disconnect": (("storage.pk",), MANAGERS),
    "backup": ((), SEEN_BY_ALL),
    "backup_runs": ((), SEEN_BY_ALL),
    "backup_connect": ((), MANAGERS),
    "backup_settings": ((), MANAGERS),
    "backup_schedule": ((), POST_ONLY),
    "backup_run": (("backup_run.pk",), SEEN_BY_ALL),
    "backup_run_status": (("backup_run.pk",), SEEN_BY_ALL),
    "backup_manifest": (("backup_run.pk",), MOVED),
    "backup_run_now": ((), POST_ONLY),
    "backup_pause": ((), POST_ONLY),
    "backup_resume": ((), POST_ONLY),
    "backup_turn_off": ((), MANAGERS),
    "backup_turn_on": ((), POST_ONLY),
    "copies": ((), SEEN_BY_ALL),
    "copies_rows": ((), SEEN_BY_ALL),
    "copies_retry": ((), POST_ONLY),
    "copy": (("job.pk",), SEEN_BY_ALL),
    "copy_status": (("job.pk",), SEEN_BY_ALL),
    "copy_retry": (("job.pk",), POST_ONLY),
    "copy_cancel": (("job.pk",), POST_ONLY),
    "jobs": ((), SEEN_BY_ALL),
    "bulk_new": ((), MANAGERS),
    "bulk_job": (("bulk.pk",), SEEN_BY_ALL),
    "bulk_job_status": (("bulk.pk",), SEEN_BY_ALL),
    "bulk_job_start": (("bulk.pk",), POST_ONLY),
    "bulk_job_pause": (("bulk.pk",), POST_ONLY),
    "bulk_job_resume": (("bulk.pk",), POST_ONLY),
    "bulk_job_cancel": (("bulk.pk",), MANAGERS),
    "bulk_job_retry": (("bulk.pk",), POST_ONLY),
    "bulk_job_csv": (("bulk.pk",), SEEN_BY_ALL),
    "restore_new": ((), MANAGERS),
    "restore_run": (("restore.pk",), SEEN_BY_ALL),
    "restore_status": (("restore.pk",), SEEN_BY_ALL),
    "restore_csv": (("restore.pk",), SEEN_BY_ALL),
    "restore_start": (("restore.pk",), POST_ONLY),
    "restore_cancel": (("restore.pk",), POST_ONLY),
    "restore_thaw": (("restore.pk",), POST_ONLY),
    "restore_look_again": (("restore.pk",), POST_ONLY),
    "upload_settings": ((), SEEN_BY_ALL),
    "signed_urls": ((), SEEN_BY_ALL),
    "url_secret": ((), MANAGERS),
    "keys": ((), SEEN_BY_ALL),
    "key_new": ((), MANAGERS),
    "key_sign": ((), POST_ONLY),
    "key_rename": (("key.pk",), MANAGERS),
    "key_roll": (("key.pk",), MANAGERS),
    "key_delete": (("key.pk",), MANAGERS),
    "webhooks": ((), SEEN_BY_ALL),
    "webhook_new": ((), MANAGERS),
    "webhook": (("webhook.pk",), MANAGERS),
    "webhook_deliveries": (("webhook.pk",), MANAGERS),
    "webhook_delivery": (("webhook.pk", "delivery.pk"), MANAGERS),
    "webhook_delivery_status": (("webhook.pk", "delivery.pk"), MANAGERS),
    "webhook_test": (("webhook.pk",), POST_ONLY),
    "webhook_send_again": (("webhook.pk",), POST_ONLY),
    "webhook_delete": (("webhook.pk",), MANAGERS),
    "notifications": ((), SEEN_BY_ALL),
    "notification_new": ((), MANAGERS),
    "notification_channel": (("channel.pk",), MANAGERS),
    "notification_deliveries": (("channel.pk",), MANAGERS),
    "notification_test": (("channel.pk",), POST_ONLY),
    "notification_secret": (("server.pk",), MANAGERS),
    "notification_ask_again": (("channel.pk",), POST_ONLY),
    "notification_remove": (("channel.pk",), MANAGERS),
    "team": ((), SEEN_BY_ALL),
    "team_invite": ((), MANAGERS),
    "team_invitation_send": (("invitation.pk",), POST_ONLY),
    "team_invitation_take_back": (("invitation.pk",), POST_ONLY),
    "team_member": (("member.pk",), MANAGERS),
    "team_member_remove": (("member.pk",), POST_ONLY),
    "team_leave": ((), OWN),
    "project_settings": ((), SEEN_BY_ALL),
    "project_pause": ((), POST_ONLY),
    "project_resume": ((), POST_ONLY),
    "project_hand_over": ((), MANAGERS),
    "project_delete": ((), MANAGERS),
    "activity": ((), SEEN_BY_ALL),
    "activity_csv": ((), SEEN_BY_ALL),
}
POLLED = {
    "upload_fetches",
    "restore_status",
    "setup_proof",
    "setup_checklist",
    "storage_state",
    "storage_test_rows",
    "storage_auto_copy_standing",
    "storage_check_status",
    "file_copies",
    "backup_runs",
    "backup_run_status",
    "copies_rows",
    "bulk_job_status",
    "copy_status",
    "webhook_deliveries",
    "webhook_delivery_status",
    "notification_deliveries",
}
WITHOUT_PROJECT = {
    "account",
    "account_sign_out_one",
    "account_sign_out_others",
    "home",
    "theme",
    "project_new",
    "projects",
    "first_run",
    "first_run_lines",
    "first_run_mail",
    "project_bring_back",
    "invitation",
    "notification_confirm",
    "notification_stop",
    "hand_off",
    "hand_off_file",
    "docs",
    "docs_page",
    "docs_picture",
    "style_guide",
}

# Keys, secrets, access to buckets, members and the end of a project; `test_account.py` has the way.
ASKED_TO_CONFIRM = {
    *("connect", "setup_access", "setup_proof", "setup_grant_file", "setup_merge"),
    *("setup_hand_off", "storage_settings", "storage_disconnect"),
    *("key_new", "key_roll", "key_delete", "signed_urls", "url_secret"),
    *("webhook_new", "webhook", "webhook_delete", "notification_new", "notification_secret"),
    *("team_invite", "team_invitation_send", "team_invitation_take_back"),
    *("team_member", "team_member_remove", "project_hand_over", "project_delete"),
}

every_page = pytest.mark.parametrize("name", PAGES)


def address_of(name, everything):
    values = [everything.project.slug]
    for path in PAGES[name][0]:
        noun, field = path.split(".")
        values.append(getattr(getattr(everything, noun), field))
    return reverse(f"dashboard:{name}", args=values)


def test_every_page_of_the_dashboard_is_in_the_table():
    resolver = dict(get_resolver().namespace_dict)["dashboard"][1]
    names = {name for name in resolver.reverse_dict if isinstance(name, str)}
    assert names == set(PAGES) | WITHOUT_PROJECT


@every_page
def test_the_owner_gets_the_page(name, everything, as_owner):
    response = as_owner.get(address_of(name, everything))
    by_kind = {POST_ONLY: 405, MOVED: 302}
    expected = by_kind.get(PAGES[name][1], 286 if name in POLLED else 200)
    assert response.status_code == expected


@every_page
@pytest.mark.parametrize("method", ["get", "post"])
def test_another_projects_member_finds_nothing(name, method, everything, as_neighbour):
    assert getattr(as_neighbour, method)(address_of(name, everything)).status_code == 404


@every_page
@pytest.mark.parametrize("method", ["get", "post"])
def test_a_stranger_is_sent_to_sign_in(name, method, everything):
    address = address_of(name, everything)
    response = getattr(new_client(), method)(address)
    assert response.status_code == 302
    assert response["Location"].startswith("/accounts/login/?next=")


@every_page
def test_a_viewer_may_look_and_change_nothing(name, everything, as_viewer):
    address = address_of(name, everything)
    looked = as_viewer.get(address).status_code
    assert (
        looked
        in {
            SEEN_BY_ALL: {200, 286},
            MANAGERS: {403},
            MOVED: {403},
            POST_ONLY: {405},
            OWN: {200},
        }[PAGES[name][1]]
    )
    if PAGES[name][1] == OWN:
        return
    # 405: a page that nobody changes.
    assert as_viewer.post(address).status_code in {403, 405}


@every_page
def test_a_post_without_csrf_token_is_refused(name, everything, owner):
    client = new_client(enforce_csrf_checks=True)
    client.force_login(owner)
    assert client.post(address_of(name, everything)).status_code == 403


@pytest.mark.parametrize(
    "how",
    [
        {"headers": {"x-csrftoken": "{foreign}"}},
        {"headers": {"x-csrftoken": "{own}", "origin": "https://evil.example.com"}},
        {"content_type": "text/plain", "data": '{"csrfmiddlewaretoken": "{own}"}'},
        {"content_type": "application/json", "data": '{"csrfmiddlewaretoken": "{own}"}'},
        {"data": {"csrfmiddlewaretoken": "{foreign}"}},
    ],
    ids=["foreign-token", "foreign-origin", "text-plain", "json", "foreign-field"],
)
def test_what_another_site_can_send_changes_nothing_on_any_page(how, everything, owner):
    """S102: forms that it makes, requests of its scripts, bodies that are no form."""
    client, foreign = (new_client(enforce_csrf_checks=True) for _ in range(2))
    client.force_login(owner)
    tokens = {}
    for name, browser in (("own", client), ("foreign", foreign)):
        page = browser.get("/accounts/password/reset/" if name == "foreign" else "/account/")
        tokens[name] = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.text)[1]
    own_pages = ["/account/", "/account/sessions/end/", "/new-project/", "/preferences/theme/"]
    filled = _with_tokens(how, tokens)
    for address in [*own_pages, *(address_of(name, everything) for name in PAGES)]:
        assert client.post(address, **filled).status_code == 403, address
    assert (
        client.post("/preferences/theme/", headers={"x-csrftoken": tokens["own"]}).status_code
        == 302
    )


def _with_tokens(how, tokens):
    text = json.dumps(how)
    for name, token in tokens.items():
        text = text.replace("{" + name + "}", token)
    return json.loads(text)


def test_pages_that_change_keys_access_and_members_ask_for_a_confirmation(
    everything, owner, settings
):
    """S109: the whole list, so that none loses its guard unseen."""
    client = client_of(owner)
    session = client.session
    session["began_at"] -= settings.CONFIRMED_FOR.total_seconds() + 1
    session.save()
    asked = {
        name
        for name in PAGES
        if client.post(address_of(name, everything))
        .get("Location", "")
        .startswith("/accounts/reauthenticate/")
    }
    assert asked == ASKED_TO_CONFIRM


def test_the_403_page_names_the_role_and_whom_to_ask(everything, as_viewer):
    response = as_viewer.get(address_of("connect", everything))
    assert "You are viewer. Ask owner@example.com." in " ".join(response.text.split())


def test_an_operator_sees_every_project(everything):
    operator = make_user(is_staff=True)
    client = client_of(operator)
    assert client.get(address_of("overview", everything)).status_code == 200
    assert "Shop" in client.get(reverse("dashboard:projects")).text


def test_rows_of_another_project_are_not_found_through_ones_own(everything, as_neighbour):
    from storages_app.models import Project

    own = Project.objects.get(name="Another").slug
    for name, (paths, _) in PAGES.items():
        if paths:
            foreign = address_of(name, everything).replace(everything.project.slug, own, 1)
            post_only = PAGES[name][1] == POST_ONLY
            response = as_neighbour.post(foreign) if post_only else as_neighbour.get(foreign)
            assert response.status_code == 404, name


@pytest.mark.parametrize("name", ["restore_run", "restore_status", "restore_csv"])
@pytest.mark.parametrize("sees_both", [False, True])
def test_names_of_files_in_another_projects_bucket_are_for_who_may_see_that_project(
    name, sees_both, everything, as_viewer, as_owner
):
    """Before a restore has ended, they are in no list of files of this project."""
    other = make_project("Elsewhere")
    if sees_both:
        viewer = User.objects.get(email="viewer@example.com")
        Membership.objects.create(project=other, user=viewer, role=Membership.Role.VIEWER)
    everything.restore.custom_storage = make_custom_storage(other)
    everything.restore.save()
    address = address_of(name, everything)
    assert as_viewer.get(address).status_code in ({200, 286} if sees_both else {404})
    # Whoever may begin a restore here has to be able to watch and stop one, whoever began it.
    assert as_owner.get(address).status_code in {200, 286}


def test_the_list_of_projects_shows_only_ones_own(everything, as_neighbour):
    page = as_neighbour.get(reverse("dashboard:projects")).text
    assert "Another" in page
    assert "Shop" not in page


def test_a_removed_project_is_not_found(everything, as_owner):
    from django.utils import timezone

    everything.project.removed_at = timezone.now()
    everything.project.save()
    assert as_owner.get(address_of("overview", everything)).status_code == 404


def test_every_address_has_no_hidden_verb(everything, as_owner):
    assert as_owner.put(address_of("files", everything)).status_code == 405


def test_a_member_who_was_removed_sees_nothing_at_the_next_click(as_viewer, project):
    """S040."""
    page = reverse("dashboard:files", args=[project.slug])
    assert as_viewer.get(page).status_code == 200

    Membership.objects.filter(project=project, role=Membership.Role.VIEWER).delete()

    assert as_viewer.get(page).status_code == 404
