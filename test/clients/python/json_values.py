"""JSONSerializer and JSONDeserializer: values that travel as JSON."""

import json
import struct
import uuid

from checks import check, client, equal, fails, run, value_of
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryError,
    header_schema_id_serializer,
    record_subject_name_strategy,
)
from confluent_kafka.schema_registry.json_schema import JSONDeserializer, JSONSerializer
from confluent_kafka.serialization import SerializationError

USER = json.dumps(
    {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "py.json.User",
        "type": "object",
        "properties": {"name": {"type": "string", "minLength": 1}},
        "required": ["name"],
        "additionalProperties": False,
    }
)
ADA = {"name": "Ada"}


@check
def round_trip():
    ctx = value_of("py-json")
    data = JSONSerializer(USER, client())(ADA, ctx)
    made = client().lookup_schema("py-json-value", Schema(USER, "JSON"))
    equal(data[:5], struct.pack(">bI", 0, made.schema_id))
    equal(json.loads(data[5:]), ADA)
    equal(JSONDeserializer(USER)(data, ctx), ADA)
    equal(JSONDeserializer(None, schema_registry_client=client())(data, ctx), ADA)
    fails(SerializationError, JSONSerializer(USER, client()), {"name": ""}, ctx)


@check
def references():
    ctx = value_of("py-json-ref")
    client().register_schema("py-json-user", Schema(USER, "JSON"))
    team = {"type": "object", "title": "Team", "properties": {"lead": {"$ref": "user.json"}}}
    schema = Schema(json.dumps(team), "JSON", [SchemaReference("user.json", "py-json-user", 1)])
    data = JSONSerializer(schema, client())({"lead": ADA}, ctx)
    equal(JSONDeserializer(None, schema_registry_client=client())(data, ctx), {"lead": ADA})
    fails(SerializationError, JSONSerializer(schema, client()), {"lead": {}}, ctx)
    got = client().get_latest_version("py-json-ref-value").schema.references
    equal([(r.name, r.subject, r.version) for r in got], [("user.json", "py-json-user", 1)])


@check
def evolution():
    ctx = value_of("py-json-evolve")
    JSONSerializer(USER, client())(ADA, ctx)
    wider = json.loads(USER)
    wider["properties"]["age"] = {"type": "integer"}
    data = JSONSerializer(json.dumps(wider), client())({**ADA, "age": 3}, ctx)
    equal(client().get_versions("py-json-evolve-value"), [1, 2])
    equal(JSONDeserializer(json.dumps(wider))(data, ctx), {**ADA, "age": 3})
    stricter = {**wider, "required": ["name", "age"]}
    fails(SchemaRegistryError, JSONSerializer(json.dumps(stricter), client()), {**ADA, "age": 3}, ctx)
    equal(client().test_compatibility("py-json-evolve-value", Schema(json.dumps(stricter), "JSON")), False)


@check
def header_holds_the_guid():
    headers = []
    ctx = value_of("py-json-header", headers)
    data = JSONSerializer(USER, client(), conf={"schema.id.serializer": header_schema_id_serializer})(ADA, ctx)
    equal(json.loads(data), ADA)
    made = client().get_latest_version("py-json-header-value")
    equal(headers, [("__value_schema_id", b"\x01" + uuid.UUID(made.guid).bytes)])
    equal(JSONDeserializer(None, schema_registry_client=client())(data, ctx), ADA)


@check
def names_of_subjects():
    conf = {"subject.name.strategy": record_subject_name_strategy}
    JSONSerializer(USER, client(), conf=conf)(ADA, value_of("py-json-names"))
    equal(client().get_latest_version("py.json.User").version, 1)


@check
def drafts():
    for draft in ["draft-04/schema#", "draft-06/schema#", "draft-07/schema#"]:
        schema = {**json.loads(USER), "$schema": "http://json-schema.org/" + draft, "title": draft}
        made = client().register_schema("py-json-" + draft[:8], Schema(json.dumps(schema), "JSON"))
        equal(json.loads(client().get_schema(made).schema_str), schema)
    for draft in ["2019-09", "2020-12"]:
        uri = f"https://json-schema.org/draft/{draft}/schema"
        schema = {"$schema": uri, "$defs": {"n": {"type": "number"}}, "$ref": "#/$defs/n"}
        ctx = value_of("py-json-" + draft)
        data = JSONSerializer(json.dumps(schema), client())(1.5, ctx)
        equal(JSONDeserializer(None, schema_registry_client=client())(data, ctx), 1.5)


run()
