#!/bin/bash
# What the README says to type, in its order, on a fresh system of each kind: a folder by debootstrap, as root and then as a user who
# has sudo. `make check-systems` runs it; it wants root, debootstrap and 5 GB for each, and takes away what it made.
# SYSTEMS: releases that the mirrors have ("trixie jammy noble"); STAGES: commands ("demo check"), check with TEST="words";
# FOLDER: where they are built; NICE: 0 to 19; MIRROR: where from, else debootstrap's own. The last lines say what was seen where.
set -u
systems=${SYSTEMS:-trixie jammy noble} stages=${STAGES:-demo check} words=${TEST:-}
folder=${FOLDER:-$(mktemp -d /var/tmp/penrig-systems.XXXXXX)}
source=$(cd "$(dirname "$0")/../.." && pwd)
seen="" failed=0
renice -n "${NICE:-0}" $$ >/dev/null

say() { printf '%s\n' "$*" >&2; }

# Suites and sections that anybody's installation has, from where debootstrap had it.
sources_of() { # RELEASE ROOT
	local mirror
	mirror=$(sed -n 's/^deb \([^ ]*\) .*/\1/p' "$2/etc/apt/sources.list" | head -n 1)
	case $1 in
	jammy | noble) printf 'deb %s %s main universe\n' "$mirror" "$1" "$mirror" "$1-updates" ;;
	*) printf 'deb %s %s main\n' "$mirror" "$1" ;;
	esac
}

in_root() { # ROOT USER COMMAND...
	local root=$1 user=$2
	shift 2
	chroot "$root" /usr/bin/env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 \
		DEBIAN_FRONTEND=noninteractive HOME="$([ "$user" = root ] && echo /root || echo "/home/$user")" \
		setpriv --reuid="$user" --regid="$user" --init-groups "$@" </dev/null
}

away() { # ROOT: first what is mounted in it
	local root=$1 at
	for at in dev/pts dev/shm proc; do mountpoint -q "$root/$at" && umount "$root/$at"; done
	for at in dev/pts dev/shm proc; do mountpoint -q "$root/$at" && return 1; done
	rm -rf --one-file-system "$root"
}

make_system() { # RELEASE ROOT
	local packages=make,sudo,ca-certificates keyring=debian-archive-keyring sources script="" scripts=${DEBOOTSTRAP_DIR:-/usr/share/debootstrap}/scripts
	case $1 in jammy | noble) keyring=ubuntu-archive-keyring ;; esac
	if [ ! -e "$scripts/$1" ]; then # one that came later is made as all of its kind are
		[ -n "${MIRROR:-}" ] || { echo "debootstrap does not know $1: name where it is by MIRROR=" >"$2.log"; return 1; }
		script=$scripts/gutsy
	fi
	[ -e "/usr/share/keyrings/$keyring.gpg" ] || { echo "$keyring.gpg is missing: apt-get install debian-archive-keyring ubuntu-keyring" >"$2.log"; return 1; }
	debootstrap --variant=minbase --keyring="/usr/share/keyrings/$keyring.gpg" --include="$packages" "$1" "$2" ${MIRROR:+"$MIRROR"} $script >"$2.log" 2>&1 || return 1
	sources=$(sources_of "$1" "$2") && printf '%s\n' "$sources" >"$2/etc/apt/sources.list"
	mount -t proc proc "$2/proc" && mkdir -p "$2/dev/pts" "$2/dev/shm" &&
		mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts "$2/dev/pts" && mount -t tmpfs tmpfs "$2/dev/shm" || return 1
	[ -c "$2/dev/ptmx" ] || ln -sf pts/ptmx "$2/dev/ptmx"
	in_root "$2" root apt-get update -q >>"$2.log" 2>&1 || return 1
	in_root "$2" root useradd -m -s /bin/sh tester && echo 'tester ALL=(ALL) NOPASSWD: ALL' >"$2/etc/sudoers.d/tester" || return 1
	for user in root tester; do
		local home=/root
		[ "$user" = root ] || home=/home/tester
		mkdir "$2$home/penrig"
		(cd "$source" && git ls-files -z | tar -c --null -T - -f -) | tar -x -C "$2$home/penrig"
		in_root "$2" root chown -R "$user:" "$home/penrig"
	done
}

stage() { # RELEASE ROOT USER STAGE
	local home=/root log=$2.$3.$4.log status
	[ "$3" = root ] || home=/home/$3
	set -- "$1" "$2" "$3" "$4" make -C "$home/penrig" "$4"
	[ "$4" = check ] && [ -n "$words" ] && set -- "$@" "TEST=$words"
	in_root "$2" "$3" "${@:5}" >"$log" 2>&1
	status=$?
	seen="$seen$(printf '%-8s %-7s make %-6s exit %s  %s' "$1" "$3" "$4" "$status" "$(grep -aE '^verdict:|passed, [0-9]+ failed' "$log" | tail -n 1 | cut -c 1-90)")
"
	[ $status -eq 0 ] && return
	failed=1
	grep -aE '^FAILED|^fail|Error|error:' "$log" | head -n 20 >&2
	say "$1, $3, make $4: exit $status; all of it in $log"
}

for release in $systems; do
	root=$folder/$release
	mkdir -p "$root"
	say "== $release"
	if make_system "$release" "$root"; then
		for user in root tester; do
			for word in $stages; do stage "$release" "$root" "$user" "$word"; done
		done
	else
		failed=1 seen="$seen$release: no system could be made: $(tail -n 1 "$root.log")
"
	fi
	away "$root" || say "$root is still mounted somewhere"
done
printf '%s' "$seen"
exit $failed
