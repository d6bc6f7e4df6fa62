'use strict';

const { SchemaRegistryClient } = require('@confluentinc/schemaregistry');

const { url, user } = require('./checks');

/** Returns a new client, so that no cache hides what the server says. */
function client(path = '', who = user(), server = 0, more = {}) {
  const conf = { baseURLs: [url(server) + path], maxRetries: 0, ...more };
  if (who) {
    conf.basicAuthCredentials = { credentialsSource: 'USER_INFO', userInfo: `${who.username}:${who.password}` };
  }
  return new SchemaRegistryClient(conf);
}

module.exports = { client };
