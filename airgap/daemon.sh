#!/bin/sh
# Becomes a daemon's program, after writing down which process it is.
#   daemon.sh RECORD FINGERPRINT COMMAND...
# Standard input is the state's lock: it stays held until the record is there, so that a killed `up` cannot leave a
# daemon that nobody knows of.
set -eu
record=$1 fingerprint=$2
shift 2
read -r boot </proc/sys/kernel/random/boot_id
read -r stat </proc/$$/stat
started=$(
  # proc(5): the start time is field 22; the fields after the command's closing bracket begin with the third.
  set -- ${stat##*) }
  echo "${20}"
)
printf '{"pid": %s, "started": %s, "boot": "%s", "fingerprint": "%s"}\n' "$$" "$started" "$boot" "$fingerprint" >"$record.new"
mv "$record.new" "$record"
exec "$@" </dev/null
