'use strict';

// Reads what Go's generated code wrote, and writes it again under another name.

const fs = require('node:fs');
const path = require('node:path');

const {
  AvroDeserializer,
  AvroSerializer,
  ProtobufDeserializer,
  ProtobufSerializer,
  SerdeType,
} = require('@confluentinc/schemaregistry');

const { assert, check, run } = require('./checks');
const { client } = require('./confluent_client');

const file = (name) => path.join(process.env.WORK, name);
const latest = { useLatestVersion: true };

async function rewrite(name, topic, reader, writer, rename) {
  const value = await reader.deserialize(topic, fs.readFileSync(file(name + '.go')));
  fs.writeFileSync(file(name + '.other'), await writer(value).serialize(topic, rename(value)));
  return value;
}

check('order placed', async () => {
  const reader = new AvroDeserializer(client(), SerdeType.VALUE, {});
  const writer = () => new AvroSerializer(client(), SerdeType.VALUE, latest);
  const got = await rewrite('order', 'exchange-orders', reader, writer, (v) => ({ ...v, order_id: 'renamed' }));
  assert.deepEqual([got.order_id, got.total.toString('hex'), got.channel], ['o1', '09c4', 'WEB']);
});

check('payments', async () => {
  for (const name of ['PaymentCaptured', 'PaymentFailed']) {
    const reader = new ProtobufDeserializer(client(), SerdeType.VALUE, {});
    const writer = (value) =>
      new ProtobufSerializer(client(), SerdeType.VALUE, { ...latest, registry: { getMessage: (n) => reader.fileRegistry.getMessage(n) } });
    await rewrite(name, 'exchange-payments', reader, writer, (v) => Object.assign(v, { orderId: 'renamed' }));
  }
});

module.exports = run();
