/* An anchor: what the journals of a day's runs held, in one list whose signature fits on a line that is mailed, printed or
 * left with somebody else. What a run's file held then it must hold for ever. docs/records.md. */
#ifndef PENRIG_OFFLINE_ANCHOR_H
#define PENRIG_OFFLINE_ANCHOR_H

#include "rig/base/keyring.h"
#include "rig/runfile/runfile.h"

#define ANCHOR_LINE_MAX 400

struct anchor; /* as read */
struct anchor_run {
	char name[128];
	uint64_t entries;
	char head[SHA256_HEX];
};

/* A list under construction: text of all that was added. free() it. */
int anchor_begin(const char *day, char **ret_list, struct err *err);
/* Adds an open, verified run. -ENODATA: it did not come to its end. -EEXIST: the list has a run of that name. */
int anchor_add(char **list, struct runfile_reader *reader, const struct record *record, struct err *err);
/* Signs the list: its .minisig, malloc'd, and the line. */
int anchor_sign(const char *list, const char *day, unsigned runs, const struct signing_key *key, const char *signer,
		char **ret_signature, char ret_line[ANCHOR_LINE_MAX], struct err *err);

/* A list and its .minisig. -EBADMSG: altered, or none; -ENOKEY: by a key that is not in the ring. */
int anchor_read(const char *path, const struct keyring *ring, struct anchor **ret, struct err *err);
const struct anchor_run *anchor_find(const struct anchor *anchor, const char *run); /* NULL: it does not name it */
unsigned anchor_runs(const struct anchor *anchor);
const struct anchor_run *anchor_run_at(const struct anchor *anchor, unsigned i);  /* i < anchor_runs() */
unsigned anchor_place(const struct anchor *anchor, const struct anchor_run *run); /* of one that it has: from 0 */
const char *anchor_day(const struct anchor *anchor);
void anchor_free(struct anchor *anchor); /* NULL is fine */

#endif
