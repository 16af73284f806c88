// `berm doctor --tier kubernetes` before an API server, with every kind of credential that a kubeconfig may have, and
// with what clusters lack. Usage: BERM=…/berm node --test doctor_test.mjs
import assert from 'node:assert/strict';
import {execFile} from 'node:child_process';
import {chmodSync, mkdtempSync, readFileSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

import {makeAuthority, startApiServer} from './api_server.mjs';

const directory = mkdtempSync(join(tmpdir(), 'berm-cluster-'));
makeAuthority(directory);
const base64 = (name) => readFileSync(join(directory, name)).toString('base64');

let configs = 0;
function kubeconfig(url, user, cluster = '') {
  const file = join(directory, `config-${++configs}`);
  writeFileSync(file, `apiVersion: v1
kind: Config
current-context: here
contexts:
- {name: here, context: {cluster: c, user: u, namespace: agents}}
- {name: nowhere, context: {cluster: gone, user: u}}
clusters:
- name: c
  cluster:
    server: ${url}
    ${cluster === '' ? `certificate-authority-data: ${base64('ca.pem')}` : cluster}
users:
- name: u
  user:
${user.replace(/^/gm, '    ')}
`);
  return file;
}

function doctor(config, ...options) {
  return new Promise((resolve) => {
    execFile(process.env.BERM, ['doctor', '--tier', 'kubernetes', ...options],
      {env: {PATH: process.env.PATH, HOME: directory, ...(config === undefined ? {} : {KUBECONFIG: config})}, timeout: 60_000},
      (error, stdout, stderr) => resolve({code: error?.code ?? 0, stdout, stderr}));
  });
}

async function against(says, run) {
  const server = await startApiServer(directory, says);
  try {
    return await run(server);
  } finally {
    server.close();
  }
}

const TOKEN = 'token: right-token';
const stateOf = (done, name) => JSON.parse(done.stdout).checks.find((check) => check.name === name);

test('a namespace that can hold runs is told, and nothing is changed', async () => {
  await against({}, async (server) => {
    const done = await doctor(kubeconfig(server.url, TOKEN), '--json');
    assert.equal(done.code, 0, done.stderr);
    const said = JSON.parse(done.stdout);
    assert.equal(said.namespace, 'agents');
    assert.equal(said.ready, true);
    assert.deepEqual(said.checks.map((check) => [check.name, check.state]),
      [['version', 'good'], ['namespace agents', 'good'], ['rights', 'good'], ['quota', 'good'], ['network policies', 'weaker']]);
    assert.equal(stateOf(done, 'quota').found, '7 of 100 pods used');
    assert.deepEqual(server.asked.filter((call) => !call.startsWith('GET') && !call.includes('selfsubjectaccessreviews')), []);
    assert.ok(!done.stdout.includes('right-token') && !done.stderr.includes('right-token'));
  });
});

test('every kind of credential', async () => {
  writeFileSync(join(directory, 'token'), 'right-token\n');
  const plugin = join(directory, 'plugin');
  writeFileSync(plugin, `#!/bin/sh
echo "$KUBERNETES_EXEC_INFO" | grep -q '"interactive":false' || exit 3
test "$1 $GIVEN" = "login yes" || exit 4
echo '{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":{"token":"right-token"}}'
`);
  chmodSync(plugin, 0o755);
  const users = {
    token: TOKEN,
    tokenFile: 'tokenFile: token',
    certificate: 'client-certificate: client.pem\nclient-key: client.key',
    data: `client-certificate-data: ${base64('client.pem')}\nclient-key-data: ${base64('client.key')}`,
    exec: `exec:\n  apiVersion: client.authentication.k8s.io/v1\n  command: ${plugin}\n  args: [login]\n  env:\n  - {name: GIVEN, value: "yes"}\n  interactiveMode: Never`,
  };
  await against({}, async (server) => {
    for (const [name, user] of Object.entries(users)) {
      const done = await doctor(kubeconfig(server.url, user));
      assert.equal(done.code, 0, `${name}: ${done.stderr}`);
    }
    const file = await doctor(kubeconfig(server.url, TOKEN, 'certificate-authority: ca.pem'));
    assert.equal(file.code, 0, file.stderr);
  });
});

test('what a cluster lacks is told with its fix, and what cannot be seen as that', async () => {
  const cases = [
    [{version: {major: '1', minor: '27+', gitVersion: 'v1.27.9'}}, 'version', 'broken', 1],
    [{version: {major: '1', minor: '29', gitVersion: 'v1.29.1'}}, 'version', 'weaker', 0],
    [{labels: {}}, 'namespace agents', 'weaker', 0],
    [{labels: {'pod-security.kubernetes.io/enforce': 'restricted'}}, 'namespace agents', 'weaker', 0],
    [{paths: {'/api/v1/namespaces/agents': [404, {message: 'no'}]}}, 'namespace agents', 'broken', 1],
    [{paths: {'/api/v1/namespaces/agents': [403, {message: 'you may not'}]}}, 'namespace agents', 'weaker', 0],
    [{denied: new Set(['watch pods', 'create pods/portforward'])}, 'rights', 'broken', 1],
    [{allowed: new Set(['get secrets'])}, 'rights beyond', 'weaker', 0],
    [{quota: []}, 'quota', 'weaker', 0],
  ];
  for (const [says, name, state, code] of cases) {
    await against(says, async (server) => {
      const done = await doctor(kubeconfig(server.url, TOKEN), '--json');
      assert.equal(done.code, code, `${name}: ${done.stdout}${done.stderr}`);
      assert.equal(stateOf(done, name).state, state, name);
      assert.ok(stateOf(done, name).fix !== '' || stateOf(done, name).found.includes('you may not'), name);
    });
  }
  await against({denied: new Set(['watch pods', 'create pods/portforward'])}, async (server) => {
    const done = await doctor(kubeconfig(server.url, TOKEN));
    assert.ok(done.stdout.includes('FAIL  rights') && done.stdout.includes('lacks: watch pods, create pods/portforward'), done.stdout);
  });
  await against({}, async (server) => {
    const done = await doctor(kubeconfig(server.url, TOKEN), '--json', '--runtime-class', 'gvisor', '--namespace', 'other');
    assert.equal(done.code, 1);
    assert.equal(stateOf(done, 'runtime class gvisor').state, 'broken');
    assert.equal(stateOf(done, 'namespace other').state, 'good');
  });
});

test('who cannot ask is told why', async () => {
  await against({}, async (server) => {
    const cases = [
      [kubeconfig(server.url, 'token: wrong'), [], 'log in at the API server', 'kubectl auth whoami'],
      [kubeconfig(server.url, TOKEN, 'insecure-skip-tls-verify: true'), [], 'certificate is not checked', 'certificate-authority'],
      [kubeconfig(server.url, 'username: a\npassword: b'), [], 'username', 'exec plugin'],
      [kubeconfig(server.url, 'exec:\n  command: /bin/false\n  apiVersion: client.authentication.k8s.io/v1'), [], 'exit code 1', 'by hand'],
      [kubeconfig(server.url, 'exec:\n  command: /bin/echo\n  apiVersion: client.authentication.k8s.io/v1'), [], 'no ExecCredential', ''],
    ];
    for (const [config, options, ...words] of cases) {
      const done = await doctor(config, ...options);
      assert.ok(done.code !== 0 && done.code !== 1, `${words}: ${done.code}`);
      for (const word of words) assert.ok(done.stderr.includes(word), done.stderr);
      assert.equal(done.stdout, '');
    }
    const config = kubeconfig(server.url, TOKEN);
    for (const [options, word] of [[['--context', 'nowhere'], 'names no cluster'], [['--context', 'other'], 'no context \'other\'']]) {
      const done = await doctor(config, ...options);
      assert.ok(done.stderr.includes(word), done.stderr);
    }
    // Another authority than the server's: nothing is sent.
    const before = server.asked.length;
    const done = await doctor(kubeconfig(server.url, TOKEN, `certificate-authority-data: ${base64('client.pem')}`));
    assert.ok(done.code !== 0 && done.stderr.includes('certificate'), done.stderr);
    assert.equal(server.asked.length, before);
  });
  const gone = await doctor(kubeconfig('https://127.0.0.1:1', TOKEN));
  assert.ok(gone.stderr.includes('API server'), gone.stderr);
  const none = await doctor(undefined);
  assert.ok(none.stderr.includes('no kubeconfig'), none.stderr);
});

test('a hostile kubeconfig, or server, is refused', async () => {
  const file = join(directory, 'hostile');
  const bomb = 'a: &a [x,x,x,x,x,x,x,x,x]\n' + [...'bcdefgh'].map((name, i) => `${name}: &${name} [${Array(9).fill('*' + 'abcdefgh'[i]).join(',')}]`).join('\n') + '\n';
  for (const text of ['', '\0', '[', 'a: b: c', '- 1', bomb, 'current-context: x\ncurrent-context: y\n', '{'.repeat(5000), 'a: '.repeat(400_000),
    'current-context: "\x1b[2Jx"\n', 'current-context: x\ncontexts: {}\n', 'current-context: x\ncontexts: [1, {name: x}]\n']) {
    writeFileSync(file, text);
    const done = await doctor(file);
    assert.ok(done.code === 2 || done.code === 125, `${JSON.stringify(text.slice(0, 30))}: ${done.code} ${done.stderr}`);
    assert.ok(!done.stderr.includes('\x1b'), 'unescaped');
  }
  const answers = [[200, 'no json'], [200, '[]'], [200, '{"minor": 33}'], [500, '{"message": "\\u001b[2J"}'], [200, '{"metadata": 1}']];
  for (const answer of answers) {
    const paths = {'/version': answer, '/api/v1/namespaces/agents': answer, '/api/v1/namespaces/agents/resourcequotas': answer};
    await against({paths}, async (server) => {
      const done = await doctor(kubeconfig(server.url, TOKEN));
      assert.ok([0, 1, 125].includes(done.code), `${answer}: ${done.code} ${done.stderr}`);
      assert.ok(!done.stdout.includes('\x1b') && !done.stderr.includes('\x1b'));
    });
  }
});
