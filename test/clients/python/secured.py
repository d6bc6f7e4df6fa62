"""Names and passwords: who may do what, as the client tells its user."""

from checks import check, client, equal, refuses, run
from confluent_kafka.schema_registry import Schema

A = Schema('{"type":"record","name":"A","fields":[]}')
B = Schema('{"type":"record","name":"B","fields":[]}')


@check
def who_may_do_what():
    made = client().register_schema_full_response("py-secured", A)
    reader = "reader:secret"
    equal(client(user=reader).get_latest_version("py-secured").schema_id, made.schema_id)
    equal(client(user=reader).lookup_schema("py-secured", A).version, 1)
    equal(client(user=reader).test_compatibility("py-secured", B), False)
    refuses(403, 403, client(user=reader).register_schema, "py-secured", B)
    refuses(403, 403, client(user=reader).delete_subject, "py-secured")
    refuses(403, 403, client(user=reader).set_compatibility, "py-secured", "NONE")
    refuses(401, 401, client(user="reader:wrong").get_subjects)
    # Looked for before anything else, and by some without credentials.
    refuses(404, 404, client(user="reader:wrong").get_associations_by_resource_name, "topic", "-", "topic", ["value"])


run()
