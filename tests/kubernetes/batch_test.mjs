// `berm batch`: many tasks through a stand-in cluster that holds a few, and what of them is done again, when, and never.
// Usage: BERM=…/berm node --test batch_test.mjs
import assert from 'node:assert/strict';
import {execFileSync, spawn} from 'node:child_process';
import {chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

import {makeAuthority} from './api_server.mjs';
import {Node, startCluster} from './run_cluster.mjs';

const directory = mkdtempSync(join(tmpdir(), 'berm-batch-'));
chmodSync(directory, 0o755);
makeAuthority(directory);
const node = new Node();
process.on('exit', () => {
  node.close();
  rmSync(directory, {recursive: true, force: true});
});

let sites = 0;
function makeSite(tasks) {
  const root = join(directory, `site-${++sites}`);
  const repository = join(root, 'repository');
  mkdirSync(repository, {recursive: true});
  const git = (...words) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b', ...words], {cwd: repository, encoding: 'utf8'});
  git('init', '-q', '-b', 'main');
  writeFileSync(join(repository, 'README.md'), 'hello\n');
  git('add', '.');
  git('commit', '-q', '-m', 'one');
  writeFileSync(join(root, 'tasks'), tasks.map((task) => JSON.stringify(task)).join('\n'));
  writeFileSync(join(root, 'policy.toml'), 'version = 1\ntier = "kubernetes"\n[kubernetes]\nimage = "tools:1"\nunenforced_network = true\n[tools]\npacks = []\n');
  return {root, repository, git, results: () => readResults(join(root, 'tasks.results'))};
}
const readResults = (file) => (existsSync(file) ? readFileSync(file, 'utf8').split('\n').filter((line) => line !== '').map((line) => JSON.parse(line)) : []);
const shell = (id, text, more = {}) => ({id, command: ['--', 'sh', '-c', text], ...more});

/** @return the process; `done` gives {code, report, err, peak}: KiB that `berm batch` itself held at most */
function batch(site, words, env = {}) {
  const child = spawn(process.env.BERM, ['batch', '--json', ...words, join(site.root, 'tasks')], {
    cwd: site.repository, env: {PATH: process.env.PATH, HOME: site.root, XDG_STATE_HOME: join(site.root, 'state'), ...env}, stdio: ['ignore', 'pipe', 'pipe'],
  });
  let out = '';
  let err = '';
  let peak = 0;
  const look = setInterval(() => {
    try { peak = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]); } catch { /* it has ended */ }
  }, 20);
  child.stdout.on('data', (bytes) => { out += bytes; });
  child.stderr.on('data', (bytes) => { err += bytes; });
  child.done = new Promise((resolve) => child.on('close', (code, signal) => {
    clearInterval(look);
    resolve({code, signal, err, peak, report: out === '' ? null : JSON.parse(out)});
  }));
  return child;
}
const onCluster = (site, cluster) => ({options: ['--policy', join(site.root, 'policy.toml')], env: {KUBECONFIG: cluster.kubeconfig(join(site.root, 'config'))}});
const until = async (what, true_) => {
  for (let i = 0; i < 600; i += 1) {
    if (await true_()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`never: ${what}`);
};
const refused = (code, message) => ({code, body: {kind: 'Status', status: 'Failure', code, message}});

/** Closed when the test has ended, however. */
async function clusterFor(t, faults = {}) {
  const cluster = await startCluster(directory, node, faults);
  t.after(() => cluster.close());
  return cluster;
}

/** A ResourceQuota, as admission holds it: an egress pod beyond it is denied. */
function quota(pods, faults = {}) {
  const seen = {most: 0, denied: 0};
  faults.admit = (object, cluster) => {
    if (object.kind !== 'Pod') return undefined;
    const egress = cluster.all('Pod').filter((pod) => pod.metadata.labels['berm.dev/role'] === 'egress').length;
    if (egress >= pods) {
      seen.denied += 1;
      return refused(403, `pods "${object.metadata.name}" is forbidden: exceeded quota: berm, requested: pods=1, used: pods=${egress}, limited: pods=${pods}`);
    }
    seen.most = Math.max(seen.most, egress + 1);
    return undefined;
  };
  return {faults, seen};
}

test('a batch larger than its quota is done all the same, each task once, and nothing is left', async (t) => {
  const tasks = Array.from({length: 30}, (_, i) => shell(`t-${i}`, i % 10 === 3 ? `exit ${i % 7 + 1}` : `echo ${i} > made`));
  const site = makeSite(tasks);
  const {faults, seen} = quota(3);
  const cluster = await clusterFor(t, faults);
  const {options, env} = onCluster(site, cluster);
  const {code, report, err, peak} = await batch(site, ['--parallel', '12', '--on-success', 'branch:agent/{task}', ...options], env).done;
  assert.equal(code, 1, err);
  assert.deepEqual(report.ended, {agent_failed: 3, success: 27});
  assert.equal(report.stopped, '');
  assert.ok(report.put_off > 0 && seen.denied === report.put_off, 'the quota was met');
  assert.equal(seen.most, 3);
  const results = site.results();
  assert.deepEqual(results.map(({task}) => task).sort(), tasks.map(({id}) => id).sort());
  assert.equal(site.git('branch', '--list', 'agent/*').trim().split('\n').length, 27);
  assert.equal(site.git('show', 'agent/t-17:made').trim(), '17');
  await until('all is gone', () => cluster.runs().length === 0 && cluster.running.size === 0);
  // 50 MiB are for all that it holds of ten thousand; the programs of the runs are apart.
  assert.ok(peak > 0 && peak < 50 * 1024, `${peak} KiB`);
  // What was imported is kept by git, not by us.
  const kept = readdirSync(join(site.root, 'state/berm/runs')).filter((id) => existsSync(join(site.root, 'state/berm/runs', id, 'changes')));
  assert.deepEqual(kept.filter((id) => results.some(({run, status}) => run === id && status === 'success')), []);
});

test('only what was not started is tried again', async (t) => {
  let applied = 0;
  const cluster = await clusterFor(t, {admit: (object) => {
    if (object.kind !== 'Job') return undefined;
    applied += 1;
    return applied === 1 ? refused(403, 'jobs.batch "x" is forbidden: exceeded quota: jobs') : undefined;
  }});
  const site = makeSite([shell('once', 'echo ran >&2; exit 9')]);
  const {options, env} = onCluster(site, cluster);
  const {report} = await batch(site, ['--logs', join(site.root, 'logs'), ...options], env).done;
  assert.deepEqual(report.ended, {agent_failed: 1});
  assert.equal(report.runs, 2);
  assert.equal(readFileSync(join(site.root, 'logs/once.log'), 'utf8').match(/^ran$/gm).length, 1, 'the agent ran once');
});

test('a batch that can set up nothing stops early, in the cluster\'s own words; what cannot wait for ever does not', async (t) => {
  const denied = await clusterFor(t, {admit: (object) => (object.kind === 'Job' ? refused(400, 'admission webhook "x" denied the request: not on Fridays') : undefined)});
  const site = makeSite(Array.from({length: 40}, (_, i) => shell(`t-${i}`, 'true')));
  let {options, env} = onCluster(site, denied);
  const first = await batch(site, ['--parallel', '2', ...options], env).done;
  assert.equal(first.code, 1);
  assert.match(first.report.stopped, /first 5 runs could not be set up/);
  assert.match(first.err, /not on Fridays/);
  assert.ok(first.report.runs < 10);

  const full = await clusterFor(t, quota(0).faults);
  ({options, env} = onCluster(site, full));
  const second = await batch(site, ['--parallel', '2', '--patience', '2s', ...options], env).done;
  assert.equal(second.code, 1);
  assert.match(second.report.stopped, /no room for a run for 2\.0s.*exceeded quota/);
  await until('all is gone', () => full.runs().length === 0);

  // What was not started is not done: the same command goes on, once there is room.
  const good = await clusterFor(t);
  ({options, env} = onCluster(site, good));
  const third = await batch(site, options, env).done;
  assert.equal(third.code, 0, third.err);
  assert.deepEqual(third.report.ended, {success: 40});
});

test('a batch that is killed takes its runs with it, and goes on where it was', async (t) => {
  const site = makeSite(Array.from({length: 12}, (_, i) => shell(`t-${i}`, i < 4 ? 'true' : 'sleep 0.5; echo x > made')));
  const cluster = await clusterFor(t);
  const {options, env} = onCluster(site, cluster);
  const child = batch(site, ['--parallel', '4', ...options], env);
  await until('some are done', () => site.results().length >= 4);
  child.kill('SIGKILL');
  await child.done;
  const before = site.results().length;
  await until('its runs have ended', () => cluster.runs().length === 0 && cluster.running.size === 0);
  const {code, report} = await batch(site, ['--parallel', '4', ...options], env).done;
  assert.equal(code, 0);
  assert.equal(report.before, before);
  assert.deepEqual(report.ended, {success: 12 - before});
});

test('an interrupt lets the runs end; the next is theirs', async (t) => {
  const site = makeSite(Array.from({length: 20}, (_, i) => shell(`t-${i}`, 'sleep 1; echo x > made')));
  const polite = batch(site, ['--parallel', '2']);
  await until('it runs', () => existsSync(join(site.root, 'state/berm/runs')) && readdirSync(join(site.root, 'state/berm/runs')).length >= 2);
  polite.kill('SIGINT');
  const first = await polite.done;
  assert.equal(first.code, 1);
  assert.equal(first.report.stopped, 'interrupted');
  assert.deepEqual(first.report.ended, {success: 2});
  const hard = batch(site, ['--parallel', '2']);
  await until('it runs', () => readdirSync(join(site.root, 'state/berm/runs')).length >= 4);
  hard.kill('SIGTERM');
  const second = await hard.done;
  assert.equal(second.code, 1);
  assert.equal(Object.values(second.report.ended).reduce((a, b) => a + b), 2);
  assert.ok(!('success' in second.report.ended), JSON.stringify(second.report.ended));
});

test('here, too: many runs on one repository at a time, each on a branch of its own', async (t) => {
  const site = makeSite(Array.from({length: 40}, (_, i) => shell(`t-${i}`, `echo ${i} > made`)));
  const {code, report, err} = await batch(site, ['--parallel', '8', '--on-success', 'branch:agent/{task}']).done;
  assert.equal(code, 0, err);
  assert.deepEqual(report.ended, {success: 40});
  for (let i = 0; i < 40; i += 1) assert.equal(site.git('show', `agent/t-${i}:made`).trim(), `${i}`);
  assert.equal(site.git('fsck', '--no-progress'), '');
});

test('what a task says of itself counts in place of what is said for all', async () => {
  const site = makeSite([shell('own', 'sleep 30', {time: '1s', policy: '../own.toml', on_success: 'branch:mine/{task}'}), shell('all', 'echo x > made')]);
  writeFileSync(join(site.root, 'own.toml'), 'version = 1\n[tools]\npacks = []\n');
  writeFileSync(join(site.root, 'all.toml'), 'version = 1\n');
  const {report} = await batch(site, ['--policy', '../all.toml', '--time', '5m', '--on-success', 'branch:agent/{task}']).done;
  assert.deepEqual(report.ended, {success: 1, time_limit: 1});
  assert.equal(site.git('branch', '--list', '*/*').trim(), 'agent/all');
});
