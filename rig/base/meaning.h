/* What a signature may mean (21 CFR 11.50), and whose key may say it. */
#ifndef PENRIG_BASE_MEANING_H
#define PENRIG_BASE_MEANING_H

#include <stdbool.h>

struct meaning {
	const char *name;
	bool of_bench; /* a bench key's, and nobody else's; else a person's, and no bench's */
	bool of_run;   /* may be said of a run file */
	int word;      /* what it does to what it is said of: 1 accepts it, -1 takes it back, 0 neither */
};
extern const char *const meaning_words[];             /* those that a person may choose */
const struct meaning *meaning_find(const char *name); /* NULL: none that penrig signs with */

#endif
