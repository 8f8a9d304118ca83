#!/bin/sh
# Record this process, then replace it by the daemon's program.
#   daemon.sh RECORD FINGERPRINT COMMAND...
# Standard input is the state's lock. It stays locked until the record is written, so that a killed `up` cannot
# leave an unknown daemon.
set -eu
record=$1 fingerprint=$2
shift 2
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
started=$(
  # proc(5): the start time is field 22; the first field after the command's closing bracket is the third.
  set -- ${stat##*) }
  echo "${20}"
)
printf '{"pid": %s, "started": %s, "boot": "%s", "fingerprint": "%s"}\n' "$$" "$started" "$boot" "$fingerprint" >"$record.new"
mv "$record.new" "$record"
exec "$@" </dev/null
