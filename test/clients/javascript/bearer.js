'use strict';

// Bearer tokens: who may do what, with a token or with a secret that gets one.

const { AvroDeserializer, AvroSerializer, SerdeType } = require('@confluentinc/schemaregistry');

const { assert, check, refuses, run } = require('./checks');
const { client } = require('./confluent_client');

const { good, bad, endpoint } = JSON.parse(process.env.TOKENS);

const A = { schemaType: 'AVRO', schema: '{"type":"record","name":"A","fields":[]}' };
const B = { schemaType: 'AVRO', schema: '{"type":"record","name":"B","fields":[]}' };

const as = (credentials) => client('', undefined, 0, { bearerAuthCredentials: { logicalCluster: 'lsrc-1', ...credentials } });
const holding = (token) => as({ credentialsSource: 'STATIC_TOKEN', token, identityPoolId: 'pool-1' });
const known = (clientId, clientSecret = 'secret') =>
  as({ credentialsSource: 'OAUTHBEARER', issuerEndpointUrl: endpoint, clientId, clientSecret, scope: 'schemas' });

check('who may do what', async () => {
  const ways = [
    ['token', holding(good.admin), holding(good.reader)],
    ['secret', known('admin'), known('reader')],
  ];
  for (const [name, admin, reader] of ways) {
    const subject = `js-bearer-${name}`;
    const id = await admin.register(subject, A);
    assert.equal((await reader.getLatestSchemaMetadata(subject)).id, id);
    assert.equal(await reader.getId(subject, A), id);
    assert.equal(await reader.testSubjectCompatibility(subject, B), false);
    await refuses(403, 403, () => reader.register(subject, B));
    await refuses(403, 403, () => reader.deleteSubject(subject));
  }
});

check('tokens that let nobody in', async () => {
  for (const token of Object.values(bad)) {
    await refuses(401, 401, () => holding(token).getAllSubjects());
    await refuses(401, 401, () => holding(token).register('js-bearer-bad', A));
    await refuses(401, 401, () => holding(token).getId('js-bearer-token', A));
  }
  await refuses(401, 401, () => client().getAllSubjects());
});

check('a wrong secret gets no token', async () => {
  await assert.rejects(known('admin', 'wrong').getAllSubjects());
});

check('values', async () => {
  await known('admin').register('js-bearer-values-value', A);
  const data = await new AvroSerializer(known('reader'), SerdeType.VALUE, { useLatestVersion: true }).serialize('js-bearer-values', {});
  assert.deepEqual({ ...(await new AvroDeserializer(holding(good.reader), SerdeType.VALUE, {}).deserialize('js-bearer-values', data)) }, {});
});

module.exports = run();
