'use strict';

// Names and passwords: who may do what, as the clients tell their users.

const { SchemaRegistry } = require('@kafkajs/confluent-schema-registry');

const { assert, check, refuses, run, url } = require('./checks');
const { client } = require('./confluent_client');

const A = { type: 'record', name: 'A', namespace: 'js.secured', fields: [] };
const B = { ...A, name: 'B' };
const info = (schema) => ({ schemaType: 'AVRO', schema: JSON.stringify(schema) });
const reader = { username: 'reader', password: 'secret' };
const stranger = { username: 'reader', password: 'wrong' };

check('confluent', async () => {
  const id = await client().register('js-secured', info(A));
  assert.equal(await client('', reader).getId('js-secured', info(A)), id);
  await refuses(403, 403, () => client('', reader).register('js-secured', info(B)));
  await refuses(401, 401, () => client('', stranger).getAllSubjects());
});

check('kafkajs', async () => {
  const as = (auth) => new SchemaRegistry({ host: url(), auth, retry: { retries: 0 } });
  const id = await client().register('js.secured.A', info(A));
  assert.equal(await as(reader).getRegistryIdBySchema('js.secured.A', A), id);
  assert.equal((await as(reader).encode(id, {})).length, 5);
  await refuses(403, 0, () => as(reader).register(B));
  await refuses(401, 0, () => as(stranger).getLatestSchemaId('js.secured.A'));
});

module.exports = run();
