#!/bin/sh
# Builds, and says how far it is, a line for each tenth; what compilers have to say stands between.
# usage: build.sh MAKE [ARGUMENT]...; exits as make does
total=$("$@" -n 2>/dev/null | grep -c ' -c ')
if [ "$total" -lt 10 ]; then
	exec "$@" -s
fi
ended=$(mktemp) || exit 6
echo "building: $total files to compile"
{
	"$@"
	echo $? >"$ended"
} | {
	made=0 said=0
	while read -r line; do
		case $line in
		*' -c '*) made=$((made + 1)) ;;
		esac
		tenth=$((10 * made / total))
		if [ "$tenth" -gt "$said" ]; then
			said=$tenth
			echo "building: $((10 * tenth)) %"
		fi
	done
}
status=$(cat "$ended")
rm "$ended"
exit "$status"
