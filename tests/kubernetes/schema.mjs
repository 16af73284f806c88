// The published schemas of Kubernetes' API, strict: types and required fields, as the packages check them, and no
// field that the schema does not know, which server-side apply refuses as well.
export const VERSIONS = {'models-a': '1.27', 'models-b': '1.33', 'models-c': '1.34'};
const DEFINITIONS = {
  'v1/ConfigMap': 'IoK8sApiCoreV1ConfigMap',
  'v1/Secret': 'IoK8sApiCoreV1Secret',
  'v1/Service': 'IoK8sApiCoreV1Service',
  'v1/ServiceAccount': 'IoK8sApiCoreV1ServiceAccount',
  'v1/Pod': 'IoK8sApiCoreV1Pod',
  'batch/v1/Job': 'IoK8sApiBatchV1Job',
  'networking.k8s.io/v1/NetworkPolicy': 'IoK8sApiNetworkingV1NetworkPolicy',
  'v1/Namespace': 'IoK8sApiCoreV1Namespace',
  'v1/ResourceQuota': 'IoK8sApiCoreV1ResourceQuota',
  'rbac.authorization.k8s.io/v1/Role': 'IoK8sApiRbacV1Role',
  'rbac.authorization.k8s.io/v1/RoleBinding': 'IoK8sApiRbacV1RoleBinding',
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicy': 'IoK8sApiAdmissionregistrationV1ValidatingAdmissionPolicy',
  'admissionregistration.k8s.io/v1/ValidatingAdmissionPolicyBinding': 'IoK8sApiAdmissionregistrationV1ValidatingAdmissionPolicyBinding',
};

// What the validator never looked at, it does not know.
function watched(value, path, seen) {
  if (value === null || typeof value !== 'object') return value;
  const children = new Map();
  for (const key of Object.keys(value)) seen.set(`${path}.${key}`, false);
  return new Proxy(value, {
    get(target, key) {
      if (typeof key === 'string' && seen.has(`${path}.${key}`)) seen.set(`${path}.${key}`, true);
      if (!Object.hasOwn(target, key)) return Reflect.get(target, key);
      if (!children.has(key)) children.set(key, watched(target[key], `${path}.${String(key)}`, seen));
      return children.get(key);
    },
  });
}

export async function validate(models, object) {
  const definition = DEFINITIONS[`${object.apiVersion}/${object.kind}`];
  if (definition === undefined) return [`no schema of ${object.apiVersion}/${object.kind}`];
  const module = await import(`./node_modules/${models}/_schemas/${definition}.${models === 'models-c' ? 'js' : 'mjs'}`);
  const seen = new Map();
  const problems = [];
  if (!module.validate(watched(object, '', seen))) {
    for (const error of module.validate.errors) problems.push(`${error.instancePath} ${error.keyword} ${JSON.stringify(error.params)}`);
  }
  for (const [path, looked] of seen) if (!looked) problems.push(`${path} is no field`);
  return problems;
}
