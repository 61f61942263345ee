#!/bin/bash
# The service's unit: hardened as the document says, and a unit that systemd reads. Without systemd's programs: skipped.
set -u
cd "${ROOT:?}" || exit 1
passed=0 failed=0 skipped=0
check() { # what, command...
	local what=$1
	shift
	if "$@" >"$tmp/said" 2>&1; then passed=$((passed + 1)); else
		failed=$((failed + 1))
		echo "FAILED: $what: $(tail -n 5 "$tmp/said")"
	fi
}
tmp=$(mktemp -d) || exit 1
trap 'rm -rf "$tmp"' EXIT
unit=packaging/penrig-station.service
check "it leaves its runs" grep -qx KillMode=process $unit
check "the lock of a bench can be taken" grep -qx ReadWritePaths=/run/lock $unit
check "a run that asks for the clock's state lives" grep -qx SystemCallErrorNumber=EPERM $unit
check "packages are described" grep -q '^Package: penrig-station$' packaging/debian/control
if command -v systemd-analyze >/dev/null; then
	check "exposure of at most 2.0" systemd-analyze security --offline=true --threshold=20 $unit
	sed 's|^ExecStart=.*|ExecStart=/bin/true|' $unit >"$tmp/penrig-station.service"
	check "systemd reads it" systemd-analyze verify --man=no "$tmp/penrig-station.service"
	sed -i '/^NoNewPrivileges\|^CapabilityBoundingSet/d' "$tmp/penrig-station.service"
	check "a weaker one is told" sh -c "! systemd-analyze security --offline=true --threshold=20 '$tmp/penrig-station.service'"
else
	skipped=3
	echo "skipped: what systemd says of the unit: systemd-analyze is missing (package systemd)"
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ $failed -eq 0 ]
