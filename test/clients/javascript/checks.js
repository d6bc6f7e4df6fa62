'use strict';

// Runs checks of a client against a registry and reports each on a line. main.js
// says which registry that is; SCHEMAS holds the schemas of the repository. Checks
// of a program share one registry, so each has subjects of its own.

const assert = require('node:assert/strict');
const fs = require('node:fs');
const path = require('node:path');

const checks = [];
let at = { label: '', urls: [], user: undefined };

/** Says under which label the next checks run, and against which registry. Servers of one registry have commas between their URLs. */
function use(label, text) {
  const urls = text.split(',').map((one) => new URL(one));
  const { username, password } = urls[0];
  at = { label, urls: urls.map((one) => one.origin), user: username ? { username, password } : undefined };
}

/** Returns the address of a server, of which there may be more than one. */
const url = (server = 0) => at.urls[server];

/** Returns the name and password that the registry wants, or undefined. */
const user = () => at.user;

/** Adds a check; they run in the order of the file. */
function check(name, run) {
  checks.push({ name, run });
}

/** Runs every check and prints a line of JSON for each. Nothing is skipped. */
async function run() {
  for (const { name, run } of checks.splice(0)) {
    let error = '';
    try {
      await run();
    } catch (e) {
      error = String((e && e.stack) || e) || 'an error without words';
    }
    process.stdout.write(JSON.stringify({ program: at.label, check: name, error }) + '\n');
  }
}

/** Fails unless a call is refused with this status, and error code if given. */
async function refuses(status, code, call) {
  let got;
  try {
    got = await call();
  } catch (e) {
    assert.equal(e.status, status, e.stack);
    if (code) assert.equal(e.errorCode, code, e.stack);
    return;
  }
  assert.fail(`got ${JSON.stringify(got)}, want status ${status}`);
}

/** Returns a schema of the repository. */
function schemaText(file) {
  return fs.readFileSync(path.join(process.env.SCHEMAS, file), 'utf8');
}

module.exports = { assert, check, refuses, run, schemaText, url, use, user };
