"""Whether uploads are signed where they need not be: NULL for what came before."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0021_addresses_of_monitors_sealed"),
    ]

    operations = [
        migrations.AddField(
            model_name="file",
            name="is_signed",
            field=models.BooleanField(
                editable=False,
                help_text="Whether a direct upload bore a valid signature; else NULL.",
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="uploadsession",
            name="is_signed",
            field=models.BooleanField(
                editable=False, help_text="Whether the request bore a valid signature.", null=True
            ),
        ),
        migrations.AddField(
            model_name="urlupload",
            name="is_signed",
            field=models.BooleanField(
                editable=False, help_text="Whether the request bore a valid signature.", null=True
            ),
        ),
    ]
