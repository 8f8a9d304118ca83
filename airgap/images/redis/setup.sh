# The ids of the official Alpine image: data in a volume may change hands.
groupadd --system --gid 1000 redis
useradd --system --uid 999 --gid redis --home-dir /data --no-create-home --shell /usr/sbin/nologin redis
packages busybox redis-server redis-tools
rm -rf /etc/redis /etc/init.d/redis-server /var/lib/redis /var/log/redis
for applet in nc wget; do ln -s busybox "/bin/$applet"; done
install -d -o redis -g redis /data
