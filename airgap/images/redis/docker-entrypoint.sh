#!/bin/sh
# Starts redis-server as the official image does: flags or a configuration file alone are for redis-server, root hands
# the data over to the user redis and becomes it, and without a configuration other hosts may connect.
set -eu

case "${1:-}" in
-* | *.conf) set -- redis-server "$@" ;;
esac

if [ "${1:-}" = redis-server ] && [ "$(id -u)" = 0 ]; then
    find . ! -user redis -exec chown redis {} +
    exec setpriv --reuid redis --regid redis --clear-groups -- "$0" "$@"
fi

# The official image's redis-server is compiled with protected mode off; Debian's has it on.
open_to_others() {
    for word in "$@"; do
        case "$word" in
        --protected-mode) return 1 ;;
        *.conf) if grep -qi '^[[:space:]]*protected-mode[[:space:]]' "$word"; then return 1; fi ;;
        - | --sentinel | --version | -v | --help | -h | --check-system | --test-memory) return 1 ;;
        esac
    done
}
if [ "${1:-}" = redis-server ]; then
    if [ "$(umask)" = 0022 ]; then umask 0077; fi
    if open_to_others "$@"; then set -- "$@" --protected-mode no; fi
fi

exec "$@"
