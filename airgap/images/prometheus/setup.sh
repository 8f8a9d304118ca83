packages busybox
for applet in nc wget; do ln -s busybox "/bin/$applet"; done
install -d -o nobody -g nogroup /prometheus
chown -R nobody:nogroup /etc/prometheus
