// berm's objects for a policy: what the installed program prints.
import {execFileSync, spawnSync} from 'node:child_process';
import {mkdirSync, mkdtempSync, writeFileSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';

const work = mkdtempSync(join(tmpdir(), 'berm-objects-'));
const repository = join(work, 'repository');
mkdirSync(repository);
const git = (...words) => execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@a.example', ...words], {cwd: repository});
git('init', '-q');
git('commit', '-q', '--allow-empty', '-m', 'first');

export function render(policy, ...options) {
  const file = join(work, 'policy.toml');
  writeFileSync(file, policy);
  return spawnSync(process.env.BERM, ['render', 'kubernetes', '--policy', file, ...options, '--', 'make', 'test'],
    {cwd: repository, encoding: 'utf8', env: {...process.env, XDG_STATE_HOME: join(work, 'state'), HOME: work}});
}

export function objects(policy) {
  const done = render(policy, '--json');
  if (done.status !== 0) throw new Error(done.stderr);
  return JSON.parse(done.stdout).items;
}

export const PLAIN = '[kubernetes]\nimage = "tools@sha256:00"\n';
export const FULL = `[kubernetes]
namespace = "agents"
image = "registry.example/tools:1"
berm_image = "registry.example/berm:1"
pull_secrets = ["pull"]
runtime_class = "gvisor"
priority_class = "low"
queue = "team-a"
seccomp = "profiles/berm.json"
user_namespaces = true
keep = "1h"
[kubernetes.node_selector]
pool = "agents"
[network]
allow = ["example.com", "**.example.org:8443", "10.2.0.0/16:5432", "192.0.2.7:22"]
internal = ["db.example.com:5432"]
`;
export const SANDBOX = PLAIN + 'workload = "sandbox"\n';
export const CILIUM = '[kubernetes]\nimage = "a"\ncilium = true\n[network]\nallow = ["example.com", "*.example.org:8443"]\n';
export const POLICIES = {PLAIN, FULL, SANDBOX};

/** The pod that an object makes, as the API server sees it. */
export function podOf(item) {
  const template = item.spec.template ?? item.spec.podTemplate;
  return template === undefined ? item : {metadata: {...template.metadata, name: item.metadata.name, namespace: item.metadata.namespace}, spec: template.spec};
}
export const makesPods = (item) => ['Pod', 'Job', 'Sandbox'].includes(item.kind);
