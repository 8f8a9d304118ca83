#!/bin/sh
# Install the Dagger CLI by version and checksum. Its first call starts the engine of the same version.
# Usage: install-dagger.sh [FOLDER]. FOLDER must be on PATH; the default is /usr/local/bin.
set -eu

version=v0.21.8
case $(uname -m) in
  x86_64) arch=amd64 sum=53e226c7da8fb75171e58c35759d736d961ce8b3a12db0baa7b7107954fccc5a ;;
  aarch64) arch=arm64 sum=cd0df4885f2050082932b4abc5a6aad9a733f6aa4e7d8474740558517ffec4af ;;
  *) echo "install-dagger: no checksum for $(uname -m); add it from the release's checksums.txt" >&2 && exit 1 ;;
esac
folder=${1:-/usr/local/bin}
as_root=
[ -w "$folder" ] || as_root=sudo

made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
curl --fail --silent --show-error --location --retry 3 --output "$made/dagger.tar.gz" \
  "https://github.com/dagger/dagger/releases/download/$version/dagger_${version}_linux_$arch.tar.gz"
echo "$sum  $made/dagger.tar.gz" | sha256sum -c -
tar -xzf "$made/dagger.tar.gz" -C "$made" dagger
$as_root install -m 755 "$made/dagger" "$folder/dagger"
