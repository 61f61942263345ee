#!/bin/bash
# The firmware's encoder as a microcontroller's compiler sees it: strict C99, nothing of a library but memcpy, under 2 kB.
set -u
source=$ROOT/drivers/load-stream/firmware/load_stream.c
passed=0 failed=0
check() { # TEXT CONDITION...
	if "${@:2}"; then passed=$((passed + 1)); else failed=$((failed + 1)); echo "FAILED: $1"; fi
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

strict="-std=c99 -pedantic -Wall -Wextra -Wshadow -Wconversion -Werror -Os -ffreestanding -fno-asynchronous-unwind-tables -fno-stack-protector"
# shellcheck disable=SC2086
check "it is not clean C99" ${CC:-cc} $strict -c "$source" -o "$work/encoder.o"
read -r _ text data bss _ < <(size "$work/encoder.o" | tail -n 1 | sed 's/^/x /')
check "it is $text bytes of code and constants, 2047 at most" test "${text:-9999}" -lt 2048
check "it keeps $data + $bss bytes of memory of its own" test "$((data + bss))" -eq 0
check "it needs $(nm -u "$work/encoder.o" | tr -s ' \n' ' ')" test "$(nm -u "$work/encoder.o" | awk '{print $2}')" = memcpy
echo "$passed passed, $failed failed, 0 skipped"
[ "$failed" -eq 0 ]
