// What lies outside of a cluster, for network_node.mjs: a resolver, a model's API behind TLS, and servers that nobody
// granted. Started within the router's network namespace.
import {spawn} from 'node:child_process';
import {createSocket} from 'node:dgram';
import {appendFileSync, readFileSync} from 'node:fs';
import {createServer as createHttp} from 'node:http';
import {connect} from 'node:net';
import {join} from 'node:path';
import {createServer} from 'node:tls';

const world = JSON.parse(process.env.WORLD);

// A resolver that knows a few names (RFC 1035 §4.1), and writes down who asked for what.
const resolver = createSocket('udp4');
resolver.on('message', (query, from) => {
  let at = 12;
  const labels = [];
  while (query[at] !== 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + query[at]));
    at += query[at] + 1;
  }
  const name = labels.join('.').toLowerCase();
  const type = query.readUInt16BE(at + 1);
  appendFileSync(`${world.log}.dns`, `${from.address} ${name}\n`);
  const address = type === 1 ? world.names[name] : undefined;
  const head = Buffer.from(query.subarray(0, at + 5));
  head.writeUInt16BE(world.names[name] === undefined ? 0x8183 : 0x8180, 2);
  head.writeUInt16BE(address === undefined ? 0 : 1, 6);
  head.writeUInt16BE(0, 10);
  const answer = address === undefined ? [] : [Buffer.from([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, ...address.split('.').map(Number)])];
  resolver.send(Buffer.concat([head, ...answer]), from.port, from.address);
});
resolver.bind(53, world.resolver);

const model = spawn(process.execPath, [join(import.meta.dirname, '../agents/mock-anthropic.mjs'), '--log', world.log, ...(world.script === undefined ? [] : ['--script', world.script])],
  {stdio: ['ignore', 'pipe', 'inherit']});
model.stdout.once('data', (line) => {
  const port = Number(/:(\d+)\s*$/.exec(String(line))[1]);
  const tls = createServer({key: readFileSync(world.key), cert: readFileSync(world.certificate), ALPNProtocols: ['http/1.1']}, (socket) => {
    const inner = connect(port, '127.0.0.1');
    socket.pipe(inner).pipe(socket);
    for (const one of [socket, inner]) one.on('error', () => { socket.destroy(); inner.destroy(); });
  });
  tls.listen(443, world.model, () => console.log('ready'));
});
for (const address of world.other) {
  for (const port of [80, 443]) createHttp((request, response) => response.end('you should not see this\n')).listen(port, address);
}
process.on('exit', () => model.kill());
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, () => process.exit());
// Whoever started us is gone.
process.stdin.on('end', () => process.exit()).resume();
