# The ids of the official Alpine image: data in a volume may change hands.
groupadd --system --gid 70 postgres
useradd --system --uid 70 --gid postgres --home-dir /var/lib/postgresql --no-create-home --shell /bin/sh postgres

# Debian's own package wants LLVM, Perl and tools for several clusters, 250 MB that a container has no use for. So its
# libraries are installed, and of itself what is in it; scanners find it in status.d.
lists
(cd /tmp && apt-get -qq -o Acquire::Retries=2 -o APT::Sandbox::User=root download postgresql-17 postgresql-client-17)
libraries=$(
    for package in /tmp/*.deb; do dpkg-deb --field "$package" Depends; done |
        tr , '\n' | sed -n 's/^ *\(lib[^ ]*\).*/\1/p' | grep -v '^libllvm' | sort -u
)
# shellcheck disable=SC2086 # one word a library
packages busybox libnss-wrapper $libraries
mkdir -p /var/lib/dpkg/status.d
for package in /tmp/*.deb; do
    dpkg-deb --extract "$package" /
    dpkg-deb --field "$package" >"/var/lib/dpkg/status.d/$(dpkg-deb --field "$package" Package)"
done
rm -rf /usr/lib/postgresql/17/lib/bitcode /usr/lib/postgresql/17/lib/llvmjit* /usr/lib/systemd/system/postgresql* \
    /usr/share/lintian /usr/share/locale/*/ /usr/share/man
find /usr/share/doc/postgresql* -type f ! -name copyright -delete
/usr/lib/postgresql/17/bin/postgres --version

for applet in nc wget; do ln -s busybox "/bin/$applet"; done

# As in the official image: other hosts may connect, which pg_hba.conf then allows or not.
sed -i "s/^#\?listen_addresses = .*/listen_addresses = '*'/" /usr/share/postgresql/17/postgresql.conf.sample
grep -q "^listen_addresses = '\*'" /usr/share/postgresql/17/postgresql.conf.sample

mkdir -p /docker-entrypoint-initdb.d
# Whatever user it is started as; the entrypoint narrows the data folder.
install -d -o postgres -g postgres -m 1777 /var/lib/postgresql /var/lib/postgresql/data
install -d -o postgres -g postgres -m 3777 /var/run/postgresql
