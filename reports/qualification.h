/* The record of a qualification and its page: what is required of the installed program, how each requirement was checked, and
 * what was found. Filled by `penrig qualify`; the writers judge nothing. */
#ifndef PENRIG_REPORTS_QUALIFICATION_H
#define PENRIG_REPORTS_QUALIFICATION_H

#include <stdio.h>

#include "rig/base/digest.h"
#include "rig/base/error.h"

#define QUALIFICATION_FACTS_MAX 32

/* From best to worst: the worst of its evidence is a requirement's, the worst requirement that of the whole. */
enum qualified {
	QUALIFIED_HOLDS,
	QUALIFIED_LEFT_OUT, /* by whoever asked: the whole is no qualification then */
	QUALIFIED_UNKNOWN,  /* it could not be checked */
	QUALIFIED_BROKEN,
};
extern const char *const qualified_name[]; /* "holds", "left_out", "unknown", "broken" */

struct evidence { /* one thing that was looked at */
	enum qualified state;
	char what[240], wanted[240], found[400];
};

struct qualified_requirement {
	const char *id, *text, *basis, *how; /* borrowed: what is required, where that stands, how it is checked */
	enum qualified state;
	unsigned count;
	struct evidence *evidence; /* malloc'd */
};

struct qualified_file {
	char path[512], sha256[DIGEST_HEX];
	char owner[80]; /* the package that installed it; "": none */
};

struct anomaly { /* borrowed */
	const char *id, *what, *effect, *remedy;
};

struct qualification {
	const char *part, *title; /* "iq", "Installation qualification" */
	char started_utc[32], ended_utc[32];
	char by[128]; /* who ran it; "": not said */
	struct {
		char name[48], value[240];
	} fact[QUALIFICATION_FACTS_MAX];
	unsigned facts;
	struct qualified_file *file; /* malloc'd */
	unsigned files;
	struct qualified_requirement *requirement; /* malloc'd */
	unsigned requirements;
	const struct anomaly *anomaly; /* borrowed; ends with id NULL */
};

/* The worst of its requirements; unknown where it has none. */
enum qualified qualification_state(const struct qualification *q);
/* qualified where all hold, not_qualified where one is broken, else incomplete. */
const char *qualification_verdict(const struct qualification *q);
void qualification_free(struct qualification *q); /* what is malloc'd */

/* One JSON object of kind penrig/qualification/1, malloc'd. */
int qualification_json(const struct qualification *q, char **ret, struct err *err);
/* The protocol for people: one page, no script. record_sha256: of the JSON that it is the page of. -EIO. */
int qualification_page(const struct qualification *q, const char *record_sha256, FILE *out, struct err *err);

#endif
