packages containernetworking-plugins dnsmasq-base git iptables openssh-client pigz ripgrep runc socat tini xz-utils
# The plugins are where the official image has them, beside dnsname.
for name in bridge firewall host-local loopback; do
  ln -s "/usr/lib/cni/$name" "/opt/cni/bin/$name"
done
# The engine makes its iptables links in /usr/bin, to programs that it expects beside them.
for name in xtables-legacy-multi xtables-nft-multi; do
  ln -s "/usr/sbin/$name" "/usr/bin/$name"
done
# The client calls the program that connects it by BuildKit's name.
ln -s dial-stdio /usr/bin/buildctl
mkdir -p /var/lib/dagger
