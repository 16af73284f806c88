// ValidatingAdmissionPolicies as the API server applies them, by somebody else's evaluator of CEL: a failing
// expression, and one that cannot be evaluated (failurePolicy: Fail), refuses.
import {Environment} from '@marcbachmann/cel-js';

// The authorizer of Kubernetes' CEL, as far as it is asked here: who submits, and may do `verbs` of anything.
class Authorizer {
  constructor(verbs) { this.verbs = verbs; }
}
class Decision {
  constructor(allowed) { this.isAllowed = allowed; }
}
const environment = new Environment({unlistedVariablesAreDyn: true})
  .registerType('Authorizer', Authorizer)
  .registerType('Decision', Decision)
  .registerFunction('Authorizer.group(string): Authorizer', (who) => who)
  .registerFunction('Authorizer.resource(string): Authorizer', (who) => who)
  .registerFunction('Authorizer.namespace(string): Authorizer', (who) => who)
  .registerFunction('Authorizer.check(string): Decision', (who, verb) => new Decision(who.verbs.includes(verb)))
  .registerFunction('Decision.allowed(): bool', (decision) => decision.isAllowed);

function said(expression, context) {
  try {
    return environment.evaluate(expression, context);
  } catch (error) {
    return new Error(`${expression}: ${error.message}`);
  }
}

/** Why the object is refused; none = it is admitted. @param verbs  that its author may do */
export function refusals(policies, resource, object, verbs = ['create', 'patch', 'delete']) {
  const out = [];
  const request = {name: object.metadata.name ?? '', namespace: object.metadata.namespace ?? ''};
  const authorizer = new Authorizer(verbs);
  for (const policy of policies) {
    const concerned = policy.spec.matchConstraints.resourceRules.some((rule) => rule.resources.includes(resource.name) &&
      rule.apiGroups.includes(resource.group));
    if (!concerned) continue;
    const variables = {};
    for (const {name, expression} of policy.spec.variables ?? []) variables[name] = said(expression, {object, variables, request, authorizer});
    for (const {expression, message} of policy.spec.validations) {
      if (said(expression, {object, variables, request, authorizer}) !== true) out.push(message);
    }
  }
  return out;
}
