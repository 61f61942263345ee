#!/bin/bash
# Runs test programs and scripts, two at a time, each in a folder of its own with a time limit. Shows the output of those that
# fail, counts, and ends in "N passed, N failed, N skipped". A cmocka program counts as the number of its tests.
# A script that says "runs alone" in its first lines has the machine to itself: real time is part of what it tests.
# usage: B=build/dev run-tests.sh PROGRAM...      TEST_TIMEOUT: seconds for each, default 240; JOBS: default 2
# A skip (exit 77, or a test that cmocka skips) is a failure unless ALLOWED_SKIPS (names, blank-separated) has it.
set -u
root=$PWD
export PYTHONDONTWRITEBYTECODE=1 B=${B:-build/dev} PYTHON=${PYTHON:-/usr/bin/python3} ROOT=$root
case $B in /*) ;; *) B=$root/$B ;; esac
timeout_s=${TEST_TIMEOUT:-240}
jobs=${JOBS:-2}
allowed=" ${ALLOWED_SKIPS:-} "
[ $# -gt 0 ] || { echo "run-tests.sh: no tests were given" >&2; echo "0 passed, 1 failed, 0 skipped"; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/penrig-check.XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

# cmocka sums up in "[  PASSED  ] N test(s)", "[  SKIPPED ] N test(s)" and "[  FAILED  ] N test(s)"; anything else that
# counts ends in the line that this one ends in; a script or a fuzz target that does not counts as
# one.
sum_of() {
	sed -nE "$1" "$2" | awk '{ n += $1 } END { print n + 0 }'
}
counted() {
	local passed skipped failed
	passed=$(sum_of 's/^\[  PASSED  \] ([0-9]+) test\(s\).*/\1/p' "$1")
	skipped=$(sum_of 's/^\[  SKIPPED \] ([0-9]+) test\(s\).*/\1/p' "$1")
	failed=$(sum_of 's/^\[  FAILED  \] ([0-9]+) test\(s\).*/\1/p' "$1")
	echo "$((passed + skipped + failed)) $skipped $failed"
}

run_one() {
	local test=$1 id=$2 path dir=$work/$2.d log=$work/$2.log status started=$SECONDS
	case $test in /*) path=$test ;; *) path=$root/$test ;; esac
	mkdir -p "$dir"
	case $test in
	*.py) set -- "$PYTHON" "$path" ;;
	*.sh) set -- bash "$path" ;;
	*) set -- "$path" ;;
	esac
	case $test in
	*.py | *.sh) (cd "$dir" && XDG_STATE_HOME=$dir TMPDIR=$dir exec timeout -k 10 "$timeout_s" "$@") ;;
	*) TMPDIR=$dir timeout -k 10 "$timeout_s" "$@" ;; # test programs read fixtures by their path from the root
	esac >"$log" 2>&1 </dev/null
	status=$?
	echo "$status $((SECONDS - started))" >"$work/$id.status"
	rm -rf "$dir"
}

report_one() {
	local test=$1 id=$2 name=${1##*/} status took ran=0 skips=0 fails=0
	read -r status took <"$work/$id.status" || status=1 took=0
	read -r ran skips fails <<<"$(counted "$work/$id.log")"
	if [ "$ran" -eq 0 ]; then
		read -r ran fails skips <<<"$(sed -nE 's/^([0-9]+) passed, ([0-9]+) failed, ([0-9]+) skipped$/\1 \2 \3/p' "$work/$id.log" |
			tail -n 1)"
		ran=$((${ran:-0} + ${fails:-0} + ${skips:-0})) fails=${fails:-0} skips=${skips:-0}
	fi
	if [ "$status" -eq 0 ] && [ "$ran" -eq 0 ]; then
		case $test in *.py | *.sh | */fuzz_*) ran=1 ;; *) status=1; echo "(the program ran no test)" >>"$work/$id.log" ;; esac
	fi
	if [ "$status" -eq 77 ]; then
		ran=1 skips=1 fails=0
	elif [ "$status" -ne 0 ] && [ "$fails" -eq 0 ]; then
		[ "$ran" -gt 0 ] || ran=1
		fails=1
	fi
	if [ "$status" -eq 0 ] && [ "$fails" -gt 0 ]; then status=1; fi
	if [ "$skips" -gt 0 ] && [[ $allowed != *" $name "* ]]; then
		echo "(skipping is not allowed here: $name)" >>"$work/$id.log"
		status=1
		fails=$((fails + skips)) skips=0
	fi
	echo "$((ran - skips - fails)) $fails $skips" >"$work/$id.count"
	case $status in
	0) printf 'ok    %-44s %4d tests %3d s\n' "$name" "$ran" "$took" ;;
	77) printf 'skip  %-44s %s\n' "$name" "$(tail -n 1 "$work/$id.log")" ;;
	*)
		[ "$status" -eq 124 ] && echo "(ended after its time limit of $timeout_s s)" >>"$work/$id.log"
		printf 'FAIL  %-44s exit %d, %d s\n' "$name" "$status" "$took"
		sed 's/^/      /' "$work/$id.log" | tail -n 120
		;;
	esac
}

runs_alone() {
	case $1 in *.py | *.sh) head -n 5 "$1" | grep -q 'runs alone' ;; *) false ;; esac
}

id=0
for test in "$@"; do
	id=$((id + 1))
	if runs_alone "$test"; then
		wait
		run_one "$test" "$id"
		report_one "$test" "$id"
		continue
	fi
	(run_one "$test" "$id"; report_one "$test" "$id" >"$work/$id.shown"; cat "$work/$id.shown") &
	while [ "$(jobs -rp | wc -l)" -ge "$jobs" ]; do wait -n; done
done
wait
cat "$work"/*.count | awk -v expected="$#" '
	{ p += $1; f += $2; s += $3; n++ }
	END { f += expected - n; printf "%d passed, %d failed, %d skipped\n", p, f, s; exit f > 0 }'
