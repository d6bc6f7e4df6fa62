"""Data contracts: rule sets and metadata that the server keeps and clients run."""

import json

from checks import check, client, equal, fails, refuses, run, value_of
from confluent_kafka.schema_registry import (
    Metadata,
    MetadataProperties,
    MetadataTags,
    Rule,
    RuleKind,
    RuleMode,
    RuleParams,
    RuleSet,
    Schema,
    ServerConfig,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.rules.cel.cel_executor import CelExecutor
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from confluent_kafka.schema_registry.rules.jsonata.jsonata_executor import JsonataExecutor
from confluent_kafka.serialization import SerializationError

for executor in [CelExecutor, CelFieldExecutor, JsonataExecutor]:
    executor.register()

LATEST = {"auto.register.schemas": False, "use.latest.version": True}


def rule(name, kind, mode, kind_of_rule, expr, tags=None):
    """Returns a rule; whatever is not given is absent."""
    return Rule(name, None, kind, mode, kind_of_rule, tags, None, expr, None, None, False)


def user(*fields, **extra):
    """Returns an Avro record of strings."""
    made = [{"name": f, "type": "string", **extra} for f in fields]
    return json.dumps({"type": "record", "name": "User", "namespace": "py.rules", "fields": made})


@check
def rules_come_back_as_they_went():
    every = Rule(
        "checkName",
        "The name is short.",
        RuleKind.CONDITION,
        RuleMode.WRITEREAD,
        "CEL",
        ["PII", "A"],
        RuleParams({"b": "1", "a": "2"}),
        "size(message.name) < 9",
        "NONE,NONE",
        "ERROR,NONE",
        True,
    )
    move = rule("move", RuleKind.TRANSFORM, RuleMode.UPGRADE, "JSONATA", "$")
    pack = rule("pack", RuleKind.TRANSFORM, RuleMode.WRITEREAD, "ENCRYPT_PAYLOAD", None)
    rules = RuleSet([move], [every], [pack], "CLIENT")
    meta = Metadata(MetadataTags({"**.name": ["PII"]}), MetadataProperties({"owner": "shop"}), ["owner"])
    schema = Schema(user("name"), metadata=meta, rule_set=rules)
    made = client().register_schema_full_response("py-rules-kept", schema)
    for got in [
        client().get_version("py-rules-kept", 1).schema,
        client().get_schema(made.schema_id),
        client().get_schema_by_guid(made.guid),
    ]:
        want = {**schema.to_dict()["ruleSet"]}
        want["domainRules"][0]["tags"] = ["A", "PII"]
        equal(got.to_dict()["ruleSet"], want)
        equal(got.to_dict()["metadata"], schema.to_dict()["metadata"])
    equal(client().lookup_schema("py-rules-kept", schema).version, 1)


@check
def bad_rules_are_refused():
    both = rule("a", RuleKind.CONDITION, RuleMode.WRITE, "CEL", "true")
    for domain in [[both, both], [rule("1a", None, None, "CEL", "")], [rule("a", None, RuleMode.UPGRADE, "CEL", "")]]:
        schema = Schema(user("name"), rule_set=RuleSet([], domain))
        refuses(422, 42210, client().register_schema, "py-rules-bad", schema)


@check
def a_condition_stops_a_message():
    ctx = value_of("py-rules-condition")
    condition = rule("short", RuleKind.CONDITION, RuleMode.WRITE, "CEL", "size(message.name) < 9")
    client().register_schema(
        "py-rules-condition-value", Schema(user("name"), rule_set=RuleSet([], [condition]))
    )
    writer = AvroSerializer(client(), user("name"), conf=LATEST)
    equal(AvroDeserializer(client())(writer({"name": "Ada"}, ctx), ctx), {"name": "Ada"})
    fails(SerializationError, writer, {"name": "Ada Lovelace"}, ctx)


@check
def a_transform_reaches_tagged_fields():
    ctx = value_of("py-rules-tags")
    mask = rule("mask", RuleKind.TRANSFORM, RuleMode.WRITE, "CEL_FIELD", "'***'", ["PII"])
    tagged = json.loads(user("name", "city"))
    tagged["fields"][0]["confluent:tags"] = ["PII"]
    by_metadata = Metadata(MetadataTags({"py.rules.User.city": ["PII"]}), None, None)
    for subject, text, metadata, want in [
        ("py-rules-tags-value", json.dumps(tagged), None, {"name": "***", "city": "Ulm"}),
        ("py-rules-meta-value", user("name", "city"), by_metadata, {"name": "Ada", "city": "***"}),
    ]:
        client().register_schema(subject, Schema(text, metadata=metadata, rule_set=RuleSet([], [mask])))
        ctx = value_of(subject.removesuffix("-value"))
        data = AvroSerializer(client(), text, conf=LATEST)({"name": "Ada", "city": "Ulm"}, ctx)
        equal(AvroDeserializer(client())(data, ctx), want)


@check
def a_migration_between_major_versions():
    ctx = value_of("py-rules-major")
    subject = "py-rules-major-value"
    client().set_config(subject, ServerConfig(compatibility_group="major"))

    def major(n):
        return Metadata(None, MetadataProperties({"major": n}), None)

    client().register_schema(subject, Schema(user("name"), metadata=major("1")))
    up = rule("up", RuleKind.TRANSFORM, RuleMode.UPGRADE, "JSONATA", "$merge([$sift($, function($v, $k) {$k != 'name'}), {'title': name}])")
    down = rule("down", RuleKind.TRANSFORM, RuleMode.DOWNGRADE, "JSONATA", "$merge([$sift($, function($v, $k) {$k != 'title'}), {'name': title}])")
    # Not compatible, and in a group of its own.
    client().register_schema(subject, Schema(user("title"), metadata=major("2"), rule_set=RuleSet([up, down], [])))

    def at(n, **more):
        return {"use.latest.with.metadata": {"major": n}, **more}

    manual = {"auto.register.schemas": False}
    old = AvroSerializer(client(), user("name"), conf=at("1", **manual))({"name": "Ada"}, ctx)
    new = AvroSerializer(client(), user("title"), conf=at("2", **manual))({"title": "Bob"}, ctx)
    equal(AvroDeserializer(client(), conf=at("2"))(old, ctx), {"title": "Ada"})
    equal(AvroDeserializer(client(), conf=at("1"))(new, ctx), {"name": "Bob"})


@check
def rules_of_the_settings_are_merged():
    subject = "py-rules-default-value"
    ctx = value_of("py-rules-default")
    short = rule("short", RuleKind.CONDITION, RuleMode.WRITE, "CEL", "size(message.name) < 9")
    client().set_config(subject, ServerConfig(default_rule_set=RuleSet([], [short])))
    client().register_schema(subject, Schema(user("name")))
    equal([r.name for r in client().get_latest_version(subject).schema.rule_set.domain_rules], ["short"])
    writer = AvroSerializer(client(), user("name"), conf=LATEST)
    fails(SerializationError, writer, {"name": "Ada Lovelace"}, ctx)


run()
