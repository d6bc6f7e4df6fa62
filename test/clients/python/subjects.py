"""The registry's own calls: register, read, look up, check, settings, delete."""

import json

from checks import check, client, equal, refuses, run
from confluent_kafka.schema_registry import (
    ConfigCompatibilityLevel,
    Metadata,
    MetadataProperties,
    Schema,
    SchemaReference,
    ServerConfig,
)


def record(*fields):
    """Returns an Avro record whose fields are ints, or have a default if named so."""
    made = []
    for name in fields:
        field = {"name": name.rstrip("?"), "type": "int"}
        if name.endswith("?"):
            field["default"] = 0
        made.append(field)
    return Schema(json.dumps({"type": "record", "name": "R", "fields": made}), "AVRO")


@check
def register_and_read():
    c = client()
    made = c.register_schema_full_response("py-read", record("a"))
    equal((made.version, made.subject), (1, "py-read"))
    equal(c.register_schema("py-read", record("a"), normalize_schemas=True), made.schema_id)
    second = client().register_schema_full_response("py-read", record("a", "b?"))
    equal(second.version, 2)

    c = client()
    latest = c.get_latest_version("py-read")
    equal((latest.version, latest.schema_id, latest.guid), (2, second.schema_id, second.guid))
    equal(json.loads(latest.schema.schema_str), json.loads(record("a", "b?").schema_str))
    first = c.get_version("py-read", 1)
    equal((first.version, first.schema_id, first.schema.schema_type), (1, made.schema_id, "AVRO"))
    equal(c.get_versions("py-read"), [1, 2])
    equal(c.get_schema(made.schema_id).schema_str, first.schema.schema_str)
    equal(client().get_schema(made.schema_id, "py-read").schema_str, first.schema.schema_str)
    equal(c.get_schema_by_guid(made.guid).schema_str, first.schema.schema_str)
    equal(c.get_subjects_by_schema_id(made.schema_id), ["py-read"])
    equal([(v.subject, v.version) for v in c.get_schema_versions(second.schema_id)], [("py-read", 2)])
    equal(sorted(c.get_schema_types()), ["AVRO", "JSON", "PROTOBUF"])


@check
def page_and_prefix():
    c = client()
    for name in ["py-page-a", "py-page-b", "py-page-c"]:
        c.register_schema(name, record("a"))
    equal(c.get_subjects(subject_prefix="py-page-"), ["py-page-a", "py-page-b", "py-page-c"])
    equal(c.get_subjects(subject_prefix="py-page-", offset=1, limit=1), ["py-page-b"])
    equal(c.get_versions("py-page-a", offset=1), [])


@check
def unknown_things():
    c = client()
    refuses(404, 40401, c.get_latest_version, "py-unknown")
    refuses(404, 40401, c.get_versions, "py-unknown")
    refuses(404, 40403, c.get_schema, 99999)
    refuses(404, 40403, c.get_schema_by_guid, "00000000-0000-0000-0000-000000000000")
    refuses(404, 40401, c.lookup_schema, "py-unknown", record("a"))
    refuses(404, 40401, c.delete_subject, "py-unknown")
    c.register_schema("py-known", record("a"))
    refuses(404, 40402, c.get_version, "py-known", 7)
    refuses(422, 42202, c.get_version, "py-known", 0)
    refuses(404, 40403, c.lookup_schema, "py-known", record("z"))
    refuses(422, 42201, c.register_schema, "py-known", Schema("{", "AVRO"))
    refuses(422, 42201, c.register_schema, "py-known", Schema("{}", "THRIFT"))


@check
def names_with_every_character():
    for subject in ["py a/b", "py ü", "py %2F", "py.a-b_c", "py:a", "py?a=b&c#d"]:
        made = client().register_schema_full_response(subject, record("a"))
        equal(client().get_latest_version(subject).schema_id, made.schema_id)
        equal(subject in client().get_subjects(), True)
        equal(client().delete_subject(subject), [1])


@check
def lookup():
    c = client()
    made = c.register_schema_full_response("py-lookup", record("a"))
    spaced = Schema(json.dumps(json.loads(record("a").schema_str), indent=2), "AVRO")
    found = client().lookup_schema("py-lookup", spaced)
    equal((found.schema_id, found.version, found.guid), (made.schema_id, 1, made.guid))
    c.delete_subject("py-lookup")
    refuses(404, 40401, client().lookup_schema, "py-lookup", spaced)
    equal(client().lookup_schema("py-lookup", spaced, deleted=True).version, 1)


@check
def compatibility():
    c = client()
    c.register_schema("py-compat", record("a"))
    equal(c.test_compatibility("py-compat", record("a", "b?")), True)
    equal(c.test_compatibility("py-compat", record("a", "b")), False)
    equal(c.test_compatibility("py-compat", record("a", "b"), version=1, verbose=True), False)
    equal(c.test_compatibility("py-compat", record("a", "b?"), normalize=True), True)
    equal(c.test_compatibility_all_versions("py-compat", record("a", "b")), False)
    equal(c.test_compatibility_all_versions("py-compat", record()), True)
    equal(c.test_compatibility("py-compat-new", record("a")), True)
    error = refuses(409, 40901, c.register_schema, "py-compat", record("a", "b"))
    equal("incompatible with an earlier schema" in error.error_message, True)


@check
def levels_and_settings():
    c = client()
    c.register_schema("py-config", record("a"))
    refuses(404, 40408, c.get_compatibility, "py-config")
    equal(c.set_compatibility("py-config", "forward_transitive"), {"compatibility": "FORWARD_TRANSITIVE"})
    equal(c.get_compatibility("py-config"), "FORWARD_TRANSITIVE")
    refuses(422, 42203, c.set_compatibility, "py-config", "sideways")
    refuses(409, 40901, c.register_schema, "py-config", record())
    c.register_schema("py-config", record("a", "b"))

    owner = Metadata(tags=None, properties=MetadataProperties({"owner": "shop"}), sensitive=None)
    wanted = ServerConfig(
        compatibility=ConfigCompatibilityLevel.NONE, compatibility_group="major", default_metadata=owner
    )
    c.set_config("py-config", wanted)
    got = client().get_config("py-config")
    equal((got.compatibility_level, got.compatibility_group), (ConfigCompatibilityLevel.NONE, "major"))
    equal(got.default_metadata.properties.properties, {"owner": "shop"})
    c.register_schema("py-config", Schema('"string"', "AVRO"))
    equal(client().get_latest_version("py-config").schema.metadata.properties.properties, {"owner": "shop"})
    equal(c.delete_config("py-config").compatibility_level, ConfigCompatibilityLevel.NONE)
    refuses(404, 40408, c.get_config, "py-config")

    equal(c.get_compatibility(), "BACKWARD")
    equal(c.set_compatibility(level="FULL"), {"compatibility": "FULL"})
    equal(c.get_config().compatibility_level, ConfigCompatibilityLevel.FULL)
    c.delete_config()
    equal(c.get_compatibility(), "BACKWARD")


@check
def references():
    c = client()
    c.register_schema("py-ref-address", Schema('{"type":"record","name":"Address","namespace":"py","fields":[]}'))
    person = Schema(
        '{"type":"record","name":"Person","namespace":"py","fields":[{"name":"home","type":"py.Address"}]}',
        references=[SchemaReference("py.Address", "py-ref-address", 1)],
    )
    made = c.register_schema_full_response("py-ref-person", person)
    got = client().get_version("py-ref-person", 1)
    equal([(r.name, r.subject, r.version) for r in got.schema.references], [("py.Address", "py-ref-address", 1)])
    equal(client().lookup_schema("py-ref-person", person).schema_id, made.schema_id)
    equal(c.get_referenced_by("py-ref-address", 1), [made.schema_id])
    resolved = json.loads(client().get_version("py-ref-person", 1, fmt="resolved").schema.schema_str)
    equal(resolved["fields"][0]["type"]["name"], "Address")
    refuses(422, 42206, c.delete_subject, "py-ref-address")
    dangling = Schema(person.schema_str, references=[SchemaReference("py.Address", "py-ref-nowhere", 1)])
    refuses(422, 42201, client().register_schema, "py-ref-person", dangling)
    c.delete_subject("py-ref-person")
    equal(c.delete_subject("py-ref-address"), [1])


@check
def soft_and_hard_delete():
    c = client()
    made = c.register_schema_full_response("py-delete", record("only_here"))
    c.register_schema("py-delete", record("only_here", "b?"))
    refuses(404, 40407, client().delete_version, "py-delete", 1, True)
    equal(c.delete_version("py-delete", 1), 1)
    refuses(404, 40406, c.delete_version, "py-delete", 1)
    equal(c.get_versions("py-delete"), [2])
    equal(c.get_versions("py-delete", deleted=True), [1, 2])
    refuses(404, 40402, client().get_version, "py-delete", 1)
    equal(client().get_version("py-delete", 1, deleted=True).schema_id, made.schema_id)
    equal(client().get_schema(made.schema_id).schema_type, "AVRO")
    refuses(404, 40405, client().delete_subject, "py-delete", True)
    equal(c.delete_subject("py-delete"), [2])
    refuses(404, 40404, c.delete_subject, "py-delete")
    equal("py-delete" in c.get_subjects(), False)
    equal("py-delete" in c.get_subjects(deleted=True), True)
    equal(client().delete_subject("py-delete", permanent=True), [1, 2])
    equal("py-delete" in client().get_subjects(deleted=True), False)
    refuses(404, 40403, client().get_schema, made.schema_id)


@check
def metadata_finds_a_version():
    c = client()

    def versioned(version, *fields):
        properties = MetadataProperties({"application": version})
        return Schema(record(*fields).schema_str, metadata=Metadata(None, properties, None))

    c.register_schema("py-metadata", versioned("1", "a"))
    c.register_schema("py-metadata", versioned("2", "a", "b?"))
    got = client().get_latest_with_metadata("py-metadata", {"application": "1"})
    equal((got.version, got.schema.metadata.properties.properties), (1, {"application": "1"}))
    refuses(404, 40403, client().get_latest_with_metadata, "py-metadata", {"application": "3"})


@check
def associations_are_not_found():
    refuses(404, 404, client().get_associations_by_resource_name, "topic", "-", "topic", ["value"])


run()
