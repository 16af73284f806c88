// `berm lint` on its fixtures: RULE.bad* is found by RULE on exactly the lines that end with "# !RULE", RULE.good* on none;
// every format; exit codes; fixes; hostile files. Usage: BERM=…/berm node --test lint_test.mjs
import assert from 'node:assert/strict';
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, symlinkSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';
import test from 'node:test';

import {CILIUM, FULL, PLAIN, SANDBOX, objects} from '../kubernetes/rendered.mjs';

const here = import.meta.dirname;
const directory = mkdtempSync(join(tmpdir(), 'berm-lint-'));
process.on('exit', () => rmSync(directory, {recursive: true, force: true}));

const lint = (words, {input, cwd = directory} = {}) => {
  const done = spawnSync(process.env.BERM, ['lint', ...words], {cwd, input, encoding: 'utf8', timeout: 20_000, maxBuffer: 1 << 28, env: {PATH: process.env.PATH, HOME: directory}});
  return {code: done.status, out: done.stdout, err: done.stderr};
};
const json = (words, options) => JSON.parse(lint([...words, '--json'], options).out);
const rules = lint(['--rules']).out.trim().split('\n').map((line) => line.split(' ')[0]);
const RULE = /(?:^|\/)([a-z0-9-]+)\.(bad|good)(?:\.|$)/;
// A file, known by what is in it, or a tree, known by its names: trees/RULE.bad/.gitlab-ci.yml.
const fixtures = [
  ...['github', 'k8s'].flatMap((folder) => readdirSync(join(here, folder), {recursive: true}).map((name) => `${folder}/${name}`).filter((name) => RULE.test(name) && /\.[a-z]+$/.test(name) && !/\.(bad|good)$/.test(name))),
  ...readdirSync(join(here, 'trees')).map((name) => `trees/${name}`),
].sort();

// What only a pedant or an auditor is told.
const QUIET = new Set(lint(['--rules']).out.trim().split('\n').filter((line) => /\((pedantic|auditor)\)/.test(line)).map((line) => line.split(' ')[0]));

let copies = 0;
/** The fixture without its marks, and which lines they were on. */
function unmarked(name) {
  const place = join(directory, `${++copies}`);
  const expected = [];
  const from = join(here, name);
  const names = name.startsWith('trees/') ? readdirSync(from, {recursive: true, withFileTypes: true}).filter((one) => one.isFile()).map((one) => relative(from, join(one.parentPath, one.name))) : [''];
  for (const inner of names) {
    const lines = readFileSync(join(from, inner), 'utf8').split('\n').map((line, at) => {
      const mark = /\s+(?:#|\/\/|<!--)((?: ![a-z0-9-]+)+)(?: -->)?$/.exec(line);
      if (mark === null) return line;
      for (const rule of mark[1].trim().split(' ')) expected.push({rule: rule.slice(1), line: at + 1, file: inner});
      return line.slice(0, mark.index);
    });
    // Workflows are known by where they are.
    const file = inner !== '' ? join(place, inner) : join(place, name.startsWith('github/') ? '.github/workflows' : '', name.split('/').at(-1));
    mkdirSync(dirname(file), {recursive: true});
    writeFileSync(file, lines.join('\n'));
    if (names.length === 1) return {place, file, expected};
  }
  return {place, file: place, expected};
}

test('every rule has a fixture that it finds and one that it does not', () => {
  assert.ok(rules.length >= 60);
  for (const rule of rules) {
    for (const kind of ['bad', 'good']) assert.ok(fixtures.some((name) => RULE.exec(name)[1] === rule && RULE.exec(name)[2] === kind), `${rule} has no ${kind} fixture`);
  }
});

const places = (findings) => findings.map(({file, line}) => `${file}:${line}`).sort();
for (const name of fixtures) {
  test(`fixture ${name}`, () => {
    const [, rule, kind] = RULE.exec(name);
    const {place, expected} = unmarked(name);
    const persona = kind === 'good' || QUIET.has(rule) ? 'auditor' : 'regular';
    const found = json(['.', '--no-config', '--persona', persona], {cwd: place}).findings.filter((one) => one.rule === rule);
    const file = (one) => name.startsWith('trees/') ? one.file : one.file.slice(one.file.lastIndexOf('/') + 1);
    const wanted = expected.filter((one) => one.rule === rule).map((one) => ({...one, file: name.startsWith('trees/') ? one.file : name.split('/').at(-1)}));
    assert.deepEqual(places(found.map((one) => ({...one, file: file(one)}))), places(wanted));
    if (kind === 'bad') assert.ok(found.length > 0);
  });
}

test('what a fix says it mends is mended, and the file is still what it was', () => {
  for (const name of fixtures.filter((one) => RULE.exec(one)[2] === 'bad' && !one.includes('unreadable') && !one.startsWith('trees/'))) {
    const {file} = unmarked(name);
    const before = readFileSync(file, 'utf8');
    const fixable = json([file]).findings.filter(({fix}) => fix !== null).map(({rule}) => rule);
    const done = lint([file, '--fix', 'unsafe', '--fail-on', 'never']);
    assert.equal(done.code, 0, done.err);
    const left = json([file]).findings;
    assert.deepEqual(left.filter(({fix}) => fix !== null), [], `${name}: ${fixable}`);
    assert.deepEqual(left.filter(({rule}) => rule === 'unreadable' && name.indexOf('unreadable') < 0), [], name);
    // Comments and everything that was not mended are as they were.
    const kept = new Set(readFileSync(file, 'utf8').split('\n').map((line) => line.trim()));
    for (const line of before.split('\n')) if (line.includes('#')) assert.ok(kept.has(line.trim()) || fixable.length > 0, line);
    assert.equal(lint([file, '--fix', 'safe', '--fail-on', 'never']).code, 0);
  }
});

const bad = unmarked('k8s/k8s-rbac.bad.yaml').file;

test('text, JSON and workflow commands say the same; no byte of a file steers a terminal or a runner', () => {
  const file = join(directory, 'evil%\n,a.yaml');
  writeFileSync(file, 'apiVersion: v1\nkind: Pod\nmetadata: {name: "x\\e[31m\\r\\n::set-output name=a::b"}\nspec:\n  hostPID: true\n  containers: []\n');
  const findings = json([file]).findings;
  assert.equal(findings.length, 1);
  for (const format of ['text', 'github', 'json', 'sarif']) {
    const {out} = lint([file, '--format', format]);
    assert.ok(!/[\u001b\r]/.test(out), format);
    assert.ok(!/^::set-output/m.test(out), format);
    assert.match(out, /k8s-host-namespace/);
  }
  assert.equal(lint([file, '--format', 'github']).out.trim().split('\n').length, 1);
});

test('exit codes are those of --fail-on; wrong use is told', () => {
  const medium = unmarked('k8s/k8s-limits.bad.yaml').file;
  assert.equal(lint([medium]).code, 1);
  assert.equal(lint([medium, '--fail-on', 'critical']).code, 0);
  assert.equal(lint([bad, '--fail-on', 'critical']).code, 1);
  assert.equal(lint([bad, '--fail-on', 'never']).code, 0);
  assert.equal(lint([bad, '--fail-on', 'worst']).code, 2);
  const none = lint(['nowhere.yaml']);
  assert.equal(none.code, 125);
  assert.match(none.err, /cannot read 'nowhere.yaml': No such file/);
  const rule = lint(['--explain', 'k8s-rbak']);
  assert.equal(rule.code, 2);
  assert.match(rule.err, /did you mean 'k8s-rbac'/);
  for (const one of rules) assert.match(lint(['--explain', one]).out, /^## [\s\S]*Instead of[\s\S]*Fix: /);
});

test('a baseline hides what is known and nothing else', () => {
  const known = join(directory, 'known.json');
  assert.equal(lint([bad, '--write-baseline', known]).code, 0);
  const after = json([bad, '--baseline', known]);
  assert.deepEqual(after.findings, []);
  assert.ok(after.known > 4);
  writeFileSync(bad, `${readFileSync(bad, 'utf8')}---\napiVersion: v1\nkind: Pod\nmetadata: {name: new}\nspec: {hostIPC: true, containers: []}\n`);
  assert.deepEqual(json([bad, '--baseline', known]).findings.map(({rule}) => rule), ['k8s-host-namespace']);
  writeFileSync(known, '[]');
  assert.equal(lint([bad, '--baseline', known]).code, 2);
});

test('[lint] of berm.toml is how a repository is looked at; a flag wins; a wrong one is refused', () => {
  const tree = join(directory, 'configured');
  mkdirSync(join(tree, 'skipped'), {recursive: true});
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true, containers: []}\n';
  for (const file of ['a.yaml', 'skipped/b.yaml', 'c.yaml']) writeFileSync(join(tree, file), pod);
  const config = (text) => writeFileSync(join(tree, 'berm.toml'), text);
  config('[lint]\nexclude = ["skipped/**"]\n[[lint.allow]]\nrule = "k8s-host-namespace"\npaths = ["a.yaml"]\nreason = "the node exporter"\n[[lint.allow]]\nrule = "k8s-privileged"\nreason = "none yet"\n');
  const done = lint([], {cwd: tree});
  assert.match(done.out, /^c\.yaml:4:/);
  assert.ok(!/a\.yaml|b\.yaml/.test(done.out));
  assert.match(done.err, /1 allowed/);
  assert.match(done.err, /\[\[lint\.allow\]\] of 'k8s-privileged' allows nothing here/);
  assert.equal(json(['--no-config'], {cwd: tree}).findings.length, 3);
  config('[lint]\nfail_on = "never"\n');
  assert.equal(lint([], {cwd: tree}).code, 0);
  assert.equal(lint(['--fail-on', 'low'], {cwd: tree}).code, 1);
  config('[[lint.allow]]\nrule = "k8s-host-namespaces"\nreason = "typo"\n');
  const typo = lint([], {cwd: tree});
  assert.equal(typo.code, 125);
  assert.match(typo.err, /names 'k8s-host-namespaces', and there is no such rule/);
  config('[lint]\npersonna = "regular"\n');
  assert.match(lint([], {cwd: tree}).err, /berm\.toml:2:1: unknown key 'personna'.*\n.*personna/);
  assert.equal(lint(['--config', 'nowhere.toml'], {cwd: tree}).code, 125);
});

test('directories are looked through: not other people\'s code, no links, in order', () => {
  const tree = join(directory, 'tree');
  const pod = 'apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec: {hostPID: true, containers: []}\n';
  for (const place of ['', 'b', 'a/deep', 'node_modules/x', '.git']) mkdirSync(join(tree, place), {recursive: true});
  for (const file of ['z.yaml', 'b/1.yml', 'a/deep/p.json', 'node_modules/x/p.yaml', '.git/p.yaml', 'notes.txt']) writeFileSync(join(tree, file), file.endsWith('json') ? '{"apiVersion": "v1", "kind": "Pod", "spec": {"hostPID": true}} // x\n' : pod);
  symlinkSync('/', join(tree, 'link'));
  symlinkSync('.', join(tree, 'circle'));
  symlinkSync('z.yaml', join(tree, 'also.yaml'));
  assert.deepEqual(json([], {cwd: tree}).findings.map(({file}) => file), ['a/deep/p.json', 'b/1.yml', 'z.yaml']);
  assert.deepEqual(json(['-'], {input: pod}).findings.map(({file, line}) => [file, line]), [['-', 4]]);
});

test('whatever a file is, there is an answer', () => {
  const head = 'apiVersion: v1\nkind: Pod\n';
  const bomb = Array.from({length: 26}, (_, i) => `${String.fromCharCode(97 + i)}: &${String.fromCharCode(97 + i)} ${i === 0 ? '[x]' : `[${Array(9).fill(`*${String.fromCharCode(96 + i)}`).join(', ')}]`}`).join('\n');
  for (const [name, text] of Object.entries({
    deep: head + 'spec: ' + '['.repeat(200_000), bomb: head + bomb, cyclic: head + 'spec: &s\n  containers: [*s]\n  <<: *s\n',
    binary: Buffer.concat([Buffer.from(head), Buffer.from(Array.from({length: 5000}, (_, i) => i * 7 % 256))]),
    crlf: (head + 'spec:\n  hostPID: true\n').replaceAll('\n', '\r\n'), tabs: head + 'spec:\n\thostPID: true\n', cut: head + 'spec: {containers: [{name: "a',
    long: head + 'a: ' + 'x'.repeat(9 << 20), many: `${head}spec:\n  containers:\n${'    - {name: a, image: claude}\n'.repeat(20_000)}`,
  })) {
    const file = join(directory, `${name}.yaml`);
    writeFileSync(file, text);
    const begun = Date.now();
    const done = lint([file, '--json']);
    assert.ok(done.code === 0 || done.code === 1, `${name}: ${done.code} ${done.err}`);
    const {findings} = JSON.parse(done.out);
    if (['deep', 'tabs', 'cut'].includes(name)) assert.ok(findings.some(({rule}) => rule === 'unreadable'), name);
    if (name === 'crlf') assert.ok(findings.some(({rule, line}) => rule === 'k8s-host-namespace' && line === 4));
    assert.ok(Date.now() - begun < 20_000, name);
  }
  const huge = join(directory, 'huge.yaml');
  writeFileSync(huge, head + 'a: ' + 'x'.repeat(11 << 20));
  assert.equal(lint([huge]).code, 125);
});

test('what berm submits to a cluster, and what its chart installs, is clean', () => {
  for (const policy of [PLAIN, FULL, SANDBOX, CILIUM]) {
    const list = JSON.stringify({apiVersion: 'v1', kind: 'List', items: objects(policy)}, null, 2);
    const found = json(['-', '--persona', 'auditor'], {input: list}).findings;
    // A tag is the user's to pin.
    assert.deepEqual(found.filter(({rule}) => rule !== 'k8s-unpinned-image').map(({rule, message}) => [rule, message]), []);
  }
  assert.deepEqual(json([join(here, '../../packaging'), '--persona', 'auditor']).findings, []);
});

test('docs/lint-rules.md is what --explain says', () => {
  const file = join(here, '../../docs/lint-rules.md');
  const text = `# Rules of berm lint\n\nMade from the rules themselves (\`berm lint --explain RULE\`); how to use them: [berm lint](lint.md).\n\n${rules.map((rule) => lint(['--explain', rule]).out).join('\n')}`;
  if (process.env.BERM_UPDATE_GOLDEN !== undefined) writeFileSync(file, text);
  assert.equal(readFileSync(file, 'utf8'), text, 'BERM_UPDATE_GOLDEN=1 writes it anew');
});
