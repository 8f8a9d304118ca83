#!/bin/sh
# Run a command while the kernel runs programs of another architecture with an emulator.
#   emulate.sh EMULATOR ARCHITECTURE MAGIC MASK COMMAND...
# EMULATOR is a static binary. MAGIC and MASK tell the architecture's programs, as binfmt_misc has them: MAGIC as \x7f\x45…
# A handler belongs to the kernel, so every container of this machine has it until the command has ended. Its name has a
# number whose lock this process holds, so what a killed call left behind is known by its free lock, and is removed by the
# next call with that number. If the machine has a handler of its own for these programs, that one is used.
# Ends with the command's exit code, or with this one:
readonly NO_HANDLERS=120
set -eu
emulator=$1 architecture=$2 magic=$3 mask=$4
shift 4
readonly handlers=/proc/sys/fs/binfmt_misc prefix=containerise most=16
state=${SANDBOX_STATE:?}

say() { echo "emulate.sh: $*" >&2; }

# Whether a handler that is not of another call runs these programs, in containers as well: flag F opens its emulator now
# and not in the container.
has_own() {
  hexadecimal=$(printf '%s' "$magic" | sed 's/\\x//g')
  for handler in "$handlers"/*; do
    case ${handler##*/} in register | status | "$prefix"-*) continue ;; esac
    if grep -qx enabled "$handler" && grep -qx "magic $hexadecimal" "$handler" && grep -q '^flags: .*F' "$handler"; then
      return 0
    fi
  done
  return 1
}

take_number() {
  number=1
  while [ "$number" -lt "$most" ]; do
    exec 8>"$state/emulator-$number.lock"
    if flock -n 8; then return; fi
    number=$((number + 1))
  done
  exec 8>"$state/emulator-$number.lock"
  flock 8
}

remove() {
  for handler in "$handlers/$prefix"-*-"$number"; do
    if [ -e "$handler" ]; then echo -1 >"$handler"; fi
  done
}

if [ ! -e "$handlers/register" ] && ! mount -t binfmt_misc binfmt_misc "$handlers"; then
  say "this kernel has no binfmt_misc"
  exit "$NO_HANDLERS"
fi
if has_own; then
  say "this machine runs programs of $architecture by itself"
  exec "$@"
fi
take_number
remove
trap remove EXIT
# Flags: P gives the program's own name to the emulator, O and C open the program with the rights of its file.
printf '%s' ":$prefix-$architecture-$number:M:0:$magic:$mask:$emulator:POCF" >"$handlers/register"
say "programs of $architecture run with an emulator ($prefix-$architecture-$number)"
code=0
# The lock is not for the command's children: one that stays behind would keep it.
"$@" 8>&- &
command=$!
trap 'kill "$command"; wait "$command" || true; exit 143' TERM
wait "$command" || code=$?
exit "$code"
