import { readFileSync } from 'node:fs';

const call = JSON.parse(readFileSync(0, 'utf8'));
if (call.tool_name === 'Bash' && /\brm\s+-rf\s+\//.test(call.tool_input.command)) {
  console.log(JSON.stringify({ hookSpecificOutput: { hookEventName: 'PreToolUse', permissionDecision: 'deny', permissionDecisionReason: 'it deletes everything' } }));
  console.error('it deletes everything');
  process.exitCode = 2;
} else {
  console.log('{}');
}
