#!/bin/bash
# What analyzers find in the product's sources without running them: gcc -fanalyzer, clang-tidy, cppcheck, each with the rules of
# tests/tools/rules/. Prints FILE:LINE: what, exits 1 where there is any. `make analyze-source` runs this.
# usage: analyze-source.sh BUILD FLAGS...    BUILD: configured; ANALYZERS=: some of "gcc cppcheck clang-tidy"; FILES=words: the sources
# with one of them in their path; WORKERS=N
set -u
rules=tests/tools/rules
workers=${WORKERS:-$(nproc)}
found=$(mktemp) || exit 1
trap 'rm -f "$found"' EXIT
export B=$1 RULES=$rules
shift
export FLAGS="-I. -I$B -std=gnu11 -D_GNU_SOURCE -DPENRIG_VERSION='\"0\"' -DPENRIG_LIBS='\"\"' $*"

sources() { # in these folders
	find "$@" -name '*.c' -not -path '*/firmware/*' | sort | if [ -n "${FILES:-}" ]; then grep -F "${FILES// /$'\n'}"; else cat; fi
}

# Each file by itself; rig/base/error.c is what the header ahead stands for.
ahead() { [ "$1" = rig/base/error.c ] || echo "-include $RULES/analyzed.h"; }
with_gcc() {
	eval "gcc $FLAGS $(ahead "$1") $(grep -v '^#' "$RULES/gcc" | tr '\n' ' ') -fdiagnostics-plain-output -O0 -S -o /dev/null $1" 2>&1 | grep -E '(warning|error):'
}
with_tidy() {
	eval "clang-tidy --quiet --config-file=$RULES/clang-tidy $1 -- $FLAGS $(ahead "$1")" 2>/dev/null | grep -E ' (warning|error):'
}
export -f ahead with_gcc with_tidy

each() { # function, files...
	local way=$1
	shift
	printf '%s\n' "$@" | xargs -r -P "$workers" -n 8 bash -c "for f; do $way \"\$f\"; done; true" bash | sed "s|^$PWD/||" >>"$found"
}

for analyzer in ${ANALYZERS:-gcc cppcheck clang-tidy}; do
	command -v "$analyzer" >/dev/null || { echo "analyze-source: $analyzer is missing" >&2; exit 2; }
	began=$SECONDS before=$(wc -l <"$found")
	case $analyzer in
	gcc) each with_gcc $(sources rig drivers reports fixtures/virtual) ;;
	clang-tidy) each with_tidy $(sources $(grep -v '^#' $rules/clang-tidy.folders)) ;;
	cppcheck)
		# shellcheck disable=SC2046
		cppcheck -j "$workers" --quiet --std=c11 $(grep -v '^#' $rules/cppcheck) -I. -I"$B" -DPENRIG_VERSION='"0"' --template='{file}:{line}: {id}: {message}' \
			$(sources rig drivers reports fixtures/virtual) >>"$found" 2>&1 ;;
	esac
	echo "$analyzer: $(($(wc -l <"$found") - before)) findings, $((SECONDS - began)) s"
done
sort -u "$found"
[ ! -s "$found" ]
