// What `berm lint` writes for other programs, read by other people's readers of it: SARIF by its schema, JUnit and checkstyle by an XML
// parser, Markdown as GitHub renders it, GitLab's reports by the fields that its documents ask for. Hostile names stay text in all of them.
// Usage: BERM=…/berm node --test formats_test.mjs
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

const here = import.meta.dirname;
const directory = mkdtempSync(join(tmpdir(), 'berm-formats-'));
process.on('exit', () => rmSync(directory, {recursive: true, force: true}));

const lint = (words, cwd) => {
  const done = spawnSync(process.env.BERM, ['lint', '--no-config', ...words], {cwd, encoding: 'utf8', timeout: 20_000, maxBuffer: 1 << 28});
  return {code: done.status, out: done.stdout, err: done.stderr};
};
const run = (program, words, input) => {
  const done = spawnSync(program, words, {encoding: 'utf8', input});
  assert.equal(done.status, 0, done.stderr);
  return done.stdout;
};

// One of nearly everything, and names that would be markup, commands and line ends.
const POD = 'apiVersion: v1\nkind: Pod\nmetadata: {name: "x|`PWN`<img src=x>@team #1 ]]>\\e[31m\\r\\n::error::PWN"}\nspec: {hostPID: true, containers: []}\n';
const tree = join(directory, 'tree');
for (const name of ['a|b`PWN`<script>.yaml', 'x\n::error::PWN.yaml', ']]>&\'".yaml', '\u001b[31m.yaml', 'ünï.yaml']) {
  mkdirSync(tree, {recursive: true});
  writeFileSync(join(tree, name), POD);
}
const workflows = join(tree, '.github/workflows');
mkdirSync(workflows, {recursive: true});
writeFileSync(join(workflows, 'w.yml'), readFileSync(join(here, 'trees/agent-lethal-mix.bad/.github/workflows/w.yml')));
const count = JSON.parse(lint(['--json'], tree).out).findings.length;

test('every format tells of every finding, and in none a byte of a file is a command', () => {
  assert.ok(count > 12);
  for (const format of ['text', 'json', 'sarif', 'github', 'gitlab-sast', 'gitlab-codequality', 'junit', 'checkstyle', 'markdown']) {
    const {code, out} = lint(['--format', format], tree);
    assert.equal(code, 1, format);
    assert.ok(!/[\u001b\r]/.test(out), format);
    assert.ok(!/^::error::PWN/m.test(out), format);
    assert.ok(out.split('k8s-host-namespace').length > 5, format);
  }
  assert.equal(lint(['--format', 'github'], tree).out.trim().split('\n').length, count);
});

test('SARIF is valid by its schema, walks the path, and says how sure it is', () => {
  const file = join(directory, 'r.sarif');
  writeFileSync(file, lint(['--format', 'sarif'], tree).out);
  run('node', [join(here, '../reports/check.mjs'), 'sarif', file]);
  const [{results, tool}] = JSON.parse(readFileSync(file, 'utf8')).runs;
  assert.equal(results.length, count);
  const mix = results.find(({ruleId}) => ruleId === 'agent-lethal-mix');
  const notes = mix.codeFlows[0].threadFlows[0].locations.map(({location}) => location.message.text);
  assert.match(notes[0], /a stranger causes 'issues'/);
  assert.match(notes.at(-1), /contents: write/);
  assert.equal(mix.relatedLocations.length, notes.length);
  for (const result of results) assert.match(result.partialFingerprints.primaryLocationLineHash, /^[0-9a-f]{16}:1$/);
  const rule = tool.driver.rules[mix.ruleIndex];
  assert.equal(rule.properties.precision, 'high');
  assert.equal(rule.properties['security-severity'], '9.5');
});

test('GitHub is sent no more than it takes, the worst, and that some are left off', () => {
  const many = join(directory, 'many');
  mkdirSync(many);
  const container = '    - {name: a, image: "x:1", securityContext: {privileged: true}}\n';
  for (let i = 0; i < 9; ++i) writeFileSync(join(many, `p${i}.yaml`), `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n${container.repeat(3000)}`);
  const [{results, invocations}] = JSON.parse(lint(['--format', 'sarif', '--persona', 'auditor'], many).out).runs;
  assert.equal(results.length, 25_000);
  assert.ok(results.every(({level}) => level === 'error'));
  assert.match(invocations[0].toolExecutionNotifications[0].message.text, /left off/);
});

test('JUnit and checkstyle are XML, with hostile names as text', () => {
  const read = 'import sys, xml.etree.ElementTree as E\nr = E.fromstring(sys.stdin.buffer.read())\nprint(r.tag, len(list(r.iter(sys.argv[1]))), len(list(r.iter())))\nassert not any("script" in e.tag or "img" in e.tag for e in r.iter())';
  assert.match(run('python3', ['-c', read, 'testcase'], lint(['--format', 'junit'], tree).out), new RegExp(`^testsuites ${count} `));
  assert.match(run('python3', ['-c', read, 'error'], lint(['--format', 'checkstyle'], tree).out), new RegExp(`^checkstyle ${count} `));
});

test('Markdown holds no markup of a file', () => {
  const file = join(directory, 'r.md');
  writeFileSync(file, lint(['--format', 'markdown'], tree).out);
  run('node', [join(here, '../reports/check.mjs'), 'markdown', file]);
});

// docs.gitlab.com: SAST report schema 15, code quality report.
test("GitLab's reports have the fields that it asks for, and ids that stay", () => {
  const report = () => JSON.parse(lint(['--format', 'gitlab-sast'], tree).out);
  const sast = report();
  assert.match(sast.version, /^15\.\d+\.\d+$/);
  assert.deepEqual(Object.keys(sast.scan).sort(), ['analyzer', 'end_time', 'scanner', 'start_time', 'status', 'type']);
  for (const time of [sast.scan.start_time, sast.scan.end_time]) assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/);
  for (const tool of [sast.scan.analyzer, sast.scan.scanner]) assert.deepEqual(Object.keys(tool).sort(), ['id', 'name', 'vendor', 'version']);
  assert.equal(sast.vulnerabilities.length, count);
  for (const one of sast.vulnerabilities) {
    assert.match(one.id, /^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.ok(['Low', 'Medium', 'High', 'Critical'].includes(one.severity));
    assert.ok(one.location.start_line >= 1 && one.location.end_line >= one.location.start_line && one.location.file.length > 0);
    assert.ok(one.identifiers.length === 1 && one.identifiers.every(({type, name, value}) => type && name && value));
    assert.ok(one.name.length < 255 && one.description.length > 0 && one.solution.length > 0);
  }
  assert.equal(new Set(sast.vulnerabilities.map(({id}) => id)).size, count);
  assert.deepEqual(report().vulnerabilities, sast.vulnerabilities);
  const quality = JSON.parse(lint(['--format', 'gitlab-codequality'], tree).out);
  assert.equal(new Set(quality.map(({fingerprint}) => fingerprint)).size, count);
  for (const one of quality) {
    assert.ok(['info', 'minor', 'major', 'critical', 'blocker'].includes(one.severity));
    assert.ok(one.description && one.check_name && one.location.path && one.location.lines.begin >= 1);
  }
});

test('--output is the report for a machine, and the text is for whoever looks on', () => {
  const file = join(directory, 'out.sarif');
  const {code, out, err} = lint(['--format', 'sarif', '--output', file], tree);
  assert.equal(code, 1);
  assert.equal(JSON.parse(readFileSync(file, 'utf8')).version, '2.1.0');
  assert.match(out, /critical\[agent-lethal-mix\]/);
  assert.match(err, /\d+ findings \(\d+ critical, .*\) in 6 of 6 files/);
  assert.equal(lint(['--format', 'sarif', '--output', '/proc/nowhere/x'], tree).code, 125);
});

test('colours and links are for terminals; long lines are cut around the place', () => {
  assert.ok(!lint([], tree).out.includes('\u001b'));
  assert.match(lint(['--color', 'always'], tree).out, /\u001b\[1;31m/);
  assert.ok(!lint(['--color', 'always'], tree).out.includes('\u001b]8'), 'a link needs a terminal');
  const long = join(directory, 'long');
  mkdirSync(long);
  writeFileSync(join(long, 'p.yaml'), `{"apiVersion": "v1", "kind": "Pod", "a": "${'ä'.repeat(500)}", "spec": {"hostPID": true, "containers": []}}\n`);
  const lines = lint([], long).out.split('\n');
  const [line, caret] = lines.slice(1, 3);
  assert.match(line, /^ 1 \| …ä+.*"hostPID": true/);
  assert.equal([...line].slice([...caret].indexOf('^')).join('').slice(0, 4), 'true');
});
