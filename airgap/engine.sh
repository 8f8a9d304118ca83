#!/bin/sh
# What the engine sees of the machine, arranged in the mount namespace this runs in; then becomes the engine.
#   engine.sh STATE SOCKETS COMMAND...
# STATE/run appears at /run/dagger/airgap (where this build of the engine looks), SOCKETS at /run/dagger. What the
# engine, runc and the CNI plugins write elsewhere goes to a tmpfs that ends with this namespace.
set -eu
state=$1 sockets=$2
shift 2

scratch=$state/mnt
mount -t tmpfs -o mode=0755,size=256m airgap "$scratch"

cover() { # an overlay: the host's files, our changes
  mkdir -p "$scratch$1/upper" "$scratch$1/work"
  mount -t overlay -o "lowerdir=$1,upperdir=$scratch$1/upper,workdir=$scratch$1/work" airgap "$1"
}
replace() { # an empty folder
  mkdir -p "$scratch$1"
  mount --bind "$scratch$1" "$1"
}

cover /usr/bin # the engine makes its iptables links here, to programs it expects beside them
for name in xtables-legacy-multi xtables-nft-multi; do
  ln -sf "/usr/sbin/$name" "/usr/bin/$name"
done
cover /etc # resolv.conf, and the engine's own configuration
mkdir -p /etc/dagger
cp "$state/engine.json" /etc/dagger/engine.json

replace /run/buildkit
replace /run/containers
replace /run/runc
replace /var/lib/cni
# The engine adds containers to its network before its dnsmasq has written this file, and fails when dnsmasq is slow.
# No process has this id: ids end below it.
mkdir -p /run/containers/cni/dnsname/dagger
echo 4194304 >/run/containers/cni/dnsname/dagger/pidfile
[ "$sockets" = /run/dagger ] || mount --bind "$sockets" /run/dagger
mount --bind "$state/run" /run/dagger/airgap
exec "$@"
