"""What people choose for themselves: colours, time zone, single-key shortcuts."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0012_exposed_keys"),
    ]

    operations = [
        migrations.AddField(
            model_name="user",
            name="theme",
            field=models.CharField(
                choices=[
                    ("system", "As this device has it"),
                    ("light", "Light"),
                    ("dark", "Dark"),
                ],
                db_default="system",
                default="system",
                max_length=10,
            ),
        ),
        migrations.AddField(
            model_name="user",
            name="time_zone",
            field=models.CharField(db_default="UTC", default="UTC", max_length=64),
        ),
        migrations.AddField(
            model_name="user",
            name="has_shortcuts",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Whether single keys such as / do something.",
            ),
        ),
    ]
