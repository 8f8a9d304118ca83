# Open a Git directory as a bare repository without its configuration.
#   sh git_open.sh GIT WORK
#
# Make WORK/git, which is to be GIT_DIR. Exit code 3: GIT is not usable, with the reason on standard error.
#
# Configuration, hooks and replacements of the repository are not used, because they can run programs and hide commits.
set -eu
given=$(cd "$1" && pwd) work=$2

refuse() {
    echo "$1" >&2
    exit 3
}

if [ ! -f "$given/HEAD" ] || [ ! -d "$given/objects" ]; then refuse "it has no HEAD and no objects"; fi
if [ -d "$given/reftable" ]; then refuse "it keeps its refs in a reftable, which is not read here"; fi

format=sha1
if grep -rqsE '^[0-9a-f]{64}( |$)' "$given/HEAD" "$given/packed-refs" "$given/refs"; then format=sha256; fi

export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 LC_ALL=C
git init --quiet --bare --template= --object-format="$format" "$work/git"
rm -rf "$work/git/objects" "$work/git/HEAD"
ln -s "$given/objects" "$work/git/objects"
for name in HEAD packed-refs refs shallow; do
    if [ -e "$given/$name" ]; then cp -R "$given/$name" "$work/git/"; fi
done
