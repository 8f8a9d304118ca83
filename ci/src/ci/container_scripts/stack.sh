#!/bin/sh
# Run the Python program that drives Compose in a root with Python, because the Docker Engine's image has no Python.
#   stack.sh ROOT REQUEST.json OUTPUT
# The folders that the program shares with the engine have the same paths in ROOT.
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
