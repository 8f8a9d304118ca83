#!/bin/sh
# Run a command beside a Docker Engine of its own, and stop the engine.
#   sandbox.sh COMMAND...
# The engine listens on a Unix socket of this container, which nothing else can reach. Its data is in a numbered slot of
# the volume at SANDBOX_STATE, so that it is still there for the next call, and two calls at once each have a slot.
# SANDBOX_LOOPBACK_PORTS names ports of registries on the loopback of the machine that runs Dagger's engine.
# Everything that is for people goes to stderr. Ends with the command's exit code, or with one of these:
readonly NOT_PRIVILEGED=121 NOT_STARTED=122 ENGINE_ENDED=123 DISK_FULL=124
set -eu

readonly SLOTS=4 START_SECONDS=60 LEAST_FREE_KB=65536
readonly socket=/run/docker-sandbox.sock containerd_socket=/run/containerd-sandbox.sock log=/tmp/dockerd.log
readonly runtime=/run/sandbox-runtime
# Folders of another version are of no use to this one.
mkdir -p "${SANDBOX_IMAGES:?}"
find "${SANDBOX_IMAGES%/*}" -mindepth 1 -maxdepth 1 ! -path "$SANDBOX_IMAGES" -mtime +7 -exec rm -rf {} +
# The official image has an older iptables for kernels without nf_tables.
readonly older=/usr/local/sbin/.iptables-legacy
if [ -d "$older" ] && ! iptables -nL >/dev/null 2>&1; then PATH=$older:$PATH; fi
state=${SANDBOX_STATE:?}
export DOCKER_HOST="unix://$socket"
# Docker's own spans would fill the trace of the call.
for variable in $(env | sed -n 's/^\(OTEL_[A-Z_]*\|TRACEPARENT\)=.*/\1/p'); do unset "$variable"; done

say() { echo "sandbox: $*" >&2; }

# A lock ends with the process that holds it, so a call that was killed leaves no slot taken.
take_slot() {
  number=1
  while [ "$number" -le "$SLOTS" ]; do
    exec 9>"$state/slot-$number.lock"
    if flock -n 9; then break; fi
    number=$((number + 1))
  done
  if [ "$number" -gt "$SLOTS" ]; then
    number=1
    say "all $SLOTS slots are in use, waiting for the first one"
    exec 9>"$state/slot-$number.lock"
    flock 9
  fi
  slot=$state/slot-$number
  if [ -e "$slot" ] && [ "$(cat "$slot/version" 2>/dev/null)" != "$SANDBOX_VERSION" ]; then
    empty_slot "slot $number was written by another version of the sandbox"
  fi
  mkdir -p "$slot"
  echo "$SANDBOX_VERSION" >"$slot/version"
}

empty_slot() {
  say "$1: it is emptied, what it cached is built again"
  # What an engine that ended left mounted there.
  awk -v below="$slot/" 'index($2, below) == 1 { print $2 }' /proc/mounts | sort -r | while read -r place; do
    umount -l "$place"
  done
  rm -rf "${slot:?}"
  mkdir -p "$slot"
  echo "$SANDBOX_VERSION" >"$slot/version"
}

# A group can be given all devices only if the one above it has them by one rule. This container has them by two.
# With version 2, no group has processes and controlled children: make room as the official image does.
prepare_cgroups() {
  root=/sys/fs/cgroup
  if [ -e "$root/devices/devices.allow" ]; then echo a >"$root/devices/devices.allow"; fi
  [ -f "$root/cgroup.controllers" ] || return 0
  mkdir -p "$root/sandbox"
  while read -r process; do
    echo "$process" >"$root/sandbox/cgroup.procs" 2>/dev/null || true # it has ended
  done <"$root/cgroup.procs"
  read -r controllers <"$root/cgroup.controllers"
  for controller in $controllers; do
    echo "+$controller" >"$root/cgroup.subtree_control"
  done
}

# The default gateway, which the kernel lists as a little-endian hexadecimal number.
gateway() {
  while read -r _ destination address _; do
    if [ "$destination" = 00000000 ]; then
      a=${address%??????} b=${address#??} c=${address#????} d=${address#??????}
      printf '%d.%d.%d.%d\n' "0x$d" "0x${c%??}" "0x${b%????}" "0x$a"
      return
    fi
  done </proc/net/route
}

# A reference such as 127.0.0.1:5000/redis means the machine that runs Dagger's engine, for Dagger and here alike.
forward_loopback() {
  [ -n "${SANDBOX_LOOPBACK_PORTS:-}" ] || return 0
  host=$(gateway)
  # The kernel then accepts packets for the loopback from outside as well: none of those begins a connection.
  echo 1 >/proc/sys/net/ipv4/conf/all/route_localnet
  iptables -w -I INPUT ! -i lo -d 127.0.0.0/8 -m conntrack ! --ctstate ESTABLISHED -j DROP
  for port in $SANDBOX_LOOPBACK_PORTS; do
    iptables -w -t nat -A OUTPUT -d 127.0.0.1 -p tcp --dport "$port" -j DNAT --to-destination "$host:$port"
    iptables -w -t nat -A POSTROUTING -s 127.0.0.1 -d "$host" -p tcp --dport "$port" -j MASQUERADE
  done
}

free_kb() { df -kP "$state" | awk 'NR == 2 { print $4 }'; }

# containerd is started here because dockerd, where it starts one itself, takes a second to end. BuildKit is a part of
# dockerd and starts runc by itself: runc.sh stands before that one, and not before the one of other containers.
# The lock is not for their own children: one that stays behind would keep it.
start_engine() {
  rm -f "$socket" "$containerd_socket"
  mkdir -p "$runtime"
  ln -sf /ci/runc.sh "$runtime/runc"
  containerd --config /ci/containerd.toml --root "$slot/containerd" --state /run/containerd-sandbox \
    --address "$containerd_socket" >"$log" 2>&1 9>&- &
  containerd=$!
  PATH=$runtime:$PATH dockerd --config-file /ci/daemon.json --data-root "$slot/docker" --exec-root /run/docker-sandbox \
    --pidfile /run/docker-sandbox.pid --containerd "$containerd_socket" --host "$DOCKER_HOST" >>"$log" 2>&1 9>&- &
  engine=$!
  waited=0
  until docker version >/dev/null 2>&1; do
    if ! running || [ "$waited" -ge $((START_SECONDS * 20)) ]; then return 1; fi
    waited=$((waited + 1))
    sleep 0.05
  done
}

running() { kill -0 "$engine" 2>/dev/null && kill -0 "$containerd" 2>/dev/null; }

# Whether content that containerd has on record is missing on the disk.
damaged() {
  for digest in $(ctr --address "$containerd_socket" --namespace moby content ls --quiet); do
    [ -s "$slot/containerd/io.containerd.content.v1.content/blobs/${digest%%:*}/${digest#*:}" ] || return 0
  done
  return 1
}

stop_engine() {
  for process in "$engine" "$containerd"; do
    kill "$process" 2>/dev/null || continue
    wait "$process" 2>/dev/null || true
  done
}

end() {
  say "$2"
  tail -n 20 "$log" >&2 || true
  exit "$1"
}

# Only a privileged container may mount.
mkdir -p /run/sandbox-probe
mount -t tmpfs tmpfs /run/sandbox-probe 2>/dev/null || {
  say "this container is not privileged"
  exit "$NOT_PRIVILEGED"
}
umount /run/sandbox-probe

take_slot
prepare_cgroups
forward_loopback
if ! start_engine; then
  stop_engine
  [ "$(free_kb)" -ge "$LEAST_FREE_KB" ] || end "$DISK_FULL" "the volume with the engine's data is full"
  tail -n 3 "$log" >&2
  empty_slot "the engine does not start with the data of slot $number"
  start_engine || end "$NOT_STARTED" "the engine does not start"
fi
export SANDBOX_SLOT="$slot"
code=0
"$@" || code=$?
if [ "$code" -ne 0 ]; then
  running || end "$ENGINE_ENDED" "the engine has ended in the middle of the work"
  [ "$(free_kb)" -ge "$LEAST_FREE_KB" ] || end "$DISK_FULL" "the volume with the engine's data is full"
  if damaged; then
    stop_engine
    empty_slot "the data of slot $number is damaged"
    start_engine || end "$NOT_STARTED" "the engine does not start"
    code=0
    "$@" || code=$?
  fi
fi
stop_engine
exit "$code"
