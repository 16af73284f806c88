// What a hostile agent would like a reader's browser to do, and records that are made of it.
import {Recorded, diffed, example} from './make_record.mjs';

const act = 'window.pwned=1';
export const PAYLOADS = [
  `<script>${act}</script>`, `</script><script>${act}</script>`, `</ScRiPt ><ScRiPt>${act}</sCrIpT>`, `<!--<script>${act}</script>-->`, `<!--<script>${act}`, `--><script>${act}</script>`, `--!><script>${act}</script>`,
  `<img src=x onerror=${act}>`, `"><img src=x onerror="${act}">`, `'><img src=x onerror='${act}'>`, `<img src="x\`" onerror=${act}>`, `<image href=x onerror=${act}>`, `<svg onload=${act}>`, `<svg><script>${act}</script></svg>`,
  `<svg><animate onbegin=${act} attributeName=x dur=1s>`, `<svg><style><img src=x onerror=${act}></style>`, `<math><mtext><table><mglyph><style><img src=x onerror=${act}>`, `<body onload=${act}>`, `<input autofocus onfocus=${act}>`,
  `<select autofocus onfocus=${act}>`, `<textarea autofocus onfocus=${act}>`, `<details open ontoggle=${act}>`, `<video><source onerror=${act}></video>`, `<audio src=x onerror=${act}>`, `<iframe srcdoc="<script>parent.pwned=1</script>"></iframe>`,
  `<iframe src="javascript:parent.pwned=1"></iframe>`, `<object data="javascript:${act}">`, `<embed src="javascript:${act}">`, `<a href="javascript:${act}" autofocus>x</a>`, `javascript:${act}`, `data:text/html,<script>opener.pwned=1</script>`,
  `<meta http-equiv=refresh content="0;url=javascript:${act}">`, `<meta http-equiv="refresh" content="0;url=https://pwned.example/">`, `<base href="https://pwned.example/">`, `<link rel=stylesheet href="https://pwned.example/x.css">`, `<link rel=prefetch href="https://pwned.example/">`,
  `<style>@import "https://pwned.example/x.css";</style>`, `</style><script>${act}</script>`, `</title><script>${act}</script>`, `</noscript><script>${act}</script>`, `</textarea><script>${act}</script>`, `<template><script>${act}</script></template>`,
  `<form action="https://pwned.example/"><button autofocus>`, `<marquee onstart=${act}>`, `<x onfocusin=${act} tabindex=1 autofocus>`, `";${act};//`, `';${act};//`, `\`;${act};//`, `\${${act}}`, `\\";${act};//`, `\\u003cscript\\u003e${act}\\u003c/script\\u003e`,
  `&lt;script&gt;${act}&lt;/script&gt;`, `&#60;img src=x onerror=${act}&#62;`, `\u2028${act}\u2029`, `\u0000<script>${act}</script>`, `\u001b]8;;javascript:${act}\u0007x\u001b]8;;\u0007`, `\u202e<script>${act}</script>`, `\ufeff<script>${act}</script>`,
  `{{script}}<script>${act}</script>`, `{{data}}${act}`, `__proto__ pwned`, `constructor pwned`, `]]><script>${act}</script>`, `<?xml version="1.0"?><script>${act}</script>`, `<plaintext>pwned`, `<xmp><script>${act}</script>`, `expression(${act})`, `url(javascript:${act})`,
];

// Strings anywhere in a value, each another payload; words that the report branches on stay.
function poisoned(value, next, keep) {
  if (typeof value === 'string') return keep ? value : next();
  if (Array.isArray(value)) return value.map((one) => poisoned(one, next, false));
  if (value === null || typeof value !== 'object') return value;
  const out = {};
  for (const [key, inner] of Object.entries(value)) out[key] = poisoned(inner, next, ['kind', 'decision', 'severity', 'tool_use_id', 'prompt_id'].includes(key) && next.keep);
  if (!next.keep) out[next()] = next();
  return out;
}

/// [name, text of a record, diffs]: hostile values in events of ours; hostile everything, keys and types too; each payload alone as every field.
export function hostile() {
  let at = 0;
  const records = [];
  for (const keep of [true, false]) {
    const next = () => PAYLOADS[at++ % PAYLOADS.length];
    next.keep = keep;
    const run = new Recorded(next());
    for (let round = 0; round < 4; ++round) {
      for (const line of example().lines) {
        const event = JSON.parse(line);
        run.mono += 10_000_000;
        run.add(keep ? event.type : next(), poisoned(event.data, next, false), next());
      }
    }
    records.push([keep ? 'values' : 'everything', run.text()]);
  }
  const run = new Recorded(PAYLOADS[1]);
  for (const payload of PAYLOADS) {
    run.add('exec', {pid: run.pid++, ppid: 1, executable: payload, argv: [payload], cwd: payload, decision: 'deny', rule: payload, reason: payload});
    run.add('net.denied', {host: payload, port: 443, via: payload, rule: payload, reason: payload}, payload);
    run.add('tool.call', {kind: 'before-tool', tool: payload, tool_use_id: payload, prompt_id: payload, input: JSON.stringify({command: payload}), decision: 'deny', rule: payload, reason: payload}, 'judge');
    run.add(payload, {[payload]: payload, nested: {[payload]: [payload, {[payload]: payload}]}});
  }
  run.add('changes', {diffs_sha256: diffed(run, Object.fromEntries(PAYLOADS.map((payload) => [payload, '+' + payload + '\n-' + payload]))), sha256: PAYLOADS[0], files: PAYLOADS.map((payload) => ({path: payload, kind: payload, type: payload, mode: payload, size: 1, sha256: payload, base_sha256: payload})), refs: PAYLOADS.map((payload) => ({name: payload, before: payload, after: payload}))});
  run.add('guard', {findings: PAYLOADS.map((payload) => ({severity: payload, rule: payload, path: payload, message: payload})), refused: true});
  run.add('verdict', {status: PAYLOADS[1], exit_code: 1, reasons: PAYLOADS});
  records.push(['fields', run.text(), run.diffs]);
  return records;
}
