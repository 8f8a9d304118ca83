# Packages that bring a service must not start it in an image's build.
printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d
chmod 0755 /usr/sbin/policy-rc.d
# What is installed later in a Dockerfile leaves no archives and no translations behind either.
cat >/etc/apt/apt.conf.d/container <<'CONF'
Acquire::Languages "none";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
DPkg::Post-Invoke { "rm -f /var/cache/apt/archives/*.deb || true"; };
CONF
# The host's own authorities are in /usr/local/share/ca-certificates by now.
update-ca-certificates
