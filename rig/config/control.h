/* Change control of a file: its revision and the day it counts from, which it names itself ("revision", "effective"), and the
 * signature of whoever approved these very bytes, in FILE.minisig. docs/records.md. */
#ifndef PENRIG_CONFIG_CONTROL_H
#define PENRIG_CONFIG_CONTROL_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/json.h"
#include "rig/base/keyring.h"

#define REVISION_MAX 32

/* What an approver says. */
struct approval_words {
	const char *meaning, *signer, *reason; /* reason "": none */
	uint64_t wall_ns;                      /* UTC */
};
/* The text of FILE.minisig for a file as it is now, malloc'd. -EFBIG, -errno of the file. */
int approval_make(const char *path, const struct signing_key *key, const struct approval_words *words, char **ret,
		  struct err *err);

struct approval {
	char revision[REVISION_MAX], effective[11];                      /* of the file; empty: it does not say */
	char meaning[32], approver[KEY_OWNER_MAX], utc[32], reason[200]; /* of the signature; empty: there is none */
	char key_id[KEY_ID_HEX];
	char path[512]; /* of the signature */
	char *text;     /* of it, malloc'd; NULL: there is none */
	bool counts;    /* the file may be used in production today */
};

/* Whether a run, or a later verdict, asked who approved the files it rests on, and whom it asked. */
enum approval_demand {
	APPROVALS_UNTOLD,        /* of an earlier version's file */
	APPROVALS_NOT_LOOKED_AT, /* not demanded, and no key was at hand */
	APPROVALS_OWN_KEYS,      /* not demanded; by keys that one of these very files names */
	APPROVALS_LOOKED_AT,     /* not demanded; by keys that the caller named */
	APPROVALS_DEMANDED,
};
const char *approval_demand_name(enum approval_demand demand);          /* "", "not_looked_at" ... */
bool approval_demand_find(const char *name, enum approval_demand *ret); /* false: no such name */

/* What the file and its signature say, and whether it may be used in production on `today` (YYYY-MM-DD): 0; -EKEYREJECTED
 * with the file's name and the reason where it has no revision, no date or a later one, no signature or one that is not of
 * these bytes by a trusted key, another meaning than "approved", or is withdrawn. `ret` is filled either way as far as it
 * is known, whatever was in it is freed. Else -errno. */
int approval_read(const struct json_doc *doc, const struct keyring *ring, const char *today, struct approval *ret,
		  struct err *err);
void approval_free(struct approval *approval);
/* Revision and date alone, as the file states them; nothing is checked. */
void approval_stated(const struct json_doc *doc, struct approval *ret);

/* "approved by A. Meier at 2026-…Z\tfile:…\treason:…", as far as it is written so. */
void approval_parse(const char *comment, struct approval *ret);

/* "revision": a FIELD_CUSTOM that takes a short text; "effective": one that takes a date. What they say is read by
 * approval_read(). */
int control_revision(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);
int control_effective(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

#endif
