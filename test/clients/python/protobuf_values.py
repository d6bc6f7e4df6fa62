"""ProtobufSerializer and ProtobufDeserializer: values that travel as Protobuf."""

import base64
import struct
import uuid

from checks import SCHEMAS, check, client, compile_protos, equal, fails, run, value_of
from confluent_kafka.schema_registry import (
    Rule,
    RuleKind,
    RuleMode,
    RuleSet,
    Schema,
    SchemaRegistryError,
    header_schema_id_serializer,
    record_subject_name_strategy,
)
from confluent_kafka.schema_registry.confluent import meta_pb2
from confluent_kafka.schema_registry.confluent.type import decimal_pb2
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from confluent_kafka.schema_registry.rules.cel.cel_field_executor import CelFieldExecutor
from google.protobuf import descriptor_pool, message_factory
from google.protobuf.descriptor_pb2 import FieldDescriptorProto, FileDescriptorProto
from google.protobuf.timestamp_pb2 import Timestamp
from google.type import date_pb2

compile_protos(SCHEMAS, "common/v1/money.proto", "payments/v1/payment.proto")

from payments.v1 import payment_pb2  # noqa: E402  (compiled above)

Captured, Failed = payment_pb2.PaymentCaptured, payment_pb2.PaymentFailed


def captured():
    """Returns a message with a field of every kind."""
    m = Captured(order_id="o1", payment_id="p1", iban="DE00", fee_minor_units=0)
    m.amount.currency_code, m.amount.minor_units = "EUR", 2500
    m.captured_at.CopyFrom(Timestamp(seconds=1_700_000_000, nanos=5))
    m.provider_data["a"] = "b"
    m.parts.add(id="x").amount.minor_units = -1
    return m


@check
def round_trip_with_references():
    ctx = value_of("py-proto")
    data = ProtobufSerializer(Captured, client())(captured(), ctx)
    equal(ProtobufDeserializer(Captured, {}, client())(data, ctx), captured())
    made = client().get_latest_version("py-proto-value")
    equal(data[:6], struct.pack(">bIb", 0, made.schema_id, 0))
    equal(made.schema.schema_type, "PROTOBUF")
    equal("message PaymentCaptured" in made.schema.schema_str, True)
    # The import of a known type needs no reference, the other one has one.
    got = [(r.name, r.subject, r.version) for r in made.schema.references]
    equal(got, [("common/v1/money.proto", "common/v1/money.proto", 1)])
    # Once more: the descriptor is the version that is there.
    ProtobufSerializer(Captured, client())(captured(), ctx)
    equal(client().get_versions("py-proto-value"), [1])


@check
def second_and_nested_messages():
    ctx = value_of("py-proto-index")
    failed = Failed(order_id="o", reason=payment_pb2.DECLINE_REASON_FRAUD, attempt=2)
    data = ProtobufSerializer(Failed, client())(failed, ctx)
    equal(data[5:7], b"\x02\x02")
    equal(ProtobufDeserializer(Failed, {}, client())(data, ctx), failed)
    part = Captured.Part(id="x")
    data = ProtobufSerializer(Captured.Part, client())(part, ctx)
    equal(data[5:8], b"\x04\x00\x04")  # the entry of a map is counted
    equal(ProtobufDeserializer(Captured.Part, {}, client())(data, ctx), part)
    equal(client().get_versions("py-proto-index-value"), [1])


@check
def header_holds_the_guid():
    headers = []
    ctx = value_of("py-proto-header", headers)
    conf = {"schema.id.serializer": header_schema_id_serializer}
    failed = Failed(order_id="o")
    data = ProtobufSerializer(Failed, client(), conf=conf)(failed, ctx)
    equal(data, failed.SerializeToString())
    made = client().get_latest_version("py-proto-header-value")
    equal(headers, [("__value_schema_id", b"\x01" + uuid.UUID(made.guid).bytes + b"\x02\x02")])
    equal(ProtobufDeserializer(Failed, {}, client())(data, ctx), failed)


@check
def registered_before():
    ctx = value_of("py-proto-before")
    found = {"auto.register.schemas": False}
    fails(SchemaRegistryError, ProtobufSerializer(Captured, client(), found), captured(), ctx)
    data = ProtobufSerializer(Captured, client(), {"normalize.schemas": True})(captured(), ctx)
    equal(ProtobufSerializer(Captured, client(), found)(captured(), ctx), data)
    latest = {**found, "use.latest.version": True}
    equal(ProtobufSerializer(Captured, client(), latest)(captured(), ctx), data)
    reader = ProtobufDeserializer(Captured, {"use.latest.version": True}, client())
    equal(reader(data, ctx), captured())


@check
def names_of_subjects():
    ctx = value_of("py-proto-names")
    conf = {"subject.name.strategy": record_subject_name_strategy}
    data = ProtobufSerializer(Failed, client(), conf)(Failed(order_id="o"), ctx)
    equal(client().get_latest_version("payments.v1.PaymentFailed").schema_id, struct.unpack(">I", data[1:5])[0])


@check
def known_types_as_subjects():
    ctx = value_of("py-proto-known")
    data = ProtobufSerializer(Captured, client(), {"skip.known.types": False})(captured(), ctx)
    equal(ProtobufDeserializer(Captured, {}, client())(data, ctx), captured())
    names = [r.name for r in client().get_latest_version("py-proto-known-value").schema.references]
    equal(sorted(names), ["common/v1/money.proto", "google/protobuf/timestamp.proto"])


@check
def formats():
    ctx = value_of("py-proto-format")
    ProtobufSerializer(Captured, client())(captured(), ctx)
    text = client().get_latest_version("py-proto-format-value", fmt="serialized").schema.schema_str
    file = FileDescriptorProto.FromString(base64.b64decode(text))
    equal((file.package, file.message_type[0].name), ("payments.v1", "PaymentCaptured"))
    equal(list(file.dependency), ["common/v1/money.proto", "google/protobuf/timestamp.proto"])


# With imports that servers know, and a tag.
TAGGED = """
syntax = "proto3";
package py;
import "confluent/meta.proto";
import "confluent/type/decimal.proto";
import "google/type/date.proto";
message Tagged {
  string owner = 1 [(confluent.field_meta).tags = "PII"];
  confluent.type.Decimal price = 2;
  google.type.Date day = 3;
}
"""


def tagged_message():
    """Returns the message type of TAGGED; no compiler here has its imports."""
    name = "py/tagged.proto"
    pool = descriptor_pool.Default()
    try:
        pool.FindFileByName(name)
    except KeyError:
        known = [meta_pb2.DESCRIPTOR.name, decimal_pb2.DESCRIPTOR.name, date_pb2.DESCRIPTOR.name]
        file = FileDescriptorProto(name=name, package="py", syntax="proto3", dependency=known)
        message = file.message_type.add(name="Tagged")

        def field(name, number, kind, of=None):
            label = FieldDescriptorProto.LABEL_OPTIONAL
            return message.field.add(name=name, number=number, type=kind, label=label, type_name=of)

        owner = field("owner", 1, FieldDescriptorProto.TYPE_STRING)
        owner.options.Extensions[meta_pb2.field_meta].tags.append("PII")
        field("price", 2, FieldDescriptorProto.TYPE_MESSAGE, ".confluent.type.Decimal")
        field("day", 3, FieldDescriptorProto.TYPE_MESSAGE, ".google.type.Date")
        pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("py.Tagged"))


@check
def types_that_servers_know():
    Tagged = tagged_message()
    ctx = value_of("py-proto-tagged")
    want = Tagged(owner="Ada", price=decimal_pb2.Decimal(value=b"\x04", scale=2), day=date_pb2.Date(year=2026))
    data = ProtobufSerializer(Tagged, client())(want, ctx)
    equal(ProtobufDeserializer(Tagged, {}, client())(data, ctx), want)
    equal(client().get_latest_version("py-proto-tagged-value").schema.references, [])


@check
def a_rule_reaches_tagged_fields():
    Tagged = tagged_message()
    ctx = value_of("py-proto-rules")
    mask = Rule("mask", None, RuleKind.TRANSFORM, RuleMode.WRITE, "CEL_FIELD", ["PII"], None, "'***'", None, None, False)
    schema = Schema(TAGGED, "PROTOBUF", rule_set=RuleSet([], [mask]))
    client().register_schema("py-proto-rules-value", schema)
    CelFieldExecutor.register()
    conf = {"auto.register.schemas": False, "use.latest.version": True}
    data = ProtobufSerializer(Tagged, client(), conf)(Tagged(owner="Ada"), ctx)
    equal(ProtobufDeserializer(Tagged, {}, client())(data, ctx).owner, "***")


run()
