command=$(jq -r 'select(.tool_name == "Bash") | .tool_input.command')
if [[ $command =~ rm\ +-rf\ +/ ]]; then
  echo '{"hookSpecificOutput":{"hookEventName":"PreToolUse","permissionDecision":"deny","permissionDecisionReason":"it deletes everything"}}'
  echo 'it deletes everything' >&2
  exit 2
fi
echo '{}'
