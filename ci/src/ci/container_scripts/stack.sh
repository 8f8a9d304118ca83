#!/bin/sh
# Run the program that drives Compose, in a root that has Python. The image with the Docker Engine has none.
#   stack.sh ROOT REQUEST.json OUTPUT
# ROOT sees the folders that the program and the engine share at the same paths.
set -eu
root=$1
shift
mkdir -p /output
for place in proc dev sys run project stack images output; do
  mkdir -p "/$place" "$root/$place"
  mount --rbind "/$place" "$root/$place"
done
exec chroot "$root" /usr/bin/env PATH=/usr/local/bin:/usr/bin:/bin PYTHONPATH=/programs PYTHONDONTWRITEBYTECODE=1 \
  python3 -m ci.container_scripts.stack "$@"
