// ValidatingAdmissionPolicies as the API server applies them, by somebody else's evaluator of CEL: a failing
// expression, and one that cannot be evaluated (failurePolicy: Fail), refuses.
import {evaluate} from '@marcbachmann/cel-js';

function said(expression, context) {
  try {
    return evaluate(expression, context);
  } catch (error) {
    return new Error(`${expression}: ${error.message}`);
  }
}

/** Why the object is refused; none = it is admitted. */
export function refusals(policies, resource, object) {
  const out = [];
  for (const policy of policies) {
    const concerned = policy.spec.matchConstraints.resourceRules.some((rule) => rule.resources.includes(resource.name) &&
      rule.apiGroups.includes(resource.group));
    if (!concerned) continue;
    const variables = {};
    for (const {name, expression} of policy.spec.variables ?? []) variables[name] = said(expression, {object, variables});
    for (const {expression, message} of policy.spec.validations) {
      if (said(expression, {object, variables}) !== true) out.push(message);
    }
  }
  return out;
}
