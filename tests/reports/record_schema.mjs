// tests/reports/record_schema.mjs: every event that the suites made berm write fits the published schema, strictly.
// Usage: record_schema.mjs SCHEMA RECORDS BERM. RECORDS: a folder with records that are newer than BERM.
import {createHash} from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import {createRequire} from 'node:module';

const Ajv = createRequire(import.meta.url)('ajv');
const [schemaFile, folder, berm] = process.argv.slice(2);
const schema = JSON.parse(fs.readFileSync(schemaFile, 'utf8'));

// Readers let pass what they do not know; what berm writes is all in the schema.
function strict(value) {
  if (value === null || typeof value !== 'object') return value;
  if (Array.isArray(value)) return value.map(strict);
  const out = Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, strict(inner)]));
  if (out.type === 'object' && out.properties && !('additionalProperties' in out)) out.additionalProperties = false;
  return out;
}
// What no suite provokes: a lost process, a kernel without a call, the end of a lease (issuer-tests have renewals).
const RARE = new Set(['net.unwatched', 'egress.error', 'egress.lost', 'judge.lost', 'credential.memory', 'credential.renew', 'credential.renewal_failed', 'credential.exchange', 'guard.failed', 'audit.test']);

const ajv = new Ajv({allErrors: false});
const validate = ajv.compile(strict(schema));
// Tests edit records, too: what its own hash does not fit is none of ours.
const sealed = (line, event) => createHash('sha256').update(line.replace(`,"hash":"${event.hash}"`, '')).digest('hex') === event.hash;

const since = fs.statSync(berm).mtimeMs;
const seen = new Map();
const problems = new Map();
let events = 0;
for (const name of fs.existsSync(folder) ? fs.readdirSync(folder) : []) {
  const file = path.join(folder, name);
  if (fs.statSync(file).mtimeMs < since) continue;
  for (const line of fs.readFileSync(file, 'utf8').split('\n')) {
    let event;
    try { event = JSON.parse(line); } catch { continue; }
    if (typeof event?.hash !== 'string' || !sealed(line, event)) continue;
    ++events;
    seen.set(event.type, event);
    if (validate(event)) continue;
    const why = `${event.type}: ${validate.errors.filter((one) => one.keyword !== 'if').map((one) => one.dataPath + ' ' + one.message + ' ' + JSON.stringify(one.params)).join('; ')}`;
    problems.set(why, `${name}: ${line.slice(0, 400)}`);
  }
}
if (events < 1000) throw new Error(`only ${events} events in ${folder} are newer than ${berm}: run the suites first`);
if (problems.size > 0) throw new Error([...problems].slice(0, 30).map((one) => one.join('\n   ')).join('\n'));
const missing = Object.keys(schema.definitions).filter((type) => !seen.has(type) && !RARE.has(type));
if (missing.length > 0) throw new Error('no suite wrote: ' + missing.join(', '));
// The control: a member more, a member less, or another type of value is refused.
for (const event of seen.values()) {
  for (const bad of [{...event, data: {...event.data, more: {}}}, {...event, type: 'x'}, {...event, seq: '1'}, {...event, hash: undefined}]) {
    if (validate(JSON.parse(JSON.stringify(bad)))) throw new Error(`the schema accepts anything of ${event.type}`);
  }
}
console.log(`record-schema: ${events} events of ${seen.size} types fit`);
