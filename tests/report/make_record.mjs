// Records for the tests of the report: a run as berm writes it, one of any length, and one in which every text is an attack.
import {createHash, generateKeyPairSync, sign} from 'node:crypto';

// RFC 8785 for what stands in these: ASCII keys, strings, integers.
export const canonical = (value) => {
  if (Array.isArray(value)) return '[' + value.map(canonical).join(',') + ']';
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  return '{' + Object.keys(value).sort().map((key) => JSON.stringify(key) + ':' + canonical(value[key])).join(',') + '}';
};
const bytes = (...parts) => createHash('sha256').update(Buffer.concat(parts.map((part) => Buffer.from(part)))).digest();
const root = (leaves) => leaves.length === 1 ? leaves[0] : bytes([1], root(leaves.slice(0, half(leaves.length))), root(leaves.slice(half(leaves.length))));
const half = (count) => 2 ** Math.floor(Math.log2(count - 1));
const sha256 = (text) => createHash('sha256').update(text).digest('hex');

export class Recorded {
  constructor(run = 'r-20261123-0badcafe') {
    Object.assign(this, {run, lines: [], previous: '0'.repeat(64), mono: 1_000_000_000, pid: 100, diffs: ''});
  }
  wait(ms) { this.mono += Math.round(ms * 1e6); return this; }
  add(type, data, source = 'supervisor') {
    const time = new Date(1.7637e12 + this.mono / 1e6).toISOString().replace('Z', '000000Z');
    const event = {v: 1, run: this.run, seq: this.lines.length, time, mono: this.mono, source, type, data, prev: this.previous};
    this.previous = sha256(canonical(event));
    this.lines.push(canonical({...event, hash: this.previous}));
    this.mono += 1000;
    return this;
  }
  // Signatures as docs/record.md says: a key of the run's own, notes over the Merkle root of what stands before.
  key() {
    Object.assign(this, generateKeyPairSync('ed25519'));
    this.raw = this.publicKey.export({type: 'spki', format: 'der'}).subarray(-32);
    return this.add('record.key', {algorithm: 'ed25519', public: this.raw.toString('base64'), certificate: null});
  }
  checkpoint() {
    const leaves = this.lines.map((line) => bytes([0], Buffer.from(JSON.parse(line).hash, 'hex')));
    const name = 'berm/' + this.run;
    const text = `${name}\n${leaves.length}\n${root(leaves).toString('base64')}\nhead ${this.previous}\ntime now\n`;
    const id = bytes(name + '\n', [1], this.raw).subarray(0, 4);
    const note = `${text}\n\u2014 ${name} ${Buffer.concat([id, sign(null, Buffer.from(text), this.privateKey)]).toString('base64')}\n`;
    return this.add('checkpoint', {size: leaves.length, root: root(leaves).toString('hex'), note});
  }
  exec(argv, ppid, more = {}) {
    const pid = ++this.pid;
    this.add('exec', {pid, ppid, executable: '/usr/bin/' + argv[0], argv, argv_left_out: 0, cwd: '/home/dev/shop', decision: 'allow', rule: '', reason: '',
      object: {device: '254:0', inode: pid, size: 240280, sha256: sha256(argv[0])}, ...more});
    return pid;
  }
  call(id, tool, input, more, inside) {
    const call = {agent: 'claude', tool, tool_use_id: id, prompt_id: 'p1', session: 's1', cwd: '/home/dev/shop', pid: 99, decision: 'allow', rule: '', reason: ''};
    this.add('tool.call', {...call, kind: 'before-tool', event: 'PreToolUse', input: JSON.stringify(input), input_sha256: sha256(JSON.stringify(input)),
      ...(input.command ? {commands: [input.command]} : {}), ...more}, 'judge');
    if (more?.decision === 'deny') return this;
    if (inside) inside();
    return this.wait(40).add('tool.call', {...call, kind: more?.error ? 'after-failure' : 'after-tool', event: 'PostToolUse', duration_ms: 40, ...(more?.error ? {error: more.error} : {})}, 'judge');
  }
  reach(host, ms, sent, received) {
    this.add('net.allowed', {host, port: 443, via: 'http', rule: 'network.allow', address: '203.0.113.7'}, 'egress').wait(ms);
    return this.add('net.closed', {host, port: 443, via: 'http', sent, received, ms}, 'egress');
  }
  text() { return this.lines.join('\n') + '\n'; }
}

const layers = [['filesystem', 'kernel', 'mount namespace, root from nothing, overlay workspace, Landlock ABI 7'], ['network', 'kernel', 'network namespace, one way out: the proxy'],
  ['processes', 'kernel', 'PID and IPC namespaces, Landlock signal scope'], ['syscalls', 'kernel', 'seccomp allow-list'], ['resources', 'supervised', 'no memory cgroup on this host: sampled and killed at the limit']];
const diff = '@@ -12,7 +12,9 @@ export function total(items) {\n-  return items.reduce((sum, item) => sum + item.price, 0);\n+  const sum = items.reduce((all, item) => all + item.price * item.count, 0);\n+  return Math.round(sum * 100) / 100;\n }\n';

export function begin(run) {
  return run.add('run.start', {berm: '0.1.0', agent: 'claude', argv: ['claude', '-p', 'The cart shows a wrong total. Fix it and run the tests.'], repository: '/home/dev/shop', kernel: '6.1.0-30-amd64',
    base: {head: '6bb7678f367b1d7e1463579ccff7ecc86ea919b7', branch: 'refs/heads/fix/cart'}, plan_sha256: sha256('plan'), policy: [{source: 'berm.toml', sha256: sha256('policy')}, {source: '/etc/berm/ceiling.toml', sha256: sha256('ceiling')}], notes: []})
    .key().add('enforcement', {layers: layers.map(([layer, strength, how]) => ({layer, strength, how})), weaknesses: ['resources: a process may use more memory than its limit for up to 50 ms'],
      limits: {cpus: 2, cpus_by: 'kernel', disk: 4294967296, memory: 4294967296, memory_by: 'supervisor', output: 67108864, processes: 512, processes_by: 'kernel', time_ms: 1800000, idle_ms: 0}})
    .add('egress.start', {workers: 2, name_pool: '198.18.0.0/15'}, 'egress').add('credential.mint', {name: 'anthropic', issuer: 'env', kind: 'env', scope: '', revocable: false, note: ''})
    .wait(12).add('agent.start', {argv: ['claude', '-p'], self_check: 'passed'});
}

// What stands beside the record; it names the digest.
export const diffed = (run, diffs) => { run.diffs = JSON.stringify(diffs); return sha256(run.diffs); };

export function finish(run, files, findings, status, exit_code, reasons) {
  return run.wait(30).add('run.outcome', {outcome: {kind: 'exited', code: 0}, usage: {wall_ms: Math.round(run.mono / 1e6), cpu_ms: 7825, memory_peak: 412 << 20, output: 18231, disk: 1131520, connections: 9, denied: 4, tools: {calls: 7, denied: 1}, model: {tokens: 48211, requests: 6, micro_usd: 312400}}})
    .add('changes', {sha256: sha256('changes'), files, diffs_sha256: sha256(run.diffs), refs: [{name: 'refs/heads/berm/fix-cart', before: '', after: sha256('after').slice(0, 40)}]}).add('guard', {findings, refused: findings.some((one) => one.severity === 'refuse')})
    .add('import', {note: 'kept', refs: [], failed: ''}).add('verdict', {status, exit_code, reasons}).add('run.end', {events: run.lines.length + 1}).checkpoint();
}

// A plain day: a fix, its tests, a host that is not granted, a command that is refused.
export function example() {
  const run = begin(new Recorded());
  const model = () => run.wait(320).add('model.request', {host: 'api.anthropic.com', port: 443, method: 'POST', path: '/v1/messages', status: 200, sent: 50273, received: 9162, credential: 'anthropic'}, 'egress')
    .add('model.usage', {model: 'claude-opus-5-5', input: 9100, output: 820, cache_read: 3000, cache_write: 0, estimated: false, micro_usd: 52100, total_tokens: 9920, total_requests: 1}, 'egress');
  let memory = 90;
  const sample = () => run.add('resources', {memory: (memory += 35) << 20, processes: 9, cpu_ms: 400});
  const agent = run.exec(['claude', '-p', 'The cart shows a wrong total.'], 1);
  run.add('tool.call', {agent: 'claude', kind: 'prompt', prompt_id: 'p1', session: 's1', prompt: 'The cart shows a wrong total. Fix it and run the tests.', prompt_sha256: sha256('prompt'), decision: 'allow', rule: '', reason: '', pid: 99}, 'judge');
  model(); sample();
  run.call('t1', 'Read', {file_path: '/home/dev/shop/src/cart.js'}); model();
  run.call('t2', 'Grep', {pattern: 'total\\(', path: 'src'}, {}, () => run.exec(['rg', '--json', 'total\\(', 'src'], agent)); model(); sample();
  run.call('t3', 'Edit', {file_path: '/home/dev/shop/src/cart.js', old_string: 'a', new_string: 'b'}); model();
  run.call('t4', 'Bash', {command: 'npm ci && npm test'}, {}, () => {
    const shell = run.exec(['bash', '-c', "eval 'npm ci && npm test'"], agent);
    const npm = run.wait(60).exec(['npm', 'ci'], shell);
    run.reach('packages.example.com', 240, 4210, 1820411).reach('packages.example.com', 90, 2110, 920113);
    sample();
    run.exec(['node', 'install.js'], npm);
    run.add('net.denied', {host: 'telemetry.example.net', port: 443, via: 'http', rule: 'network.allow', reason: 'nothing in network.allow grants telemetry.example.net:443'}, 'egress');
    run.wait(30).add('net.denied', {host: 'telemetry.example.net', port: 443, via: 'http', rule: 'network.allow', reason: 'nothing in network.allow grants telemetry.example.net:443'}, 'egress');
    run.add('net.denied', {host: '169.254.169.254', port: 80, via: 'transparent', rule: 'network.private', reason: 'an address of the host or its cloud is never reached'}, 'egress');
    const test = run.wait(200).exec(['npm', 'test'], shell);
    for (const name of ['cart', 'price', 'order', 'user']) run.wait(120).exec(['node', '--test', `test/${name}.test.js`], test);
    sample();
  });
  model();
  run.call('t5', 'Bash', {command: 'git push --force origin main'}, {decision: 'deny', rule: 'pack git: force push', reason: 'a force push rewrites what others have'}); model();
  run.call('t6', 'Bash', {command: 'npm run lint'}, {error: 'exit code 1'}, () => run.exec(['npm', 'run', 'lint'], run.exec(['bash', '-c', "eval 'npm run lint'"], agent))); sample();
  run.add('exec', {pid: 900, ppid: 1, executable: '/tmp/x', argv: ['/tmp/x', '--daemon'], argv_left_out: 0, cwd: '/', decision: 'deny', rule: 'exec: only from the system', reason: 'it was written by the run'});
  run.checkpoint();
  run.add('anomaly', {what: 'repeated-failure', detail: 'npm run lint failed 3 times', ends: false}); model(); sample();
  const file = (path, kind, size, more = {}) => ({path, kind, type: 'file', mode: '0644', size, sha256: sha256(path), base_sha256: kind === 'added' ? '' : sha256('b' + path), ignored: false, host_changed: false, ...more});
  diffed(run, {'src/cart.js': diff});
  return finish(run, [file('src/cart.js', 'modified', 4211), file('test/cart.test.js', 'modified', 1840), file('test/fixtures/order.json', 'added', 412), file('src/legacy/total.js', 'deleted', 0), file('.github/workflows/ci.yml', 'modified', 911),
    file('node_modules/left-pad/index.js', 'added', 1811, {ignored: true}), file('bin/run', 'added', 120, {mode: '0755', host_changed: true})],
  [{rule: 'protected-file', path: '.github/workflows/ci.yml', message: 'is protected: a workflow runs with the rights of the repository', severity: 'refuse'}, {rule: 'binary', path: 'bin/run', message: 'is a program', severity: 'report'}],
  'guard_refused', 120, ["'.github/workflows/ci.yml' is protected: a workflow runs with the rights of the repository"]);
}

export function long(count) {
  const run = begin(new Recorded('r-20261123-100000'));
  let shell = run.exec(['make', '-j8'], 1);
  const make = shell;
  for (let i = 0; run.lines.length < count - 6; ++i) {
    run.wait(0.4);
    if (i % 40 === 0) shell = run.exec(['sh', '-c', `cc -O2 -c part${i}.c`], make);
    if (i % 50 === 7) run.reach(`mirror${i % 9}.example.com`, 3, 800, 120000);
    else if (i % 211 === 3) run.add('net.denied', {host: `ads${i % 30}.example.net`, port: 443, via: 'http', rule: 'network.allow', reason: 'not granted'}, 'egress');
    else if (i % 97 === 5) run.call('c' + i, 'Bash', {command: 'make part' + i});
    else run.exec(['cc1', '-quiet', '-I', 'include', `part${i}.c`, '-dumpbase', `part${i}.c`, '-O2', '-Wall', '-o', `/tmp/cc${i}.s`], shell);
  }
  return finish(run, [], [], 'success', 0, []);
}
