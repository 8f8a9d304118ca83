#!/bin/sh
# Stand before runc and put SOURCE_DATE_EPOCH into the environment of what a build runs.
# Every time in an exported image is one constant, so a .pyc file that remembers the time of its source would be stale.
# With this variable Python and other tools make files that depend on content instead. It does not enter the image.
set -eu
bundle='' previous=''
for word; do
  case $previous in --bundle | -b) bundle=$word ;; esac
  previous=$word
done
if [ -n "$bundle" ] && [ -f "$bundle/config.json" ]; then
  sed -i "s/\"env\":\[/\"env\":[\"SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:?}\",/" "$bundle/config.json"
fi
PATH=${PATH#*:} exec runc "$@" # the first folder of PATH is the one that has this script
