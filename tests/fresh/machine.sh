#!/usr/bin/env bash
# Runs make targets on a Debian where nothing of this was ever installed, and takes it away again:
#     tests/fresh/machine.sh demo test demo test
# The fresh machine is a debootstrap of what the README's Requirements name, with its own root, /run and processes; it shares this one's kernel and
# network, so that no platform may run here meanwhile. Of this machine it gets only how package registries are reached. CATALYST_CORPORA is handed on.
# What was built takes 20 minutes: with BUILT=<folder of artifacts> it is copied from there instead, to look for anything but builds.
set -euo pipefail
(($#)) || { sed -n '2,6s/^# \?//p' "$0" >&2; exit 2; }
[[ $(id -u) == 0 ]] || { echo "Making a fresh machine needs root: run this again with sudo or as root." >&2; exit 1; }
command -v debootstrap >/dev/null || { echo "debootstrap is missing: apt-get install debootstrap, and run this again." >&2; exit 1; }

checkout="$(cd "$(dirname "$0")/../.." && pwd)"
root="$(mktemp -d "${TMPDIR:-/var/tmp}/catalyst-fresh.XXXX")"
chmod 755 "$root" # it becomes /, which not only root must get through
trap 'rm -rf --one-file-system "$root"' EXIT

mirror="$(apt-get indextargets --format '$(SITE)' | head -1)"
debootstrap --variant=minbase --include=python3,python3-venv,git,make,ca-certificates bookworm "$root" "$mirror" >"$root.log" 2>&1 ||
    { tail -20 "$root.log" >&2; exit 1; }
rm "$root.log"

[[ -z ${BUILT:-} ]] || { mkdir -p "$root/root/.cache/catalyst" && cp -r "$BUILT" "$root/root/.cache/catalyst/artifacts"; }
# How this machine reaches the registries: their addresses, and the authorities that sign for them.
cp -r /etc/apt/sources.list.d /etc/apt/apt.conf.d "$root/etc/apt/"
rm -f "$root/etc/apt/sources.list"
cp /etc/resolv.conf /etc/hosts "$root/etc/"
cp /etc/ssl/certs/ca-certificates.crt "$root/etc/ssl/certs/"
cp -r /usr/local/share/ca-certificates "$root/usr/local/share/"
for file in /etc/pip.conf /root/.npmrc; do [[ ! -e $file ]] || cp "$file" "$root$file"; done
git clone --quiet --no-hardlinks "$checkout" "$root/root/catalyst"
[[ -z ${CATALYST_CORPORA:-} ]] || cp -r "$CATALYST_CORPORA" "$root/root/corpora"
registries=$(env | grep -E '^(GOPROXY|GOSUMDB|https?_proxy|no_proxy|PIP_[A-Z_]*|[A-Z_]*(CERT|CA_BUNDLE|CA_CERTS|CAINFO|CERT_FILE|CERT_DIR))=' | grep -v '^PIP_FIND_LINKS' || true)

# shellcheck disable=SC2016  # expanded inside
inside='
set -euo pipefail
root="$1"; shift
mount --bind "$root" "$root"
for folder in dev sys; do mount --rbind "/$folder" "$root/$folder"; done
mount -t tmpfs tmpfs "$root/run"
mount -t proc proc "$root/proc"
cd "$root"
mkdir -p .former
pivot_root . .former
cd /root/catalyst
umount -l /.former
for target in "$@"; do
    echo "== make $target at $(date +%T)"
    began=$SECONDS
    make "$target" || { echo "== make $target failed after $((SECONDS - began)) s"; exit 1; }
    echo "== make $target took $((SECONDS - began)) s"
done
'
mapfile -t environment <<<"$registries"
# Whatever is left running when the last target has ended ends with the process namespace.
env -i "${environment[@]}" HOME=/root TERM=xterm LANG=C.UTF-8 PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
    ${CATALYST_CORPORA:+CATALYST_CORPORA=/root/corpora} \
    unshare --mount --pid --fork --kill-child --propagation private bash -c "$inside" machine "$root" "$@"
