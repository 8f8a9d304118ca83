#!/bin/sh
# Build images with Bake, and export each one that has changed as an OCI layout whose times are all one constant.
#   bake.sh PROJECT BUILD.json OVERRIDE.json SUBSTITUTES TARGETS OUTPUT
# Nothing outside of the folder PROJECT is read or written for a build.
# BUILD.json is what Compose gives Bake, OVERRIDE.json what the pipeline adds. SUBSTITUTES has lines "FROM TO PINNED" of
# image references: PINNED is TO with its digest, and both are - where there is no substitute. TARGETS has lines "TARGET
# TAG": the tag that the built image gets in the engine. OUTPUT/metadata.json has what BuildKit recorded, OUTPUT/exported
# lines "TARGET NAME": below SANDBOX_IMAGES the folder NAME then has image.tar, versions.json and exported_at. The name is
# made of a digest, so what has it never changes.
# Runs in sandbox.sh. On failure it prints one line on stdout for each build that failed.
set -eu
project=$1 build=$2 override=$3 substitutes=$4 targets=$5 output=$6
store=${SANDBOX_IMAGES:?}
readonly MOST_IMAGES=48
# The programs whose versions decide how an image is packed.
readonly VERSIONS='{{range .Server.Components}}{{printf "%q: %q, " .Name .Version}}{{end}}'
export BUILDX_NO_DEFAULT_ATTESTATIONS=1 BUILDX_METADATA_PROVENANCE=max

rule() { printf '%s{"action":"%s","selector":{"identifier":"docker-image://%s","matchType":"WILDCARD"}%s}' "$@"; }

# Rules by which BuildKit itself takes another image. One that was asked for by digest is replaced by digest, because
# the provenance then tells which references are pinned.
policy() {
  printf '{"rules":['
  separator=''
  while read -r from to pinned; do
    if [ "$to" = - ]; then
      rule "$separator" DENY "$from" ''
      rule , DENY "$from@*" ''
    else
      rule "$separator" CONVERT "$from" ",\"updates\":{\"identifier\":\"docker-image://$to\"}"
      rule , CONVERT "$from@*" ",\"updates\":{\"identifier\":\"docker-image://$pinned\"}"
    fi
    separator=,
  done <"$substitutes"
  printf ']}\n'
}

# Bake refuses what is outside of the folder that it runs in, except for what is allowed here.
bake() {
  docker buildx bake --progress plain --allow network.host --allow fs.write=/tmp/exports \
    --file "$build" --file "$override" "$@" >&2
}

# Each text is quoted as Go does, which Python reads as a literal.
readonly FAILURE='{"name": {{printf "%q" .Name}}, "step": {{printf "%q" .Error.Name}},
 "target": "{{range .BuildArgs}}{{if eq .Name "sandbox.target"}}{{.Value}}{{end}}{{end}}",
 "message": {{printf "%q" .Error.Message}}, "source": {{printf "%q" .Error.Sources}},
 "output": [{{range .Error.Logs}}{{printf "%q" .}}, {{end}}]}'

report_failures() {
  docker buildx history ls --filter status=error --no-trunc --format '{{.Ref}}' >/tmp/failed
  while read -r reference; do
    # What an earlier run left is not this one's failure.
    [ "$(docker buildx history inspect --format '{{.StartedAt.Unix}}' "$reference")" -ge "$began" ] || continue
    docker buildx history inspect --format "$FAILURE" "$reference" | tr '\n' ' '
    echo
  done </tmp/failed
}

mkdir -p "$store" "$output"
cd "$project"
if [ -s "$substitutes" ]; then
  policy >/tmp/policy.json
  export EXPERIMENTAL_BUILDKIT_SOURCE_POLICY=/tmp/policy.json
fi

# Docker unpacks the images of several targets concurrently, and one then may miss a layer that another is unpacking.
# What fails outside of a Dockerfile's steps is tried again: all steps are cached by then.
names=$(cut -d ' ' -f 1 "$targets")
for attempt in 1 2 3; do
  began=$(date +%s)
  # shellcheck disable=SC2086 # target names are words
  if bake --metadata-file "$output/metadata.json" $names; then break; fi
  report_failures >/tmp/failures
  if [ "$attempt" = 3 ] || [ ! -s /tmp/failures ] || grep -qv '"step": ""' /tmp/failures; then
    cat /tmp/failures
    exit 1
  fi
done

# An image that was exported before, by the digest that it had before its times were evened out, is not exported again.
# shellcheck disable=SC2046 # tags are words
docker image inspect --format '{{.Id}}' $(cut -d ' ' -f 2 "$targets") >/tmp/ids
changed='' exports=''
rm -rf /tmp/exports # of a run whose data turned out to be damaged
mkdir -p /tmp/exports
: >/tmp/new
: >"$output/exported"
exec 3</tmp/ids
while read -r target _; do
  read -r id <&3
  kept=$target-${id#*:}
  echo "$target $kept" >>"$output/exported"
  if [ -d "$store/$kept" ]; then
    touch "$store/$kept"
  else
    changed="$changed $target"
    exports="$exports --set $target.output=type=oci,dest=/tmp/exports/$target.tar,rewrite-timestamp=true"
    echo "$target $kept" >>/tmp/new
  fi
done <"$targets"
if [ -n "$changed" ]; then
  # shellcheck disable=SC2086 # as above
  bake $exports $changed || { report_failures; exit 1; }
  buildx=$(docker buildx version | cut -d ' ' -f 2)
  printf '{%s"Buildx": "%s"}' "$(docker version --format "$VERSIONS")" "$buildx" >/tmp/versions.json
  while read -r target kept; do
    # A rename makes it appear whole or not at all; another call may have done the same meanwhile.
    part=$(mktemp -d "$store/.part-XXXXXX")
    cp "/tmp/exports/$target.tar" "$part/image.tar"
    cp /tmp/versions.json "$part"
    date +%s >"$part/exported_at"
    chmod 755 "$part"
    mv -T "$part" "$store/$kept" 2>/dev/null || rm -rf "$part"
  done </tmp/new
  docker image prune --force >/dev/null
fi

# Bound what is kept: the engine bounds its own cache, this bounds the exports.
# shellcheck disable=SC2012 # names of targets and digests
ls -t "$store" | tail -n "+$((MOST_IMAGES + 1))" | while read -r old; do rm -rf "${store:?}/$old"; done
find "$store" -maxdepth 1 -name '.part-*' -mmin +60 -exec rm -rf {} + # of calls that were killed
