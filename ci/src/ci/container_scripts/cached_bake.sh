#!/bin/sh
# Run bake.sh with layers from a cache in a registry, and write them there. Without the cache, the same is built.
#   cached_bake.sh WRITE PROJECT BUILD.json OVERRIDE.json SUBSTITUTES TARGETS OUTPUT
# All but the first are bake.sh's. WRITE is a Bake file with `cache-to`; if it is empty, the cache is only read.
# CACHE_OVERRIDE is OVERRIDE.json with `cache-from`, CACHE_PROBE one of the references in it. Without a cache both are
# empty. They are variables because Dagger's cache must not depend on them.
# OUTPUT/layer-cache has lines "KEY VALUE": `at` is the time of the build, `unreadable` and `unwritable` are errors, `build`
# is Buildx's record of one build; `repeated` and `written` have no value.
set -eu
write=$1
shift
project=$1 build=$2 override=$3 substitutes=$4 targets=$5 output=$6
readonly LONGEST=10 # seconds that a registry may take to answer
readonly cached=/tmp/cached.json
record=$output/layer-cache
mkdir -p "$output"
date +'at %s' >"$record"

# BuildKit would wait for a registry that does not answer, several times. It continues without one that refuses.
answers() {
  began=$(date +%s)
  if timeout "$LONGEST" docker buildx imagetools inspect --raw "$CACHE_PROBE" >/dev/null 2>/tmp/probe; then return 0; fi
  if [ "$(($(date +%s) - began))" -ge "$LONGEST" ]; then
    echo "unreadable no answer within $LONGEST s" >>"$record"
    return 1
  fi
  echo "unreadable $(tail -n 1 /tmp/probe)" >>"$record"
}

write_cache() {
  cd "$project"
  # Of bake.sh: without the same substitutes, other images would be looked for.
  if [ -s /tmp/policy.json ]; then export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=/tmp/policy.json; fi
  names=$(cut -d ' ' -f 1 "$targets")
  # Layers that were taken from the cache and not fetched are only written again if they can be read there.
  # shellcheck disable=SC2086 # target names are words
  BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker buildx bake --progress plain --allow network.host \
    --file "$build" --file "$override" --file "$write" $names >/tmp/write 2>&1 && echo written >>"$record" && return
  cat /tmp/write >&2
  echo "unwritable $(tail -n 1 /tmp/write)" >>"$record"
}

if [ -z "${CACHE_OVERRIDE:-}" ] || ! answers; then exec /ci/bake.sh "$@"; fi
printf '%s\n' "$CACHE_OVERRIDE" >"$cached"
# A layer that the cache names but does not have fails the build. The output of what failed is shown if it fails again.
if /ci/bake.sh "$project" "$build" "$cached" "$substitutes" "$targets" "$output" >/tmp/first; then
  override=$cached
else
  echo "cached_bake.sh: the build failed with the layer cache and is repeated without it" >&2
  echo repeated >>"$record"
  /ci/bake.sh "$@"
fi
docker buildx history ls --no-trunc --format json | sed 's/^/build /' >>"$record"
if [ -s "$write" ]; then write_cache; fi
