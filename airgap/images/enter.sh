# Mounts what package scripts need below an image's root and runs chroot.sh there. Only inside contained.sh.
#   sh enter.sh ROOT RECIPES RECIPE
set -eu
cd "$1"
mount -t proc proc proc
mount --rbind /dev dev
mount -t tmpfs -o mode=1777 tmpfs tmp
mount --bind /etc/resolv.conf etc/resolv.conf
mount -o bind,ro "$2" mnt
exec chroot . sh /mnt/chroot.sh "$3"
