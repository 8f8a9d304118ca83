# Read everything that the commits of a repository introduced, with Git's plumbing commands.
#   sh git_history.sh GIT OUTPUT LIMIT
#
# Write to OUTPUT: commits (oldest first), changes (of each commit, from `diff-tree --raw`), sizes, and blobs of at
# most LIMIT bytes (from `cat-file --batch`, in the order of their first commit). Exit code 3: GIT is not usable, with the
# reason on standard error.
set -eu
output=$2 limit=$3
work=$(mktemp -d)
sh "$(dirname "$0")/git_open.sh" "$1" "$work"
export GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null GIT_NO_REPLACE_OBJECTS=1 GIT_NO_LAZY_FETCH=1 LC_ALL=C
export GIT_DIR="$work/git"

mkdir -p "$output"
cd "$output"
git rev-list --all --topo-order --reverse >commits
if [ ! -s commits ]; then
    echo "it has no commit" >&2
    exit 3
fi
if [ -s "$GIT_DIR/shallow" ]; then cp "$GIT_DIR/shallow" shallow; fi
git diff-tree --stdin --root -r -c --raw --no-renames --no-abbrev <commits >changes

# The new object of each change, without duplicates, deletions and submodules.
awk -F '\t' '/^:/ {
    count = split($1, field, " ")
    if (field[(count - 1) / 2] !~ /^(000000|160000)$/ && !seen[field[count - 1]]++) print field[count - 1]
}' changes >objects
git cat-file --batch-check='%(objectname) %(objecttype) %(objectsize)' <objects >sizes
awk -v limit="$limit" '$2 == "blob" && $3 <= limit { print $1 }' sizes >wanted
git cat-file --batch <wanted >blobs
rm -rf objects wanted "$work"
