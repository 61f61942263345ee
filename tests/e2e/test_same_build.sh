#!/bin/bash
# Two builds in different folders, one after the other, are the same to the byte: who has the source can tell what was tested.
set -u
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT

build() {
	mkdir -p "$1" && tar -c -C "$ROOT" --exclude=./build --exclude=./out --exclude=./.git . | tar -x -C "$1" &&
		env -u B -u BUILD -u MAKEFLAGS -u SANITIZE CCACHE_DISABLE=1 make -s -C "$1" DEPS=skip CC=gcc CFLAGS="-O0 -g" build/dev/penrig-stopper
}

if ! { build "$folder/one" && build "$folder/another/and/longer"; } >"$folder/said" 2>&1; then
	cat "$folder/said"
	exit 1
fi
cmp "$folder/one/build/dev/penrig-stopper" "$folder/another/and/longer/build/dev/penrig-stopper"
