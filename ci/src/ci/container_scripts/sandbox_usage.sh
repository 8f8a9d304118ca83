#!/bin/sh
# Print the contents of the sandbox's volume: a line per slot, and one for exported images: NAME STATE KILOBYTES. STATE is
# free or used.
#   sandbox_usage.sh show|empty
# `empty` removes the contents of free slots; slots in use are not changed.
set -eu
state=${SANDBOX_STATE:?}
for lock in "$state"/slot-*.lock; do
  [ -e "$lock" ] || continue
  slot=${lock%.lock}
  exec 9>"$lock"
  if flock -n 9; then
    use=free
    if [ "$1" = empty ]; then rm -rf "${slot:?}"; fi
    flock -u 9 # release the slot while its size is read
  else
    use=used
  fi
  size=0
  if [ -d "$slot" ]; then size=$(du -sk "$slot" | cut -f 1); fi
  echo "${slot##*/} $use $size"
  exec 9>&-
done
if [ -d "$state/images" ]; then
  if [ "$1" = empty ]; then rm -rf "$state/images"; fi
  mkdir -p "$state/images"
  echo "images free $(du -sk "$state/images" | cut -f 1)"
fi
