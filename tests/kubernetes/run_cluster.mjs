// A cluster as far as `berm run --tier kubernetes` speaks to one: server-side apply, lists and watches with bookmarks and
// expiry, port-forward over WebSockets, garbage collection by owner; and nodes that start the containers of its pods as
// processes. Written from the documented API (kubernetes.io/docs/reference). What goes wrong is a test's to say.
import {spawn, spawnSync} from 'node:child_process';
import {createHash, randomUUID} from 'node:crypto';
import {chmodSync, chownSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:https';
import {connect} from 'node:net';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const failure = (code, reason, message) => ({code, body: {kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message}});
const POD_UID = 65532;
const amRoot = process.getuid() === 0;
let addresses = 0;

/** Containers as processes: each pod has an address of the loopback, its files in a directory, its uid if we may. */
export class Node {
  constructor() {
    this.directory = mkdtempSync(join(tmpdir(), 'berm-node-'));
    chmodSync(this.directory, 0o755);
    const from = join(process.env.BERM, '..');
    for (const name of ['berm', 'berm-init']) cpSync(join(from, name), join(this.directory, name));
  }

  address() {
    addresses += 1;
    return `127.1.${(process.pid + addresses) % 250}.${(addresses % 250) + 2}`;
  }

  /** @return {stop(signal), pid} */
  start(cluster, pod, address, ended) {
    const root = join(this.directory, pod.metadata.uid);
    const channel = join(root, 'channel');
    mkdirSync(join(root, 'root'), {recursive: true});
    mkdirSync(join(root, 'tmp'));
    mkdirSync(channel);
    const container = pod.spec.containers[0];
    for (const volume of pod.spec.volumes) {
      if (volume.secret === undefined) continue;
      const secret = cluster.find('Secret', volume.secret.secretName);
      for (const [name, data] of Object.entries(secret.data)) writeFileSync(join(channel, name), Buffer.from(data, 'base64'));
    }
    if (amRoot) {
      for (const path of ['root', 'tmp', 'channel']) chownSync(join(root, path), POD_UID, POD_UID);
    }
    // Init containers put into their volumes what the others find there.
    let programs = this.directory;
    for (const {image, command} of pod.spec.initContainers ?? []) {
      programs = join(root, 'installed');
      mkdirSync(programs);
      const done = spawnSync(join(this.directory, 'berm'), [...command.slice(1, -1), programs], {encoding: 'utf8'});
      cluster.installed.push({image, code: done.status, said: done.stderr});
    }
    const role = pod.metadata.labels['berm.dev/role'];
    const port = container.ports[0].containerPort;
    const [, ...words] = container.command;
    const where = role === 'agent' ? ['--root', join(root, 'root')] : ['--scratch', join(root, 'tmp')];
    const env = {PATH: this.path ?? process.env.PATH};
    for (const {name, value} of container.env ?? []) env[name] = value;
    const child = spawn(join(programs, 'berm'), [...words, ...where, '--channel', channel, '--listen', `${address}:${port}`], {
      env: {...env, ...this.env, HOME: root}, cwd: '/', stdio: ['ignore', 'pipe', 'pipe'], ...(amRoot ? {uid: POD_UID, gid: POD_UID} : {}),
    });
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { log += bytes; });
    child.on('exit', (code, signal) => ended({code: code ?? 137, signal, log}));
    return {pid: child.pid, root: join(root, 'root'), stop: (signal = 'SIGKILL') => child.kill(signal), log: () => log};
  }

  /** From the node into a pod. */
  connect(running, port, address) {
    return connect(port, address);
  }

  close() {
    rmSync(this.directory, {recursive: true, force: true});
  }
}

/**
 * @param directory  of makeAuthority()
 * @param faults  {answer(request, body) → {code, body, headers} | undefined, podStatus(pod) → status | undefined,
 *                 forward(socket, node): a chance to break it, admit(object) → message | undefined}
 */
export async function startCluster(directory, node, faults = {}) {
  const cluster = new Cluster(directory, node, faults);
  await cluster.listen();
  return cluster;
}

class Cluster {
  constructor(directory, node, faults) {
    Object.assign(this, {directory, node, faults, objects: new Map(), version: 1, events: [], watches: new Set(), asked: [], running: new Map(), installed: [], oldest: 0});
  }

  async listen() {
    const read = (name) => readFileSync(join(this.directory, name));
    this.server = createServer({cert: read('server.pem'), key: read('server.key'), ca: read('ca.pem'), requestCert: true, rejectUnauthorized: false},
      (request, response) => {
        const parts = [];
        request.on('data', (part) => parts.push(part));
        request.on('end', () => this.answer(request, Buffer.concat(parts).toString(), response));
      });
    this.server.on('upgrade', (request, socket, head) => this.forward(request, socket, head));
    await new Promise((resolve) => this.server.listen(0, '127.0.0.1', resolve));
    this.url = `https://127.0.0.1:${this.server.address().port}`;
  }

  close() {
    for (const running of this.running.values()) running.stop();
    for (const watch of this.watches) watch.response.destroy();
    this.server.closeAllConnections();
    this.server.close();
  }

  kubeconfig(file, user = 'token: right-token') {
    writeFileSync(file, `apiVersion: v1\nkind: Config\ncurrent-context: here\ncontexts:\n- {name: here, context: {cluster: c, user: u}}\n`
      + `clusters:\n- name: c\n  cluster: {server: "${this.url}", certificate-authority-data: ${readFileSync(join(this.directory, 'ca.pem')).toString('base64')}}\n`
      + `users:\n- name: u\n  user:\n    ${user}\n`);
    return file;
  }

  all(kind) { return [...this.objects.values()].filter((object) => object.kind === kind); }
  find(kind, name) { return this.all(kind).find((object) => object.metadata.name === name); }
  runs() { return [...this.objects.values()].filter((object) => object.metadata.labels?.['berm.dev/run'] !== undefined); }

  allowed(request) {
    const certified = request.socket.authorized && request.socket.getPeerCertificate().subject?.CN === 'client';
    return certified || request.headers.authorization === `Bearer ${this.token ?? 'right-token'}`;
  }

  answer(request, body, response) {
    const url = new URL(request.url, this.url);
    this.asked.push(`${request.method} ${url.pathname}${url.searchParams.has('watch') ? '?watch' : ''}`);
    const say = ({code, body: said, headers}) => {
      response.writeHead(code, {'content-type': 'application/json', ...headers});
      response.end(typeof said === 'string' ? said : JSON.stringify(said));
    };
    if (!this.allowed(request)) return say(failure(401, 'Unauthorized', 'Unauthorized'));
    const fault = this.faults.answer?.(request, body, this);
    if (fault === 'cut') return request.socket.destroy();
    if (fault !== undefined) return say(fault);
    if (url.pathname === '/version') return say({code: 200, body: {major: '1', minor: '34', gitVersion: 'v1.34.1'}});
    if (/^\/api\/v1\/namespaces\/[^/]+$/.test(url.pathname)) {
      return say({code: 200, body: {kind: 'Namespace', metadata: {labels: {'pod-security.kubernetes.io/enforce': 'restricted', 'berm.dev/runs': 'true'}}}});
    }
    if (request.method === 'POST' && url.pathname.endsWith('/selfsubjectaccessreviews')) return say({code: 201, body: {status: {allowed: true}}});
    const namespaced = /^\/api(?:s\/[^/]+)?\/v[^/]+\/namespaces\/([^/]+)\/([^/]+)(?:\/([^/]+))?(?:\/([^/]+))?$/.exec(url.pathname);
    if (namespaced === null) return say(failure(404, 'NotFound', 'no such path'));
    const [, , resource, name] = namespaced;
    if (request.method === 'PATCH') return say(this.apply(url.pathname, JSON.parse(body), request));
    if (request.method === 'DELETE') return say(this.remove(url.pathname));
    if (request.method === 'GET' && name === undefined && url.searchParams.get('watch') === 'true') return this.watch(url, response, say);
    if (request.method === 'GET' && name === undefined) return say({code: 200, body: this.list(resource, url)});
    const object = this.objects.get(url.pathname);
    return say(object === undefined ? failure(404, 'NotFound', `${resource} "${name}" not found`) : {code: 200, body: object});
  }

  apply(path, object, request) {
    if (request.headers['content-type'] !== 'application/apply-patch+yaml') return failure(415, 'UnsupportedMediaType', 'not an apply');
    const refused = this.faults.admit?.(object, this);
    if (refused !== undefined) return typeof refused === 'string' ? failure(403, 'Forbidden', refused) : refused;
    const before = this.objects.get(path);
    const {metadata} = object;
    if (metadata.ownerReferences !== undefined) {
      const [owner] = metadata.ownerReferences;
      if (this.find(owner.kind, owner.name)?.metadata.uid !== owner.uid) return failure(422, 'Invalid', 'an owner that is not there');
    }
    if (before !== undefined && object.kind === 'Pod') return {code: 200, body: before};
    this.version += 1;
    const kept = {...object, metadata: {...metadata, uid: before?.metadata.uid ?? randomUUID(), resourceVersion: `${this.version}`}};
    this.objects.set(path, kept);
    if (before === undefined && object.kind === 'Pod') this.schedule(path, kept);
    if (before === undefined && object.kind === 'Job' && object.spec.suspend !== true) this.makePod(kept);
    if (before === undefined && object.kind === 'Sandbox') this.makePod(kept, object.spec.podTemplate);
    return {code: before === undefined ? 201 : 200, body: kept};
  }

  /** As the controller of Jobs does, and agent-sandbox' of Sandboxes. */
  makePod(job, template = job.spec.template) {
    const name = `${job.metadata.name}-${randomUUID().slice(0, 5)}`;
    const path = `/api/v1/namespaces/${job.metadata.namespace}/pods/${name}`;
    this.version += 1;
    const pod = {apiVersion: 'v1', kind: 'Pod', spec: template.spec, metadata: {...template.metadata, name,
      namespace: job.metadata.namespace, uid: randomUUID(), resourceVersion: `${this.version}`,
      ownerReferences: [{apiVersion: job.apiVersion, kind: job.kind, name: job.metadata.name, uid: job.metadata.uid}]}};
    this.objects.set(path, pod);
    this.schedule(path, pod);
  }

  schedule(path, pod) {
    this.change(path, {phase: 'Pending'}, 'ADDED');
    setImmediate(() => {
      const status = this.faults.podStatus?.(pod, this);
      if (status !== undefined) return this.change(path, status);
      const address = this.node.address();
      const running = this.node.start(this, pod, address, ({code, log}) => {
        this.running.delete(path);
        if (!this.objects.has(path)) return;
        const reason = code === 0 ? 'Completed' : running.reason ?? 'Error';
        this.change(path, {phase: code === 0 ? 'Succeeded' : 'Failed', podIP: address, containerStatuses: [{name: pod.spec.containers[0].name,
          imageID: 'sha256:abc', state: {terminated: {exitCode: code, reason, message: log.slice(-200)}}}], ...running.status});
      });
      this.running.set(path, running);
      this.change(path, {phase: 'Running', podIP: address, containerStatuses: [{name: pod.spec.containers[0].name, imageID: 'sha256:abc', state: {running: {}}}]});
      this.faults.started?.(pod, running, this);
    });
  }

  change(path, status, type = 'MODIFIED') {
    this.version += 1;
    const object = {...this.objects.get(path), status};
    object.metadata = {...object.metadata, resourceVersion: `${this.version}`};
    object.spec = {...object.spec, nodeName: 'node-1'};
    this.objects.set(path, object);
    this.tell(type, object);
  }

  tell(type, object) {
    const event = {version: this.version, type, object: structuredClone(object)};
    this.events.push(event);
    // What a server forgets, as etcd does when it is compacted.
    if (this.events.length > 4000) this.oldest = this.events.splice(0, 2000).at(-1).version;
    for (const watch of this.watches) watch.send(event);
  }

  remove(path) {
    const object = this.objects.get(path);
    if (object === undefined) return failure(404, 'NotFound', 'not found');
    this.objects.delete(path);
    this.version += 1;
    object.metadata.resourceVersion = `${this.version}`;
    this.running.get(path)?.stop('SIGTERM');
    if (object.kind === 'Pod') this.tell('DELETED', object);
    // The garbage collector, in the background.
    setImmediate(() => {
      for (const [other, dependent] of [...this.objects]) {
        if (dependent.metadata.ownerReferences?.some((owner) => owner.uid === object.metadata.uid)) this.remove(other);
      }
    });
    return {code: 200, body: {kind: 'Status', status: 'Success'}};
  }

  matches(url) {
    const selector = url.searchParams.get('labelSelector');
    const [key, value] = selector === null ? [] : selector.split('=');
    return (object) => key === undefined || object.metadata.labels?.[key] === value;
  }

  list(resource, url) {
    const kinds = {pods: 'Pod', configmaps: 'ConfigMap', jobs: 'Job', resourcequotas: 'ResourceQuota'};
    return {kind: 'List', metadata: {resourceVersion: `${this.version}`}, items: this.all(kinds[resource]).filter(this.matches(url))};
  }

  watch(url, response, say) {
    const from = Number(url.searchParams.get('resourceVersion'));
    if (from < this.oldest) return say(failure(410, 'Expired', 'too old resource version'));
    const matches = this.matches(url);
    response.writeHead(200, {'content-type': 'application/json'});
    response.flushHeaders();
    const watch = {
      response,
      send: ({type, object}) => { if (matches(object)) response.write(`${JSON.stringify({type, object})}\n`); },
      bookmark: () => response.write(`${JSON.stringify({type: 'BOOKMARK', object: {kind: 'Pod', metadata: {resourceVersion: `${this.version}`}}})}\n`),
      expire: () => {
        response.write(`${JSON.stringify({type: 'ERROR', object: {kind: 'Status', code: 410, reason: 'Expired'}})}\n`);
        response.end();
      },
    };
    for (const event of this.events) if (event.version > from) watch.send(event);
    watch.bookmark();
    this.watches.add(watch);
    response.on('close', () => this.watches.delete(watch));
    this.faults.watching?.(watch, this);
  }

  // "v4.channel.k8s.io": a channel for data and one for errors; each begins with the port's number.
  forward(request, socket, head) {
    const url = new URL(request.url, this.url);
    this.asked.push(`UPGRADE ${url.pathname}`);
    const refuse = (code, message) => socket.end(`HTTP/1.1 ${code} No\r\ncontent-length: ${message.length}\r\n\r\n${message}`);
    if (!this.allowed(request)) return refuse(401, 'Unauthorized');
    const pod = this.objects.get(url.pathname.replace(/\/portforward$/, ''));
    if (pod?.status?.podIP === undefined) return refuse(404, 'pod not found');
    if (this.faults.forward?.(socket, this) === false) return refuse(503, 'busy');
    const accept = createHash('sha1').update(`${request.headers['sec-websocket-key']}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
    socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n'
      + `Sec-WebSocket-Accept: ${accept}\r\nSec-WebSocket-Protocol: v4.channel.k8s.io\r\n\r\n`);
    const port = Number(url.searchParams.get('ports'));
    const number = Buffer.from([port & 0xff, port >> 8]);
    const send = (channel, bytes) => { if (!socket.destroyed) socket.write(frame(Buffer.concat([Buffer.from([channel]), bytes]))); };
    send(0, number);
    send(1, number);
    const target = this.node.connect(this.running.get(url.pathname.replace(/\/portforward$/, '')), port, pod.status.podIP);
    const reader = new FrameReader();
    const take = (bytes) => {
      for (const {opcode, payload} of reader.feed(bytes)) {
        if (opcode === 8) { target.end(); socket.end(); }
        if (opcode === 2 && payload[0] === 0 && payload.length > 1) target.write(payload.subarray(1));
      }
    };
    socket.on('data', take);
    if (head.length > 0) take(head);
    target.on('data', (bytes) => { for (let at = 0; at < bytes.length; at += 16384) send(0, bytes.subarray(at, at + 16384)); });
    target.on('error', (error) => { send(1, Buffer.from(`${error.message}`)); socket.end(); });
    target.on('close', () => { if (!socket.destroyed) socket.end(frame(Buffer.from([3, 232]), 8)); });
    socket.on('close', () => target.destroy());
    socket.on('error', () => target.destroy());
  }
}

function frame(payload, opcode = 2) {
  const size = payload.length;
  const header = size < 126 ? Buffer.from([0x80 | opcode, size])
    : size < 65536 ? Buffer.from([0x80 | opcode, 126, size >> 8, size & 0xff])
      : Buffer.concat([Buffer.from([0x80 | opcode, 127, 0, 0, 0, 0]), Buffer.from([size >>> 24, size >> 16 & 0xff, size >> 8 & 0xff, size & 0xff])]);
  return Buffer.concat([header, payload]);
}

class FrameReader {
  #bytes = Buffer.alloc(0);
  * feed(bytes) {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const held = this.#bytes;
      if (held.length < 2) return;
      let size = held[1] & 0x7f;
      let at = 2;
      if (size === 126) { if (held.length < 4) return; size = held.readUInt16BE(2); at = 4; }
      else if (size === 127) { if (held.length < 10) return; size = Number(held.readBigUInt64BE(2)); at = 10; }
      if (held.length < at + 4 + size) return;
      const mask = held.subarray(at, at + 4);
      const payload = Buffer.from(held.subarray(at + 4, at + 4 + size));
      for (let i = 0; i < size; i += 1) payload[i] ^= mask[i % 4];
      this.#bytes = held.subarray(at + 4 + size);
      yield {opcode: held[0] & 0x0f, payload};
    }
  }
}
