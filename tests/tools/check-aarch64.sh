#!/bin/bash
# Unit tests, and the replay of every kept run, as an ARM processor of 64 bits does them, under qemu's user mode: another rounding of the
# mathematical functions, chars without a sign, weaker order of memory. `make check-aarch64` runs this; root, for debootstrap.
# usage: check-aarch64.sh BUILD [WORD...]    WORD: only the unit tests that have one of them in their path
# The system's folder is BUILD/aarch64-root, made once, and again where other packages are wanted.
set -u
build=$1
root=$(realpath -m "$build/aarch64-root")
shift
packages=libserialport-dev,libusb-1.0-0-dev,libcjson-dev,libgsl-dev,libsqlite3-dev,libzstd-dev,nettle-dev,libsodium-dev,libudev-dev,libexpat1-dev,libcmocka-dev
. /etc/os-release
mirror=$(sed -nE 's/^(deb|URIs:) (\[[^]]*\] )?(http[^ ]*debian\/?)( .*)?$/\3/p' /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null | head -n 1)

# Libraries alone: nothing of it is configured or run.
if [ "$(cat "$root/made" 2>/dev/null)" != "$packages" ]; then
	rm -rf "$root"
	debootstrap --foreign --arch=arm64 --variant=minbase --include=$packages "$VERSION_CODENAME" "$root" "${mirror:-http://deb.debian.org/debian}" || exit 1
	for package in "$root"/var/cache/apt/archives/*.deb; do dpkg-deb -x "$package" "$root" || exit 1; done
	echo "$packages" >"$root/made"
fi
# Links of a system's own lead into it.
export PKG_CONFIG_SYSROOT_DIR=$root PKG_CONFIG_LIBDIR=$root/usr/lib/aarch64-linux-gnu/pkgconfig:$root/usr/share/pkgconfig
run="qemu-aarch64 -L $root"
tests=$(for t in tests/unit/*/test_*.c; do
	[ $# -gt 0 ] || echo "$t"
	for word; do case $t in *"$word"*) echo "$t" ;; esac; done
done | sort -u | sed "s|\(.*\)\.c|$build/aarch64/dev/\1|")
# shellcheck disable=SC2086
make --no-print-directory -s -j"$(nproc)" DEPS=skip BUILD="$build/aarch64" CC="aarch64-linux-gnu-gcc --sysroot=$root" CFLAGS="-O2 -g1" LDFLAGS="-Wl,-rpath-link,$root/usr/lib/aarch64-linux-gnu" \
	"$build/aarch64/dev/penrig" $tests || exit 1

passed=0 failed=0
for t in $tests; do
	if said=$(CMOCKA_MESSAGE_OUTPUT=stdout timeout "${TEST_TIMEOUT:-600}" $run "$t" 2>&1 </dev/null); then
		passed=$((passed + 1))
	else
		failed=$((failed + 1))
		echo "FAILED: ${t#"$build/aarch64/dev/"}"
		grep -aE 'FAILED|Assertion|error:|^\[  ERROR' <<<"$said" | head -n 12
	fi
done

# The replay is the end-to-end test's, which starts penrig by its name.
there=$(mktemp -d) || exit 1
trap 'rm -rf "$there"' EXIT
printf '#!/bin/sh\nexec %s %s "$@"\n' "$run" "$(realpath "$build/aarch64/dev/penrig")" >"$there/penrig"
chmod +x "$there/penrig"
if MACHINE=aarch64 NEWEST=1 B=$there ROOT=$PWD XDG_STATE_HOME=$there "${PYTHON:-/usr/bin/python3}" tests/e2e/test_old_runs.py; then passed=$((passed + 1)); else failed=$((failed + 1)); fi
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" = 0 ]
