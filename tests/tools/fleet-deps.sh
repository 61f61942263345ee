#!/bin/sh
# deps.sh for what needs servers: the package of PostgreSQL shall make and start no cluster where none is, and none that is there is
# touched; what else comes as a service (the broker, the object store) is neither left running nor started with the computer.
# usage: fleet-deps.sh PACKAGE...
settings=/etc/postgresql-common/createcluster.conf
sudo=
[ "$(id -u)" -eq 0 ] || sudo=sudo
if [ "${DEPS:-install}" != skip ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && [ ! -e $settings ]; then
	$sudo mkdir -p "${settings%/*}" && echo 'create_main_cluster = false' | $sudo tee $settings >/dev/null
fi

services() { # of a package that is installed
	dpkg -L "$1" 2>/dev/null | sed -nE 's#^(/usr)?/lib/systemd/system/([^@]+)\.service$#\2#p'
}
off() { # SERVICE; with systemd, or as init scripts have it. In a folder without either nothing was started.
	if [ -d /run/systemd/system ]; then
		$sudo systemctl disable --now "$1.service"
	elif [ -x "/etc/init.d/$1" ] && command -v invoke-rc.d >/dev/null && command -v update-rc.d >/dev/null; then
		$sudo invoke-rc.d --quiet "$1" stop
		$sudo update-rc.d "$1" disable
	fi >/dev/null 2>&1 || echo "penrig: the service $1, which came with a package that only tests need, may be running" >&2
}
new=
for package; do
	case $package in
	mosquitto | memcached | swift-*) [ -n "$(services "$package")" ] || new="$new $package" ;;
	esac
done
"$(dirname "$0")/deps.sh" "$@" || exit
for package in $new; do
	for service in $(services "$package"); do off "$service"; done
done
