import django.db.models.deletion
from django.db import migrations, models
from django.db.models import Q

from storages_app.models import counting


def _remove_triggers(apps, schema_editor):
    """They name the table that goes away; on the way forward they are laid after everything."""
    counting.remove_triggers(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0006_uploads_whole"),
    ]

    operations = [
        migrations.CreateModel(
            name="Tally",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "n_stored",
                    models.BigIntegerField(default=0, help_text="Files, not removed."),
                ),
                (
                    "n_unstored",
                    models.BigIntegerField(default=0, help_text="Files, not removed."),
                ),
                ("n_removed", models.BigIntegerField(default=0, help_text="Files.")),
                ("n_groups", models.BigIntegerField(default=0, help_text="Not removed.")),
                (
                    "project",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="tallies",
                        to="storages_app.project",
                    ),
                ),
            ],
            options={
                "ordering": ["project", "pk"],
                "verbose_name_plural": "tallies",
            },
        ),
        migrations.RunPython(migrations.RunPython.noop, _remove_triggers),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                condition=Q(("removed_at", None)),
                fields=["project", "uploaded_at"],
                name="file_list",
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                condition=Q(("removed_at", None), ("stored_at__isnull", False)),
                fields=["project", "uploaded_at"],
                name="file_list_stored",
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                condition=Q(("removed_at", None), ("stored_at", None)),
                fields=["project", "uploaded_at"],
                name="file_list_unstored",
            ),
        ),
        migrations.AddIndex(
            model_name="file",
            index=models.Index(
                condition=Q(("removed_at__isnull", False)),
                fields=["project", "uploaded_at"],
                name="file_list_removed",
            ),
        ),
        migrations.AddIndex(
            model_name="group",
            index=models.Index(
                condition=Q(("removed_at", None)),
                fields=["project", "created_at"],
                name="group_list",
            ),
        ),
    ]
