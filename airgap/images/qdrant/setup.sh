# Whoever runs it, whatever capabilities it has: a volume takes over the mode of this folder.
install -d -m 0777 /qdrant/storage
python3 -I -m compileall -q --invalidation-mode unchecked-hash /usr/local/lib/python3.13/site-packages
