'use strict';

// @confluentinc/schemaregistry: the registry's own calls and data contracts.
// Values are in confluent_values.js.

const {
  AvroDeserializer,
  AvroSerializer,
  CelExecutor,
  CelFieldExecutor,
  Compatibility,
  JsonataExecutor,
  LifecyclePolicy,
  RuleMode,
  RuleRegistry,
  SerdeType,
} = require('@confluentinc/schemaregistry');

const { assert, check, refuses, run, schemaText } = require('./checks');
const { client } = require('./confluent_client');

const record = (...fields) => ({
  schemaType: 'AVRO',
  schema: JSON.stringify({ type: 'record', name: 'R', namespace: 'js', fields }),
});
const A = { name: 'a', type: 'int' };
const B = { name: 'b', type: 'int', default: 0 };
const C = { name: 'c', type: 'int' };

check('register and read', async () => {
  const made = await client().registerFullResponse('js-read', record(A));
  assert.equal(made.version, 1);
  assert.equal(await client().register('js-read', record(A), true), made.id);
  const second = await client().registerFullResponse('js-read', record(A, B));
  const latest = await client().getLatestSchemaMetadata('js-read');
  assert.deepEqual([latest.version, latest.id, latest.guid], [2, second.id, second.guid]);
  const first = await client().getSchemaMetadata('js-read', 1);
  assert.deepEqual([first.id, first.subject], [made.id, 'js-read']);
  assert.equal((await client().getBySubjectAndId('js-read', made.id)).schema, first.schema);
  assert.equal((await client().getByGuid(made.guid)).schema, first.schema);
  assert.deepEqual(await client().getAllVersions('js-read'), [1, 2]);
  assert.ok((await client().getAllSubjects()).includes('js-read'));
});

check('lookup', async () => {
  const made = await client().registerFullResponse('js-lookup', record(A));
  assert.equal(await client().getId('js-lookup', record(A)), made.id);
  assert.equal((await client().getIdFullResponse('js-lookup', record(A))).guid, made.guid);
  assert.equal(await client().getVersion('js-lookup', record(A), false), 1);
  await refuses(404, 40403, () => client().getId('js-lookup', record(C)));
  await client().deleteSubject('js-lookup');
  assert.equal(await client().getVersion('js-lookup', record(A), false, true), 1);
});

check('unknown things', async () => {
  await refuses(404, 40401, () => client().getLatestSchemaMetadata('js-unknown'));
  await refuses(404, 40403, () => client().getBySubjectAndId('js-unknown', 99999));
  await refuses(404, 40401, () => client().deleteSubject('js-unknown'));
  await refuses(422, 42201, () => client().register('js-unknown', { schemaType: 'AVRO', schema: '{' }));
});

check('compatibility', async () => {
  await client().register('js-compat', record(A));
  assert.equal(await client().testSubjectCompatibility('js-compat', record(A, B)), true);
  assert.equal(await client().testSubjectCompatibility('js-compat', record(A, C)), false);
  assert.equal(await client().testCompatibility('js-compat', 1, record(A, C)), false);
  await refuses(409, 40901, () => client().register('js-compat', record(A, C)));
});

check('levels and settings', async () => {
  await client().register('js-config', record(A));
  await refuses(404, 40408, () => client().getCompatibility('js-config'));
  assert.equal(await client().updateCompatibility('js-config', Compatibility.FULL), Compatibility.FULL);
  assert.equal(await client().getCompatibility('js-config'), Compatibility.FULL);
  const update = {
    compatibility: Compatibility.NONE,
    compatibilityGroup: 'major',
    defaultMetadata: { properties: { owner: 'shop' } },
  };
  await client().updateConfig('js-config', update);
  const got = await client().getConfig('js-config');
  assert.equal(got.compatibilityLevel, Compatibility.NONE);
  assert.deepEqual(got.defaultMetadata, update.defaultMetadata);
  assert.equal(await client().getDefaultCompatibility(), Compatibility.BACKWARD);
  assert.equal(await client().updateDefaultCompatibility(Compatibility.FORWARD), Compatibility.FORWARD);
  assert.equal((await client().getDefaultConfig()).compatibilityLevel, Compatibility.FORWARD);
  await client().updateDefaultConfig({ compatibility: Compatibility.BACKWARD });
});

check('references', async () => {
  await client().register('js-ref-address', { schemaType: 'AVRO', schema: schemaText('common/v1/address.avsc') });
  const person = {
    ...record({ name: 'home', type: 'common.v1.Address' }),
    references: [{ name: 'common.v1.Address', subject: 'js-ref-address', version: 1 }],
  };
  await client().register('js-ref-person', person);
  assert.deepEqual((await client().getLatestSchemaMetadata('js-ref-person')).references, person.references);
  await refuses(422, 42206, () => client().deleteSubject('js-ref-address'));
});

check('soft and hard delete', async () => {
  const only = { name: 'only_here', type: 'int' };
  const made = await client().registerFullResponse('js-delete', record(only));
  await client().register('js-delete', record(only, B));
  assert.equal(await client().deleteSubjectVersion('js-delete', 1), 1);
  await refuses(404, 40402, () => client().getSchemaMetadata('js-delete', 1));
  assert.equal((await client().getSchemaMetadata('js-delete', 1, true)).id, made.id);
  assert.deepEqual(await client().deleteSubject('js-delete'), [2]);
  assert.deepEqual(await client().deleteSubject('js-delete', true), [1, 2]);
  await refuses(404, 40403, () => client().getBySubjectAndId('', made.id));
});

check('associations are not found', async () => {
  await refuses(404, 404, () =>
    client().getAssociationsByResourceName('topic', '-', 'topic', ['value'], LifecyclePolicy.STRONG, 0, -1));
});

const rules = new RuleRegistry();
for (const executor of [new CelExecutor(), new CelFieldExecutor(), new JsonataExecutor()]) {
  rules.registerExecutor(executor);
}

const user = { schemaType: 'AVRO', schema: JSON.stringify({
  type: 'record',
  name: 'User',
  namespace: 'js',
  fields: [{ name: 'name', type: 'string', 'confluent:tags': ['PII'] }],
}) };
const latest = { useLatestVersion: true };

check('data contracts', async () => {
  const short = { name: 'short', kind: 'CONDITION', mode: RuleMode.WRITE, type: 'CEL', expr: 'size(message.name) < 9' };
  const mask = { name: 'mask', kind: 'TRANSFORM', mode: RuleMode.READ, type: 'CEL_FIELD', tags: ['PII'], expr: "value + '!'" };
  const metadata = { tags: { '**.x': ['A'] }, properties: { owner: 'shop' }, sensitive: ['owner'] };
  const info = { ...user, metadata, ruleSet: { domainRules: [short, mask] } };
  const made = await client().registerFullResponse('js-rules-value', info);
  for (const got of [await client().getLatestSchemaMetadata('js-rules-value'), await client().getByGuid(made.guid)]) {
    assert.deepEqual(got.metadata, metadata);
    assert.deepEqual(got.ruleSet.domainRules.map((r) => [r.name, r.expr, r.disabled]), [
      ['short', short.expr, false],
      ['mask', mask.expr, false],
    ]);
  }
  assert.equal((await client().getLatestWithMetadata('js-rules-value', { owner: 'shop' })).id, made.id);
  const writer = new AvroSerializer(client(), SerdeType.VALUE, latest, rules);
  const data = await writer.serialize('js-rules', { name: 'Ada' });
  const reader = new AvroDeserializer(client(), SerdeType.VALUE, {}, rules);
  assert.equal((await reader.deserialize('js-rules', data)).name, 'Ada!');
  await assert.rejects(writer.serialize('js-rules', { name: 'Ada Lovelace' }));
  const twice = { ...user, ruleSet: { domainRules: [short, short] } };
  await refuses(422, 42210, () => client().register('js-rules-value', twice));
});

check('contexts', async () => {
  await client().register('js-context', record(A));
  const made = await client().registerFullResponse(':.js:js-context', record(B));
  assert.deepEqual([made.id, made.version], [1, 1]);
  assert.equal((await client().getLatestSchemaMetadata(':.js:js-context')).subject, ':.js:js-context');
  assert.equal((await client().getBySubjectAndId(':.js:js-context', 1)).schema, record(B).schema);
  assert.ok((await client().getAllSubjects()).includes(':.js:js-context'));
  const inside = client('/contexts/.js');
  assert.deepEqual(await inside.getAllVersions('js-context'), [1]);
});

module.exports = run();
