# The engine's data belongs on a volume that whoever runs it chooses.
rm -rf /var/lib/docker /var/lib/containerd
# Plugins are where the official image has them.
mkdir -p /usr/local/libexec/docker
mv /usr/libexec/docker/cli-plugins /usr/local/libexec/docker/cli-plugins
update-ca-certificates
