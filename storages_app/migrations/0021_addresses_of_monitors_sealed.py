import hashlib
from typing import Any
from urllib.parse import urlsplit

from django.db import migrations, models

import storages_app.models.fields
from storages_app.models.fields import seal


def seal_them(apps: Any, schema_editor: Any) -> None:
    """As `BackupPlan.seal_ping_url` and `NotificationChannel.conceal` do today."""
    for plan in apps.get_model("storages_app", "BackupPlan").objects.exclude(ping_url=""):
        seal(plan, "sealed_ping_url", plan.ping_url)
        plan.ping_url = f"//{urlsplit(plan.ping_url).netloc}"
        plan.save(update_fields=["ping_url", "sealed_ping_url"])
    channels = apps.get_model("storages_app", "NotificationChannel").objects
    for channel in channels.exclude(kind="email"):
        digest = hashlib.sha256(channel.address.encode()).hexdigest()[:16]
        seal(channel, "sealed_address", channel.address)
        channel.address = f"//{urlsplit(channel.address).netloc}"[:238] + f"#{digest}"
        channel.save(update_fields=["address", "sealed_address"])


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0020_from_url_addresses_sealed"),
    ]

    operations = [
        migrations.AddField(
            model_name="backupplan",
            name="sealed_ping_url",
            field=storages_app.models.fields.SealedField(
                blank=True, db_default="", default="", editable=False
            ),
        ),
        migrations.AddField(
            model_name="notificationchannel",
            name="sealed_address",
            field=storages_app.models.fields.SealedField(
                blank=True, db_default="", default="", editable=False
            ),
        ),
        migrations.AlterField(
            model_name="backupplan",
            name="ping_url",
            field=models.CharField(
                blank=True,
                help_text="Called after each run: //host, the rest is sealed.",
                max_length=2048,
            ),
        ),
        migrations.AlterField(
            model_name="notificationchannel",
            name="address",
            field=models.CharField(
                help_text="A mailbox; of a server or a monitor //host#digest.", max_length=255
            ),
        ),
        migrations.RunPython(seal_them, migrations.RunPython.noop),
    ]
