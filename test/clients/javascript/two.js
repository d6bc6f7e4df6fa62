'use strict';

// Two servers on one store: what one has written is there on the other.

const { AvroDeserializer, AvroSerializer, JsonDeserializer, JsonSerializer, SerdeType } = require('@confluentinc/schemaregistry');
const { SchemaRegistry } = require('@kafkajs/confluent-schema-registry');

const { assert, check, refuses, run, url } = require('./checks');
const { client } = require('./confluent_client');

const confluent = (server) => client('', undefined, server);
const kafkajs = (server) => new SchemaRegistry({ host: url(server), retry: { retries: 0 } });
const ways = [
  [0, 1],
  [1, 0],
];

const record = (name, ...fields) => ({ type: 'record', name, namespace: 'js.two', fields });
const info = (schema) => ({ schemaType: 'AVRO', schema: JSON.stringify(schema) });
const A = { name: 'a', type: 'int' };
const B = { name: 'b', type: 'int', default: 0 };
const C = { name: 'c', type: 'int' };

check('confluent: register here and read there', async () => {
  for (const [here, there] of ways) {
    const schema = info(here === 0 ? record('R', A) : record('R', A, B));
    const made = await confluent(here).registerFullResponse('js-two', schema);
    assert.equal(made.version, here + 1);
    assert.equal((await confluent(there).getSchemaMetadata('js-two', here + 1)).id, made.id);
    assert.equal((await confluent(there).getBySubjectAndId('js-two', made.id)).schema, schema.schema);
    assert.equal((await confluent(there).getByGuid(made.guid)).schema, schema.schema);
    assert.equal(await confluent(there).getId('js-two', schema), made.id);
    assert.equal(await confluent(there).register('js-two', schema), made.id);
    await refuses(409, 40901, () => confluent(there).register('js-two', info(record('R', C))));
  }
});

check('confluent: values', async () => {
  const text = JSON.stringify({ title: 'T', type: 'object', properties: { a: { type: 'integer' } } });
  for (const [here, there] of ways) {
    const avro = `js-two-avro-${here}`;
    await confluent(here).register(`${avro}-value`, info(record('V', A)));
    const writer = new AvroSerializer(confluent(there), SerdeType.VALUE, { useLatestVersion: true });
    const data = await writer.serialize(avro, { a: 7 });
    assert.equal((await new AvroDeserializer(confluent(here), SerdeType.VALUE, {}).deserialize(avro, data)).a, 7);

    const json = `js-two-json-${here}`;
    await confluent(here).register(`${json}-value`, { schemaType: 'JSON', schema: text });
    const other = new JsonSerializer(confluent(there), SerdeType.VALUE, { useLatestVersion: true });
    const bytes = await other.serialize(json, { a: 7 });
    assert.deepEqual(await new JsonDeserializer(confluent(here), SerdeType.VALUE, {}).deserialize(json, bytes), { a: 7 });
  }
});

check('kafkajs', async () => {
  for (const [here, there] of ways) {
    const schema = record(`Kafkajs${here}`, A);
    const subject = `js.two.Kafkajs${here}`;
    const { id } = await kafkajs(here).register(schema);
    assert.equal(await kafkajs(there).getRegistryId(subject, 1), id);
    assert.equal(await kafkajs(there).getRegistryIdBySchema(subject, schema), id);
    assert.equal(await kafkajs(there).getLatestSchemaId(subject), id);
    assert.deepEqual({ ...(await kafkajs(there).decode(await kafkajs(here).encode(id, { a: 7 }))) }, { a: 7 });
  }
});

module.exports = run();
