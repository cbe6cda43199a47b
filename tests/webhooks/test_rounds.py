"""G9: a thousand events for a receiver that often fails; ten thousand in `make soak`."""

import os

import pytest
from standardwebhooks import Webhook as Verifier

from storages_app.models import WebhookDelivery
from storages_app.webhooks import runner, signing
from storages_app.webhooks.announcing import announce
from storages_app.webhooks.holding import MAX_ATTEMPTS
from tests.factories import make_file
from tests.webhook_receiver import Moods

N_EVENTS = int(os.environ.get("WEBHOOK_EVENTS", "1000"))


@pytest.mark.django_db
def test_of_a_thousand_events_none_is_lost_and_each_keeps_its_id(  # G9
    project, receiver, subscribe, settings
):
    settings.TIME_SCALE = 0  # the pauses have tests of their own
    subscribe(signing_secret="12345X")
    receiver.always = moods = Moods(slow_s=0.02)
    announce("file.uploaded", [make_file(project)] * N_EVENTS, project_id=project.pk)
    runner.drain()

    assert moods.n_failed > 0.2 * N_EVENTS
    assert moods.n_slow > 0.05 * N_EVENTS
    told = {f"msg_{pk.hex}" for pk in WebhookDelivery.objects.values_list("pk", flat=True)}
    assert len(told) == N_EVENTS
    assert set(moods.asked) == told
    assert moods.taken == dict.fromkeys(told, 1)
    assert max(moods.asked.values()) <= MAX_ATTEMPTS
    assert set(WebhookDelivery.objects.values_list("state", flat=True)) == {"delivered"}

    bodies: dict[str, set[bytes]] = {}
    verifier = Verifier(signing.standard_key("12345X"))
    for got in receiver.received:
        bodies.setdefault(got.id, set()).add(got.body)
        assert verifier.verify(got.body, got.headers)
    assert {len(one) for one in bodies.values()} == {1}
