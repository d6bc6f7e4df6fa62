'use strict';

// @kafkajs/confluent-schema-registry: register, encode and decode.

const { SchemaRegistry, SchemaType, COMPATIBILITY } = require('@kafkajs/confluent-schema-registry');

const { assert, check, refuses, run, schemaText, url, user } = require('./checks');

// A new one each time, so that no cache hides what the server says.
const registry = () => new SchemaRegistry({ host: url(), auth: user(), retry: { retries: 0 } });

const ADA = { name: 'Ada' };
const person = {
  type: 'record',
  name: 'Person',
  namespace: 'kafkajs',
  fields: [{ name: 'name', type: 'string' }],
};

check('avro', async () => {
  const { id } = await registry().register(person);
  assert.equal((await registry().register(person)).id, id);
  const data = await registry().encode(id, ADA);
  assert.equal(data.readUInt32BE(1), id);
  assert.deepEqual({ ...(await registry().decode(data)) }, ADA);
  assert.equal(await registry().getRegistryId('kafkajs.Person', 1), id);
  assert.equal(await registry().getLatestSchemaId('kafkajs.Person'), id);
  assert.equal(await registry().getRegistryIdBySchema('kafkajs.Person', person), id);
  await assert.rejects(registry().encode(id, { name: 7 }));
});

check('avro with another reader', async () => {
  const { id } = await registry().register({ type: SchemaType.AVRO, schema: JSON.stringify(person) }, { subject: 'kafkajs-reader' });
  const data = await registry().encode(id, ADA);
  const readerSchema = { ...person, fields: [...person.fields, { name: 'age', type: 'int', default: 3 }] };
  assert.deepEqual({ ...(await registry().decode(data, { [SchemaType.AVRO]: { readerSchema } })) }, { ...ADA, age: 3 });
});

check('avro with references', async () => {
  await registry().register({ type: SchemaType.AVRO, schema: schemaText('common/v1/address.avsc') }, { subject: 'common.v1.Address' });
  const order = {
    type: 'record',
    name: 'Order',
    namespace: 'kafkajs',
    fields: [{ name: 'ship_to', type: 'common.v1.Address' }],
  };
  const schema = {
    type: SchemaType.AVRO,
    schema: JSON.stringify(order),
    references: [{ name: 'common.v1.Address', subject: 'common.v1.Address', version: 1 }],
  };
  const { id } = await registry().register(schema, { subject: 'kafkajs-order' });
  const want = { ship_to: { lines: ['1 Way'], city: 'Ulm', postal_code: '89073', country: 'DE' } };
  const got = await registry().decode(await registry().encode(id, want));
  assert.equal(JSON.stringify(got), JSON.stringify(want));
});

check('levels', async () => {
  const next = (type) => ({ ...person, name: 'Level', fields: [{ name: 'name', type }] });
  await registry().register(next('string'), { compatibility: COMPATIBILITY.FULL });
  await assert.rejects(registry().register(next('string')), /does not match the configuration/);
  await refuses(409, 0, () => registry().register(next('int'), { compatibility: COMPATIBILITY.FULL }));
  const response = await registry().api.Subject.compatible({
    subject: 'kafkajs.Level',
    version: 'latest',
    body: { schema: JSON.stringify(next('int')) },
  });
  assert.deepEqual(response.data(), { is_compatible: false });
  assert.ok((await registry().api.Subject.all()).data().includes('kafkajs.Level'));
});

check('unknown things', async () => {
  await refuses(404, 0, () => registry().getLatestSchemaId('kafkajs-unknown'));
  await refuses(404, 0, () => registry().encode(99999, ADA));
  await assert.rejects(registry().getRegistryIdBySchema('kafkajs-unknown', person), /not found/i);
});

check('protobuf', async () => {
  const schema = 'syntax = "proto3";\npackage kafkajs;\nmessage Person {\n  string name = 1;\n}\n';
  const { id } = await registry().register({ type: SchemaType.PROTOBUF, schema }, { subject: 'kafkajs-proto' });
  const got = await registry().decode(await registry().encode(id, ADA));
  assert.equal(got.name, 'Ada');
});

check('protobuf with references', async () => {
  const money = schemaText('common/v1/money.proto');
  await registry().register({ type: SchemaType.PROTOBUF, schema: money }, { subject: 'common/v1/money.proto' });
  const schema = {
    type: SchemaType.PROTOBUF,
    schema:
      'syntax = "proto3";\npackage kafkajs;\nimport "common/v1/money.proto";\n' +
      'message Paid {\n  string order_id = 1;\n  common.v1.Money amount = 2;\n}\n',
    references: [{ name: 'common/v1/money.proto', subject: 'common/v1/money.proto', version: 1 }],
  };
  const { id } = await registry().register(schema, { subject: 'kafkajs-paid' });
  const got = await registry().decode(await registry().encode(id, { orderId: 'o', amount: { currencyCode: 'EUR', minorUnits: 5 } }));
  assert.equal(got.orderId, 'o');
  assert.equal(Number(got.amount.minorUnits), 5);
});

check('json schema', async () => {
  const schema = JSON.stringify({
    $id: 'kafkajs/person.json',
    type: 'object',
    properties: { name: { type: 'string' } },
    required: ['name'],
    additionalProperties: false,
  });
  const { id } = await registry().register({ type: SchemaType.JSON, schema }, { subject: 'kafkajs-json' });
  assert.deepEqual(await registry().decode(await registry().encode(id, ADA)), ADA);
  await assert.rejects(registry().encode(id, {}));

  const team = JSON.stringify({ type: 'object', properties: { lead: { $ref: 'kafkajs/person.json' } } });
  const references = [{ name: 'kafkajs/person.json', subject: 'kafkajs-json', version: 1 }];
  const made = await registry().register({ type: SchemaType.JSON, schema: team, references }, { subject: 'kafkajs-team' });
  assert.deepEqual(await registry().decode(await registry().encode(made.id, { lead: ADA })), { lead: ADA });
});

module.exports = run();
