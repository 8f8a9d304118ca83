#!/bin/sh
# What Docker sees of the machine: a root and a network of its own. Then becomes dockerd.
#   daemon.sh ROOT SHARED DATA LINK ADDRESS GATEWAY COMMAND...
# Runs in a mount namespace of its own. The new network is linked to the one this began in by a pair of interfaces,
# LINK there and eth0 here; they go with the namespace. pivot_root and not chroot: what runc enters for `docker exec`,
# and so for every healthcheck, is the root of the mount namespace.
set -eu
root=$1 shared=$2 data=$3 link=$4 address=$5 gateway=$6
shift 6

exec 3</proc/self/ns/net
# shellcheck disable=SC2016 # the inner shell's variables
exec unshare --net sh -euc '
root=$1 shared=$2 data=$3 link=$4 address=$5 gateway=$6
shift 6
nsenter --net=/proc/self/fd/3 ip link add name "$link" type veth peer name eth0 netns $$
nsenter --net=/proc/self/fd/3 ip address add "$gateway/30" dev "$link"
nsenter --net=/proc/self/fd/3 ip link set "$link" up
exec 3<&-
ip link set lo up
ip address add "$address/30" dev eth0
ip link set eth0 up
ip route add default via "$gateway"

mount --bind "$root" "$root"
cd "$root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount --rbind /sys/fs/cgroup sys/fs/cgroup
mount --rbind /dev dev
mount -t tmpfs -o mode=0755 tmpfs run
mount -t tmpfs -o mode=1777 tmpfs tmp
mkdir -p ".$shared" ".$data"
mount --bind "$shared" ".$shared"
mount --bind "$data" ".$data"
cp /etc/resolv.conf etc/resolv.conf
mkdir -p old
pivot_root . old
umount -l /old
cd /
exec "$@"' sh "$root" "$shared" "$data" "$link" "$address" "$gateway" "$@"
