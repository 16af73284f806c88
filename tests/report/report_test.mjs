// The report in a browser: node report_test.mjs BERM [SCREENSHOTS]. Every check has its own name; one that fails ends the run with 1.
import assert from 'node:assert/strict';
import {execFileSync} from 'node:child_process';
import {existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import {chromium} from 'playwright-core';
import {PAYLOADS, hostile} from './attacks.mjs';
import {Recorded, begin, example, finish, long} from './make_record.mjs';

const [, , berm, screenshots] = process.argv;
const browserPath = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find((path) => existsSync(path));
if (!browserPath) {
  console.error('report_test: no chromium here (apt-get install chromium)');
  process.exit(process.env.BERM_MUST_WORK === '1' ? 1 : 77);
}
const folder = mkdtempSync(join(tmpdir(), 'berm-report-'));
// Root has no sandbox in chromium; what is shown here is ours.
const browser = await chromium.launch({executablePath: browserPath, args: ['--host-resolver-rules=MAP * ~NOTFOUND', ...(process.getuid() === 0 ? ['--no-sandbox'] : [])]});

function render(name, text, diffs = '') {
  mkdirSync(join(folder, name), {recursive: true});
  const record = join(folder, name, 'record.jsonl');
  const html = join(folder, name + '.html');
  writeFileSync(record, text);
  writeFileSync(join(folder, name, 'diffs.json'), diffs);
  execFileSync(berm, ['show', record, '--html', html], {stdio: ['ignore', 'ignore', 'inherit']});
  return html;
}

// A page of which everything that it says, asks for or tries is kept.
async function open(html, options = {}) {
  const context = await browser.newContext({viewport: {width: 1360, height: 900}, ...options});
  const page = await context.newPage();
  const seen = [];
  const url = pathToFileURL(html).href;
  page.on('console', (message) => seen.push('console: ' + message.text()));
  page.on('pageerror', (error) => seen.push('error: ' + error.message));
  page.on('dialog', (dialog) => { seen.push('dialog: ' + dialog.message()); dialog.dismiss(); });
  page.on('request', (request) => { if (request.url() !== url) seen.push('request: ' + request.url()); });
  page.on('popup', () => seen.push('popup'));
  page.on('framenavigated', (frame) => { if (frame.url().split('#')[0] !== url && frame.url() !== 'about:blank') seen.push('navigation: ' + frame.url()); });
  await page.addInitScript(() => { addEventListener('securitypolicyviolation', (event) => console.log('violation: ' + event.violatedDirective)); });
  const begun = performance.now();
  await page.goto(url);
  await page.waitForSelector('html[data-ready]', {timeout: 120_000});
  return {page, seen, took: performance.now() - begun, close: () => context.close()};
}

const tests = [];
const test = (name, body) => tests.push([name, body]);
const settled = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
const shown = (page) => page.textContent('#shown');
const pixels = (page) => page.evaluate(() => document.getElementById('canvas').toDataURL());

test('a run is shown whole, without a request or a word on the console', async () => {
  const {page, seen, close} = await open(render('example', example().text(), example().diffs));
  assert.equal(await page.textContent('#verdict .big'), 'guard refused');
  assert.equal(await page.textContent('#integrity .big'), 'Record intact');
  assert.match(await page.textContent('#denials'), /allow = \["telemetry\.example\.net:443"\]/);
  assert.match(await page.textContent('#guard'), /a workflow runs with the rights of the repository/);
  assert.match(await page.textContent('#network'), /packages\.example\.com:443/);
  assert.match(await page.textContent('#changes .diff .added'), /item\.count/);
  assert.match(await page.textContent('#enforcement'), /overlay workspace/);
  assert.equal(await page.getByRole('treeitem').first().getAttribute('aria-expanded'), 'true');
  assert.deepEqual(seen, []);
  await close();
});

test('a record that was edited is said to be, at its line', async () => {
  const {page, close} = await open(render('edited', example().text().replace('cart.js', 'cart.ts')));
  assert.equal(await page.textContent('#integrity .big'), 'Record not intact');
  assert.match(await page.textContent('#integrity'), /line \d+: the hash does not fit/);
  await close();
});

test('events are narrowed by text, type, decision, source and time', async () => {
  const run = example();
  const {page, seen, close} = await open(render('filters', run.text()));
  const all = run.lines.length;
  const of = async (count) => page.waitForFunction((text) => document.getElementById('shown').textContent.startsWith(text), `${count} of ${all}`);
  const count = (wanted) => run.lines.filter((line) => wanted(JSON.parse(line))).length;
  await page.fill('#f-text', 'FORCE ORIGIN');
  await of(1);
  await page.click('.filters button[type=reset]');
  await page.selectOption('#f-type', {label: `exec (${count((event) => event.type === 'exec')})`});
  await of(count((event) => event.type === 'exec'));
  await page.selectOption('#f-decision', {index: 2});
  await of(1);
  await page.click('.filters button[type=reset]');
  await page.selectOption('#f-source', {label: `judge (${count((event) => event.source === 'judge')})`});
  await of(count((event) => event.source === 'judge'));
  await page.click('.filters button[type=reset]');
  await page.waitForFunction((text) => document.getElementById('shown').textContent === text, `${all} events`);
  await page.check('#f-view');
  for (let i = 0; i < 4; ++i) await page.click('#zoom-in');
  await page.waitForFunction((text) => / of /.test(document.getElementById('shown').textContent));
  assert.deepEqual(seen, []);
  await close();
});

test('the timeline zooms and pans by wheel, drag, button and key', async () => {
  const {page, seen, close} = await open(render('zoom', example().text()));
  await page.locator('#canvas').scrollIntoViewIfNeeded();
  await settled(page);
  const whole = await pixels(page);
  const changed = async (act, what) => {
    const before = await pixels(page);
    await act();
    await settled(page);
    assert.notEqual(await pixels(page), before, what);
  };
  await changed(() => page.click('#zoom-in'), 'button');
  await changed(() => page.locator('#canvas').press('+'), 'key +');
  await changed(() => page.locator('#canvas').press('ArrowRight'), 'arrow');
  const box = await page.locator('#canvas').boundingBox();
  await page.mouse.move(box.x + 600, box.y + 60);
  await changed(() => page.mouse.wheel(0, -300), 'wheel');
  await changed(async () => { await page.mouse.down(); await page.mouse.move(box.x + 500, box.y + 60, {steps: 4}); await page.mouse.up(); }, 'drag');
  await page.locator('#canvas').press('Home');
  await settled(page);
  assert.equal(await pixels(page), whole, 'Home shows the whole run again');
  await changed(() => page.locator('#canvas').press('ArrowDown'), 'step');
  assert.match(await page.textContent('#told'), /run\.start/);
  assert.match(await page.textContent('#details h3'), /run\.start/);
  assert.deepEqual(seen, []);
  await close();
});

test('keys alone reach and work everything', async () => {
  const {page, close} = await open(render('keys', example().text()));
  const reached = new Set();
  for (let i = 0; i < 90; ++i) {
    await page.keyboard.press('Tab');
    const at = await page.evaluate(() => {
      const now = document.activeElement;
      const ring = getComputedStyle(now);
      return {name: now.id || now.getAttribute('aria-label') || now.textContent.slice(0, 20), ring: ring.outlineStyle !== 'none' && parseFloat(ring.outlineWidth) > 0, body: now === document.body};
    });
    if (at.body) break;
    assert.ok(at.ring, `${at.name} shows that it has the focus`);
    reached.add(at.name);
  }
  for (const name of ['theme', 'canvas', 'Activity', 'Events', 'f-text', 'f-type', 'details', 'zoom-in']) assert.ok(reached.has(name), name);
  const tree = page.getByRole('tree');
  const rows = async () => page.evaluate(() => document.querySelectorAll('#tree .row').length);
  await tree.focus();
  const before = await rows();
  await tree.press('Home');
  await tree.press('ArrowLeft');
  assert.ok(await rows() < before, 'folded');
  await tree.press('ArrowRight');
  assert.equal(await rows(), before, 'unfolded');
  const list = page.getByRole('listbox');
  await list.focus();
  await list.press('End');
  assert.match(await page.textContent('#details h3'), /checkpoint/);
  assert.match(await list.getAttribute('aria-activedescendant'), /^event-\d+$/);
  await close();
});

test('dark and light, by the system and by hand', async () => {
  const html = render('themes', example().text());
  for (const colorScheme of ['light', 'dark']) {
    const {page, seen, close} = await open(html, {colorScheme});
    const background = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    const first = await background();
    assert.equal(await page.getAttribute('html', 'data-theme'), colorScheme);
    if (screenshots) await page.screenshot({path: join(screenshots, `report-${colorScheme}.png`), fullPage: true});
    await page.click('#theme');
    assert.notEqual(await background(), first);
    assert.deepEqual(seen, []);
    await close();
  }
});

test('on paper every event stands, and no control', async () => {
  const {page, close} = await open(render('print', example().text()));
  await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
  await page.emulateMedia({media: 'print'});
  assert.equal(await page.locator('#list .row').count(), example().lines.length);
  assert.equal(await page.locator('nav').isVisible(), false);
  assert.equal(await page.locator('.filters').isVisible(), false);
  await close();
});

// These act by themselves wherever markup is made of text: else that nothing happens below would say nothing.
test('the attacks are attacks', async () => {
  const context = await browser.newContext();
  await context.route('**', (route) => route.abort());
  const acting = PAYLOADS.filter((payload) => /^(<script>|<img src=x onerror|"><img|'><img|<audio src=x|<iframe srcdoc)/.test(payload));
  assert.equal(acting.length, 6);
  for (const payload of acting) {
    const page = await context.newPage();
    await page.evaluate((text) => {
      const box = document.createElement('div');
      document.body.append(box);
      box.innerHTML = text;
      // A parser runs scripts, innerHTML does not.
      for (const made of box.querySelectorAll('script')) {
        const again = document.createElement('script');
        again.textContent = made.textContent;
        made.replaceWith(again);
      }
    }, payload);
    await page.waitForFunction(() => window.pwned === 1);
    await page.close();
  }
  await context.close();
});

test('no text of a record is ever more than text', async () => {
  assert.ok(PAYLOADS.length >= 40);
  for (const [name, text, diffs] of hostile()) {
    const {page, seen, close} = await open(render('hostile-' + name, text, diffs));
    const elements = () => page.evaluate(() => [...document.querySelectorAll('script, iframe, img, svg, object, embed, link, base, style, form, video, audio, math, template')].map((one) => one.localName).join());
    const before = await elements();
    await page.click('#unfold');
    await page.getByRole('listbox').focus();
    await page.keyboard.press('Home');
    for (let i = 0; i < 60; ++i) await page.keyboard.press('ArrowDown');
    await page.getByRole('tree').focus().catch(() => {});
    for (let i = 0; i < 30; ++i) await page.keyboard.press('ArrowDown');
    for (const link of (await page.locator('button.link').all()).slice(0, 8)) await link.click();
    await page.evaluate(() => { for (const closed of document.querySelectorAll('#changes details')) closed.open = true; });
    await page.locator('#canvas').focus();
    for (let i = 0; i < 20; ++i) await page.keyboard.press('ArrowDown');
    const box = await page.locator('#canvas').boundingBox();
    for (let x = 120; x < box.width; x += 60) await page.mouse.move(box.x + x, box.y + 40);
    await page.evaluate(() => window.dispatchEvent(new Event('beforeprint')));
    await settled(page);
    assert.deepEqual(seen, [], name);
    assert.equal(await page.evaluate(() => window.pwned), undefined, name);
    assert.equal(await elements(), before, name + ': an element was made of text');
    assert.equal(before, 'style,form,script,script,script', name);
    assert.match(await page.textContent('main'), /pwned/, 'the attack is shown as what it is');
    assert.equal(await page.evaluate(() => [...document.querySelectorAll('*')].some((one) => [...one.attributes].some((attribute) => attribute.name.startsWith('on')))), false);
    await close();
  }
});

test('a hundred thousand events', async () => {
  const {page, seen, took, close} = await open(render('long', long(100_000).text()));
  assert.match(await shown(page), /100,00\d events/);
  assert.ok(await page.locator('#list .row').count() < 100, 'only what is visible exists');
  const frames = await page.evaluate(async () => {
    const canvas = document.getElementById('canvas');
    const begun = performance.now();
    for (let i = 0; i < 30; ++i) {
      canvas.dispatchEvent(new KeyboardEvent('keydown', {key: i % 10 === 9 ? 'Home' : i % 3 ? '+' : 'ArrowRight'}));
      await new Promise((done) => requestAnimationFrame(done));
    }
    return (performance.now() - begun) / 30;
  });
  const begun = performance.now();
  await page.fill('#f-text', 'part77');
  await page.waitForFunction(() => / of /.test(document.getElementById('shown').textContent));
  console.log(`  100,000 events: shown after ${Math.round(took)} ms, ${frames.toFixed(1)} ms a frame of the timeline, narrowed by text in ${Math.round(performance.now() - begun)} ms`);
  await page.getByRole('listbox').focus();
  await page.keyboard.press('End');
  assert.match(await page.textContent('#details'), /part77/);
  assert.deepEqual(seen, []);
  await close();
});

test('an empty record and one that is no record are shown as that', async () => {
  for (const [name, text] of [['empty', ''], ['noise', 'x\n{"type":5}\n{"data":[[1]],"mono":"x"}\n'], ['bare', finish(begin(new Recorded()), [], [], 'success', 0, []).lines.slice(0, 3).join('\n') + '\n']]) {
    const {page, seen, close} = await open(render(name, text));
    assert.notEqual(await page.textContent('#integrity .big'), 'Record intact');
    assert.equal(await page.locator('.notice.bad').count(), 0, 'no part of the page failed');
    assert.deepEqual(seen, [], name);
    await close();
  }
});

let failed = 0;
for (const [name, body] of tests) {
  try {
    await body();
    console.log('ok      ' + name);
  } catch (error) {
    ++failed;
    console.log('FAILED  ' + name + '\n' + error.stack);
  }
}
await browser.close();
rmSync(folder, {recursive: true, force: true});
console.log(`${tests.length - failed} of ${tests.length} passed`);
process.exit(failed === 0 ? 0 : 1);
