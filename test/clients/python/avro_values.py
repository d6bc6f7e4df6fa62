"""AvroSerializer and AvroDeserializer: values that travel as Avro."""

import datetime
import decimal
import struct
import uuid

from checks import check, client, equal, fails, refuses, run, schema_text, value_of
from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryError,
    header_schema_id_serializer,
    record_subject_name_strategy,
    topic_record_subject_name_strategy,
)
from confluent_kafka.schema_registry.avro import AvroDeserializer, AvroSerializer

USER = '{"type":"record","name":"User","namespace":"py.avro","fields":[{"name":"name","type":"string"}]}'
USER_2 = """{"type":"record","name":"User","namespace":"py.avro","fields":[
  {"name":"name","type":"string"},{"name":"age","type":["null","int"],"default":null}]}"""
ADA = {"name": "Ada Lovelace"}


@check
def round_trip():
    ctx = value_of("py-avro")
    data = AvroSerializer(client(), USER)(ADA, ctx)
    equal(AvroDeserializer(client())(data, ctx), ADA)
    made = client().lookup_schema("py-avro-value", Schema(USER, "AVRO"))
    equal(data[:5], struct.pack(">bI", 0, made.schema_id))
    equal(AvroSerializer(client(), USER)(None, ctx), None)


@check
def every_kind_of_field():
    ctx = value_of("py-avro-order")
    address = schema_text("common/v1/address.avsc")
    client().register_schema("common.v1.Address", Schema(address, "AVRO"))
    order = Schema(
        schema_text("orders/v1/order_placed.avsc"),
        "AVRO",
        [SchemaReference("common.v1.Address", "common.v1.Address", 1)],
    )
    price = decimal.Decimal("12.50")
    item = {"sku": "s", "quantity": 2, "unit_price": price, "weight_kg": 0.5, "parts": []}
    want = {
        "order_id": "o1",
        "customer_id": uuid.UUID(int=7),
        "placed_at": datetime.datetime(2026, 1, 2, 3, 4, 5, 6000, tzinfo=datetime.timezone.utc),
        "deliver_by": datetime.date(2026, 1, 9),
        "currency": "EUR",
        "total": decimal.Decimal("25.00"),
        "channel": "WEB",
        "items": [{**item, "parts": [item]}],
        "ship_to": {"lines": ["1 Way"], "city": "Ulm", "postal_code": None, "country": "DE"},
        "payment": {"days": 14, "approved": True},
        "attributes": {"a": "b"},
        "points": 2**40,
        "discount": 0.25,
        "checkout": {"program": "shop", "commit": b"\x00\x01\xfe\xff"},
        "note": "ring twice",
    }
    data = AvroSerializer(client(), order)(want, ctx)
    equal(AvroDeserializer(client())(data, ctx), want)
    stored = client().get_latest_version("py-avro-order-value").schema
    equal([r.subject for r in stored.references], ["common.v1.Address"])


@check
def evolution():
    ctx = value_of("py-avro-evolve")
    old = AvroSerializer(client(), USER)(ADA, ctx)
    new = AvroSerializer(client(), USER_2)({"name": "Bob", "age": 3}, ctx)
    reader = AvroDeserializer(client(), USER_2)
    equal([reader(old, ctx), reader(new, ctx)], [{**ADA, "age": None}, {"name": "Bob", "age": 3}])
    equal(AvroDeserializer(client(), USER)(new, ctx), {"name": "Bob"})
    broken = USER.replace('"string"', '"int"')
    fails(SchemaRegistryError, AvroSerializer(client(), broken), {"name": 1}, ctx)


@check
def header_holds_the_guid():
    headers = []
    ctx = value_of("py-avro-header", headers)
    data = AvroSerializer(client(), USER, conf={"schema.id.serializer": header_schema_id_serializer})(ADA, ctx)
    equal(data, b"\x18Ada Lovelace")
    made = client().get_latest_version("py-avro-header-value")
    equal(headers, [("__value_schema_id", b"\x01" + uuid.UUID(made.guid).bytes)])
    equal(AvroDeserializer(client())(data, ctx), ADA)


@check
def names_of_subjects():
    ctx = value_of("py-avro-names")
    for strategy, subject in [
        (record_subject_name_strategy, "py.avro.User"),
        (topic_record_subject_name_strategy, "py-avro-names-py.avro.User"),
    ]:
        conf = {"subject.name.strategy": strategy}
        data = AvroSerializer(client(), USER, conf=conf)(ADA, ctx)
        equal(AvroDeserializer(client(), conf=conf)(data, ctx), ADA)
        equal(client().get_latest_version(subject).version, 1)


@check
def registered_before():
    ctx = value_of("py-avro-before")
    found = {"auto.register.schemas": False}
    refuses(404, 40401, AvroSerializer(client(), USER, conf=found), ADA, ctx)
    made = client().register_schema_full_response("py-avro-before-value", Schema(USER, "AVRO"), True)
    latest = {**found, "use.latest.version": True}
    by_id = {**found, "use.schema.id": made.schema_id}
    for conf in [found, {**found, "normalize.schemas": True}, latest, by_id]:
        c = client()
        # With an id, this version of the client looks for the version in its own
        # cache only, since no server puts the id into an answer by id.
        c.lookup_schema("py-avro-before-value", Schema(USER, "AVRO"))
        data = AvroSerializer(c, USER, conf=conf)(ADA, ctx)
        equal(data[:5], struct.pack(">bI", 0, made.schema_id))


@check
def latest_version_of_a_reader():
    ctx = value_of("py-avro-latest")
    data = AvroSerializer(client(), USER)(ADA, ctx)
    client().register_schema("py-avro-latest-value", Schema(USER_2, "AVRO"))
    reader = AvroDeserializer(client(), conf={"use.latest.version": True})
    equal(reader(data, ctx), {**ADA, "age": None})


run()
