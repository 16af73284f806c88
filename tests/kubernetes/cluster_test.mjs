// What a platform team installs: the kustomize base and the Helm chart, through the real kubectl and helm, before the
// published schemas; its Role verb by verb; its admission policies, evaluated on what berm submits and on what an
// attacker with the submitter's rights would. Usage: BERM=…/berm KUBECTL=… HELM=… node --test cluster_test.mjs
import assert from 'node:assert/strict';
import {execFile, execFileSync} from 'node:child_process';
import {mkdtempSync} from 'node:fs';
import {tmpdir} from 'node:os';
import {join} from 'node:path';
import test from 'node:test';

import {parseAllDocuments} from 'yaml';

import {refusals} from './admission.mjs';
import {startDiscovery} from './discovery.mjs';
import {CILIUM, FULL, PLAIN, SANDBOX, makesPods, objects, podOf, render} from './rendered.mjs';
import {VERSIONS, validate} from './schema.mjs';

const packaging = join(import.meta.dirname, '../../packaging/kubernetes');
const read = (text) => parseAllDocuments(text).map((document) => document.toJS()).filter((object) => object !== null);
const base = read(execFileSync(process.env.KUBECTL, ['kustomize', join(packaging, 'base')], {encoding: 'utf8'}));
const chart = (...options) => read(execFileSync(process.env.HELM, ['template', 'berm', join(packaging, 'chart'), ...options],
  {encoding: 'utf8', env: {...process.env, HOME: '/nonexistent'}}));
const keyOf = (object) => `${object.kind} ${object.metadata.namespace ?? ''} ${object.metadata.name}`;
const byKey = (all) => Object.fromEntries(all.map((object) => [keyOf(object), object]));
const policiesOf = (all) => all.filter((object) => object.kind === 'ValidatingAdmissionPolicy');
const RUN = 'r-20261123-0123abcd';
const inARun = (items) => JSON.parse(JSON.stringify(items).replaceAll('r-00000000-00000000', RUN));
const PODS = {group: '', name: 'pods'};
const NETWORK = {group: 'networking.k8s.io', name: 'networkpolicies'};
const CONFIGMAPS = {group: '', name: 'configmaps'};
const CILIUM_POLICIES = {group: 'cilium.io', name: 'ciliumnetworkpolicies'};

test('the chart\'s defaults are the base', () => assert.deepEqual(byKey(chart()), byKey(base)));

test('base and chart fit the published schemas', async () => {
  for (const models of Object.keys(VERSIONS)) {
    for (const object of [...base, ...chart('--set', 'images={registry.example/a/}', '--set', 'namespace=agents')]) {
      // v1 of these is of Kubernetes 1.30.
      if (VERSIONS[models] === '1.27' && object.kind.startsWith('ValidatingAdmissionPolicy')) continue;
      assert.deepEqual(await validate(models, object), [], `${VERSIONS[models]} ${keyOf(object)}`);
    }
  }
});

test('the namespace enforces "restricted", and what no policy names reaches nobody', () => {
  const all = byKey(base);
  const labels = all['Namespace  berm'].metadata.labels;
  assert.equal(labels['pod-security.kubernetes.io/enforce'], 'restricted');
  assert.equal(labels['berm.dev/runs'], 'true');
  for (const binding of base.filter((object) => object.kind === 'ValidatingAdmissionPolicyBinding')) {
    assert.deepEqual(binding.spec.validationActions, ['Deny']);
    assert.deepEqual(binding.spec.matchResources.namespaceSelector.matchLabels, {'berm.dev/runs': 'true'});
    assert.ok(all[`ValidatingAdmissionPolicy  ${binding.spec.policyName}`]);
  }
  for (const policy of policiesOf(base)) assert.equal(policy.spec.failurePolicy, 'Fail');
  const deny = all['NetworkPolicy berm berm-default-deny'].spec;
  assert.deepEqual(deny, {podSelector: {}, policyTypes: ['Ingress', 'Egress']});
});

const role = byKey(base)['Role berm berm-submitter'];
function may(verb, resource, group = '') {
  return role.rules.some((rule) => rule.apiGroups.includes(group) && rule.resources.includes(resource) && rule.verbs.includes(verb));
}
const RESOURCES = {ConfigMap: 'configmaps', Secret: 'secrets', Service: 'services', Pod: 'pods', Job: 'jobs', Sandbox: 'sandboxes',
  NetworkPolicy: 'networkpolicies', CiliumNetworkPolicy: 'ciliumnetworkpolicies'};

test('the submitter may apply every object of a run', () => {
  for (const policy of [FULL, SANDBOX, CILIUM]) {
    for (const object of objects(policy)) {
      if (object.kind === 'ServiceAccount') continue;  // the chart's
      const group = object.apiVersion.includes('/') ? object.apiVersion.split('/')[0] : '';
      for (const verb of ['create', 'patch']) assert.ok(may(verb, RESOURCES[object.kind], group), `${verb} ${object.kind}`);
    }
  }
});

test('the submitter may do nothing else', () => {
  const needed = new Set(['configmaps: create,patch,get,list,delete', 'secrets: create,patch', 'services: create,patch',
    'pods: create,patch,get,list,watch', 'pods/log: get', 'pods/portforward: create,get', 'resourcequotas: get,list',
    'networkpolicies: create,patch', 'ciliumnetworkpolicies: create,patch', 'jobs: create,patch,get,list,watch',
    'sandboxes: create,patch,get,list,watch']);
  const given = new Set(role.rules.flatMap((rule) => rule.resources.map((resource) => `${resource}: ${rule.verbs.join(',')}`)));
  assert.deepEqual(given, needed);
  assert.ok(!JSON.stringify(role).includes('*'));
  for (const [verb, resource] of [['get', 'secrets'], ['list', 'secrets'], ['create', 'pods/exec'], ['create', 'pods/attach'], ['delete', 'pods'],
    ['patch', 'pods/ephemeralcontainers'], ['create', 'serviceaccounts/token'], ['create', 'rolebindings'], ['update', 'resourcequotas']]) {
    assert.ok(!may(verb, resource), `${verb} ${resource}`);
  }
  const binding = byKey(base)['RoleBinding berm berm-submitter'];
  assert.deepEqual(binding.subjects, [{kind: 'ServiceAccount', name: 'berm-submitter', namespace: 'berm'}]);
  assert.ok(!base.some((object) => object.kind === 'ClusterRole' || object.kind === 'ClusterRoleBinding'));
});

test('everything that berm submits is admitted', () => {
  const policies = policiesOf(base);
  for (const policy of [PLAIN, FULL, SANDBOX, CILIUM]) {
    const items = inARun(objects(policy));
    for (const item of items.filter(makesPods)) assert.deepEqual(refusals(policies, PODS, podOf(item)), [], item.metadata.name);
    for (const item of items) {
      if (item.kind === 'NetworkPolicy') assert.deepEqual(refusals(policies, NETWORK, item), []);
      if (item.kind === 'ConfigMap') assert.deepEqual(refusals(policies, CONFIGMAPS, item), []);
      if (item.kind === 'CiliumNetworkPolicy') assert.deepEqual(refusals(policies, CILIUM_POLICIES, item), []);
    }
  }
  assert.deepEqual(refusals(policies, NETWORK, byKey(base)['NetworkPolicy berm berm-default-deny']), []);
});

test('the chart lays a team\'s policy down', () => {
  const text = 'version = 1\n[limits]\ntime = "10m"\n';
  const made = byKey(chart('--set-string', `policy=${text}`))['ConfigMap berm berm-policy'];
  assert.deepEqual(made.data, {'policy.toml': text});
});

test('who submits runs does not write the team\'s policy', () => {
  const policies = policiesOf(base);
  const named = (name) => ({kind: 'ConfigMap', metadata: {name, namespace: 'berm'}, data: {}});
  const rule = ['who may only submit runs makes, changes and deletes the ConfigMaps of runs, and no other'];
  for (const name of ['berm-policy', 'other', 'berm-r-1', 'berm-r-20261122-0123abcd-x', '']) {
    assert.deepEqual(refusals(policies, CONFIGMAPS, named(name)), rule, name);
  }
  assert.deepEqual(refusals(policies, CONFIGMAPS, named('berm-r-20261122-0123abcd')), []);
  assert.deepEqual(refusals(policies, CONFIGMAPS, named('berm-policy'), ['update']), [], 'whoever administers the namespace does');
  assert.ok(!may('update', 'configmaps'));
});

test('what is no run of berm\'s is refused, each by its own rule', () => {
  const policies = policiesOf(base);
  const [egress, agent] = inARun(objects(PLAIN)).filter(makesPods).map(podOf);
  const cases = {
    'only pods of a berm run may be made here': (p) => { p.metadata.labels['berm.dev/run'] = 'r-1; drop'; },
    'a run\'s pod has the service account berm-agent, and no token': (p) => { p.spec.automountServiceAccountToken = true; },
    'a run\'s pod does not see the namespace\'s services': (p) => { delete p.spec.enableServiceLinks; },
    'nothing is added to a run\'s pod': (p) => { p.spec.ephemeralContainers = [{name: 'debug'}]; },
    'no variable of a run\'s pod comes from a secret or another object': (p) => {
      p.spec.containers[0].env.push({name: 'A', valueFrom: {secretKeyRef: {name: 'other', key: 'a'}}}); },
    'a run\'s containers have a read-only root': (p) => { p.spec.containers[0].securityContext.readOnlyRootFilesystem = false; },
    'a run\'s containers are limited in cpu, memory and ephemeral-storage': (p) => { delete p.spec.containers[0].resources.limits.memory; },
    'a run\'s pod has a deadline': (p) => { delete p.spec.activeDeadlineSeconds; },
    'an agent\'s pod resolves no names': (p) => { p.spec.dnsPolicy = 'ClusterFirst'; },
    'what runs in a run\'s pod is berm': (p) => { p.spec.containers[0].command = ['sh', '-c', 'true']; },
    'a run\'s pod mounts empty directories and the secret of its own role': (p) => {
      p.spec.volumes.push({name: 's', secret: {secretName: `berm-${RUN}-egress`}}); },
  };
  for (const [message, breakIt] of Object.entries(cases)) {
    const pod = structuredClone(agent);
    breakIt(pod);
    assert.ok(refusals(policies, PODS, pod).includes(message), message);
    assert.ok(refusals(policies, PODS, pod).length <= 2, message);  // the run's name is in that of its secret
  }
  const others = {envFrom: (p) => { p.spec.containers[0].envFrom = [{secretRef: {name: 'other'}}]; },
    account: (p) => { p.spec.serviceAccountName = 'default'; },
    claim: (p) => { p.spec.volumes.push({name: 'c', persistentVolumeClaim: {claimName: 'c'}}); },
    projected: (p) => { p.spec.volumes.push({name: 't', projected: {sources: [{serviceAccountToken: {path: 't'}}]}}); },
    labels: (p) => { delete p.metadata.labels; },
    'init container': (p) => { p.spec.initContainers = [{name: 'i', image: 'i', resources: p.spec.containers[0].resources}]; }};
  for (const [name, breakIt] of Object.entries(others)) {
    for (const from of [egress, agent]) {
      const pod = structuredClone(from);
      breakIt(pod);
      assert.notDeepEqual(refusals(policies, PODS, pod), [], name);
    }
  }
});

test('only granted images run, where the chart names them', () => {
  const policies = policiesOf(chart('--set', 'images={registry.example/}'));
  const admitted = inARun(objects(FULL)).filter(makesPods).map(podOf);
  for (const pod of admitted) assert.deepEqual(refusals(policies, PODS, pod), []);
  const [, other] = inARun(objects(PLAIN)).filter(makesPods).map(podOf);
  assert.deepEqual(refusals(policies, PODS, other), ['the image is none of those that may run here']);
  const smuggled = structuredClone(admitted[1]);
  smuggled.spec.initContainers[0].image = 'elsewhere.example/x';
  assert.deepEqual(refusals(policies, PODS, smuggled), ['the image is none of those that may run here']);
});

test('no policy of the network can be added that opens a run', () => {
  const policies = policiesOf(base);
  const [agent, egress] = inARun(objects(FULL)).filter((item) => item.kind === 'NetworkPolicy');
  const cases = [
    [agent, (p) => { p.spec.egress = [{}]; }], [agent, (p) => { p.spec.ingress = [{}]; }],
    [agent, (p) => { p.spec.ingress[0].from.push({ipBlock: {cidr: '0.0.0.0/0'}}); }],
    [agent, (p) => { p.spec.ingress[0].from[0].namespaceSelector = {}; }],
    [agent, (p) => { p.spec.ingress[0].from[0].podSelector = {}; }],
    [agent, (p) => { p.spec.ingress[0].from[0].podSelector.matchLabels['berm.dev/run'] = 'r-20261123-ffffffff'; }],
    [agent, (p) => { p.spec.podSelector = {}; }], [egress, (p) => { p.spec.podSelector = {}; }],
    [egress, (p) => { delete p.spec.podSelector.matchLabels['berm.dev/run']; }],
    [egress, (p) => { p.spec.podSelector.matchExpressions = [{key: 'a', operator: 'Exists'}]; }],
  ];
  for (const [from, breakIt] of cases) {
    const policy = structuredClone(from);
    breakIt(policy);
    assert.notDeepEqual(refusals(policies, NETWORK, policy), [], breakIt.toString());
  }
  const names = inARun(objects(CILIUM)).find((item) => item.kind === 'CiliumNetworkPolicy');
  for (const breakIt of [(p) => { p.spec.endpointSelector = {}; }, (p) => { p.spec.endpointSelector.matchLabels['berm.dev/role'] = 'agent'; },
    (p) => { p.spec.egress.push({toEntities: ['world']}); }, (p) => { p.spec.ingress = [{}]; }, (p) => { p.specs = [p.spec]; }]) {
    const policy = structuredClone(names);
    breakIt(policy);
    assert.notDeepEqual(refusals(policies, CILIUM_POLICIES, policy), [], breakIt.toString());
  }
});

function dryRun(url, text) {
  const home = mkdtempSync(join(tmpdir(), 'berm-kubectl-'));
  return new Promise((resolve) => {
    const child = execFile(process.env.KUBECTL, ['--server', url, '--cache-dir', home, 'create', '--dry-run=client', '--validate=false',
      '-o', 'json', '-f', '-'], {env: {HOME: home, PATH: process.env.PATH}},
    (error, stdout, stderr) => resolve({code: error?.code ?? 0, stdout, stderr}));
    child.stdin.end(text);
  });
}

test('kubectl reads every object as berm wrote it, in a dry run', async () => {
  const server = await startDiscovery();
  try {
    for (const policy of [PLAIN, FULL, SANDBOX, CILIUM]) {
      const done = await dryRun(server.url, render(policy).stdout);
      assert.equal(done.code, 0, done.stderr);
      const kept = JSON.parse(`[${done.stdout.replaceAll(/^\}\n\{/gm, '},\n{')}]`);  // one behind the other
      assert.deepEqual(kept, objects(policy));
    }
    const broken = await dryRun(server.url, render(PLAIN).stdout.replace('kind: "Job"', 'kind: "Jobs"'));
    assert.notEqual(broken.code, 0);
    assert.ok(broken.stderr.includes('no matches for kind "Jobs"'), broken.stderr);
    assert.deepEqual(server.refused.filter((call) => !call.startsWith('GET')), []);
  } finally {
    server.close();
  }
});
