from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("storages_app", "0017_keys_that_are_rolled"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="webhookdelivery",
            index=models.Index(fields=["created_at"], name="webhook_delivery_newest_of_all"),
        ),
    ]
