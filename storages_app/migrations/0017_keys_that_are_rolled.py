import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0016_files_that_leave_and_figures"),
    ]

    operations = [
        migrations.AddField(
            model_name="project",
            name="accepts_url_uploads",
            field=models.BooleanField(
                db_default=True,
                default=True,
                help_text="Files may be fetched from the web (/from_url/).",
            ),
        ),
        migrations.AddField(
            model_name="project",
            name="allowed_origins",
            field=models.TextField(
                blank=True,
                db_default="",
                help_text="Pages that may upload, like https://shop.example; empty for all.",
            ),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="made_by",
            field=models.CharField(blank=True, db_default="", editable=False, max_length=200),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="last_used_address",
            field=models.GenericIPAddressField(blank=True, editable=False, null=True),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="last_used_call",
            field=models.CharField(
                blank=True,
                db_default="",
                editable=False,
                help_text="Like GET /files/.",
                max_length=100,
            ),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="ends_at",
            field=models.DateTimeField(
                blank=True,
                editable=False,
                help_text="It was rolled and works until then.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="replaced_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.RESTRICT,
                related_name="replaces",
                to="storages_app.secretkey",
            ),
        ),
        migrations.AddField(
            model_name="secretkey",
            name="n_uses_since_roll",
            field=models.PositiveBigIntegerField(db_default=0, default=0, editable=False),
        ),
        migrations.AddConstraint(
            model_name="secretkey",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("ends_at__isnull", True), ("replaced_by__isnull", True)),
                    models.Q(("ends_at__isnull", False), ("replaced_by__isnull", False)),
                    _connector="OR",
                ),
                name="secret_key_ends_when_replaced",
            ),
        ),
    ]
