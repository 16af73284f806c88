// Two pods for real: network namespaces behind a router where nftables holds the run's NetworkPolicies, each pod with a
// root, a PID namespace and a secret of its own; the real Claude Code, a model behind TLS with a name of the internet.
// Usage, as root: BERM=…/berm node --test network_run_test.mjs
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

import {parseAllDocuments} from 'yaml';

import {makeAuthority} from './api_server.mjs';
import {MODEL, NetworkNode, OTHER} from './network_node.mjs';
import {startCluster} from './run_cluster.mjs';

const works = process.getuid() === 0;
if (!works && process.env.BERM_MUST_WORK !== undefined) throw new Error('must work: network namespaces need root');
const skip = works ? false : 'network namespaces need root';
const KEY = 'sk-ant-api03-the-real-key-of-the-user-0001';

const directory = mkdtempSync(join(tmpdir(), 'berm-pods-'));
chmodSync(directory, 0o755);
process.on('exit', () => rmSync(directory, {recursive: true, force: true}));
makeAuthority(directory);
const at = (name) => join(directory, name);
const openssl = (...words) => execFileSync('openssl', words, {stdio: 'pipe'});
openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', at('model.key'), '-out', at('model.pem'), '-days', '2',
  '-subj', '/CN=model', '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', `subjectAltName=DNS:${MODEL.name}`, '-addext', 'basicConstraints=critical,CA:FALSE');
const packaging = join(import.meta.dirname, '../../packaging/kubernetes/base');
const base = readdirSync(packaging).flatMap((name) => parseAllDocuments(readFileSync(join(packaging, name), 'utf8')))
  .map((document) => document.toJS()).filter((object) => object?.kind === 'NetworkPolicy')
  .map((object) => ({...object, metadata: {...object.metadata, namespace: object.metadata.namespace ?? 'berm'}}));
assert.equal(base.length, 1);

let count = 0;
/** One run; `seen` gets the pods while they live. */
async function run(words, {policy = '', script, meanwhile, faults = {}, command, env = {ANTHROPIC_API_KEY: KEY}} = {}) {
  const root = at(`site-${++count}`);
  const repository = join(root, 'repository');
  mkdirSync(repository, {recursive: true});
  const git = (...line) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...line], {cwd: repository, encoding: 'utf8', stdio: 'pipe'});
  git('init', '-q', '-b', 'main');
  writeFileSync(join(repository, 'README.md'), 'hello\n');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  const log = join(root, 'model.log');
  writeFileSync(log, '');
  writeFileSync(`${log}.dns`, '');
  if (script !== undefined) writeFileSync(join(root, 'script.json'), JSON.stringify(script));
  const node = new NetworkNode({policies: base, log, script: script === undefined ? undefined : join(root, 'script.json'), bundle: at('ca.pem'), key: at('model.key'), certificate: at('model.pem')});
  node.tools = join(import.meta.dirname, '../agents');
  await node.ready;
  const pods = {};
  const cluster = await startCluster(directory, node, {...faults, started: (pod, running) => { pods[pod.metadata.labels['berm.dev/role']] = running; }});
  writeFileSync(join(root, 'policy.toml'), `version = 1\ntier = "kubernetes"\n[kubernetes]\nimage = "tools:1"\n${policy}`);
  const child = spawn(process.env.BERM, command ?? ['run', '--json', '--policy', join(root, 'policy.toml'), ...words], {
    cwd: repository, env: {PATH: process.env.PATH, HOME: root, XDG_STATE_HOME: join(root, 'state'), KUBECONFIG: cluster.kubeconfig(join(root, 'config')), ...env},
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  const closed = new Promise((resolve) => child.on('close', (code) => resolve(code)));
  try {
    await meanwhile?.({child, cluster, node, pods, said: () => err});
    const code = await closed;
    for (let i = 0; i < 200 && cluster.runs().length + cluster.running.size > 0; i += 1) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(cluster.runs().map(({kind}) => kind), [], 'objects are left');
    assert.equal(cluster.running.size, 0, 'pods are left');
    git('fsck', '--no-progress');
    return {code, err, out, report: out === '' ? null : JSON.parse(out), repository, root, log: readFileSync(log, 'utf8'), dns: readFileSync(`${log}.dns`, 'utf8'), state: join(root, 'state/berm/runs')};
  } finally {
    cluster.close();
    node.close();
  }
}

const until = async (what, true_) => {
  for (let i = 0; i < 600; i += 1) {
    if (await true_()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
};

test('Claude Code does its task in two pods, and the verdict arrives here', {skip}, async () => {
  const {code, err, out, report, log, dns} = await run(['claude', '-p', 'make the file']);
  assert.equal(code, 0, err + out);
  assert.deepEqual(report.changes.files.map(({path}) => path), ['out.txt']);
  assert.match(err, /Done: out.txt written/);
  const keys = [...log.matchAll(/"x-api-key":"([^"]*)"/g)].map(([, key]) => key);
  assert.ok(keys.length >= 2 && keys.every((key) => key === KEY), 'the model hears the real key, which egress put there');
  assert.ok(report.usage.tools.calls >= 1 && report.usage.model.requests >= 2, 'hooks and meter are those of every tier');
  // Only the egress pod asks for names, and only for what is granted.
  const asked = new Set(dns.trim().split('\n'));
  assert.ok([...asked].every((line) => line.endsWith(` ${MODEL.name}`)), dns);
  assert.equal(new Set([...asked].map((line) => line.split(' ')[0])).size, 1);
});

test('from the agent\'s pod nothing is reached, whoever in it asks; from egress\', what its policy names', {skip}, async () => {
  const tried = {};
  const connects = (pod, address, port) => {
    const done = execFileSync('nsenter', [`--net=/proc/${pod.network.pid}/ns/net`, process.execPath, '-e',
      `const s = require('net').connect(${port}, '${address}'); s.setTimeout(1200); s.on('connect', () => { console.log('reached'); process.exit(0); });`
      + `s.on('timeout', () => { console.log('dropped'); process.exit(0); }); s.on('error', (e) => { console.log(e.code); process.exit(0); })`], {encoding: 'utf8'});
    return done.trim();
  };
  const {code} = await run(['--', 'sh', '-c', 'echo ready; sleep 30'], {
    policy: '[tools]\npacks = []\n[network]\nallow = ["api.anthropic.com"]\n', env: {},
    meanwhile: async ({child, cluster, node, pods, said}) => {
      await until('the agent is ready', () => said().includes('ready'));
      const addresses = Object.fromEntries([...cluster.running].map(([path, running]) => [running === pods.agent ? 'agent' : 'egress', cluster.objects.get(path).status.podIP]));
      for (const [name, from, address, port] of [
        ['agent to egress', pods.agent, addresses.egress, 7444], ['agent to the internet', pods.agent, MODEL.address, 443],
        ['agent to the resolver', pods.agent, '10.96.0.10', 53], ['agent to the metadata service', pods.agent, '169.254.169.254', 80],
        ['egress to agent', pods.egress, addresses.agent, 7443], ['egress to another port of it', pods.egress, addresses.agent, 7444],
        ['egress to a granted port', pods.egress, MODEL.address, 443], ['egress to another port', pods.egress, MODEL.address, 22],
        ['egress to the metadata service', pods.egress, '169.254.169.254', 80]]) {
        tried[name] = connects(from, address, port);
      }
      // The positive control: without the policies the same connection is made.
      execFileSync('nsenter', [`--net=/proc/${node.router.pid}/ns/net`, 'nft', 'flush', 'ruleset']);
      tried['agent to the internet, without policies'] = connects(pods.agent, OTHER.address, 80);
      node.hold(cluster);
      child.kill('SIGINT');
    },
  });
  assert.notEqual(code, 0);
  assert.deepEqual(tried, {
    'agent to egress': 'dropped', 'agent to the internet': 'dropped', 'agent to the resolver': 'dropped', 'agent to the metadata service': 'dropped',
    'egress to agent': 'reached', 'egress to another port of it': 'dropped', 'egress to a granted port': 'reached', 'egress to another port': 'dropped',
    'egress to the metadata service': 'dropped', 'agent to the internet, without policies': 'reached',
  });
});

test('no secret of the run is in the agent\'s pod: not in a file, a variable, or the memory of any process', {skip}, async () => {
  const found = {};
  const {code, err} = await run(['--', 'sh', '-c', 'curl -sS -H "x-api-key: $KEY" https://api.anthropic.com/v1/models; echo ready; sleep 30'], {
    policy: '[tools]\npacks = []\n[credentials.anthropic]\nfrom = "env:ANTHROPIC_API_KEY"\nto = [{ host = "api.anthropic.com", header = "x-api-key" }]\nenv = { KEY = "{}" }\n[network]\nallow = ["api.anthropic.com"]\n',
    meanwhile: async ({child, pods, said}) => {
      await until('the agent is ready', () => said().includes('ready'));
      const search = (pod) => execFileSync('python3', ['-c', `
import os, sys
key = b'${KEY}'
root, first = sys.argv[1], int(sys.argv[2])
space = os.stat(f'/proc/{first}/ns/net').st_ino
found = set()
for pid in filter(str.isdigit, os.listdir('/proc')):
    try:
        if os.stat(f'/proc/{pid}/ns/net').st_ino != space: continue
        for name in ('environ', 'cmdline'):
            if key in open(f'/proc/{pid}/{name}', 'rb').read(): found.add(name)
        with open(f'/proc/{pid}/mem', 'rb', 0) as memory:
            for line in open(f'/proc/{pid}/maps'):
                span, rights = line.split()[:2]
                if 'r' not in rights or 'vvar' in line: continue
                low, high = (int(x, 16) for x in span.split('-'))
                try:
                    memory.seek(low)
                    if key in memory.read(high - low): found.add('memory')
                except (OSError, ValueError): pass
    except (OSError, ProcessLookupError): pass
for at, _, files in os.walk(root):
    for name in files:
        try:
            if key in open(os.path.join(at, name), 'rb').read(): found.add('file')
        except OSError: pass
print(' '.join(sorted(found)))`, pod.root, String(pod.network.pid)], {encoding: 'utf8', maxBuffer: 1e8}).trim();
      found.agent = search(pods.agent);
      found.egress = search(pods.egress);
      child.kill('SIGINT');
    },
  });
  assert.notEqual(code, 125, err);
  assert.equal(found.agent, '');
  // The positive control: where it is, it is found.
  assert.match(found.egress, /file/);
});

test('the key of the pod\'s own link is berm\'s, not the agent\'s', {skip}, async () => {
  // The control: berm in the same pod has read it, or nothing would have been sent there.
  const {code, err, out} = await run(['--', 'sh', '-c', 'cat /run/channel/tls.key; ls /run/channel; cat /proc/1/environ | wc -c; echo end'], {policy: '[tools]\npacks = []\n', env: {}});
  assert.equal(code, 0, out);
  assert.match(err, /end/);
  assert.ok(!err.includes('PRIVATE KEY') && !/^tls\.key$/m.test(err), err);
  assert.match(err, /tls\.key: (Permission denied|No such file)/);
});

test('whichever side is killed, whenever: the run ends, is told, and leaves nothing', {skip}, async () => {
  const ends = [];
  for (const [victim, when] of [['agent', 0], ['egress', 0], ['agent', 300], ['egress', 300], ['agent', 900], ['egress', 900]]) {
    const {code, report} = await run(['claude', '-p', 'make the file'], {
      script: [[{type: 'tool_use', name: 'Bash', input: {command: 'sleep 5; echo hi > out.txt', description: 'x'}}], [{type: 'text', text: 'Done.'}]],
      meanwhile: async ({pods}) => {
        await until('the pod runs', () => pods[victim] !== undefined);
        await new Promise((resolve) => setTimeout(resolve, when));
        pods[victim].stop('SIGKILL');
      },
    });
    ends.push([victim, when, code, report.verdict.reasons[0]]);
    assert.ok([122, 125].includes(code), JSON.stringify(ends));
    assert.match(report.verdict.reasons[0], /pod/, JSON.stringify(ends));
  }
});

test('a cluster whose network enforces nothing is refused before the agent starts', {skip}, async () => {
  const unheld = async ({cluster, node, pods}) => {
    await until('the pods run', () => pods.agent !== undefined && pods.egress !== undefined);
    node.hold = () => {};
    execFileSync('nsenter', [`--net=/proc/${node.router.pid}/ns/net`, 'nft', 'flush', 'ruleset']);
    assert.ok(cluster.runs().length > 0);
  };
  const refused = await run(['--', 'sh', '-c', 'echo started'], {policy: '[tools]\npacks = []\n', env: {}, meanwhile: unheld});
  assert.equal(refused.code, 125, refused.out);
  assert.match(refused.report.verdict.reasons[0], /does not enforce NetworkPolicies/);
  assert.ok(!refused.err.includes('started'));
  const accepted = await run(['--', 'sh', '-c', 'echo started'], {policy: 'unenforced_network = true\n[tools]\npacks = []\n', env: {}, meanwhile: unheld});
  assert.equal(accepted.code, 0, accepted.out);
  assert.ok(accepted.report.weaknesses.some((line) => line.includes('unenforced_network')));
});

test('the doctor tries a run, and finds a network that holds', {skip}, async () => {
  const {code, out, err} = await run([], {command: ['doctor', '--tier', 'kubernetes', '--image', 'tools:1', '--json'], env: {}});
  const check = JSON.parse(out).checks.find(({name}) => name === 'a run');
  assert.equal(check.state, 'good', out + err);
  assert.match(check.found, /kept from connecting/);
  assert.equal(typeof code, 'number');
});
