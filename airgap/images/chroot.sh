# Runs in an image's root: one recipe's setup.sh, then cleans up after it.
#   sh chroot.sh RECIPE
set -eu
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
export PATH DEBIAN_FRONTEND=noninteractive LC_ALL=C.UTF-8

lists() {
    if [ -e /var/lib/apt/lists/lock ]; then return; fi
    # A cache between here and Debian may have lists that are out of date, so the second attempt goes past it.
    update || update -o Acquire::http::No-Cache=true -o Acquire::https::No-Cache=true
}

update() {
    apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=2 "$@" update
}

packages() {
    lists
    apt-get -qq -o Acquire::Retries=2 -o Dpkg::Options::=--force-confold install --no-install-recommends "$@"
}

. "/mnt/$1/setup.sh"

# Rubbish, and what would make two builds of the same packages differ.
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/cache/ldconfig/aux-cache
rm -f /etc/group- /etc/gshadow- /etc/passwd- /etc/shadow- /etc/subgid- /etc/subuid- /etc/machine-id
find /var/log -type f -delete
