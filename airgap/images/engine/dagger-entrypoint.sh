#!/bin/sh
# Prepare the container as the official image's entrypoint does, then become the engine.
set -eu

# On cgroup v2, controllers can be given to groups below only if no process is in the root group.
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
  mkdir -p /sys/fs/cgroup/init
  # A process that has ended since (such as xargs itself) cannot be moved, which is no error.
  xargs -rn1 </sys/fs/cgroup/cgroup.procs >/sys/fs/cgroup/init/cgroup.procs || :
  sed -e 's/ / +/g' -e 's/^/+/' </sys/fs/cgroup/cgroup.controllers >/sys/fs/cgroup/cgroup.subtree_control
fi

# The engine opens a database for each client.
ulimit -n 1048576 || echo "the limit of open files stays at $(ulimit -n)"

# This build of the engine looks for its programs here. Made now, because a volume may be mounted on /run/dagger.
mkdir -p /run/dagger/airgap/bin /run/dagger/airgap/content /run/dagger/airgap/ca-certificates
ln -sfn /usr/sbin/runc /run/dagger/airgap/bin/runc
ln -sfn /usr/local/bin/dagger-init /run/dagger/airgap/bin/dagger-init
# The engine adds containers to its network before its dnsmasq has written this file, and fails when dnsmasq is slow.
# No process has this id: ids end below it.
mkdir -p /run/containers/cni/dnsname/dagger
echo 4194304 >/run/containers/cni/dnsname/dagger/pidfile

# A registry outside, as 127.0.0.1 for the engine and as its bridge's address for its containers, and for no one else.
if [ -f /etc/dagger/registry ]; then
  read -r registry </etc/dagger/registry
  forward() { # ADDRESS CLIENTS
    listener="TCP4-LISTEN:${registry##*:},bind=$1,range=$2,ip-freebind=1,reuseaddr,backlog=128,keepalive,nodelay,fork"
    socat -d -t 60 -b 65536 "$listener" "TCP4:$registry,nodelay" &
  }
  forward 127.0.0.1 127.0.0.0/8
  forward 10.87.0.1 10.87.0.0/16
fi

# The official engine's data is in /var/lib/dagger; a client of this build mounts a volume where this build has it.
if mountpoint -q /var/lib/dagger; then
  set -- --root /var/lib/dagger "$@"
fi
exec tini -- dagger-engine --config /etc/dagger/engine.toml --oci-cni-binary-dir /opt/cni/bin "$@"
