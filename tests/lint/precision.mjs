// Precision and recall of `berm lint` on a corpus whose files say themselves what is wrong with them: a line that ends with "# !RULE" must be
// found by RULE, and nothing else may be found. Usage: BERM=…/berm node precision.mjs [--least 0.95] [DIRECTORY]
import {spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {dirname, join, relative} from 'node:path';

const words = process.argv.slice(2);
const least = words[0] === '--least' ? Number(words.splice(0, 2)[1]) : 0;
const corpus = words[0] ?? join(import.meta.dirname, 'corpus');
const MARK = /\s+(?:#|\/\/|<!--)((?: !\s?[a-z0-9-]+)+)(?: -->)?$/;

/** A folder without its marks, and what they said. */
function unmarked(from, to) {
  const labels = [];
  for (const entry of readdirSync(from, {recursive: true, withFileTypes: true})) {
    if (!entry.isFile()) continue;
    const name = relative(from, join(entry.parentPath, entry.name));
    const lines = readFileSync(join(from, name), 'utf8').split('\n').map((line, at) => {
      const end = line.endsWith('\r') ? '\r' : '';
      const mark = MARK.exec(line.slice(0, line.length - end.length));
      if (mark === null) return line;
      for (const rule of mark[1].trim().split(/\s+/)) labels.push(`${rule.slice(1)} ${name}:${at + 1}`);
      return line.slice(0, mark.index) + end;
    });
    mkdirSync(dirname(join(to, name)), {recursive: true});
    writeFileSync(join(to, name), lines.join('\n'));
  }
  return labels;
}

const place = mkdtempSync(join(tmpdir(), 'berm-corpus-'));
process.on('exit', () => rmSync(place, {recursive: true, force: true}));
const rules = new Map();
const tally = (rule) => rules.get(rule) ?? rules.set(rule, {found: 0, wrong: 0, missed: 0}).get(rule);
const high = {found: 0, wrong: 0};
const differences = [];
let folders = 0;
let clean = 0;
for (const name of readdirSync(corpus, {withFileTypes: true}).filter((one) => one.isDirectory()).map((one) => one.name).sort()) {
  const to = join(place, name);
  mkdirSync(to);
  const labels = unmarked(join(corpus, name), to);
  const done = spawnSync(process.env.BERM, ['lint', '--json', '--no-config'], {cwd: to, encoding: 'utf8', maxBuffer: 1 << 28});
  const found = JSON.parse(done.stdout).findings;
  folders += 1;
  if (labels.length === 0) clean += 1;
  const left = [...labels];
  for (const one of found) {
    const key = `${one.rule} ${one.file}:${one.line}`;
    const at = left.indexOf(key);
    const right = at >= 0;
    if (right) left.splice(at, 1);
    tally(one.rule).found += 1;
    if (!right) tally(one.rule).wrong += 1;
    if (one.confidence === 'high') high.found += 1;
    if (one.confidence === 'high' && !right) high.wrong += 1;
    if (!right) differences.push(`not labelled: ${name}: ${key} (${one.confidence}) ${one.message}`);
  }
  for (const key of left) {
    tally(key.split(' ')[0]).missed += 1;
    differences.push(`not found:    ${name}: ${key}`);
  }
}

const ratio = (part, all) => all === 0 ? '   –' : (part / all).toFixed(2);
console.log(`${'rule'.padEnd(30)} found right precision recall`);
for (const [rule, {found, wrong, missed}] of [...rules].sort()) {
  const right = found - wrong;
  console.log(`${rule.padEnd(30)} ${String(found).padStart(5)} ${String(right).padStart(5)} ${ratio(right, found).padStart(9)} ${ratio(right, right + missed).padStart(6)}`);
}
const all = [...rules.values()].reduce((sum, one) => ({found: sum.found + one.found, wrong: sum.wrong + one.wrong, missed: sum.missed + one.missed}), {found: 0, wrong: 0, missed: 0});
const precision = (high.found - high.wrong) / Math.max(high.found, 1);
console.log(`\n${folders} folders, ${clean} of them clean; all findings: precision ${ratio(all.found - all.wrong, all.found)}, recall ${ratio(all.found - all.wrong, all.found - all.wrong + all.missed)}; of high confidence: ${high.found} findings, precision ${precision.toFixed(3)}`);
for (const line of differences) console.log(line);
process.exit(precision >= least ? 0 : 1);
