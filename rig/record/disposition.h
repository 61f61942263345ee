/* What a supervisor decided about a pen that failed a run: kept in that run's file, under its journal's chain, for as long
 * as the file is. It changes no verdict: the run's own stays as it was. */
#ifndef PENRIG_RECORD_DISPOSITION_H
#define PENRIG_RECORD_DISPOSITION_H

#include <stddef.h>

#include "rig/base/error.h"

enum disposition_kind {
	DISPOSITION_RETEST, /* this failure is set aside for a stated reason: other runs decide */
	DISPOSITION_ACCEPT, /* a concession: the pen is used as it is */
	DISPOSITION_REJECT, /* it is not used, whatever later runs say */
	DISPOSITIONS
};
extern const char *const disposition_words[]; /* "retest", "accept", "reject"; NULL-terminated */

struct disposition {
	enum disposition_kind kind;
	char by[96], reason[240], utc[32];
};

/* malloc'd, one line. */
int disposition_to_json(const struct disposition *disposition, char **ret, struct err *err);
/* -EBADMSG: not what disposition_to_json() writes. */
int disposition_from_json(const char *text, size_t len, struct disposition *ret, struct err *err);

#endif
