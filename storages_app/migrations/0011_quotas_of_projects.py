from django.db import migrations, models

from storages_app.models import counting


def _remove_triggers(apps, schema_editor):
    """They name the table that changes; after the migration they are laid, and all is counted."""
    counting.remove_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0010_late_holders_of_copies"),
    ]

    operations = [
        migrations.RunPython(_remove_triggers, _remove_triggers),
        migrations.AddField(
            model_name="project",
            name="max_bytes",
            field=models.PositiveBigIntegerField(
                blank=True,
                help_text="Bytes of these files together; empty for no limit.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="max_files",
            field=models.PositiveBigIntegerField(
                blank=True,
                help_text="Files that it may keep at once; empty for no limit.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="tally",
            name="n_bytes",
            field=models.BigIntegerField(
                default=0, help_text="Of the files that are not removed."
            ),
        ),
        migrations.RunPython(migrations.RunPython.noop, _remove_triggers),
    ]
