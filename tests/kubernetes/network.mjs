// What NetworkPolicies allow, by the API's own words: a pod that a policy selects is closed in each of its directions,
// and policies add up. An oracle for tests.
import {BlockList, isIPv6} from 'node:net';

const matches = (selector, labels) =>
  Object.entries(selector?.matchLabels ?? {}).every(([name, value]) => labels[name] === value);

function holds(block, address) {
  const family = isIPv6(address) ? 'ipv6' : 'ipv4';
  const inside = (cidr) => {
    const [network, bits] = cidr.split('/');
    if (isIPv6(network) !== isIPv6(address)) return false;
    const list = new BlockList();
    list.addSubnet(network, Number(bits), family);
    return list.check(address, family);
  };
  return inside(block.cidr) && !(block.except ?? []).some(inside);
}

function peerMatches(peer, end, home) {
  if (peer.ipBlock !== undefined) return end.labels === undefined && holds(peer.ipBlock, end.address);
  if (end.labels === undefined) return false;
  const inside = peer.namespaceSelector === undefined ? end.namespace === home
                                                      : matches(peer.namespaceSelector, end.namespaceLabels ?? {});
  return inside && matches(peer.podSelector, end.labels);
}

/** end: {labels, namespace, namespaceLabels} for a pod, {address} for anything else. */
function allowed(policies, pod, direction, end, port, protocol) {
  const own = policies.filter((policy) => policy.metadata.namespace === pod.namespace &&
    matches(policy.spec.podSelector, pod.labels) && policy.spec.policyTypes.includes(direction));
  if (own.length === 0) return true;
  return own.some((policy) => (policy.spec[direction.toLowerCase()] ?? []).some((rule) => {
    const peers = rule.from ?? rule.to;
    const fits = peers === undefined || peers.some((peer) => peerMatches(peer, end, pod.namespace));
    return fits && (rule.ports === undefined || rule.ports.some((one) => one.port === port && one.protocol === protocol));
  }));
}

export const mayLeave = (policies, pod, to, port, protocol = 'TCP') => allowed(policies, pod, 'Egress', to, port, protocol);
export const mayEnter = (policies, pod, from, port, protocol = 'TCP') => allowed(policies, pod, 'Ingress', from, port, protocol);
