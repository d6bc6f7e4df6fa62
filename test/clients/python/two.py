"""Two servers on one store: what one has written is there on the other."""

import json
import time

from checks import check, client, equal, fails, refuses, run, value_of
from confluent_kafka.schema_registry import Schema, SchemaReference, SchemaRegistryError
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer


def record(*fields):
    """Returns an Avro record of such fields."""
    return Schema(json.dumps({"type": "record", "name": "R", "namespace": "py.two", "fields": fields}), "AVRO")


A = {"name": "a", "type": "int"}
B = {"name": "b", "type": "int", "default": 0}
C = {"name": "c", "type": "int"}


@check
def register_here_and_read_there():
    for number, (here, there) in enumerate([(0, 1), (1, 0)], 1):
        schema = record(A) if number == 1 else record(A, B)
        made = client(at=here).register_schema_full_response("py-two", schema)
        equal(made.version, number)
        equal(client(at=there).get_version("py-two", number).schema_id, made.schema_id)
        equal(json.loads(client(at=there).get_schema(made.schema_id).schema_str), json.loads(schema.schema_str))
        equal(client(at=there).get_schema_by_guid(made.guid).schema_type, "AVRO")
        equal(client(at=there).lookup_schema("py-two", schema).version, number)
        equal(client(at=there).register_schema("py-two", schema), made.schema_id)
        refuses(409, 40901, client(at=there).register_schema, "py-two", record(C))


@check
def references():
    client(at=0).register_schema("py-two-address", Schema('{"type":"record","name":"Address","namespace":"py","fields":[]}'))
    person = Schema(
        '{"type":"record","name":"Person","namespace":"py","fields":[{"name":"home","type":"py.Address"}]}',
        references=[SchemaReference("py.Address", "py-two-address", 1)],
    )
    made = client(at=1).register_schema("py-two-person", person)
    equal(client(at=0).lookup_schema("py-two-person", person).schema_id, made)
    refuses(422, 42206, client(at=0).delete_subject, "py-two-address")


@check
def avro_values():
    for here, there in [(0, 1), (1, 0)]:
        ctx = value_of(f"py-two-avro-{here}")
        data = AvroSerializer(client(at=here), record(A).schema_str)({"a": 7}, ctx)
        equal(AvroDeserializer(client(at=there))(data, ctx), {"a": 7})


@check
def json_values():
    text = json.dumps({"title": "T", "type": "object", "properties": {"a": {"type": "integer"}}})
    for here, there in [(0, 1), (1, 0)]:
        ctx = value_of(f"py-two-json-{here}")
        data = JSONSerializer(text, client(at=here))({"a": 7}, ctx)
        equal(JSONDeserializer(None, schema_registry_client=client(at=there))(data, ctx), {"a": 7})


@check
def delete_there():
    client(at=0).register_schema("py-two-delete", record(A))
    equal(client(at=1).delete_subject("py-two-delete"), [1])
    refuses(404, 40401, client(at=1).get_latest_version, "py-two-delete")
    until = time.monotonic() + 30
    while "py-two-delete" in client(at=0).get_subjects() and time.monotonic() < until:
        time.sleep(0.02)  # a server may be late with what others have deleted
    equal(fails(SchemaRegistryError, client(at=0).get_latest_version, "py-two-delete").error_code, 40401)


run()
