# Holds the includes of the house against its table. Input: rooms.mk first, then every source file.
# Prints FILE:LINE: what for each include that the room's line does not name, and for each line of the table that climbs,
# that goes along its floor unsaid, or that closes a circle.

function room_of(path,   part) { # "rig/judge/judge.h" -> "judge"
	split(path, part, "/")
	if (part[1] == "rig")
		return part[2] ~ /\./ ? "rig" : part[2]
	return part[1] == "fixtures" ? part[2] : part[1]
}

function inside(path) { # the entry that would name this one header: "link/link.h", "drivers/scpi-pen/wire.h"
	sub(/^(rig|fixtures)\//, "", path)
	return path
}

function reaches(from, to, seen,   i, n, entry, next_room) {
	if (from == to)
		return 1
	if (index(seen, " " from " "))
		return 0
	n = split(may[from], entry, " ")
	for (i = 1; i <= n; i++) {
		next_room = entry[i]
		sub(/\/.*/, "", next_room)
		if (reaches(next_room, to, seen " " from " "))
			return 1
	}
	return 0
}

function check_table(   room, i, n, entry, target) {
	for (room in floor_of)
		if (!(room in may))
			print table ":1: the room " room " has no line of what it may include"
	for (room in may) {
		n = split(may[room], entry, " ")
		for (i = 1; i <= n; i++) {
			target = entry[i]
			sub(/\/.*/, "", target)
			if (!(target in floor_of))
				print line_of[room] ": there is no room " target
			else if (room in floor_of && floor_of[target] > floor_of[room])
				print line_of[room] ": " room " must not look up to " target
			else if (room in floor_of && floor_of[target] == floor_of[room] && !((room ":" target) in sideways))
				print line_of[room] ": " room " and " target " stand on one floor"
			if (reaches(target, room, " "))
				print line_of[room] ": " room " and " target " know each other in a circle"
		}
	}
}

FILENAME == table && /^(FLOOR_[0-9]+|MAY_[a-z]+|SIDEWAYS) *:=/ {
	name = $1
	sub(/^[^:]*:= */, "")
	n = split($0, words, " ")
	if (name ~ /^FLOOR_/)
		for (i = 1; i <= n; i++)
			floor_of[words[i]] = substr(name, 7) + 0
	else if (name == "SIDEWAYS")
		for (i = 1; i <= n; i++)
			sideways[words[i]] = 1
	else {
		may[substr(name, 5)] = $0
		line_of[substr(name, 5)] = FILENAME ":" FNR
	}
	next
}

FILENAME != table && FNR == 1 {
	room = room_of(FILENAME)
	known = room in may
	family = room == "drivers" ? FILENAME : ""
	sub(/\/[^\/]*$/, "", family)
	if (!known)
		print FILENAME ":1: stands in no room of " table
}

FILENAME != table && known && /^#include "/ {
	header = $2
	gsub(/"/, "", header)
	if (header !~ /\// && family ~ /^drivers\//)
		next # beside it: what firmware takes from here has no folders
	target = room_of(header)
	if (target == room) {
		if (family ~ /^drivers\// && index(header, family "/") != 1)
			print FILENAME ":" FNR ": a driver must not include another: " header
		next
	}
	if (header == "build-id.h" && room == "cli")
		next
	if (index(" " may[room] " ", " " target " ") || index(" " may[room] " ", " " inside(header) " "))
		next
	print FILENAME ":" FNR ": " room " must not include " header
}

END { check_table() }
