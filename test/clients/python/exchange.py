"""Reads what Go's generated code wrote, and writes it again under another name."""

import os

from checks import SCHEMAS, WORK, check, client, compile_protos, equal, run, value_of
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufDeserializer, ProtobufSerializer

compile_protos(SCHEMAS, "common/v1/money.proto", "payments/v1/payment.proto")

from payments.v1.payment_pb2 import PaymentCaptured, PaymentFailed  # noqa: E402  (compiled above)

KNOWN = {"auto.register.schemas": False}


def rewrite(name, read, write, rename):
    """Reads the bytes of Go, renames the value and writes it for Go."""
    with open(os.path.join(WORK, name + ".go"), "rb") as f:
        value = read(f.read())
    with open(os.path.join(WORK, name + ".other"), "wb") as f:
        f.write(write(rename(value)))
    return value


@check
def order_placed():
    ctx = value_of("exchange-orders")
    # The schema of the writer is taken as the server has it, references and all.
    write = AvroSerializer(client(), client().get_latest_version("exchange-orders-value").schema, conf=KNOWN)
    got = rewrite(
        "order",
        lambda data: AvroDeserializer(client())(data, ctx),
        lambda value: write(value, ctx),
        lambda value: {**value, "order_id": "renamed"},
    )
    equal((got["order_id"], str(got["total"]), got["channel"]), ("o1", "25.00", "WEB"))


@check
def payments():
    ctx = value_of("exchange-payments")
    for kind in [PaymentCaptured, PaymentFailed]:
        read = ProtobufDeserializer(kind, {}, client())
        # The descriptor of the compiler is the registered text in another form.
        write = ProtobufSerializer(kind, client(), {**KNOWN, "normalize.schemas": True})

        def rename(message):
            message.order_id = "renamed"
            return message

        rewrite(kind.__name__, lambda data: read(data, ctx), lambda value: write(value, ctx), rename)


run()
