#!/bin/sh
# Installs the Debian or Ubuntu packages that are missing: prints the apt line, then runs it.
# DEPS=skip installs nothing: what is needed may come from elsewhere, so it is looked for itself, and what lacks is named.
# usage: deps.sh PACKAGE...      PYTHON: the interpreter whose modules count
python=${PYTHON:-/usr/bin/python3}
line="apt-get install -y --no-install-recommends"
PATH=$PATH:/usr/sbin:/sbin # where servers are, and a user's may not look

# Is there what the package is wanted for?
there() {
	case $1 in
	universal-ctags) command -v ctags ;;
	debhelper) command -v dh ;;
	dpkg-dev) command -v dpkg-buildpackage ;;
	chromium-driver) command -v chromedriver ;;
	zbar-tools) command -v zbarimg ;;
	dmtx-utils) command -v dmtxread ;;
	postgresql-client*) command -v psql ;;
	postgresql*) ls /usr/lib/postgresql/*/bin/postgres ;;
	qemu-system-x86) command -v qemu-system-x86_64 ;;
	busybox-static) command -v busybox ;;
	poppler-utils) command -v pdfinfo ;;
	swift-*) command -v "$1-server" ;;
	udev) ls /lib/systemd/systemd-udevd ;;
	psmisc) command -v fuser ;;
	umockdev) command -v umockdev-run ;;
	usbutils) command -v lsusb ;;
	libiio-utils) command -v iio_info ;;
	libhidapi-libusb0) ls /usr/lib/*/libhidapi-libusb.so.0 ;;
	libhdf5-dev) pkg-config --exists hdf5 || pkg-config --exists hdf5-serial ;;
	libcurl4-*-dev) pkg-config --exists libcurl ;;
	mosquitto-clients) command -v mosquitto_sub ;;
	libusb-1.0-0-dev) pkg-config --exists libusb-1.0 ;;
	libcurl4-openssl-dev) pkg-config --exists libcurl ;;
	libgsl-dev) pkg-config --exists gsl ;;
	libsqlite3-dev) pkg-config --exists sqlite3 ;;
	libexpat1-dev) pkg-config --exists expat ;;
	libcmocka-dev) pkg-config --exists cmocka ;;
	lib*-dev | nettle-dev) pkg-config --exists "${1%-dev}" ;;
	python3-pyvisa-py) "$python" -c 'import pyvisa_py' ;;
	python3-prometheus-client) "$python" -c 'import prometheus_client' ;;
	python3-*) "$python" -c "import ${1#python3-}" ;;
	*) command -v "$1" || installed "$1" ;;
	esac >/dev/null 2>&1
}
installed() {
	[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

missing=
if [ "${DEPS:-install}" = skip ]; then
	for package; do
		there "$package" || missing="$missing $package"
	done
	[ -z "$missing" ] && exit 0
	echo "penrig: missing, and DEPS=skip installs nothing. On Debian or Ubuntu:" >&2
	echo "  sudo $line$missing" >&2
	exit 1
fi
if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
	echo "penrig: this system has no apt. Install what these Debian packages hold, then go on with DEPS=skip:" >&2
	echo "  $*" >&2
	exit 1
fi
for package; do
	installed "$package" || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
sudo=
if [ "$(id -u)" -ne 0 ]; then
	sudo=sudo
	if ! command -v sudo >/dev/null; then
		echo "penrig: packages are missing, and this is neither root nor is there sudo. As root:" >&2
		echo "  $line$missing" >&2
		exit 1
	fi
fi
apt="env DEBIAN_FRONTEND=noninteractive apt-get"
install() {
	echo "${sudo:+$sudo }$line$missing"
	ended=$(mktemp) || return 1
	{
		# A descriptor of its own: apt takes the one that it tells by away from the packages' scripts, and some of them want to print.
		# shellcheck disable=SC2086
		$sudo sh -c 'exec env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends -o Dpkg::Use-Pty=0 -o APT::Status-Fd=3 "$@" 3>&1 >/dev/null' apt $missing </dev/null
		echo $? >"$ended"
	} | progress
	status=$(cat "$ended")
	rm "$ended"
	return "$status"
}
# A line for each fifth of apt's own count.
progress() {
	said=
	while IFS=: read -r kind _ percent _; do
		case $kind in
		dlstatus) kind=downloading ;;
		pmstatus) kind=installing ;;
		*) continue ;;
		esac
		now="$kind: $((${percent%%.*} / 20 * 20)) %"
		[ "$now" = "$said" ] || echo "$now"
		said=$now
	done
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
echo "penrig: the packages could not be installed (see above). DEPS=skip goes on without apt." >&2
exit 1
