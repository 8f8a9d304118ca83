# Data and configuration are where the official image has them, with its user.
rm -rf /etc/default/prometheus /etc/init.d/prometheus /var/lib/prometheus
for applet in nc wget; do ln -s busybox "/bin/$applet"; done
install -d -o nobody -g nogroup /prometheus
chown -R nobody:nogroup /etc/prometheus
update-ca-certificates
