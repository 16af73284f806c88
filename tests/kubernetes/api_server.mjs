// As much of an API server as `berm doctor --tier kubernetes` asks, over TLS with an authority of its own: who may what
// is a test's to say. Written from the documented API (kubernetes.io/docs/reference).
import {execFileSync} from 'node:child_process';
import {readFileSync} from 'node:fs';
import {createServer} from 'node:https';
import {join} from 'node:path';

const openssl = (...words) => execFileSync('openssl', words, {stdio: 'pipe'});

/** ca.pem, server.pem and .key, client.pem and .key in `directory`. */
export function makeAuthority(directory) {
  const at = (name) => join(directory, name);
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, '-keyout', at('ca.key'), '-out', at('ca.pem'), '-days', '2', '-subj', '/CN=kubernetes',
    '-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign');
  for (const [name, usage] of [['server', 'serverAuth'], ['client', 'clientAuth']]) {
    openssl('req', '-x509', ...key, '-keyout', at(`${name}.key`), '-out', at(`${name}.pem`), '-days', '2', '-subj', `/CN=${name}`,
      '-CA', at('ca.pem'), '-CAkey', at('ca.key'), '-addext', 'subjectAltName=IP:127.0.0.1', '-addext', `extendedKeyUsage=${usage}`,
      '-addext', 'basicConstraints=critical,CA:FALSE');
  }
}

const status = (code, reason, message) => [code, {kind: 'Status', apiVersion: 'v1', status: 'Failure', code, reason, message}];

/**
 * @param says  {version, labels, denied: Set of "verb resource[/sub]", allowed: Set, quota, paths: {path: [code, body]}}
 * @return {url, asked, close()}
 */
export async function startApiServer(directory, says) {
  const asked = [];
  const read = (name) => readFileSync(join(directory, name));
  const reviewed = (body) => {
    const {verb, resource, subresource, group} = JSON.parse(body).spec.resourceAttributes;
    const right = `${verb} ${resource}${subresource === '' ? '' : `/${subresource}`}`;
    const usual = !['get secrets', 'list secrets', 'create pods/exec', 'create serviceaccounts/token', 'create rolebindings'].includes(right);
    const allowed = says.denied?.has(right) ? false : says.allowed?.has(right) ? true : usual;
    return [201, {kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', spec: {group}, status: {allowed}}];
  };
  const answer = (request, body) => {
    const certified = request.socket.authorized && request.socket.getPeerCertificate().subject?.CN === 'client';
    if (!certified && request.headers.authorization !== 'Bearer right-token') return status(401, 'Unauthorized', 'Unauthorized');
    if (says.paths?.[request.url] !== undefined) return says.paths[request.url];
    if (request.url === '/version') return [200, says.version ?? {major: '1', minor: '33', gitVersion: 'v1.33.2'}];
    if (/^\/api\/v1\/namespaces\/[a-z]+$/.test(request.url)) {
      return [200, {kind: 'Namespace', metadata: {labels: says.labels ?? {'pod-security.kubernetes.io/enforce': 'restricted', 'berm.dev/runs': 'true'}}}];
    }
    if (request.url.endsWith('/resourcequotas')) {
      return [200, {kind: 'ResourceQuotaList', items: says.quota ?? [{status: {hard: {pods: '100'}, used: {pods: '7'}}}]}];
    }
    if (request.method === 'POST' && request.url.endsWith('/selfsubjectaccessreviews')) return reviewed(body);
    return status(404, 'NotFound', 'the server could not find the requested resource');
  };
  const server = createServer({cert: read('server.pem'), key: read('server.key'), ca: read('ca.pem'), requestCert: true, rejectUnauthorized: false},
    (request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        asked.push(`${request.method} ${request.url}`);
        const [code, body] = answer(request, Buffer.concat(parts).toString());
        response.writeHead(code, {'content-type': 'application/json'});
        response.end(typeof body === 'string' ? body : JSON.stringify(body));
      });
    });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {url: `https://127.0.0.1:${server.address().port}`, asked, close: () => { server.closeAllConnections(); server.close(); }};
}
