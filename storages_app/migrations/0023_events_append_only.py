"""PostgreSQL itself refuses to change or remove a line of the activity (S120).

SQLite has no roles: whoever writes its file writes all of it, triggers too.
"""

from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps

_ADD = """
CREATE FUNCTION storages_app_event_stays() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'Lines of the activity are never changed or removed.'
        USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER event_stays BEFORE UPDATE OR DELETE ON storages_app_event
    FOR EACH ROW EXECUTE FUNCTION storages_app_event_stays();
"""
_REMOVE = """
DROP TRIGGER event_stays ON storages_app_event;
DROP FUNCTION storages_app_event_stays();
"""


def add(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_ADD)


def remove(apps: StateApps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_REMOVE)


class Migration(migrations.Migration):
    dependencies = [("storages_app", "0022_signed_uploads")]

    operations = [migrations.RunPython(add, remove)]
