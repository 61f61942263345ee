#!/bin/bash
# What `make deb` built, in a Debian of its own (a folder by debootstrap, with the libraries): installs, upgrades with its state kept,
# removes cleanly. Wants root.  tests/tools/try-deb.sh FOLDER build/deb/*.deb
set -eu
root=$1
shift
cp "$@" "$root/tmp/"
debs=$(for deb in "$@"; do case $deb in *dbgsym*) ;; *) echo "/tmp/$(basename "$deb")" ;; esac; done)
in_root() { chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
say() { echo "$1" >&2; }

in_root find / -xdev -not -path '/tmp/*' -not -path '/proc/*' -not -path '/run/*' -type f | sort >"$root.before"
# shellcheck disable=SC2086
in_root dpkg -i $debs >/dev/null
in_root penrig version >/dev/null
in_root penrig check /usr/share/penrig/plans/demo.json --bench /usr/share/penrig/benches/virtual-usb.json >/dev/null
in_root getent passwd penrig >/dev/null
test -e "$root/usr/lib/systemd/system/penrig-station.service"
in_root getent group penrig >/dev/null
test -e "$root/usr/lib/udev/rules.d/70-penrig.rules"
for script in postinst prerm; do # no systemd runs here: what a real one is told at an upgrade and a removal stands in these
	grep -q "deb-systemd-invoke .* 'penrig-station.service'" "$root/var/lib/dpkg/info/penrig-station.$script" ||
		{ say "penrig-station.$script: it does not start or stop the service"; exit 1; }
done
say "installed: penrig runs, the service, its user and the udev rules with their group are there"
echo kept | in_root tee /var/lib/penrig/station/units.jsonl >/dev/null
# shellcheck disable=SC2086
in_root dpkg -i $debs >/dev/null
test "$(cat "$root/var/lib/penrig/station/units.jsonl")" = kept
say "upgraded: its state is as it was"
in_root dpkg -r penrig-station penrig >/dev/null
test ! -e "$root/usr/bin/penrig"
in_root dpkg -P penrig-station penrig >/dev/null 2>&1
test "$(cat "$root/var/lib/penrig/station/units.jsonl")" = kept
in_root find / -xdev -not -path '/tmp/*' -not -path '/proc/*' -not -path '/run/*' -type f | sort >"$root.after"
left=$(comm -13 "$root.before" "$root.after" | grep -vE '^/var/(lib/dpkg|log|cache|backups|lib/penrig|lib/systemd)|^/etc/(passwd|group|shadow|gshadow|subuid|subgid)-?$' || true)
test -z "$left" || { say "left behind: $left"; exit 1; }
say "removed: nothing is left but what was tested"
