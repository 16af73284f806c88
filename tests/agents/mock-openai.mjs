#!/usr/bin/env node
// Mock of OpenAI's Responses API (POST …/responses, as server-sent events). Node's own modules only.
// mock-openai.mjs [--port N] [--log FILE] [--script FILE.json]; prints "LISTENING http://127.0.0.1:PORT".
// Script: an array of turns; a turn is an array of {"text": "…"} and {"command": "…"} (the client's shell).
// The turn is chosen by the tool results already in the request: retries and side requests disturb nothing.
import fs from 'node:fs';
import http from 'node:http';
import zlib from 'node:zlib';

const option = (name, otherwise) => {
  const at = process.argv.indexOf('--' + name);
  return at > 0 ? process.argv[at + 1] : otherwise;
};
const logFile = option('log', '');
const script = option('script', '')
  ? JSON.parse(fs.readFileSync(option('script', ''), 'utf8'))
  : [[{ command: 'echo hi > out.txt' }], [{ text: 'Done.' }]];
const SHELLS = ['exec_command', 'exec', 'shell_command', 'bash'];
let requests = 0;

const namesOf = (tools) => (tools || []).flatMap((tool) => [tool.name || tool.type, ...namesOf(tool.tools)]);

// Newer models take their tools as items of the input.
function shellOf(body) {
  const tools = [...(body?.tools || []), ...(body?.input || []).flatMap((item) => item.tools || [])];
  return namesOf(tools).find((name) => SHELLS.includes(name));
}

function item(step, shell, number, turn, at) {
  if (step.text !== undefined) {
    return { type: 'message', id: `msg_${number}_${at}`, role: 'assistant', status: 'completed',
      content: [{ type: 'output_text', text: step.text, annotations: [] }] };
  }
  const head = { id: `fc_${number}_${at}`, call_id: `call_${turn}_${at}`, status: 'completed', name: shell };
  if (shell === 'exec') {  // its tool runs JavaScript, which calls the others
    const argument = JSON.stringify({ cmd: step.command });
    return { ...head, type: 'custom_tool_call', input: `const done = await tools.exec_command(${argument}); text(done.output);` };
  }
  const given = shell === 'exec_command' ? { cmd: step.command } : { command: step.command, description: 'a step' };
  return { ...head, type: 'function_call', arguments: JSON.stringify(given) };
}

function decoded(raw, encoding) {
  if (encoding === 'gzip') return zlib.gunzipSync(raw);
  if (encoding === 'zstd' && zlib.zstdDecompressSync) return zlib.zstdDecompressSync(raw);
  return raw;
}

function answer(request, response, raw) {
  const number = ++requests;
  let body = null;
  try { body = JSON.parse(decoded(raw, request.headers['content-encoding']).toString()); } catch { /* logged as null */ }
  if (logFile) {
    const line = { number, method: request.method, url: request.url, headers: request.headers, body };
    fs.appendFileSync(logFile, JSON.stringify(line) + '\n');
  }
  if (request.method !== 'POST') {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end('{"object":"list","data":[],"models":[]}');
  }
  if (!request.url.split('?')[0].endsWith('/responses') || body === null) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return response.end('{"error":{"message":"mock: no such endpoint"}}');
  }
  const turn = (Array.isArray(body.input) ? body.input : []).filter((one) => /_output$/.test(one.type || '')).length;
  const shell = shellOf(body);
  const steps = shell ? script[Math.min(turn, script.length - 1)] : [{ text: 'ok' }];
  const items = steps.map((step, at) => item(step, shell, number, turn, at));
  const usage = { input_tokens: 10, input_tokens_details: { cached_tokens: 0 }, output_tokens: 5,
    output_tokens_details: { reasoning_tokens: 0 }, total_tokens: 15 };
  const whole = { id: `resp_${number}`, object: 'response', model: body.model, status: 'completed', output: items, usage };
  if (!body.stream) {
    response.writeHead(200, { 'content-type': 'application/json' });
    return response.end(JSON.stringify(whole));
  }
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  const event = (type, rest) => response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...rest })}\n\n`);
  event('response.created', { response: { ...whole, status: 'in_progress', output: [], usage: null } });
  items.forEach((one, at) => {
    event('response.output_item.added', { output_index: at, item: one });
    event('response.output_item.done', { output_index: at, item: one });
  });
  event('response.completed', { response: whole });
  response.end();
}

const server = http.createServer((request, response) => {
  const pieces = [];
  request.on('data', (piece) => pieces.push(piece));
  request.on('end', () => answer(request, response, Buffer.concat(pieces)));
});
server.listen(Number(option('port', 0)), '127.0.0.1', () => {
  console.log('LISTENING http://127.0.0.1:' + server.address().port);
});
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit(0));
