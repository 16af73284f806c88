// The objects of a run, as the installed berm renders them, before the published schemas, the standard and the words of
// the API. Usage: BERM=…/berm node --test objects_test.mjs
import assert from 'node:assert/strict';
import {readFileSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import test from 'node:test';

import {parseAllDocuments} from 'yaml';

import {mayEnter, mayLeave} from './network.mjs';
import {restricted} from './pod_security.mjs';
import {CILIUM, FULL, PLAIN, POLICIES, makesPods, objects, podOf as wholePodOf, render} from './rendered.mjs';
import {VERSIONS, validate} from './schema.mjs';

const one = (items, kind, name) => items.find((item) => item.kind === kind && item.metadata.name.endsWith(name));
const podOf = (item) => wholePodOf(item).spec;
const podsOf = (items) => items.filter(makesPods).map(podOf);

const AGENT = {namespace: 'berm', labels: {'berm.dev/run': 'r-00000000-00000000', 'berm.dev/role': 'agent'}};
const EGRESS = {namespace: 'berm', labels: {...AGENT.labels, 'berm.dev/role': 'egress'}};
const OTHER = {namespace: 'berm', labels: {...AGENT.labels, 'berm.dev/run': 'r-other'}};

test('every object fits the published schemas of three minor versions', async (t) => {
  for (const models of Object.keys(VERSIONS)) {
    for (const [name, policy] of Object.entries(POLICIES)) {
      await t.test(`${VERSIONS[models]} ${name}`, async () => {
        for (const item of objects(policy)) {
          if (item.kind === 'Sandbox') continue;  // a custom resource
          const problems = await validate(models, item);
          // Newer than the schema, and asked for on purpose: an older server drops it.
          const known = VERSIONS[models] === '1.27' ? problems.filter((p) => !p.includes('podReplacementPolicy')) : problems;
          assert.deepEqual(known, [], `${item.kind} ${item.metadata.name}`);
        }
      });
    }
  }
});

test('the schemas find what they are for', async () => {
  for (const models of Object.keys(VERSIONS)) {
    const pod = {apiVersion: 'v1', kind: 'Pod', metadata: {name: 'a'}, spec: {containers: [{name: 'a', image: 'a'}]}};
    assert.deepEqual(await validate(models, pod), []);
    const typo = structuredClone(pod);
    typo.spec.containers[0].securityContex = {};
    assert.deepEqual(await validate(models, typo), ['.spec.containers.0.securityContex is no field']);
    const wrong = structuredClone(pod);
    wrong.spec.activeDeadlineSeconds = '5';
    delete wrong.spec.containers[0].name;
    assert.equal((await validate(models, wrong)).length, 2);
  }
});

test('every pod passes Pod Security "restricted"', () => {
  for (const [name, policy] of Object.entries(POLICIES)) {
    const pods = podsOf(objects(policy));
    assert.equal(pods.length, 2);
    for (const spec of pods) assert.deepEqual(restricted(spec), [], name);
  }
});

test('the oracle of Pod Security finds what each control forbids', () => {
  const good = podsOf(objects(PLAIN))[1];
  const broken = {
    'Host Namespaces': (s) => { s.hostPID = true; },
    'HostPath Volumes,Volume Types': (s) => { s.volumes.push({name: 'h', hostPath: {path: '/'}}); },
    'Volume Types': (s) => { s.volumes.push({name: 'n', nfs: {server: 'a', path: '/'}}); },
    'Privileged Containers': (s) => { s.containers[0].securityContext.privileged = true; },
    'Host Ports': (s) => { s.containers[0].ports[0].hostPort = 80; },
    '/proc Mount Type': (s) => { s.containers[0].securityContext.procMount = 'Unmasked'; },
    'Privilege Escalation': (s) => { delete s.containers[0].securityContext.allowPrivilegeEscalation; },
    'Running as Non-root': (s) => { delete s.securityContext.runAsNonRoot; },
    'Running as Non-root user': (s) => { s.containers[0].securityContext.runAsUser = 0; },
    'Seccomp': (s) => { delete s.securityContext.seccompProfile; },
    'AppArmor': (s) => { s.containers[0].securityContext.appArmorProfile = {type: 'Unconfined'}; },
    'SELinux': (s) => { s.securityContext.seLinuxOptions = {type: 'spc_t'}; },
    'Sysctls': (s) => { s.securityContext.sysctls = [{name: 'kernel.msgmax', value: '1'}]; },
    'Capabilities': (s) => { s.containers[0].securityContext.capabilities.drop = ['NET_RAW']; },
    'Capabilities (baseline)': (s) => { s.containers[0].securityContext.capabilities.add = ['SYS_ADMIN']; },
    'Host Probes / Lifecycle Hooks': (s) => { s.containers[0].livenessProbe = {tcpSocket: {host: '10.0.0.1', port: 1}}; },
  };
  for (const [control, breakIt] of Object.entries(broken)) {
    const spec = structuredClone(good);
    breakIt(spec);
    assert.deepEqual(restricted(spec), control.split(','), control);
  }
  for (const where of ['initContainers', 'ephemeralContainers']) {
    const spec = structuredClone(good);
    spec[where] = [{name: 'x', image: 'x'}];
    assert.deepEqual(restricted(spec), ['Capabilities', 'Privilege Escalation'], where);
  }
});

test('nothing leaves the agent\'s pod, and only its egress pod enters it', () => {
  const policies = objects(FULL.replace('namespace = "agents"', 'namespace = "berm"')).filter((item) => item.kind === 'NetworkPolicy');
  const resolver = {labels: {'k8s-app': 'kube-dns'}, namespace: 'kube-system', namespaceLabels: {'kubernetes.io/metadata.name': 'kube-system'}};
  for (const to of [EGRESS, OTHER, resolver, {address: '1.1.1.1'}, {address: '169.254.169.254'}, {address: '2606:4700::1'}]) {
    for (const port of [53, 80, 443, 7443, 7444]) assert.ok(!mayLeave(policies, AGENT, to, port), JSON.stringify(to));
  }
  assert.ok(!mayLeave(policies, AGENT, resolver, 53, 'UDP'));
  assert.ok(mayEnter(policies, AGENT, EGRESS, 7443));
  for (const [from, port] of [[EGRESS, 22], [OTHER, 7443], [{...EGRESS, namespace: 'elsewhere'}, 7443], [{address: '10.0.0.1'}, 7443]]) {
    assert.ok(!mayEnter(policies, AGENT, from, port), JSON.stringify(from));
  }
  // The control: without a policy everything passes, by the same words.
  assert.ok(mayLeave([], AGENT, {address: '169.254.169.254'}, 80));
});

test('the egress pod reaches what is granted, at its ports, and no private address that is not', () => {
  const policies = objects(FULL.replace('namespace = "agents"', 'namespace = "berm"')).filter((item) => item.kind === 'NetworkPolicy');
  const may = (address, port, protocol) => mayLeave(policies, EGRESS, {address}, port, protocol);
  assert.ok(mayLeave(policies, EGRESS, AGENT, 7443));
  assert.ok(!mayLeave(policies, EGRESS, OTHER, 7443));
  for (const [address, port] of [['1.1.1.1', 443], ['1.1.1.1', 80], ['1.1.1.1', 8443], ['2606:4700::1', 443], ['10.2.3.4', 5432],
    ['192.0.2.7', 22], ['172.16.0.9', 5432]]) assert.ok(may(address, port), `${address}:${port}`);
  for (const [address, port] of [['1.1.1.1', 22], ['169.254.169.254', 80], ['10.2.3.4', 443], ['10.9.9.9', 80], ['127.0.0.1', 443],
    ['192.168.1.1', 443], ['fd00::1', 443], ['fe80::1', 80], ['2001:db8::1', 443]]) assert.ok(!may(address, port), `${address}:${port}`);
  assert.ok(!may('1.1.1.1', 443, 'UDP'));
  for (const from of [AGENT, OTHER, {address: '10.0.0.1'}]) assert.ok(!mayEnter(policies, EGRESS, from, 7444));
});

test('a run without a network has no way out but to its agent', () => {
  const policies = objects(PLAIN).filter((item) => item.kind === 'NetworkPolicy');
  assert.deepEqual(one(policies, 'NetworkPolicy', '-egress').spec.egress.length, 1);
  assert.ok(mayLeave(policies, EGRESS, AGENT, 7443));
});

test('with Cilium the names are held, and no other policy allows every address', () => {
  const items = objects(CILIUM);
  const policies = items.filter((item) => item.kind === 'NetworkPolicy');
  assert.ok(!mayLeave(policies, EGRESS, {address: '1.1.1.1'}, 443));
  const rules = one(items, 'CiliumNetworkPolicy', '-egress-names').spec.egress;
  assert.deepEqual(rules.map((rule) => rule.toFQDNs?.[0]), [{matchPattern: '*.example.org'}, {matchName: 'example.com'}, undefined]);
  assert.deepEqual(rules.at(-1).toPorts[0].rules.dns, [{matchPattern: '*.example.org'}, {matchName: 'example.com'}]);
});

test('credentials are the egress pod\'s, and no pod has a token of the cluster', () => {
  for (const policy of Object.values(POLICIES)) {
    const items = objects(policy);
    const [egress, agent] = podsOf(items);
    const secretsOf = (spec) => spec.volumes.flatMap((volume) => volume.secret?.secretName ?? []);
    assert.deepEqual(secretsOf(agent), ['berm-r-00000000-00000000-agent']);
    assert.deepEqual(secretsOf(egress), ['berm-r-00000000-00000000-egress']);
    assert.deepEqual(Object.keys(one(items, 'Secret', '-agent').data), ['ca.crt', 'tls.crt', 'tls.key']);
    for (const spec of [egress, agent]) {
      assert.equal(spec.automountServiceAccountToken, false);
      assert.equal(spec.enableServiceLinks, false);
      assert.ok(!JSON.stringify(spec).includes('secretKeyRef'));
    }
    assert.equal(one(items, 'ServiceAccount', '').automountServiceAccountToken, false);
  }
});

test('what bounds a run is the policy\'s', () => {
  const items = objects(FULL + '[limits]\nmemory = "2GiB"\ncpus = 1.5\ntime = "10m"\ndisk = "1GiB"\n');
  const job = one(items, 'Job', '-agent');
  const agent = podOf(job);
  assert.deepEqual(agent.containers[0].resources.requests, agent.containers[0].resources.limits);
  assert.equal(agent.containers[0].resources.limits.cpu, '1500m');
  // berm's own part beside the agent's.
  assert.equal(agent.containers[0].resources.limits.memory, String(2 ** 31 + 2 ** 27));
  assert.equal(job.spec.activeDeadlineSeconds, 25 * 60);
  assert.ok(podOf(one(items, 'Pod', '-egress')).activeDeadlineSeconds > job.spec.activeDeadlineSeconds);
  assert.equal(job.spec.suspend, true);
  assert.equal(job.spec.backoffLimit, 0);
  assert.equal(job.spec.ttlSecondsAfterFinished, 3600);
  assert.equal(job.metadata.labels['kueue.x-k8s.io/queue-name'], 'team-a');
  assert.equal(agent.hostUsers, false);
  assert.equal(agent.runtimeClassName, 'gvisor');
  assert.equal(podOf(one(items, 'Pod', '-egress')).runtimeClassName, undefined);
  assert.deepEqual(agent.nodeSelector, {pool: 'agents'});
  assert.deepEqual(agent.securityContext.seccompProfile, {type: 'Localhost', localhostProfile: 'profiles/berm.json'});
  assert.equal(agent.initContainers[0].image, 'registry.example/berm:1');
  assert.equal(agent.dnsPolicy, 'None');
});

test('a cluster that no plan can be made for is refused with its fix', () => {
  for (const [policy, words] of [
    ['', 'choose an image'], ['[kubernetes]\nimage = "a b"\n', 'is no image'], ['[kubernetes]\nimage = "a"\nnamespace = "A"\n', 'no name of an object'],
    ['[kubernetes]\nimage = "a"\nseccomp = "Unconfined"\n', 'neither RuntimeDefault'],
    ['[kubernetes]\nimage = "a"\nseccomp = "../x"\n', 'neither RuntimeDefault'],
    ['[kubernetes]\nimage = "a"\nprivileged = true\n', 'privileged'],
    [PLAIN + '[files]\nread = ["/srv"]\n', 'a path of this host'], [PLAIN + '[workspace]\nmode = "direct"\n', 'travels there as a copy'],
  ]) {
    const done = render(policy);
    assert.ok(done.status === 125 || done.status === 2, `${policy}: ${done.status}`);
    assert.ok(done.stderr.includes(words), done.stderr);
    assert.equal(done.stdout, '');
  }
});

test('YAML and JSON are the same objects', () => {
  const done = render(FULL);
  assert.equal(done.status, 0, done.stderr);
  for (const version of ['1.1', '1.2']) {
    const documents = parseAllDocuments(done.stdout, {version});
    for (const document of documents) assert.deepEqual(document.errors, []);
    assert.deepEqual(documents.map((document) => document.toJS()), objects(FULL), version);
  }
});

test('the same plan gives the same objects', () => {
  for (const [name, policy] of Object.entries(POLICIES)) {
    const file = join(import.meta.dirname, 'golden', `${name.toLowerCase()}.yaml`);
    const text = render(policy).stdout.replace(/sha256:[0-9a-f]{64}/, 'sha256:…');
    if (process.env.BERM_UPDATE_GOLDEN) writeFileSync(file, text);
    assert.equal(text, readFileSync(file, 'utf8'), `${file}: BERM_UPDATE_GOLDEN=1 writes it anew`);
  }
});
