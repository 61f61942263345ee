#!/bin/sh
# Prints flags.mk: which hardening flags this compiler takes, and where the libraries are. One apt line for all that is missing.
# usage: configure.sh CC "pkg-config names" "names of optional libraries" "flags to try" "apt packages" KEY
# KEY is kept, so that make sees when it changes.
cc=$1 libs=$2 optional=$3 flags=$4 apt=$5 key=$6
fail() {
	echo "penrig: cannot build: $1 is missing. On Debian or Ubuntu:" >&2
	echo "  sudo apt-get install -y --no-install-recommends $apt" >&2
	exit 1
}
command -v "${cc%% *}" >/dev/null || fail "the C compiler ($cc)"
command -v pkg-config >/dev/null || fail pkg-config
missing=
for lib in $libs; do
	pkg-config --exists "$lib" || missing="$missing $lib"
done
[ -z "$missing" ] || fail "$(echo $missing)"
tried=
for flag in $flags; do
	echo 'int main(void){return 0;}' | $cc -Werror "$flag" -x c - -o /dev/null 2>/dev/null && tried="$tried $flag"
done
echo "TRIED :=$tried"
# cJSON's own headers stand in a folder that its .pc file names wrongly on some releases.
echo "LIB_CFLAGS := $(pkg-config --cflags $libs)"
echo "LIB_LIBS := $(pkg-config --libs $libs)"
hdf5=
for lib in $optional; do
	[ -n "$hdf5" ] || ! pkg-config --exists "$lib" || hdf5=$lib
done
# A library's name at run time, where it is loaded when asked for: what a program linked with it would need.
soname_of() { # pkg-config's name, how its file's begins
	out=$(mktemp) && echo 'int main(void){return 0;}' |
		$cc -x c - -Wl,--no-as-needed $(pkg-config --libs-only-L --libs-only-l "$1") -o "$out" 2>/dev/null &&
		LC_ALL=C readelf -d "$out" | sed -nE "s/.*\\(NEEDED\\).*\\[($2[^]]*)\\].*/\\1/p" | head -n 1
	rm -f "$out"
}
soname=
[ -z "$hdf5" ] || soname=$(soname_of "$hdf5" libhdf5)
[ -n "$soname" ] || hdf5=
echo "HDF5_CFLAGS := ${hdf5:+-DPENRIG_HDF5='\"$soname\"' $(pkg-config --cflags "$hdf5")}"
# The operator's page: left out where its library is not there.
http=
! pkg-config --exists libmicrohttpd || http=libmicrohttpd
echo "HTTP_CFLAGS := ${http:+-DPENRIG_HTTP $(pkg-config --cflags libmicrohttpd)}"
echo "HTTP_LIBS := ${http:+$(pkg-config --libs libmicrohttpd)}"
# A fleet: the same, loaded like libhdf5.
pq=
! pkg-config --exists libpq || pq=$(soname_of libpq libpq)
echo "PQ_CFLAGS := ${pq:+-DPENRIG_PQ='\"$pq\"' $(pkg-config --cflags libpq)}"
mqtt=
! pkg-config --exists libmosquitto || mqtt=$(soname_of libmosquitto libmosquitto)
echo "MQTT_CFLAGS := ${mqtt:+-DPENRIG_MQTT='\"$mqtt\"' $(pkg-config --cflags libmosquitto)}"
curl=
# CURL_OLDEST of curl_library.h: older ones were not tried, and 7.85 brought what is used.
! pkg-config --exists 'libcurl >= 7.88' || curl=$(soname_of libcurl libcurl)
echo "CURL_CFLAGS := ${curl:+-DPENRIG_CURL='\"$curl\"' $(pkg-config --cflags libcurl)}"
versions=
for lib in $libs $http; do
	versions="$versions $lib=$(pkg-config --modversion "$lib")"
done
[ -z "$hdf5" ] || versions="$versions hdf5=$(pkg-config --modversion "$hdf5")"
[ -z "$pq" ] || versions="$versions libpq=$(pkg-config --modversion libpq)"
[ -z "$mqtt" ] || versions="$versions libmosquitto=$(pkg-config --modversion libmosquitto)"
[ -z "$curl" ] || versions="$versions libcurl=$(pkg-config --modversion libcurl)"
echo "LIB_VERSIONS :=$versions"
echo "FLAGS_KEY := $key"
