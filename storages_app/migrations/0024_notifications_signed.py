"""Messages to webhooks of notifications can be signed; those that are there stay as they are.

The empty text is the database's own default, so that code which knows no secret still adds rows.
"""

from django.db import migrations, models

from storages_app.models.fields import SealedField

_OLD = "Signs beside the new one for a while."


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0023_events_append_only"),
    ]

    operations = [
        migrations.AddField(
            model_name="notificationchannel",
            name="sealed_secret",
            field=SealedField(blank=True, db_default="", default="", editable=False),
        ),
        migrations.AddField(
            model_name="notificationchannel",
            name="sealed_old_secret",
            field=SealedField(
                blank=True, db_default="", default="", editable=False, help_text=_OLD
            ),
        ),
        migrations.AddField(
            model_name="notificationchannel",
            name="old_secret_until",
            field=models.DateTimeField(blank=True, editable=False, null=True),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="sealed_secret",
            field=SealedField(blank=True, db_default="", default="", editable=False),
        ),
        migrations.AlterField(
            model_name="webhook",
            name="sealed_old_secret",
            field=SealedField(
                blank=True, db_default="", default="", editable=False, help_text=_OLD
            ),
        ),
    ]
