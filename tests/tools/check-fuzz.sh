#!/bin/sh
# libFuzzer over every target, from the inputs that the target itself tries in `make check`; `make check-fuzz` runs this.
# $1: folder of the programs built by clang with libFuzzer; $2: folder of the same without; $3: seconds for each; $4...: words,
# the targets that have one of them in their name. What falls is kept and named; the corpora grow in corpus/ beside $1.
set -u
fuzzers=$1 seeders=$2 seconds=$3
shift 3
status=0
for program in "$fuzzers"/fuzz_*; do
	name=${program##*/}
	case $name in *.o | *.d) continue ;; esac
	wanted=$#
	for word; do case $name in *"$word"*) wanted=0 ;; esac; done
	[ "$wanted" = 0 ] || continue
	corpus=$fuzzers/../../corpus/$name found=$fuzzers/../../found/$name
	mkdir -p "$corpus" "$found"
	[ -n "$(ls "$corpus")" ] || CORPUS=$corpus "$seeders/$name" || exit 1
	log=$found/log
	if "$program" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -print_final_stats=1 -artifact_prefix="$found/" "$corpus" >"$log" 2>&1; then
		word=ok
	else
		word=FELL status=1
		grep -aE 'ERROR|SUMMARY|runtime error|^tests/fuzz|Test unit written' "$log"
	fi
	inputs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	covered=$(grep -ao 'cov: [0-9]*' "$log" | tail -n 1)
	printf '%-5s %-24s %9s inputs, %s\n' "$word" "$name" "${inputs:-?}" "${covered:-cov: ?}"
done
exit $status
