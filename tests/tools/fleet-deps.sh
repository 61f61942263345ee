#!/bin/sh
# deps.sh for what needs a PostgreSQL server: its package shall make and start no cluster where none is, and none that is there is
# touched. usage: fleet-deps.sh PACKAGE...
settings=/etc/postgresql-common/createcluster.conf
if [ "${DEPS:-install}" != skip ] && ! ls /usr/lib/postgresql/*/bin/postgres >/dev/null 2>&1 && [ ! -e $settings ]; then
	sudo=
	[ "$(id -u)" -eq 0 ] || sudo=sudo
	$sudo mkdir -p /etc/postgresql-common && echo 'create_main_cluster = false' | $sudo tee $settings >/dev/null
fi
exec "$(dirname "$0")/deps.sh" "$@"
