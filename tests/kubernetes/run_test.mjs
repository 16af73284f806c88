// `berm run --tier kubernetes` on a stand-in cluster whose nodes start the real programs of both pods: what a run does,
// what becomes of it when API server, network, pods or berm itself fail, and that nothing is left of it.
// Usage: BERM=…/berm node --test run_test.mjs
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {dirname, join} from 'node:path';
import test from 'node:test';

import {makeAuthority} from './api_server.mjs';
import {Node, startCluster} from './run_cluster.mjs';

const directory = mkdtempSync(join(tmpdir(), 'berm-run-'));
chmodSync(directory, 0o755);
makeAuthority(directory);
const node = new Node();
process.on('exit', () => {
  node.close();
  keepRecords();
  rmSync(directory, {recursive: true, force: true});
});

/** What record-schema reads when all suites have run. */
function keepRecords() {
  const kept = join(dirname(process.env.BERM), 'records');
  mkdirSync(kept, {recursive: true});
  for (const site of readdirSync(directory).filter((name) => name.startsWith('site-'))) {
    const runs = join(directory, site, 'state/berm/runs');
    for (const id of existsSync(runs) ? readdirSync(runs) : []) {
      const record = join(runs, id, 'record.jsonl');
      if (existsSync(record)) cpSync(record, join(kept, `kubernetes-${id}.jsonl`));
    }
  }
}

let sites = 0;
/** A repository of its own, and a home for berm's state. */
function makeSite() {
  const root = join(directory, `site-${++sites}`);
  const repository = join(root, 'repository');
  mkdirSync(join(repository, 'src'), {recursive: true});
  const git = (...words) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {cwd: repository, encoding: 'utf8'});
  git('init', '-q', '-b', 'main');
  writeFileSync(join(repository, 'README.md'), 'hello\n');
  writeFileSync(join(repository, 'src', 'a.c'), 'int a;\n');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  writeFileSync(join(repository, '.env'), 'TOKEN=secret-of-the-user\n');
  return {root, repository, git, read: (name) => readFileSync(join(repository, name), 'utf8')};
}

const PACKS_OFF = '[tools]\npacks = []\n';
function start(cluster, site, words, {policy = '', kubernetes = '', env = {}, kubeconfig, options = []} = {}) {
  const file = join(site.root, 'policy.toml');
  writeFileSync(file, `version = 1\ntier = "kubernetes"\n[kubernetes]\nimage = "tools:1"\nunenforced_network = true\n${kubernetes}${PACKS_OFF}${policy}`);
  const config = kubeconfig ?? cluster.kubeconfig(join(site.root, 'config'));
  const command = typeof words === 'string' ? ['--', 'sh', '-c', words] : words;
  const child = spawn(process.env.BERM, ['run', '--json', '--policy', file, ...options, ...command], {
    cwd: site.repository, env: {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state'), KUBECONFIG: config, ...env},
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  child.done = new Promise((resolve) => {
    child.on('close', (code, signal) => {
      let report = null;
      try { report = JSON.parse(out); } catch { /* told by whoever reads it */ }
      resolve({code, signal, out, err, report});
    });
  });
  child.said = () => err;
  return child;
}

const berm = (site, ...words) => execFileSync(process.env.BERM, words,
  {cwd: site.repository, env: {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state')}, encoding: 'utf8'});
const records = (site, id, name = 'record.jsonl') => readFileSync(join(site.root, 'state/berm/runs', id, name), 'utf8').trim().split('\n').map((line) => JSON.parse(line));
const until = async (what, true_) => {
  for (let i = 0; i < 400; i += 1) {
    if (await true_()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
};

/** One run on a cluster of its own; `check` gets {done, cluster, site}. Whatever happens, nothing may be left. */
async function run(words, {faults = {}, leaves = false, ...options} = {}) {
  const cluster = await startCluster(directory, node, faults);
  const site = makeSite();
  try {
    const child = start(cluster, site, words, options);
    await options.meanwhile?.({child, cluster, site});
    const done = await child.done;
    if (!leaves) {
      await until('all objects are gone', () => cluster.runs().length === 0);
      await until('all processes are gone', () => cluster.running.size === 0);
    }
    assert.equal(execFileSync('git', ['fsck', '--no-progress'], {cwd: site.repository, encoding: 'utf8', stdio: 'pipe'}), '');
    return {done, cluster, site};
  } finally {
    cluster.close();
  }
}

test('what the agent changes comes back, is judged here, and applied', async () => {
  const {done, site} = await run('id -u; ls -a; echo changed >> README.md; rm src/a.c; mkdir new; printf "#!/bin/sh\\n" > new/run; chmod 755 new/run; '
    + 'ln -s run new/link; echo told >&2; git add -A; git commit -q -m two; git log --oneline | wc -l; exit 0');
  assert.equal(done.code, 0, done.err + done.out);
  const kinds = Object.fromEntries(done.report.changes.files.map(({path, kind}) => [path, kind]));
  assert.deepEqual(kinds, {'README.md': 'modified', 'new/link': 'added', 'new/run': 'added', 'src/a.c': 'deleted'});
  assert.match(done.err, /told/);
  assert.ok(!done.err.includes('.env'), 'a hidden file travelled');
  assert.equal(site.read('README.md'), 'hello\n');
  berm(site, 'apply', done.report.id);
  assert.equal(site.read('README.md'), 'hello\nchanged\n');
  assert.equal(site.read('new/run'), '#!/bin/sh\n');
  assert.match(berm(site, 'verify', done.report.id), /^intact/);
});

test('both records hold: the caller\'s, and the pod\'s as it came', async () => {
  const {done, site} = await run('true');
  const own = records(site, done.report.id);
  const pods = records(site, done.report.id, 'pod-record.jsonl');
  const end = own.find(({type}) => type === 'pod.end');
  assert.equal(end.data.events, pods.length);
  assert.equal(end.data.head, pods.at(-1).hash);
  assert.equal(end.data.removed, true);
  assert.ok(own.some(({type}) => type === 'exec'), 'what ran in the pod stands on the caller\'s record');
  assert.equal(own.filter(({type}) => type === 'verdict').length, 1);
});

test('the agent\'s exit code, its output and its guard are those of every tier', async () => {
  assert.equal((await run('exit 7')).done.code, 7);
  const {done} = await run('mkdir -p .github/workflows; echo x > .github/workflows/ci.yml');
  assert.equal(done.code, 120, done.out);
  assert.ok(done.report.findings.some(({rule}) => rule === 'protected-file'), done.out);
  const many = await run('head -c 3000000 /dev/zero | tr "\\0" x', {});
  assert.equal(many.done.err.match(/x+/)[0].length, 3000000);
});

const upstream = createServer((request, response) => response.end(`key ${request.headers['x-key'] ?? 'none'}\n`));
await new Promise((resolve) => upstream.listen(0, '127.0.0.1', resolve));
const upstreamPort = upstream.address().port;
upstream.unref();

test('only what is granted is reached, by way of the egress pod', async () => {
  const {done, site} = await run(`curl -sS --noproxy "" -x $http_proxy http://127.0.0.1:${upstreamPort}/; curl -sS -m 5 https://example.com; `
    + `curl -sS -m 5 --noproxy "*" http://127.0.0.1:${upstreamPort}/`, {policy: `[network]\nallow = ["127.0.0.1:${upstreamPort}"]\n`});
  assert.match(done.err, /key none/);
  assert.match(done.err, /CONNECT tunnel failed, response 403/);
  assert.match(done.err, /Failed to connect to 127.0.0.1/);
  const own = records(site, done.report.id);
  assert.ok(own.some(({type, data}) => type === 'net.denied' && data.host === 'example.com'));
  assert.ok(own.some(({type, data}) => type === 'net.allowed' && data.port === upstreamPort));
});

test('no credential is in the agent\'s pod, and none in what both pods tell', async () => {
  const key = 'sk-ant-api03-the-real-key-of-the-user';
  let roots = [];
  const {done, cluster} = await run('env; cat /proc/self/environ', {
    env: {ANTHROPIC_API_KEY: key}, leaves: true,
    policy: '[credentials.anthropic]\nfrom = "env:ANTHROPIC_API_KEY"\nto = [{ host = "api.anthropic.com", header = "x-api-key" }]\nenv = { KEY = "{}" }\n[network]\nallow = ["api.anthropic.com"]\n',
    faults: {started: (pod, running, all) => {
      roots = [...roots, running.root];
      const agent = all.find('Secret', `${pod.metadata.name.replace(/-(agent|egress).*/, '')}-agent`);
      assert.ok(!JSON.stringify(agent.data).includes(Buffer.from(key).toString('base64').slice(4, 30)));
    }},
  });
  assert.equal(done.code, 0, done.err);
  assert.match(done.err, /^KEY=/m);
  assert.ok(!done.err.includes(key) && !done.out.includes(key));
  for (const root of roots) assert.throws(() => execFileSync('grep', ['-rqF', key, root]), 'the key is on a disk');
  assert.ok(cluster.asked.length > 0);
});

const isApply = (request, kind) => request.method === 'PATCH' && request.url.includes(`/${kind}/`);
const failed = (code, reason, message) => ({code, body: {kind: 'Status', status: 'Failure', code, reason, message}});

test('a server that is busy, slow, broken or cut off is asked again', async () => {
  const told = new Set();
  const once = (key) => !told.has(key) && told.add(key) !== undefined;
  const {done, cluster} = await run('echo done', {faults: {answer: (request) => {
    if (isApply(request, 'secrets') && once('busy')) return {...failed(429, 'TooManyRequests', 'slow down'), headers: {'retry-after': '1'}};
    if (isApply(request, 'services') && once('broken')) return failed(500, 'InternalError', 'etcd leader changed');
    if (isApply(request, 'jobs') && once('cut')) return 'cut';
    if (request.method === 'DELETE' && once('delete')) return failed(503, 'ServiceUnavailable', 'starting');
    return undefined;
  }}});
  assert.equal(done.code, 0, done.err);
  assert.deepEqual([...told].sort(), ['broken', 'busy', 'cut', 'delete']);
  assert.equal(cluster.asked.filter((line) => line.includes('/jobs/')).length, 2);
});

test('what the cluster denies is told in its own words, and nothing is left', async () => {
  for (const [kind, message, code] of [
    ['Pod', 'pods "x" is forbidden: exceeded quota: berm, requested: pods=1, used: pods=20, limited: pods=20', 403],
    ['Job', 'admission webhook "policy.example" denied the request: no jobs on Fridays', 400],
    ['ConfigMap', 'configmaps "x" is forbidden: User "u" cannot patch resource "configmaps"', 403],
    ['NetworkPolicy', 'ValidatingAdmissionPolicy denied request: \u001b[31mno', 422],
  ]) {
    const {done} = await run('true', {faults: {admit: (object) => (object.kind === kind ? failed(code, 'Forbidden', message) : undefined)}});
    assert.equal(done.code, 125, done.out);
    const [reason] = done.report.verdict.reasons;
    assert.ok(reason.includes(message.replace('\u001b', '\\e')), reason);
    assert.ok(reason.includes(kind), reason);
  }
});

test('an image that cannot be had ends the run before it begins', async () => {
  const {done} = await run('true', {faults: {podStatus: (pod) => (pod.metadata.labels['berm.dev/role'] === 'agent'
    ? {phase: 'Pending', containerStatuses: [{name: 'agent', state: {waiting: {reason: 'ImagePullBackOff', message: 'Back-off pulling image "tools:1"'}}}]} : undefined)}});
  assert.equal(done.code, 125);
  assert.match(done.report.verdict.reasons[0], /ImagePullBackOff: Back-off pulling image/);
});

test('a watch that expires, ends, or loses events is begun again', async () => {
  let watches = 0;
  const {done, cluster} = await run('echo 1; sleep 1; echo 2', {faults: {watching: (watch) => {
    watches += 1;
    if (watches === 1) watch.expire();
    if (watches === 2) watch.response.destroy();
  }}});
  assert.equal(done.code, 0, done.err);
  assert.ok(watches >= 3, `${watches}`);
  assert.ok(cluster.asked.filter((line) => line === 'GET /api/v1/namespaces/berm/pods').length >= 2, 'the list is asked for again');
});

test('a token that expires is asked for again, by the plugin', async () => {
  const plugin = join(directory, 'plugin');
  writeFileSync(plugin, `#!/bin/sh\nread token < ${directory}/token\necho "{\\"kind\\":\\"ExecCredential\\",\\"apiVersion\\":\\"client.authentication.k8s.io/v1\\",\\"status\\":{\\"token\\":\\"$token\\"}}"\n`);
  chmodSync(plugin, 0o755);
  writeFileSync(join(directory, 'token'), 'first\n');
  const cluster = await startCluster(directory, node, {started: (pod, running, all) => {
    if (pod.metadata.labels['berm.dev/role'] !== 'agent') return;
    all.token = 'second';
    writeFileSync(join(directory, 'token'), 'second\n');
  }});
  cluster.token = 'first';
  const site = makeSite();
  const kubeconfig = cluster.kubeconfig(join(site.root, 'config'), `exec: {apiVersion: client.authentication.k8s.io/v1, command: ${plugin}, interactiveMode: Never}`);
  const done = await start(cluster, site, 'echo in', {kubeconfig}).done;
  assert.equal(done.code, 0, done.err);
  await until('all objects are gone', () => cluster.runs().length === 0);
  cluster.close();
});

test('connections that break lose nothing and repeat nothing', async () => {
  let forwards = 0;
  const blob = join(directory, 'blob');
  execFileSync('sh', ['-c', `head -c 20000000 /dev/urandom > ${blob}`]);
  const digest = execFileSync('sha256sum', [blob], {encoding: 'utf8'}).slice(0, 64);
  const cluster = await startCluster(directory, node, {forward: (socket) => {
    forwards += 1;
    // Every third lives for as long as it takes to carry something.
    if (forwards % 3 === 0) setTimeout(() => socket.destroy(), 20 + (forwards * 37) % 200);
    return forwards % 7 !== 0;
  }});
  const site = makeSite();
  execFileSync('cp', [blob, join(site.repository, 'blob')]);
  const done = await start(cluster, site, 'sha256sum blob; for i in $(seq 2000); do echo line $i; done; for i in 1 2 3 4 5 6; do sleep 0.3; echo late $i; done; cp blob copy',
    {options: [], policy: '[changes]\nmax_size = "64MiB"\n'}).done;
  cluster.close();
  assert.equal(done.code === 0 || done.report.findings.every(({rule}) => rule === 'binary'), true, done.out.slice(0, 2000));
  assert.ok(done.err.includes(digest));
  const lines = done.err.split('\n').filter((line) => /^(line|late) /.test(line));
  assert.deepEqual(lines, [...Array.from({length: 2000}, (_, i) => `line ${i + 1}`), ...[1, 2, 3, 4, 5, 6].map((i) => `late ${i}`)]);
  const copy = join(site.root, 'state/berm/runs', done.report.id, 'changes/tree/copy');
  assert.equal(execFileSync('sha256sum', [copy], {encoding: 'utf8'}).slice(0, 64), digest);
  assert.ok(forwards > 12, `${forwards}`);
});

/** Kills a pod's process when the agent has said "ready", as the kubelet would tell it. */
const killing = (role, reason, status) => {
  let victim;
  return {
    faults: {started: (pod, running) => { if (pod.metadata.labels['berm.dev/role'] === role) victim = running; }},
    meanwhile: async ({child}) => {
      await until('the agent is ready', () => child.said().includes('ready'));
      Object.assign(victim, {reason, status});
      victim.stop();
    },
  };
};

test('the end of a pod is told with its cause', async () => {
  const oom = await run('sleep 0.1; echo ready; exec sleep 600', killing('agent', 'OOMKilled'));
  assert.equal(oom.done.code, 121, oom.done.out);
  assert.match(oom.done.report.verdict.reasons[0], /memory/);
  assert.match(oom.done.report.verdict.reasons[0], /sleep/, 'what ran there is named');
  const evicted = await run('echo ready; sleep 600', killing('agent', 'Error', {reason: 'Evicted', message: 'Pod ephemeral local storage usage exceeds the total limit of containers 4Gi.'}));
  assert.equal(evicted.done.code, 121);
  assert.match(evicted.done.report.verdict.reasons[0], /disk.*ephemeral/);
  const late = await run('echo ready; sleep 600', killing('agent', 'Error', {reason: 'DeadlineExceeded', message: 'Pod was active on the node longer than the specified deadline'}));
  assert.equal(late.done.code, 124);
  const egress = await run('echo ready; sleep 600', killing('egress', 'Error'));
  assert.notEqual(egress.done.code, 0);
  assert.match(egress.done.report.verdict.reasons[0], /egress pod ended/);
});

test('limits of the policy are held in the pod, and told', async () => {
  const late = await run('sleep 60', {options: ['--time', '1s']});
  assert.equal(late.done.code, 124, late.done.out);
  const loud = await run('yes', {options: [], policy: '[limits]\noutput = "1MiB"\n'});
  assert.equal(loud.done.code, 121);
  assert.match(loud.done.report.verdict.reasons[0], /output/);
});

test('an interrupt is the agent\'s first, and ends all when it is repeated', async () => {
  const polite = await run('trap "echo asked; exit 3" INT; echo ready; while :; do sleep 0.1; done', {meanwhile: async ({child}) => {
    await until('ready', () => child.said().includes('ready'));
    child.kill('SIGINT');
  }});
  assert.match(polite.done.err, /asked/);
  assert.notEqual(polite.done.code, 0);
  const stubborn = await run('trap "" INT TERM; echo ready; while :; do sleep 0.1; done', {meanwhile: async ({child, site}) => {
    await until('ready', () => child.said().includes('ready'));
    for (let i = 0; i < 3; i += 1) {
      child.kill('SIGINT');
      await until('it is heard', () => records(site, readdirSync(join(site.root, 'state/berm/runs'))[0]).filter(({type}) => type === 'signal').length > i);
    }
  }});
  assert.notEqual(stubborn.done.code, 0);
  assert.equal(stubborn.done.report.outcome.kind, 'interrupted', stubborn.done.out);
});

test('what a berm that was killed leaves in the cluster is deleted by berm runs --prune', async () => {
  const cluster = await startCluster(directory, node);
  const site = makeSite();
  const child = start(cluster, site, 'echo ready; sleep 600');
  await until('ready', () => child.said().includes('ready'));
  child.kill('SIGKILL');
  await child.done;
  assert.ok(cluster.runs().length > 5);
  const env = {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state')};
  const prune = (config) => new Promise((resolve) => {
    const pruning = spawn(process.env.BERM, ['runs', '--prune', '--json'], {env: {...env, KUBECONFIG: config}});
    let out = '';
    pruning.stdout.on('data', (bytes) => { out += bytes; });
    pruning.on('close', (code) => resolve({code, said: JSON.parse(out)}));
  });
  // A cluster that does not answer is told, and asked again the next time.
  const nowhere = join(site.root, 'nowhere');
  writeFileSync(nowhere, readFileSync(join(site.root, 'config'), 'utf8').replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
  const first = await prune(nowhere);
  assert.equal(first.code, 1);
  assert.match(first.said.clusters[0].why, /cannot connect/);
  const second = await prune(join(site.root, 'config'));
  assert.equal(second.code, 0);
  assert.equal(second.said.clusters[0].why, '');
  await until('all is gone', () => cluster.runs().length === 0 && cluster.running.size === 0);
  assert.deepEqual((await prune(join(site.root, 'config'))).said.clusters, []);
  cluster.close();
});

test('berm comes from its own image, and a Sandbox holds the agent, where the policy says so', async () => {
  const own = await run('echo x > made', {kubernetes: 'berm_image = "berm:1"\n'});
  assert.equal(own.done.code, 0, own.done.out);
  assert.deepEqual(own.cluster.installed, [{image: 'berm:1', code: 0, said: ''}]);
  const kinds = new Set();
  const sandbox = await run('echo x > made', {kubernetes: 'workload = "sandbox"\n', faults: {admit: (object) => { kinds.add(object.kind); }}});
  assert.equal(sandbox.done.code, 0, sandbox.done.out);
  assert.ok(kinds.has('Sandbox') && !kinds.has('Job'));
  assert.deepEqual(sandbox.done.report.changes.files.map(({path}) => path), ['made']);
  const absent = await run('true', {kubernetes: 'workload = "sandbox"\n', faults: {admit: (object) => (object.kind === 'Sandbox'
    ? failed(404, 'NotFound', 'the server could not find the requested resource') : undefined)}});
  assert.equal(absent.done.code, 125);
  assert.match(absent.done.report.error.fix, /agent-sandbox/);
});

test('a run that has to queue makes its egress pod when its turn has come', async () => {
  const {done, cluster} = await run('echo in', {kubernetes: 'queue = "team-a"\n', meanwhile: async ({cluster}) => {
    await until('the Job is there', () => cluster.all('Job').length === 1);
    await new Promise((resolve) => setTimeout(resolve, 300));
    assert.equal(cluster.all('Pod').length, 0, 'nothing waits at a cost');
    const [job] = cluster.all('Job');
    assert.equal(job.spec.suspend, true);
    cluster.makePod(job);
  }});
  assert.equal(done.code, 0, done.err);
  assert.ok(cluster.asked.filter((line) => line.includes('/pods/') && line.startsWith('PATCH')).length === 1);
});

/** Runs until `said`, then kills berm, whose record is as long as it is. */
async function killCaller(cluster, site, words, said, options = {}) {
  const child = start(cluster, site, words, options);
  await until(said, () => child.said().includes(said) || child.exitCode !== null);
  assert.equal(child.exitCode, null, child.said());
  child.kill('SIGKILL');
  await child.done;
  const [id] = readdirSync(join(site.root, 'state/berm/runs'));
  return {id, directory: join(site.root, 'state/berm/runs', id)};
}
const attach = (site, cluster, ...words) => new Promise((resolve) => {
  const child = spawn(process.env.BERM, ['attach', '--json', ...words], {cwd: site.repository,
    env: {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state'), KUBECONFIG: join(site.root, 'config')}});
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  child.on('close', (code) => resolve({code, err, report: out === '' ? null : JSON.parse(out)}));
});

test('a run whose berm was killed is taken up: nothing it did or said is lost, its record is one', async (t) => {
  const cluster = await startCluster(directory, node);
  t.after(() => cluster.close());
  const site = makeSite();
  const sink = join(site.root, 'sink.jsonl');
  const {id, directory: run} = await killCaller(cluster, site, 'for i in 1 2 3; do /bin/true; done; echo one; sleep 1.5; /bin/ls > /dev/null; echo changed >> README.md; echo two', 'one',
    {options: ['--on-success', 'branch:agent/done'], policy: `[[audit.sinks]]\nname = "disk"\ntype = "file"\npath = "${sink}"\n`});
  // What the dead one's last write left torn, and a stranger's eyes on its keys.
  writeFileSync(join(run, 'record.jsonl'), '{"v":1,"run":"', {flag: 'a'});
  assert.equal(statSync(join(run, 'attach.json')).mode & 0o777, 0o600);
  const {code, err, report} = await attach(site, cluster, id);
  assert.equal(code, 0, err + JSON.stringify(report));
  assert.match(err, /one\n(.*\n)*two/);
  assert.deepEqual(report.changes.files.map(({path}) => path), ['README.md']);
  assert.equal(site.git('show', 'agent/done:README.md'), 'hello\nchanged\n');
  assert.match(berm(site, 'verify', id), /^intact/);
  const own = records(site, id);
  assert.equal(own.filter(({type}) => type === 'run.attach').length, 1);
  // Each event of the pod stands on the record once, in its order.
  const pods = records(site, id, 'pod-record.jsonl').filter(({type}) => type === 'exec').map(({data}) => data.path ?? data.executable);
  assert.ok(pods.length >= 5, `${pods}`);
  assert.deepEqual(own.filter(({type}) => type === 'exec').map(({data}) => data.path ?? data.executable), pods);
  assert.deepEqual(readFileSync(sink, 'utf8').trim().split('\n').map((line) => JSON.parse(line).seq), own.map(({seq}) => seq));
  assert.ok(!existsSync(join(run, 'attach.json')), 'the keys are gone');
  await until('all is gone', () => cluster.runs().length === 0 && cluster.running.size === 0);
  assert.equal((await attach(site, cluster, id)).code, 125, 'it has ended');
});

test('a run is taken up as often as its berm dies, also when it has ended meanwhile; no other way', async (t) => {
  const cluster = await startCluster(directory, node);
  t.after(() => cluster.close());
  const site = makeSite();
  const {id, directory: run} = await killCaller(cluster, site, 'echo ready; echo x > made; exit 3', 'ready');
  // A cluster that is not reached: nothing happens to the run.
  const config = readFileSync(join(site.root, 'config'), 'utf8');
  writeFileSync(join(site.root, 'config'), config.replace(/127\.0\.0\.1:\d+/, '127.0.0.1:1'));
  const away = await attach(site, cluster);
  assert.equal(away.code, 125);
  assert.match(away.err, /cannot connect|Connection refused/);
  writeFileSync(join(site.root, 'config'), config);
  // A record that somebody changed meanwhile is not gone on with.
  const record = readFileSync(join(run, 'record.jsonl'), 'utf8');
  writeFileSync(join(run, 'record.jsonl'), record.replace('"berm"', '"Berm"'));
  assert.match((await attach(site, cluster, id)).err, /go on with the record/);
  writeFileSync(join(run, 'record.jsonl'), record);
  assert.ok(cluster.runs().length > 5);
  const {code, report} = await attach(site, cluster, id);
  assert.equal(code, 3);
  assert.deepEqual(report.changes.files.map(({path}) => path), ['made']);
  assert.match(berm(site, 'verify', id), /^intact/);
  await until('all is gone', () => cluster.runs().length === 0 && cluster.running.size === 0);
});

test('a run whose pods ended while nobody listened is told as that', async (t) => {
  let victim;
  const cluster = await startCluster(directory, node, {started: (pod, running) => { if (pod.metadata.labels['berm.dev/role'] === 'agent') victim = running; }});
  t.after(() => cluster.close());
  const site = makeSite();
  const {id} = await killCaller(cluster, site, 'echo ready; sleep 600', 'ready');
  Object.assign(victim, {reason: 'OOMKilled'});
  victim.stop();
  await until('it is gone', () => cluster.running.size === 1);
  const {code, report} = await attach(site, cluster, id);
  assert.equal(code, 121, JSON.stringify(report));
  const gone = makeSite();
  const second = await killCaller(cluster, gone, 'echo ready; sleep 600', 'ready');
  for (const [path, {kind}] of [...cluster.objects]) if (kind === 'ConfigMap') cluster.remove(path);
  await until('all is gone', () => cluster.runs().length === 0);
  const lost = await attach(gone, cluster, second.id);
  assert.equal(lost.code, 122);
  assert.match(lost.report.verdict.reasons[0], /pods are gone/);
});

test('what the namespace\'s team grants bounds every run there; nobody who may not look goes on without', async () => {
  const team = (text) => ({code: 200, body: {kind: 'ConfigMap', metadata: {name: 'berm-policy'}, data: text === undefined ? {} : {'policy.toml': text}}});
  const under = async (answer, words, options = {}) => {
    const {done, cluster} = await run(words, {...options, faults: {answer: (request) => (request.url.endsWith('/configmaps/berm-policy') ? answer : undefined)}});
    return {...done, reasons: done.report.verdict.reasons.join(), asked: cluster.asked};
  };
  const tightened = await under(team('version = 1\n[limits]\ntime = "1s"\n'), 'sleep 30', {options: ['--time', '10m']});
  assert.equal(tightened.code, 124, tightened.out);
  assert.ok(tightened.report.notes.some((note) => note.includes('limits.time')), tightened.out);
  const beyond = await under(team('version = 1\n[network]\nallow = ["a.example:443"]\n'), 'true', {options: ['--allow', 'b.example:443']});
  assert.equal(beyond.code, 125);
  assert.match(beyond.reasons, /grants .*b\.example.*which the namespace 'berm' does not/);
  for (const [answer, words] of [[failed(403, 'Forbidden', 'configmaps "berm-policy" is forbidden'), /look for the policy of the namespace.*forbidden/],
    [team(undefined), /has no 'policy.toml'/], [team('versoin = 1'), /versoin/],
    [team('version = 1\n[kubernetes]\nnamespace = "other"\n'), /names another namespace/]]) {
    const refused = await under(answer, 'true');
    assert.equal(refused.code, 125);
    assert.match(refused.reasons, words);
    assert.ok(!refused.asked.some((line) => line.startsWith('PATCH')), 'nothing was made');
  }
  // A run that is none of a cluster's asks nobody.
  const {done, cluster} = await run('true', {options: ['--tier', 'namespace'], faults: {answer: () => failed(500, 'InternalError', 'no')}});
  assert.equal(done.code, 0, done.err + done.out);
  assert.deepEqual(cluster.asked, []);
});

test('the doctor tries a run: a network that enforces nothing is found by it', async (t) => {
  const cluster = await startCluster(directory, node);
  t.after(() => cluster.close());
  const site = makeSite();
  const child = spawn(process.env.BERM, ['doctor', '--tier', 'kubernetes', '--image', 'tools:1', '--json'],
    {env: {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state'), KUBECONFIG: cluster.kubeconfig(join(site.root, 'config'))}});
  let out = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  const code = await new Promise((resolve) => child.on('close', resolve));
  const check = JSON.parse(out).checks.find(({name}) => name === 'a run');
  assert.equal(code, 1);
  assert.equal(check.state, 'broken');
  assert.match(check.found, /does not enforce NetworkPolicies/);
  assert.match(check.fix, /Calico/);
  await until('all is gone', () => cluster.runs().length === 0);
  assert.ok(!existsSync(join(site.root, 'state')), 'its run is not among the user\'s');
});
