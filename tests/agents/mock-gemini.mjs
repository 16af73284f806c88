#!/usr/bin/env node
// Mock of the Gemini API: generateContent, streamGenerateContent (server-sent events), countTokens.
// Node's own modules only. mock-gemini.mjs [--port N] [--log FILE] [--script FILE.json]; prints
// "LISTENING http://127.0.0.1:PORT".
// Script: an array of turns; a turn is an array of {"text": "…"}, {"command": "…"} (the client's shell) and
// {"call": {"name": "…", "args": {…}}}. The turn is chosen by the function responses already in the request:
// retries and side requests (routing, titles: they offer no tools) disturb nothing.
import fs from 'node:fs';
import http from 'node:http';

const option = (name, otherwise) => {
  const at = process.argv.indexOf('--' + name);
  return at > 0 ? process.argv[at + 1] : otherwise;
};
const logFile = option('log', '');
const script = option('script', '')
  ? JSON.parse(fs.readFileSync(option('script', ''), 'utf8'))
  : [[{ command: 'echo hi > out.txt' }], [{ text: 'Done.' }]];
let requests = 0;

const declared = (body) => (body?.tools || []).flatMap((tool) => (tool.functionDeclarations || []).map((one) => one.name));

function part(step) {
  if (step.text !== undefined) return { text: step.text };
  if (step.call) return { functionCall: step.call };
  return { functionCall: { name: 'run_shell_command', args: { command: step.command, description: 'a step' } } };
}

// A side request asks for JSON of its own shape: the router's is the only one that must be answered in it.
function sideAnswer(body) {
  const json = body?.generationConfig?.responseMimeType === 'application/json';
  return [{ text: json ? '{"reasoning":"mock","model_choice":"flash","complexity_reasoning":"mock","complexity_score":1}' : 'ok' }];
}

function send(response, content) {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify(content));
}

function answer(request, response, raw) {
  let body = null;
  try { body = JSON.parse(raw.toString()); } catch { /* logged as null */ }
  if (logFile) {
    const line = { number: ++requests, method: request.method, url: request.url, headers: request.headers, body };
    fs.appendFileSync(logFile, JSON.stringify(line) + '\n');
  }
  const path = request.url.split('?')[0];
  if (request.method !== 'POST') return send(response, { models: [] });
  if (path.endsWith(':countTokens')) return send(response, { totalTokens: 10 });
  if (!/:(streamG|g)enerateContent$/.test(path) || body === null) {
    response.writeHead(404, { 'content-type': 'application/json' });
    return response.end('{"error":{"code":404,"message":"mock: no such endpoint","status":"NOT_FOUND"}}');
  }
  const answered = (body.contents || []).flatMap((content) => content.parts || []).filter((one) => one.functionResponse);
  const main = declared(body).includes('run_shell_command');
  const parts = main ? script[Math.min(answered.length, script.length - 1)].map(part) : sideAnswer(body);
  const whole = {
    candidates: [{ content: { role: 'model', parts }, finishReason: 'STOP', index: 0 }],
    usageMetadata: { promptTokenCount: 10, candidatesTokenCount: 5, totalTokenCount: 15 },
    modelVersion: path.replace(/^.*models\//, '').replace(/:.*$/, ''),
  };
  if (!path.includes(':stream')) return send(response, whole);
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.end(`data: ${JSON.stringify(whole)}\r\n\r\n`);
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
