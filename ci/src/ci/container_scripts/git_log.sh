# Read the commits and tags of a repository, for the order of commits and for release notes.
#   sh git_log.sh GIT OUTPUT
#
# Write to OUTPUT: log (of each commit id, parents and subject, ended by NUL), tags, and shallow if commits are missing.
# Exit code 3: GIT is not usable, with the reason on standard error.
set -eu
output=$2
work=$(mktemp -d)
sh "$(dirname "$0")/git_open.sh" "$1" "$work"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 LC_ALL=C
export GIT_DIR="$work/git"

mkdir -p "$output"
git log --all --topo-order -z --format='%H%n%P%n%s' >"$output/log"
git for-each-ref --format='%(refname) %(objectname) %(*objectname)' refs/tags >"$output/tags"
if [ -s "$GIT_DIR/shallow" ]; then cp "$GIT_DIR/shallow" "$output/shallow"; fi
rm -rf "$work"
