"""ProtobufSerializer and ProtobufDeserializer: values that travel as Protobuf."""

import struct
import uuid

from checks import SCHEMAS, check, client, compile_protos, equal, fails, run, value_of
from confluent_kafka.schema_registry import (
    SchemaRegistryError,
    header_schema_id_serializer,
    record_subject_name_strategy,
)
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer
from google.protobuf.timestamp_pb2 import Timestamp

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
    from google.protobuf.descriptor_pb2 import FileDescriptorProto
    import base64

    text = client().get_latest_version("py-proto-format-value", fmt="serialized").schema.schema_str
    file = FileDescriptorProto.FromString(base64.b64decode(text))
    equal((file.package, file.message_type[0].name), ("payments.v1", "PaymentCaptured"))
    equal(list(file.dependency), ["common/v1/money.proto", "google/protobuf/timestamp.proto"])


run()
