#!/bin/sh
# Runs a command in mount and process namespaces of its own. When this ends, in whatever way, all of it is gone: no
# mount stays behind, and nothing that the command started. Files get the modes that images want, whatever the user's.
# This shell is there because unshare, which waits for its child, does not end on SIGTERM.
#   contained.sh COMMAND...
umask 022
setpriv --pdeathsig KILL unshare --mount --propagation private --pid --fork --kill-child --mount-proc "$@" &
wait $!
