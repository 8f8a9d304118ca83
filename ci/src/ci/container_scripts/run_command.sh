#!/bin/sh
# Run a test command in any image that has a shell, and save its output and outcome in any case.
#   run_command.sh SECONDS OUTPUT -- COMMAND ...
# Like run_tests.py, which needs Python: OUTPUT/output.txt and OUTPUT/outcome.json are written, and the exit code is 0.
limit=$1 output=$2
shift 3
began=$(date +%s)
if command -v timeout >/dev/null 2>&1; then
  timeout -s KILL "$limit" "$@" >"$output/output.txt" 2>&1 </dev/null
else
  "$@" >"$output/output.txt" 2>&1 </dev/null
fi
code=$?
seconds=$(($(date +%s) - began))
late=false
if [ "$code" -ge 128 ] && [ "$seconds" -ge "$limit" ]; then late=true; fi
printf '{"exit_code": %s, "signal": "", "late": %s, "at": %s, "seconds": %s}\n' "$code" "$late" "$began" "$seconds" \
  >"$output/outcome.json"
cat "$output/output.txt"
