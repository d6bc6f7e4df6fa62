'use strict';

// Runs programs, each against a registry of its own: main.js LABEL=FILE=URL ...
// One process for all, since loading the clients takes longer than the checks.

const path = require('node:path');

const { use } = require('./checks');

async function main() {
  for (const argument of process.argv.slice(2)) {
    const [label, file, ...url] = argument.split('=');
    use(label, url.join('='));
    const program = path.join(__dirname, file);
    delete require.cache[program]; // so that it runs once more
    await require(program);
  }
}

main();
