// `berm run --tier kubernetes` on a stand-in cluster whose nodes start the real programs of both pods: what a run does,
// what becomes of it when API server, network, pods or berm itself fail, and that nothing is left of it.
// Usage: BERM=…/berm node --test run_test.mjs
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {createServer} from 'node:http';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

import {makeAuthority} from './api_server.mjs';
import {Node, startCluster} from './run_cluster.mjs';

const directory = mkdtempSync(join(tmpdir(), 'berm-run-'));
chmodSync(directory, 0o755);
makeAuthority(directory);
const node = new Node();
test.after(() => {
  node.close();
  rmSync(directory, {recursive: true, force: true});
});

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
function start(cluster, site, words, {policy = '', env = {}, kubeconfig, options = []} = {}) {
  const file = join(site.root, 'policy.toml');
  writeFileSync(file, `version = 1\ntier = "kubernetes"\n[kubernetes]\nimage = "tools:1"\n${PACKS_OFF}${policy}`);
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
test.after(() => upstream.close());

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
