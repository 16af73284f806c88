// Nodes whose pods are apart, as on a cluster: each has a network namespace behind a router that holds the run's
// NetworkPolicies by nftables, a PID namespace, a read-only root, no capability, and of the cluster's objects the secret
// that its volumes name and nothing else. Beside them the world: a resolver, and a model's API with a name of the internet.
// Needs root, nft, ip, bwrap. All of it lives in namespaces of its own and ends with this process.
import {execFileSync, spawn} from 'node:child_process';
import {chownSync, cpSync, mkdirSync, readdirSync, readlinkSync, writeFileSync} from 'node:fs';
import {join} from 'node:path';
import {Duplex} from 'node:stream';

import {Node} from './run_cluster.mjs';

const POD_UID = 65532;
export const MODEL = {name: 'api.anthropic.com', address: '93.184.216.34'};
export const OTHER = {name: 'other.example', address: '93.184.216.35'};
const RESOLVER = '10.96.0.10';
const METADATA = '169.254.169.254';

const inNetwork = (pid, ...words) => execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, ...words], {stdio: 'pipe', encoding: 'utf8'});

/** A process that holds a network namespace. */
function makeNetwork() {
  const holder = spawn('unshare', ['--net', 'sleep', 'infinity'], {stdio: 'ignore'});
  const own = () => { try { return execFileSync('readlink', [`/proc/${holder.pid}/ns/net`], {encoding: 'utf8'}); } catch { return ''; } };
  const ours = execFileSync('readlink', ['/proc/self/ns/net'], {encoding: 'utf8'});
  for (let i = 0; i < 1000 && (own() === '' || own() === ours); i += 1) execFileSync('sleep', ['0.01']);
  inNetwork(holder.pid, 'ip', 'link', 'set', 'lo', 'up');
  return holder;
}

/** The processes of a network namespace, its holder among them. */
function processesIn(holder) {
  const spaceOf = (pid) => { try { return readlinkSync(`/proc/${pid}/ns/net`); } catch { return ''; } };
  const space = spaceOf(holder);
  return space === '' ? [] : readdirSync('/proc').filter((name) => /^\d+$/.test(name) && spaceOf(name) === space).map(Number);
}

/** Who may reach whom, in nft's words: both the source's policies and the target's must let a connection pass. */
export function nftOf(policies, pods) {
  const selects = (selector, pod) => Object.entries(selector?.matchLabels ?? {}).every(([key, value]) => pod.labels[key] === value);
  const peersOf = (peer, namespace) => {
    if (peer.ipBlock !== undefined) {
      const {cidr, except = []} = peer.ipBlock;
      if (cidr.includes(':')) return [];
      return [except.length === 0 ? cidr : `${cidr} ip %S != { ${except.join(', ')} }`];
    }
    const found = pods.filter((pod) => selects(peer.podSelector, pod) && (peer.namespaceSelector === undefined ? pod.namespace === namespace
      : selects(peer.namespaceSelector, {labels: {'kubernetes.io/metadata.name': pod.namespace}})));
    return found.map((pod) => pod.address);
  };
  const rules = (direction, pod) => {
    const [list, peers, side] = direction === 'Egress' ? ['egress', 'to', 'daddr'] : ['ingress', 'from', 'saddr'];
    const mine = policies.filter((policy) => policy.metadata.namespace === pod.namespace && selects(policy.spec.podSelector, pod) && policy.spec.policyTypes.includes(direction));
    if (mine.length === 0) return undefined;
    const lines = [];
    for (const policy of mine) {
      for (const rule of policy.spec[list] ?? []) {
        const from = rule[peers] === undefined ? [''] : rule[peers].flatMap((peer) => peersOf(peer, pod.namespace)).map((text) => `ip ${side} ${text.replace('%S', side)} `);
        const ports = rule.ports === undefined ? [''] : rule.ports.map(({protocol, port}) => `${protocol.toLowerCase()} dport ${port} `);
        for (const one of from) for (const port of ports) lines.push(`    ${one}${port}return`);
      }
    }
    return [...lines, '    drop'];
  };
  const chains = [];
  const jumps = [];
  for (const pod of pods) {
    for (const [direction, side] of [['Egress', 'saddr'], ['Ingress', 'daddr']]) {
      const lines = rules(direction, pod);
      if (lines === undefined) continue;
      const name = `${direction.toLowerCase()}_${pod.address.replaceAll('.', '_')}`;
      chains.push(`  chain ${name} {\n${lines.join('\n')}\n  }`);
      jumps.push(`    ip ${side} ${pod.address} jump ${name}`);
    }
  }
  return `table inet policies\ndelete table inet policies\ntable inet policies {\n${chains.join('\n')}\n  chain forward {\n    type filter hook forward priority 0; policy accept;\n`
    + `    ct state established,related accept\n${jumps.join('\n')}\n  }\n}\n`;
}

export class NetworkNode extends Node {
  /** @param policies  of the namespace beside the run's own */
  constructor({policies = [], script, log, bundle, key, certificate}) {
    super();
    Object.assign(this, {policies, pods: [], count: 1, bundle});
    mkdirSync(join(this.directory, 'opt'));
    for (const name of ['berm', 'berm-init']) cpSync(join(this.directory, name), join(this.directory, 'opt', name));
    writeFileSync(join(this.directory, 'resolv.conf'), `nameserver ${RESOLVER}\noptions timeout:1 attempts:1\n`);
    writeFileSync(join(this.directory, 'no-resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    this.router = makeNetwork();
    for (const address of [MODEL.address, OTHER.address, RESOLVER, METADATA]) inNetwork(this.router.pid, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'lo');
    inNetwork(this.router.pid, 'sysctl', '-qw', 'net.ipv4.ip_forward=1');
    // What lies behind the router is on it: a packet for it is forwarded to nobody, so policies are asked on its way in, too.
    this.world = spawn('nsenter', [`--net=/proc/${this.router.pid}/ns/net`, process.execPath, join(import.meta.dirname, 'world.mjs')], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: {...process.env, WORLD: JSON.stringify({resolver: RESOLVER, names: {[MODEL.name]: MODEL.address, [OTHER.name]: OTHER.address},
        model: MODEL.address, other: [OTHER.address, METADATA], script, log, key, certificate})},
    });
    this.ready = new Promise((resolve) => this.world.stdout.once('data', resolve));
    this.dns = {address: RESOLVER, namespace: 'kube-system', labels: {'k8s-app': 'kube-dns'}};
  }

  address() {
    this.count += 1;
    return `10.42.0.${this.count}`;
  }

  /** Makes the cluster's policies what holds. */
  hold(cluster) {
    const rules = nftOf([...cluster.all('NetworkPolicy'), ...this.policies], [...this.pods, this.dns])
      // The world is the router itself: what goes to it is input.
      + nftOf([...cluster.all('NetworkPolicy'), ...this.policies], [...this.pods, this.dns]).replaceAll('inet policies', 'inet world').replace('hook forward', 'hook input');
    execFileSync('nsenter', [`--net=/proc/${this.router.pid}/ns/net`, 'nft', '-f', '-'], {input: rules, stdio: ['pipe', 'pipe', 'inherit']});
  }

  start(cluster, pod, address, ended) {
    const network = makeNetwork();
    const port = `p${address.split('.')[3]}`;
    inNetwork(this.router.pid, 'ip', 'link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', String(network.pid));
    inNetwork(this.router.pid, 'ip', 'addr', 'add', '10.42.255.1/32', 'dev', port);
    inNetwork(this.router.pid, 'ip', 'link', 'set', port, 'up');
    inNetwork(this.router.pid, 'ip', 'route', 'add', `${address}/32`, 'dev', port);
    inNetwork(network.pid, 'ip', 'addr', 'add', `${address}/32`, 'dev', 'eth0');
    inNetwork(network.pid, 'ip', 'link', 'set', 'eth0', 'up');
    inNetwork(network.pid, 'ip', 'route', 'add', '10.42.255.1/32', 'dev', 'eth0');
    inNetwork(network.pid, 'ip', 'route', 'add', 'default', 'via', '10.42.255.1', 'dev', 'eth0');
    this.pods.push({address, namespace: pod.metadata.namespace, labels: pod.metadata.labels});
    this.hold(cluster);
    const root = join(this.directory, pod.metadata.uid);
    mkdirSync(join(root, 'channel'), {recursive: true});
    const container = pod.spec.containers[0];
    const options = [];
    for (const mount of container.volumeMounts) {
      const volume = pod.spec.volumes.find(({name}) => name === mount.name);
      const at = join(root, mount.name);
      mkdirSync(at, {recursive: true});
      chownSync(at, POD_UID, POD_UID);
      const files = volume.secret === undefined ? {} : cluster.find('Secret', volume.secret.secretName).data;
      for (const [name, data] of Object.entries(files)) writeFileSync(join(at, name), Buffer.from(data, 'base64'));
      options.push(mount.readOnly === true ? '--ro-bind' : '--bind', at, mount.mountPath);
    }
    const resolver = pod.spec.dnsPolicy === 'None' ? 'no-resolv.conf' : 'resolv.conf';
    const env = Object.fromEntries((container.env ?? []).map(({name, value}) => [name, value]));
    const child = spawn('nsenter', [`--net=/proc/${network.pid}/ns/net`, 'bwrap', '--ro-bind', '/usr', '/usr', ...['bin', 'sbin', 'lib', 'lib64'].flatMap((name) => ['--symlink', `usr/${name}`, `/${name}`]),
      '--ro-bind', '/etc', '/etc', '--dev', '/dev', '--unshare-pid', '--unshare-ipc', '--proc', '/proc',
      // What the image has, and what a container's root has not: nothing of the machine's.
      '--tmpfs', '/run', '--tmpfs', '/tmp', '--dir', '/opt', '--chmod', '0755', '/opt', '--chmod', '0755', '/run', '--ro-bind', join(this.directory, 'opt'), '/opt/berm',
      ...(this.tools === undefined ? [] : ['--ro-bind', this.tools, '/opt/tools']),
      '--ro-bind', join(this.directory, resolver), '/etc/resolv.conf', '--ro-bind', this.bundle, '/etc/ssl/certs/ca-certificates.crt', ...options,
      '--remount-ro', '/', '--die-with-parent', '--chdir', '/', '--clearenv', '--setenv', 'PATH', `/opt/tools/node_modules/.bin:${process.env.PATH}`,
      ...Object.entries(env).flatMap(([name, value]) => ['--setenv', name, value]),
      '--cap-add', 'CAP_SETUID', '--cap-add', 'CAP_SETGID', '--cap-add', 'CAP_SETPCAP', '--', 'setpriv', '--reuid', String(POD_UID), '--regid', String(POD_UID),
      '--clear-groups', '--no-new-privs', '--inh-caps=-all', '--bounding-set=-all', ...container.command],
    {stdio: ['ignore', 'pipe', 'pipe'], cwd: '/'});
    let log = '';
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (bytes) => { log += bytes; });
    child.on('exit', (code, signal) => {
      // One that was killed while it was being made has left what it had begun: a node ends a pod whole.
      for (const pid of processesIn(network.pid)) try { process.kill(pid, 'SIGKILL'); } catch { /* it has ended */ }
      this.pods = this.pods.filter((one) => one.address !== address);
      ended({code: code ?? 137, signal, log});
    });
    return {pid: child.pid, root, network, stop: (signal = 'SIGKILL') => child.kill(signal), log: () => log};
  }

  /** As the kubelet: from within the pod, past every policy. */
  connect(running, port) {
    const child = spawn('nsenter', [`--net=/proc/${running?.network.pid ?? 0}/ns/net`, process.execPath, '-e',
      `const s = require('net').connect(${port}, '127.0.0.1'); process.stdin.pipe(s); s.pipe(process.stdout); s.on('error', () => process.exit(1)); s.on('close', () => process.exit(0))`],
    {stdio: ['pipe', 'pipe', 'ignore']});
    const stream = Duplex.from({readable: child.stdout, writable: child.stdin});
    stream.on('close', () => child.kill());
    child.on('exit', (code) => setTimeout(() => stream.destroy(code === 0 ? undefined : new Error('nobody listens there')), 50));
    return stream;
  }

  close() {
    this.world.kill();
    this.router.kill('SIGKILL');
    super.close();
  }
}
