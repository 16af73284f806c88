// As much of an API server as kubectl's client-side dry run asks: which kinds there are. Anything else is refused and
// kept, so that a test sees what was asked.
import {createServer} from 'node:http';

const GROUPS = {
  'v1': {ConfigMap: 'configmaps', Secret: 'secrets', Service: 'services', ServiceAccount: 'serviceaccounts', Pod: 'pods'},
  'batch/v1': {Job: 'jobs'},
  'networking.k8s.io/v1': {NetworkPolicy: 'networkpolicies'},
  'cilium.io/v2': {CiliumNetworkPolicy: 'ciliumnetworkpolicies'},
  'agents.x-k8s.io/v1beta1': {Sandbox: 'sandboxes'},
};

const resourcesOf = (version) => ({kind: 'APIResourceList', apiVersion: 'v1', groupVersion: version,
  resources: Object.entries(GROUPS[version]).map(([kind, name]) => ({name, singularName: kind.toLowerCase(), namespaced: true, kind,
    verbs: ['create', 'get', 'list', 'patch', 'delete']}))});

function groupList() {
  const groups = Object.keys(GROUPS).filter((version) => version.includes('/')).map((groupVersion) => {
    const [name, version] = groupVersion.split('/');
    return {name, versions: [{groupVersion, version}], preferredVersion: {groupVersion, version}};
  });
  return {kind: 'APIGroupList', apiVersion: 'v1', groups};
}

function answer(path) {
  if (path === '/api') return {kind: 'APIVersions', versions: ['v1']};
  if (path === '/apis') return groupList();
  const version = path.replace(/^\/apis?\//, '');
  return GROUPS[version] === undefined ? undefined : resourcesOf(version);
}

/** @return {url, refused, close()} */
export async function startDiscovery() {
  const refused = [];
  const server = createServer((request, response) => {
    const said = request.method === 'GET' ? answer(new URL(request.url, 'http://a').pathname) : undefined;
    if (said === undefined) refused.push(`${request.method} ${request.url}`);
    response.writeHead(said === undefined ? 404 : 200, {'content-type': 'application/json'});
    response.end(JSON.stringify(said ?? {kind: 'Status', apiVersion: 'v1', status: 'Failure', reason: 'NotFound', code: 404}));
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `http://127.0.0.1:${server.address().port}`, refused, close: () => server.close()};
}
