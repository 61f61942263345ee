#!/bin/bash
# Layout, rooms, function length, no printing outside rig/cli, nothing unexpected at the top. Prints FILE:LINE: what, exits 1.
set -u
# Complaints are collected in a file: a variable set at the end of a pipe would be lost with its subshell.
found=$(mktemp) || exit 1
trap 'rm -f "$found" "$found.format"' EXIT
complain() { cat >>"$found"; }
files() { find "$@" -name '*.[ch]' -not -path '*/vectors/*' 2>/dev/null | sort; }
need() {
	command -v "$1" >/dev/null && return 0
	echo "lint: $1 is missing (package $2), what it checks is left out"
	[ -z "${CI:-}" ] || echo "$1:1: must be installed in CI (package $2)" | complain
	return 1
}

# ---- layout
if need clang-format clang-format; then
	files rig drivers reports fixtures tests | xargs -r clang-format --dry-run -Werror >"$found.format" 2>&1 ||
		grep 'error:' "$found.format" | sed 's/ error: code should be clang-formatted.*/ not as clang-format lays it out/' | sort -u -t: -k1,1 | complain
fi

# ---- the top level
expected="Makefile README.md LICENSE rig drivers fixtures reports tests docs packaging clients"
for name in *; do
	case " $expected build out " in *" $name "*) ;; *) echo "$name:1: does not belong at the top level" | complain ;; esac
done
for name in $expected; do
	[ -e "$name" ] || echo "$name:1: is missing at the top level" | complain
done

# ---- rooms: what each may include (tests/tools/rooms.mk), no arrow up or along a floor, no circle
rooms=tests/tools/rooms.mk
if [ -e $rooms ]; then
	awk -v table=$rooms -f "$(dirname "$0")/rooms.awk" $rooms $(files rig drivers reports fixtures/virtual) | complain
else
	echo "$rooms:1: is missing" | complain
fi

# libc, POSIX and Linux headers are free; a library's header stands in its one file (GSL: in measure/)
library() { # ERE of the header, ERE of the files that may
	grep -HnE "^#include <($1)>" /dev/null $(files rig drivers reports fixtures) 2>/dev/null | grep -vE "^($2):" |
		sed 's|:#include \(.*\)|: \1 belongs in one file alone|' | complain
}
library 'cjson/.*|cJSON.*' 'rig/base/json[a-z_]*\.c'
library 'libserialport\.h' 'rig/link/serial[a-z_]*\.c'
library 'libusb.*' 'rig/link/usb[a-z_]*\.c|fixtures/virtual/.*'
library 'sqlite3\.h' 'rig/base/db\.c'
library 'zstd\.h' 'rig/runfile/squeeze\.c'
library 'nettle/.*' 'rig/base/digest\.h'
library 'sodium.*' 'rig/base/(signature|pin)\.c'
library 'hdf5.*' 'rig/offline/hdf5_library\.h'
library 'expat.*' 'drivers/iio/context\.c'
library 'microhttpd\.h' 'rig/station/http\.c'
library 'libpq-fe\.h' 'rig/fleet/pq_library\.h'
library 'gsl/.*' 'rig/measure/.*'

# ---- nothing in the product knows that a device can be virtual; its qualification starts the virtual bench, as a person would
grep -HnwiE '[a-z_]*(virtual|simulat|fake)[a-z_]*' /dev/null $(files rig drivers reports) 2>/dev/null | grep -v '^rig/cli/qualify' |
	sed 's|^\([^:]*:[0-9]*\):.*|\1: the product must not know of virtual devices|' | complain

# ---- printing and exiting
grep -HnE '(^|[^a-z_])(printf|puts|putchar|vprintf|perror|exit|_exit|abort|err|errx|warn|warnx)\(|\b(stderr|stdout)\b' \
	/dev/null $(files rig drivers reports | grep -v "^rig/cli/") 2>/dev/null |
	grep -vE ':[0-9]+:\s*(/\*|\*)|:[0-9]+:.*(struct err|\(\*)' | grep -vE '/\* lint: ' |
	sed 's|^\([^:]*:[0-9]*\):.*|\1: only rig/cli prints or exits|' | complain

# ---- functions of at most 70 lines
if need ctags universal-ctags; then
	ctags -x --c-kinds=f --fields=+ne --_xformat='%F:%n %e %N' $(files rig drivers reports fixtures tests) 2>/dev/null |
		awk '{ split($1, at, ":"); lines = $2 - at[2] + 1; if (lines > 70) printf "%s: %s has %d lines; 70 are the limit\n", $1, $3, lines }' |
		complain
fi

# ---- a table of members without its end is read on into whatever stands behind it
for file in $(grep -l '^static const struct member [a-z_]*\[\] = {' $(files rig drivers reports fixtures) 2>/dev/null); do
	awk -v file="$file" '/^static const struct member [a-z_]*\[\] = \{/ { name = $5; line = FNR; last = "" }
		name && /^};/ { if (last !~ /(^|[^A-Za-z_])END,?[ \t]*$/) print file ":" line ": " name " does not end with END"; name = "" }
		{ last = $0 }' "$file"
done | complain

# ---- unfinished work, lines that nobody wants
grep -HnE '\b(TODO|FIXME|XXX)\b' /dev/null $(files rig drivers reports fixtures tests) README.md $(find docs -name '*.md') 2>/dev/null |
	sed 's|^\([^:]*:[0-9]*\):.*|\1: unfinished|' | complain

# ---- links between documents
for page in README.md $(find docs -name '*.md'); do
	grep -noE '\]\([^)#: ]+' "$page" | while IFS=: read -r line link; do
		[ -e "$(dirname "$page")/${link#](}" ] || echo "$page:$line: there is no ${link#](}"
	done
done | complain

# ---- every folder stands in the table of rooms, every page is reached from another one
find rig drivers reports -mindepth 1 -type d | sort | while read -r folder; do
	grep -q "[\`/]$(basename "$folder")/" docs/architecture.md || echo "docs/architecture.md: it does not say what $folder/ is"
done | complain
for page in docs/*.md; do
	grep -qE "\]\((docs/)?$(basename "$page")[)#]" $(ls README.md docs/*.md | grep -vx "$page") || echo "$page: no page links to it"
done | complain

if [ -s "$found" ]; then
	cat "$found"
	echo "lint: $(wc -l <"$found") complaints"
	exit 1
fi
echo "lint: clean"
