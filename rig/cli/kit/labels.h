/* What --where says: labels that a bench must have, and the site. */
#ifndef PENRIG_CLI_KIT_LABELS_H
#define PENRIG_CLI_KIT_LABELS_H

#include "rig/cli/kit/command.h"

struct labels {
	const char *site; /* NULL: none was named */
	unsigned needs;
	const char *need[OPTION_LIST_MAX];
	char *text; /* what they point into */
};

/* Several with blanks between them, or given again. -EINVAL: one that is no KEY=VALUE, or too many. */
int labels_read(const struct option_list *where, struct labels *ret, struct err *err);
void labels_free(struct labels *labels);

#endif
