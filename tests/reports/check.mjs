// tests/reports/check.mjs: reads a report with other people's code. Usage: check.mjs FORM FILE [KEY]
// sarif: against the schema of SARIF 2.1.0 · markdown: rendered as GitHub's Markdown, in which no
// text of others may be anything but code · dsse: sigstore verifies the envelope with the public KEY
// (a file with base64 of its 32 bytes) · otlp: requests, a line each ({path, body}), against the messages that
// OpenTelemetry's own exporter is generated from.
import fs from 'node:fs';
import {createRequire} from 'node:module';
import {micromark} from 'micromark';
import {gfm, gfmHtml} from 'micromark-extension-gfm';

const require = createRequire(import.meta.url);
const [form, file, keyFile] = process.argv.slice(2);
const text = fs.readFileSync(file, 'utf8');

function checkSarif() {
  const Ajv = require('ajv');
  const ajv = new Ajv({schemaId: 'auto', meta: false, unknownFormats: 'ignore', allErrors: true});
  ajv.addMetaSchema(require('ajv/lib/refs/json-schema-draft-04.json'));
  const schema = fs.readFileSync(new URL(
      './node_modules/@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json', import.meta.url));
  const validate = ajv.compile(JSON.parse(schema));
  const log = JSON.parse(text);
  if (!validate(log)) throw new Error(JSON.stringify(validate.errors.slice(0, 5), null, 1));
  log.version = '2.0.0';  // the control: the schema is one that refuses
  if (validate(log)) throw new Error('the schema accepts anything');
  return log.runs[0].results.length;
}

function problemsOf(markdown) {
  const html = micromark(markdown, {allowDangerousHtml: true, allowDangerousProtocol: true,
                                    extensions: [gfm()], htmlExtensions: [gfmHtml()]});
  const bare = html.replace(/<code>[^<]*<\/code>/g, '');
  const problems = [];
  for (const [, tag] of bare.matchAll(/<\/?([a-zA-Z!][^\s>]*)/g)) {
    if (!/^(h2|h3|p|ul|li|strong|em|table|thead|tbody|tr|th|td|pre|details|summary|code)$/.test(tag)) {
      problems.push(`a tag <${tag}>`);
    }
  }
  const words = bare.replace(/<[^>]*>/g, '');
  for (const never of [/PWN/, /@/, /(^|[^&\w])#\d/, /https?:/, /www\./]) {
    const found = words.match(never);
    if (found) problems.push(`${never} in: ${words.slice(Math.max(0, found.index - 60), found.index + 60)}`);
  }
  for (const [, table] of html.matchAll(/<table>(.*?)<\/table>/gs)) {
    const rows = [...table.matchAll(/<tr>(.*?)<\/tr>/gs)].map(([, row]) => (row.match(/<t[hd]>/g) ?? []).length);
    if (new Set(rows).size > 1) problems.push(`rows of ${[...new Set(rows)]} cells`);
  }
  return problems;
}

function checkMarkdown() {
  const problems = problemsOf(text);
  if (problems.length > 0) throw new Error(problems.slice(0, 10).join('\n'));
  for (const bad of ['@team', '`a` <img src=x>', 'see #1', 'https://evil.example', '| a | b |\n|---|---|\n| `x|PWN` | y |']) {
    if (problemsOf(bad).length === 0) throw new Error(`the check does not see: ${bad}`);
  }
  return (text.match(/PWN/g) ?? []).length;
}

function checkDsse() {
  const {crypto, dsse} = require('@sigstore/core');
  const envelope = JSON.parse(text);
  const raw = Buffer.from(fs.readFileSync(keyFile, 'utf8'), 'base64');
  const key = crypto.createPublicKey(Buffer.concat([Buffer.from('302a300506032b6570032100', 'hex'), raw]));  // RFC 8410
  const signature = Buffer.from(envelope.signatures[0].sig, 'base64');
  const payload = Buffer.from(envelope.payload, 'base64');
  const holds = (bytes) => crypto.verify(dsse.preAuthEncoding(envelope.payloadType, bytes), key, signature);
  if (!holds(payload)) throw new Error('the signature does not hold');
  if (holds(Buffer.concat([payload, Buffer.from(' ')]))) throw new Error('it holds for anything');
  const statement = JSON.parse(payload);
  if (statement._type !== 'https://in-toto.io/Statement/v1') throw new Error(statement._type);
  return statement.subject.length;
}

// What the message does not have, its reader drops.
function lost(given, kept, path) {
  if (given === null || typeof given !== 'object') return kept === undefined ? [path] : [];
  return Object.entries(given).flatMap(([key, value]) => lost(value, kept?.[key], path + '.' + key));
}

function checkOtlp() {
  const root = require('@opentelemetry/otlp-transformer/build/src/generated/root.js').opentelemetry.proto.collector;
  const requests = {'/v1/logs': root.logs.v1.ExportLogsServiceRequest, '/v1/traces': root.trace.v1.ExportTraceServiceRequest};
  // JSON of OTLP writes these bytes in hexadecimal, Protobuf's own in base64.
  const inBase64 = (key, value) => ['traceId', 'spanId', 'parentSpanId'].includes(key) ? Buffer.from(value, 'hex').toString('base64') : value;
  const problemsOf = (path, body) => {
    const Message = requests[path];
    const given = JSON.parse(JSON.stringify(body), inBase64);
    const message = Message.fromObject(given);
    const wrong = Message.verify(message);
    const kept = Message.toObject(Message.decode(Message.encode(message).finish()), {longs: String, bytes: String, arrays: true, defaults: true});
    return [...(wrong ? [wrong] : []), ...lost(given, kept, path)];
  };
  const lines = text.trim().split('\n').map((line) => JSON.parse(line));
  for (const {path, body} of lines) {
    const problems = problemsOf(path, body);
    if (problems.length > 0) throw new Error(problems.slice(0, 10).join('\n'));
  }
  if (problemsOf('/v1/logs', {resourceLogs: [{scopeLogs: [{logRecords: [{bodies: 1}]}]}]}).length === 0) throw new Error('it takes anything');
  return lines.length;
}

const checks = {otlp: checkOtlp, sarif: checkSarif, markdown: checkMarkdown, dsse: checkDsse};
console.log(`${form}: ${checks[form]()}`);
