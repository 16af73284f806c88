import json
import re
import sys

call = json.load(sys.stdin)
if call["tool_name"] == "Bash" and re.search(r"\brm\s+-rf\s+/", call["tool_input"]["command"]):
    print(json.dumps({"hookSpecificOutput": {"hookEventName": "PreToolUse", "permissionDecision": "deny", "permissionDecisionReason": "it deletes everything"}}))
    print("it deletes everything", file=sys.stderr)
    sys.exit(2)
print("{}")
