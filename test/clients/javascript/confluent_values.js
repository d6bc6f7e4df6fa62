'use strict';

// @confluentinc/schemaregistry: values that travel as Avro, Protobuf and JSON.

const {
  AvroDeserializer,
  AvroSerializer,
  HeaderSchemaIdSerializer,
  JsonDeserializer,
  JsonSerializer,
  ProtobufDeserializer,
  ProtobufSerializer,
  SerdeType,
  SubjectNameStrategyType,
} = require('@confluentinc/schemaregistry');
const { create, createFileRegistry, createMutableRegistry, fromBinary, equals } = require('@bufbuild/protobuf');
const { FileDescriptorProtoSchema, FileDescriptorSetSchema, file_google_protobuf_timestamp } = require('@bufbuild/protobuf/wkt');

const { assert, check, refuses, run, schemaText } = require('./checks');
const { client } = require('./confluent_client');

const VALUE = SerdeType.VALUE;
const register = { autoRegisterSchemas: true };
const latest = { useLatestVersion: true };
const plain = (x) => JSON.parse(JSON.stringify(x));

const avro = (...fields) => ({
  schemaType: 'AVRO',
  schema: JSON.stringify({ type: 'record', name: 'User', namespace: 'js.avro', fields }),
});
const name = { name: 'name', type: 'string' };
const age = { name: 'age', type: 'int', default: 3 };
const ADA = { name: 'Ada' };

check('avro', async () => {
  const id = await client().register('js-avro-value', avro(name));
  const data = await new AvroSerializer(client(), VALUE, latest).serialize('js-avro', ADA);
  assert.deepEqual([data[0], data.readUInt32BE(1)], [0, id]);
  assert.deepEqual(plain(await new AvroDeserializer(client(), VALUE, {}).deserialize('js-avro', data)), ADA);
  await client().register('js-avro-value', avro(name, age));
  const got = await new AvroDeserializer(client(), VALUE, latest).deserialize('js-avro', data);
  assert.deepEqual(plain(got), { ...ADA, age: 3 });
});

check('avro without a schema at hand', async () => {
  await refuses(404, 40401, () => new AvroSerializer(client(), VALUE, latest).serialize('js-avro-none', ADA));
  const data = await new AvroSerializer(client(), VALUE, register).serialize('js-avro-made', ADA);
  assert.deepEqual(plain(await new AvroDeserializer(client(), VALUE, {}).deserialize('js-avro-made', data)), ADA);
  assert.deepEqual(await client().getAllVersions('js-avro-made-value'), [1]);
});

check('avro with references', async () => {
  await client().register('js-avro-address', { schemaType: 'AVRO', schema: schemaText('common/v1/address.avsc') });
  const references = [{ name: 'common.v1.Address', subject: 'js-avro-address', version: 1 }];
  await client().register('js-avro-ref-value', { ...avro({ name: 'home', type: 'common.v1.Address' }), references });
  const want = { home: { lines: [], city: 'Ulm', postal_code: null, country: 'DE' } };
  const data = await new AvroSerializer(client(), VALUE, latest).serialize('js-avro-ref', want);
  assert.deepEqual(plain(await new AvroDeserializer(client(), VALUE, {}).deserialize('js-avro-ref', data)), want);
});

check('avro with the guid in a header', async () => {
  const made = await client().registerFullResponse('js-avro-header-value', avro(name));
  const conf = { ...latest, schemaIdSerializer: HeaderSchemaIdSerializer };
  const headers = {};
  const data = await new AvroSerializer(client(), VALUE, conf).serialize('js-avro-header', ADA, headers);
  assert.equal(data.toString('latin1'), '\x06Ada');
  assert.equal(headers.__value_schema_id.toString('hex'), '01' + made.guid.replaceAll('-', ''));
  const got = await new AvroDeserializer(client(), VALUE, {}).deserialize('js-avro-header', data, headers);
  assert.deepEqual(plain(got), ADA);
});

check('avro under the name of its record', async () => {
  const conf = { ...latest, subjectNameStrategyType: SubjectNameStrategyType.TOPIC_RECORD };
  await client().register('js-avro-names-js.avro.User', avro(name));
  await client().register('js-avro-names-value', avro(name));
  const data = await new AvroSerializer(client(), VALUE, { useLatestVersion: true }).serialize('js-avro-names', ADA);
  assert.deepEqual(plain(await new AvroDeserializer(client(), VALUE, conf).deserialize('js-avro-names', data)), ADA);
});

// Without a compiler here, the server's own descriptors make the messages.
async function payments() {
  const files = [];
  const add = async (file, references) => {
    const info = { schemaType: 'PROTOBUF', schema: schemaText(file), references };
    await client().register('js/' + file, info);
    const got = await client().getLatestSchemaMetadata('js/' + file, 'serialized');
    const proto = fromBinary(FileDescriptorProtoSchema, Buffer.from(got.schema, 'base64'));
    proto.name = file;
    files.push(proto);
  };
  await add('common/v1/money.proto', []);
  await add('payments/v1/payment.proto', [
    { name: 'common/v1/money.proto', subject: 'js/common/v1/money.proto', version: 1 },
  ]);
  const set = create(FileDescriptorSetSchema, { file: [file_google_protobuf_timestamp.proto, ...files] });
  return createFileRegistry(set);
}

const captured = (desc) =>
  create(desc, {
    orderId: 'o1',
    amount: { currencyCode: 'EUR', minorUnits: 2500n },
    capturedAt: { seconds: 1700000000n, nanos: 5 },
    method: { case: 'iban', value: 'DE00' },
    providerData: { a: 'b' },
  });

check('protobuf', async () => {
  const registry = await payments();
  const desc = registry.getMessage('payments.v1.PaymentCaptured');
  const want = captured(desc);
  const messages = createMutableRegistry(desc);
  const conf = { ...register, registry: messages };
  const data = await new ProtobufSerializer(client(), VALUE, conf).serialize('js-proto', want);
  assert.equal(data[5], 0);
  const got = await new ProtobufDeserializer(client(), VALUE, {}).deserialize('js-proto', data);
  assert.ok(equals(desc, got, want));
  const made = await client().getLatestSchemaMetadata('js-proto-value');
  assert.ok(made.schema.includes('message PaymentCaptured'));
  assert.deepEqual(made.references.map((r) => r.name), ['common/v1/money.proto']);

  const headers = {};
  const inHeader = { ...latest, registry: messages, schemaIdSerializer: HeaderSchemaIdSerializer };
  const bare = await new ProtobufSerializer(client(), VALUE, inHeader).serialize('js-proto', want, headers);
  assert.equal(headers.__value_schema_id.toString('hex'), '01' + made.guid.replaceAll('-', '') + '00');
  assert.ok(equals(desc, await new ProtobufDeserializer(client(), VALUE, {}).deserialize('js-proto', bare, headers), want));
});

check('the second message of a file', async () => {
  const registry = await payments();
  const desc = registry.getMessage('payments.v1.PaymentFailed');
  const want = create(desc, { orderId: 'o', attempt: 2 });
  const conf = { ...register, registry: createMutableRegistry(desc) };
  const data = await new ProtobufSerializer(client(), VALUE, conf).serialize('js-proto-second', want);
  assert.deepEqual([...data.subarray(5, 7)], [2, 2]);
  const got = await new ProtobufDeserializer(client(), VALUE, {}).deserialize('js-proto-second', data);
  assert.ok(equals(desc, got, want));
});

const json = (properties, required = []) => ({
  schemaType: 'JSON',
  schema: JSON.stringify({ type: 'object', properties, required, additionalProperties: false }),
});
const validate = { validate: true };

check('json schema', async () => {
  const made = await client().registerFullResponse('js-json-value', json({ name: { type: 'string' } }, ['name']));
  const writer = new JsonSerializer(client(), VALUE, { ...latest, ...validate });
  const data = await writer.serialize('js-json', ADA);
  assert.deepEqual([data[0], data.readUInt32BE(1)], [0, made.id]);
  assert.deepEqual(await new JsonDeserializer(client(), VALUE, validate).deserialize('js-json', data), ADA);
  await assert.rejects(writer.serialize('js-json', {}));
  await refuses(409, 40901, () => client().register('js-json-value', json({ name: { type: 'integer' } }, ['name'])));

  const references = [{ name: 'user.json', subject: 'js-json-value', version: 1 }];
  await client().register('js-json-team-value', { ...json({ lead: { $ref: 'user.json' } }), references });
  const team = new JsonSerializer(client(), VALUE, { ...latest, ...validate });
  const packed = await team.serialize('js-json-team', { lead: ADA });
  assert.deepEqual(await new JsonDeserializer(client(), VALUE, validate).deserialize('js-json-team', packed), { lead: ADA });
  await assert.rejects(team.serialize('js-json-team', { lead: {} }));
});

module.exports = run();
