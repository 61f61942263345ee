#!/bin/sh
# Installs the Debian or Ubuntu packages that are missing: prints the apt line, then runs it. DEPS=skip does nothing.
# usage: deps.sh PACKAGE...
[ "${DEPS:-install}" = skip ] && exit 0
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "penrig: this system has no apt. Install what these Debian packages hold, then go on with DEPS=skip:" >&2
	echo "  $*" >&2
	exit 1
fi
missing=
for package; do
	state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null)
	[ "$state" = installed ] || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	if ! command -v sudo >/dev/null; then
		echo "penrig: packages are missing, and this is neither root nor is there sudo. As root:" >&2
		echo "  apt-get install -y --no-install-recommends$missing" >&2
		exit 1
	fi
fi
apt="env DEBIAN_FRONTEND=noninteractive apt-get"
install() {
	echo "${sudo:+$sudo }apt-get install -y --no-install-recommends$missing"
	# shellcheck disable=SC2086
	$sudo $apt install -y -qq --no-install-recommends -o Dpkg::Use-Pty=0 $missing >/dev/null </dev/null
}
update() {
	echo "${sudo:+$sudo }apt-get update"
	$sudo $apt update -qq </dev/null
}
lists=$(find /var/lib/apt/lists -maxdepth 1 -name '*_Packages*' 2>/dev/null | head -n 1)
if [ -n "$lists" ] && install; then
	exit 0
fi
update && install && exit 0
echo "penrig: the packages could not be installed (see above). DEPS=skip goes on without." >&2
exit 1
