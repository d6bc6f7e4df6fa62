"""Contexts and modes, as the client names them."""

import json

from checks import check, client, equal, refuses, run, value_of
from confluent_kafka.schema_registry import Schema
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

A = Schema('{"type":"record","name":"A","fields":[]}')
B = Schema('{"type":"record","name":"B","fields":[]}')


@check
def contexts_are_apart():
    client().register_schema("py-context", A)
    made = client().register_schema_full_response(":.py:py-context", B)
    equal((made.version, made.schema_id), (1, 1))
    equal(sorted(client().get_contexts()), [".", ".py"])
    equal(client().get_latest_version(":.py:py-context").subject, ":.py:py-context")
    equal(client().get_subjects(subject_prefix=":.py:"), [":.py:py-context"])
    equal(client().get_subjects(subject_prefix=""), ["py-context"])
    equal(json.loads(client().get_schema(1, ":.py:").schema_str)["name"], "B")
    equal(json.loads(client().get_schema(1, ":.py:py-context").schema_str)["name"], "B")
    equal(client().get_subjects_by_schema_id(1, ":.py:"), [":.py:py-context"])
    # What the default context does not have is looked for in the others.
    client().register_schema(":.py:py-only-there", A)
    equal(client().get_latest_version("py-only-there").subject, ":.py:py-only-there")
    client().delete_subject(":.py:py-context")
    equal(client().get_latest_version("py-context").version, 1)


@check
def a_client_inside_a_context():
    inside = "/contexts/.inside"
    c = client(inside)
    made = c.register_schema_full_response("py-inside", A)
    equal(client(inside).get_versions("py-inside"), [1])
    equal(client().get_versions(":.inside:py-inside"), [1])
    equal(client(inside).get_subjects(), [":.inside:py-inside"])
    equal(client(inside).get_schema(made.schema_id).schema_str, A.schema_str)
    ctx = value_of("py-inside-topic")
    data = AvroSerializer(client(inside), A)({}, ctx)
    equal(AvroDeserializer(client(inside), A)(data + b"\0", ctx), {})


@check
def modes():
    c = client()
    equal(c.get_global_mode(), "READWRITE")
    c.register_schema("py-mode", A)
    refuses(404, 40409, c.get_mode, "py-mode")
    equal(c.update_mode("py-mode", "READONLY"), "READONLY")
    equal(c.get_mode("py-mode"), "READONLY")
    refuses(422, 42205, client().register_schema, "py-mode", B)
    refuses(422, 42205, client().delete_subject, "py-mode")
    refuses(422, 42204, c.update_mode, "py-mode", "SIDEWAYS")
    equal(c.delete_mode("py-mode"), "READONLY")
    equal(client().delete_subject("py-mode"), [1])


@check
def modes_of_everything():
    c = client()
    equal(c.update_global_mode("READONLY"), "READONLY")
    equal(c.get_global_mode(), "READONLY")
    refuses(422, 42205, client().register_schema, "py-mode-all", A)
    equal(c.update_global_mode("READWRITE"), "READWRITE")
    refuses(422, 42205, c.update_global_mode, "IMPORT")
    equal(c.update_global_mode("IMPORT", force=True), "IMPORT")
    refuses(422, 42205, client().register_schema, "py-mode-all", A)
    equal(c.update_global_mode("READWRITE"), "READWRITE")


run()
