/* Which units were tested, and what came of it: a line of JSON each in units.jsonl of the station's folder, on the disk before
 * it counts. A run that stands here has been seen; one that does not is looked for when a station starts. */
#ifndef PENRIG_STATION_UNITS_H
#define PENRIG_STATION_UNITS_H

#include <stdint.h>

#include "rig/station/state.h"

struct unit_row {
	char serial[STATION_TEXT], name[128];
	enum verdict_word word;
	bool failed; /* its run proved a failure, though the word is another: it counts as one */
	uint64_t wall_ns;
	char bench[STATION_TEXT]; /* its label; "": not known */
};

struct units;

/* -EBADMSG with file and line for one that is no such file; a last line that was cut is passed over. */
int units_open(const char *folder, struct units **ret, struct err *err);
void units_close(struct units *units); /* NULL is fine */
/* Durable when it returns 0; else the file is as it was, and so is what is known. */
int units_add(struct units *units, const struct unit_row *row, struct err *err);
/* Known as long as `units` lives, without the file. -ENOMEM. */
int units_keep(struct units *units, const struct unit_row *row);
/* A supervisor's decision (WORD_RETEST and so on) about a unit that failed. As units_add(). */
int units_decide(struct units *units, const struct unit_row *row, const char *by, const char *reason, struct err *err);
/* What was decided about a run that failed, and does not stand in its file yet; borrowed until the next row. */
struct unit_pending {
	const char *serial, *name, *by, *reason;
	enum verdict_word word;
};
/* The next one from row *at on, 0 to begin with, of this unit, or of any ("" ). False: none. A later decision stands for the ones
 * before that reached no file, and for a rejection. */
bool units_pending(const struct units *units, const char *serial, size_t *at, struct unit_pending *ret);
/* It stands there now. */
int units_disposed(struct units *units, const struct unit_pending *pending, uint64_t wall_ns, struct err *err);
/* Calls fn for each of the unit's tests that failed and that nobody has decided about; name: of its run. */
void units_each_open(const struct units *units, const char *serial, void (*fn)(void *ctx, const char *name), void *ctx);
const char *units_last(const struct units *units, const char *serial); /* name of the unit's last test; "": none */
bool units_seen(const struct units *units, const char *name);
/* By the verdicts that were formed: a unit that was not tested has neither passed nor failed. */
struct unit_past units_past(const struct units *units, const char *serial);

/* For the page: the newest, and what came of those since `from_ns`. Counts on where it stood: each row is looked at once a day. */
void units_print(struct units *units, uint64_t from_ns, struct json_out *out);

#endif
