#!/bin/sh
# Run a program with a disk of its own under one of its folders: limited_disk.sh ROOT FOLDER SIZE PROGRAM [ARGUMENT…]
#
# ROOT keeps what the program knows about FOLDER (below ROOT): one without the other is worth nothing, so both go together.
# SIZE: bytes; the file takes what is used of it. The mount ends with the mount namespace it is made in.
set -eu
root=$1 folder=$2 size=$3
shift 3
image=$root.disk

# Half of what is free at most: a file system whose file finds no room is broken, not full.
affordable() {
    half=$(($(df --block-size=1 --output=avail "$(dirname "$image")" | tail -n 1) / 2))
    [ "$half" -lt "$size" ] && echo "$half" || echo "$size"
}

make_image() {
    rm -rf "$root" "$image"
    truncate --size="$(affordable)" "$image.partial"
    mkfs.ext4 -q -F -m 0 "$image.partial"
    mv "$image.partial" "$image"
}

is_sound() {
    # 1: found something and mended it.
    e2fsck -p "$image" || [ $? -eq 1 ]
}

if ! mountpoint -q "$folder"; then
    { [ -f "$image" ] && is_sound; } || make_image
    mkdir -p "$folder"
    # discard: what is deleted inside is given back to the disk outside.
    mount -o loop,discard,noatime "$image" "$folder"
fi
exec "$@"
