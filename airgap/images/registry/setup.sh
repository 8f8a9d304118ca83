packages docker-registry
ln -s docker-registry /bin/registry
rm -rf /var/lib/docker-registry /etc/init.d/docker-registry
mkdir -p /var/lib/registry
