#!/bin/sh
# The operator of a demo on a bench whose pen has no plug of its own: reads what penrig asks (its --progress-fd) from standard input,
# does it to the virtual bench, says so, and writes the answers (its --answer-fd) to standard output.
# usage: demo_operator.sh SERIAL DIAL-FILE
value() { # of a key in the line
	printf '%s\n' "$line" | sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p"
}

while IFS= read -r line; do
	[ "$(value event)" = prompt ] || continue
	id=$(value id)
	case $(value question) in
	scan_pen)
		echo "operator: reads $1 from the pen" >&2
		echo "answer $id is $1"
		;;
	set_dial)
		echo "operator: turns the dial to $(value depth_mm) mm" >&2
		value depth_mm >"$2"
		echo "answer $id done"
		;;
	switch_off)
		echo "operator: pulls the supply's plug" >&2
		echo off >"$2"
		echo "answer $id done"
		;;
	*) echo "answer $id done" ;;
	esac
done
