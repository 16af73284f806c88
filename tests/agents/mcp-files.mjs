#!/usr/bin/env node
// A small MCP server over stdio (JSON-RPC 2.0, one message a line), node's own modules only.
// mcp-files.mjs LOG: its tools are read and write; every call that reaches it is a line of LOG.
import fs from 'node:fs';
import readline from 'node:readline';

const log = process.argv[2];
const note = (line) => fs.appendFileSync(log, JSON.stringify(line) + '\n');
const text = (value, isError = false) => ({ content: [{ type: 'text', text: value }], isError });
const path = { type: 'string', description: 'a file' };
const TOOLS = [
  { name: 'read', description: 'reads a file',
    inputSchema: { type: 'object', properties: { path }, required: ['path'] } },
  { name: 'write', description: 'writes a file',
    inputSchema: { type: 'object', properties: { path, content: { type: 'string' } }, required: ['path', 'content'] } },
];

function call({ name, arguments: given }) {
  note({ tool: name, path: given.path });
  if (name === 'read') return text(fs.readFileSync(given.path, 'utf8'));
  if (name !== 'write') return text('no such tool', true);
  fs.writeFileSync(given.path, given.content);
  return text('written');
}

function answer({ method, params }) {
  if (method === 'initialize') {
    return { protocolVersion: params.protocolVersion, capabilities: { tools: {} },
      serverInfo: { name: 'files', version: '1' } };
  }
  if (method === 'tools/list') return { tools: TOOLS };
  if (method === 'tools/call') return call(params);
  return {};
}

note({ started: process.argv[3] ?? '' });
readline.createInterface({ input: process.stdin }).on('line', (line) => {
  const message = JSON.parse(line);
  if (message.id === undefined) return; // a notification
  let reply;
  try {
    reply = { result: answer(message) };
  } catch (error) {
    reply = { error: { code: -32603, message: String(error) } };
  }
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id: message.id, ...reply }) + '\n');
});
