#!/bin/sh
# deps.sh for what needs a PostgreSQL server: its package shall make and start no cluster where none is, and none that is there is
# touched; nor a broker as a service. usage: fleet-deps.sh PACKAGE...
settings=/etc/postgresql-common/createcluster.conf
if [ "${DEPS:-install}" != skip ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && [ ! -e $settings ]; then
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	$sudo mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' | $sudo tee $settings >/dev/null
fi
# The package of the broker starts one, and has it started with the computer.
service=/lib/systemd/system/mosquitto.service
[ -e $service ] && own=no || own=yes
"$(dirname "$0")/deps.sh" "$@" || exit
if [ $own = yes ] && [ -e $service ] && [ -d /run/systemd/system ]; then
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	$sudo systemctl disable --now mosquitto.service
fi
