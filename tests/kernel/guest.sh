#!/bin/bash
# Runs COMMAND as root inside a guest of QEMU: Debian's own kernel with its USB controllers for devices that do not exist, and this
# computer's files below a layer of memory. What is written there is gone with the guest, but for what goes into $GUEST_OUT.
# The guest's time is counted in instructions, and idle time is passed over: a busy computer makes it slow, never late.
# usage: guest.sh FOLDER COMMAND [ARGUMENT]...     FOLDER keeps the kernel from one time to the next. Ends as COMMAND does, and says
# what COMMAND says. 77: Debian's kernel cannot be fetched here. 125: the guest did not come to an end. GUEST_TIMEOUT: seconds, default 1800.
set -u
here=$(cd "$(dirname "$0")" && pwd)
keep=$1
shift

fail() { # what [status]
	echo "guest.sh: $1" >&2
	exit "${2:-125}"
}

# Two guests at once: one fetches, the other waits for it.
mkdir -p "$keep" && keep=$(cd "$keep" && pwd) || fail "cannot make $keep"

# The kernel is unpacked, never installed.
fetch() {
	local package
	package=$(apt-cache depends linux-image-amd64 2>/dev/null | sed -nE 's/^ *Depends: (linux-image-[0-9].*)/\1/p' | head -n 1)
	[ -n "$package" ] || fail "apt knows no linux-image-amd64: this needs Debian's package lists (sudo apt-get update)" 77
	[ "$(cat "$keep/package" 2>/dev/null)" = "$package" ] && return
	rm -rf "$keep/system" && mkdir "$keep/system" || fail "cannot make $keep/system"
	(cd "$keep" && apt-get download -qq "$package") || fail "$package cannot be downloaded" 77
	(cd "$keep" && dpkg-deb -x ./*.deb system && rm ./*.deb) || fail "cannot unpack $package"
	busybox depmod -b "$keep/system" "$(ls "$keep/system/lib/modules")" || fail "cannot list the kernel's modules"
	echo "$package" >"$keep/package"
}

# The files of a module and of all that it needs, in the order in which they are loaded; nothing for one that is built in.
declare -A listed
closure() {
	local line needed
	line=$(grep -E "(^|/)${1//[-_]/[-_]}\.ko:" "$modules/modules.dep" | head -n 1)
	[ -n "$line" ] && [ -z "${listed[${line%%:*}]:-}" ] || return 0
	listed[${line%%:*}]=1
	for needed in ${line#*:}; do
		needed=${needed##*/}
		closure "${needed%.ko}"
	done
	echo "$modules/${line%%:*}"
}

pack() { # the guest's first files
	local root=$work/root file name
	mkdir -p "$root"/{bin,modules,proc,sys,dev}
	cp "$(command -v busybox)" "$root/bin/busybox" && cp "$here/init" "$root/init" && chmod +x "$root/init" || fail "cannot pack the guest"
	for name in virtio_pci 9p 9pnet_virtio overlay usbtmc cdc-acm ftdi_sio xhci-pci vhci-hcd dummy_hcd usb_f_acm; do closure "$name"; done >"$work/list"
	while read -r file; do
		cp "$file" "$root/modules/" && echo "${file##*/}"
	done <"$work/list" >"$root/modules/order"
	(cd "$root" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd.gz"
}

# Serial lines: the console; the far end of the FTDI adapter's line; QEMU's own monitor, for pulling that adapter out.
boot() {
	timeout -k 10 "${GUEST_TIMEOUT:-1800}" qemu-system-x86_64 -M pc -accel tcg,thread=single -icount shift=1,sleep=off -cpu max -m 1024 \
		-nodefaults -no-reboot -display none -device isa-debug-exit,iobase=0xf4,iosize=0x04 \
		-chardev "socket,id=adapter,path=$work/adapter,server=on,wait=off" -chardev "socket,id=device,path=$work/adapter" \
		-chardev "socket,id=monitor,path=$work/monitor,server=on,wait=off" -chardev "socket,id=orders,path=$work/monitor" \
		-serial stdio -serial chardev:device -serial chardev:orders -mon chardev=monitor,mode=readline \
		-device qemu-xhci -device usb-serial,chardev=adapter,id=ftdi,serial=FT-PEN-1,always-plugged=on \
		-virtfs local,path=/,mount_tag=root,security_model=none,readonly=on,multidevs=remap \
		-virtfs "local,path=$work/out,mount_tag=out,security_model=none" \
		-kernel "$keep"/system/boot/vmlinuz-* -initrd "$work/initrd.gz" \
		-append "console=ttyS0 quiet panic=-1 mitigations=off" >"$work/console" 2>&1 </dev/null
}

for tool in qemu-system-x86_64 busybox cpio /lib/systemd/systemd-udevd; do
	command -v $tool >/dev/null || fail "$tool is missing: sudo apt install qemu-system-x86 busybox-static cpio udev"
done
work=$(mktemp -d "${TMPDIR:-/tmp}/guest.XXXXXX") || exit 125
trap 'rm -rf "$work"' EXIT
trap 'kill $(jobs -p) 2>/dev/null; exit 130' INT TERM
exec 9>"$keep/lock" && flock 9 && fetch && exec 9>&- || fail "cannot fetch a kernel into $keep"
modules=$(echo "$keep"/system/lib/modules/*)
pack
mkdir "$work/out"
{
	printf 'cd %q && export B=%q ROOT=%q PYTHON=%q && exec' "$PWD" "${B:-build/dev}" "$PWD" "${PYTHON:-/usr/bin/python3}"
	printf ' %q' "$@"
	echo
} >"$work/out/command"
boot &
wait $!
cat "$work/out/said" 2>/dev/null
[ -s "$work/out/status" ] && exit "$(cat "$work/out/status")"
tail -n 30 "$work/console" >&2
fail "the guest did not come to an end"
