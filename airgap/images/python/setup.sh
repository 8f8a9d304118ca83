packages python3.13

# The official image has its Python in /usr/local, and Dockerfiles rely on that. Python finds its prefix from where its
# program is, so it can be moved; the links keep Debian's own paths working.
library=/usr/local/lib/python3.13
rm -rf "$library"
mv /usr/lib/python3.13 "$library"
mv /usr/bin/python3.13 /usr/local/bin/python3.13
ln -s "$library" /usr/lib/python3.13
ln -s /usr/local/bin/python3.13 /usr/bin/python3.13
ln -s python3.13 /usr/local/bin/python3
ln -s python3 /usr/local/bin/python

# Debian's layout (dist-packages) and its ban on installing beside apt belong to Debian's Python, not to this one. The
# module `site` is compiled into the program with that layout, hence the link.
rm -r "$library/EXTERNALLY-MANAGED" "$library/sitecustomize.py" "$library/test"
sed -i "s/prefix_scheme = 'posix_local'/prefix_scheme = 'posix_prefix'/" "$library/sysconfig/__init__.py"
mkdir "$library/site-packages"
ln -s site-packages "$library/dist-packages"
python3 -I -c '
import os, sys, sysconfig
site = sysconfig.get_path("purelib")
assert site == "/usr/local/lib/python3.13/site-packages", site
assert [os.path.realpath(entry) for entry in sys.path if "-packages" in entry] == [site], sys.path
'

# Compiled files that do not depend on file times: those are evened out afterwards.
find "$library" -name __pycache__ -prune -exec rm -r {} +
python3 -I -m compileall -q --invalidation-mode unchecked-hash "$library"
