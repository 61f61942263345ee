/* What else the uncertainty of depths and forces is made of: the block "uncertainty" of a bench or a phantom file. A key that is not
 * there has a wide default, and is said to have it. */
#ifndef PENRIG_CONFIG_UNCERTAINTY_H
#define PENRIG_CONFIG_UNCERTAINTY_H

#include <stdbool.h>

#include "rig/base/json.h"

enum uncertainty_entry {
	/* of the bench */
	UNCERTAINTY_CELL_FREQUENCY,
	UNCERTAINTY_CELL_DAMPING,
	UNCERTAINTY_CELL_LINEARITY,
	UNCERTAINTY_CELL_HYSTERESIS,
	UNCERTAINTY_CELL_CREEP,
	UNCERTAINTY_CELL_DRIFT,
	UNCERTAINTY_CELL_ZERO,
	UNCERTAINTY_CARTRIDGE_FORCE,
	UNCERTAINTY_CARTRIDGE_LENGTH,
	UNCERTAINTY_SEATING,
	UNCERTAINTY_ANGLE,
	/* of a phantom */
	UNCERTAINTY_POSITION,
	UNCERTAINTY_AGEING,
	UNCERTAINTY_NEEDLE_SPEED,
	UNCERTAINTY_ENTRIES
};

enum uncertainty_owner { UNCERTAINTY_OF_BENCH, UNCERTAINTY_OF_PHANTOM };

struct uncertainty_row {
	const char *key, *unit;
	const char *input; /* what a point's budgets call it */
	enum uncertainty_owner owner;
	double fallback; /* where the file does not say */
	double hi;       /* from 0 */
	const char *about;
};

/* Of one owner; the other one's entries are 0 and count as said. */
struct uncertainty {
	double value[UNCERTAINTY_ENTRIES]; /* standard uncertainties, in the row's unit; the angle: half-width */
	bool said[UNCERTAINTY_ENTRIES];
};

/* entry below UNCERTAINTY_ENTRIES. Never NULL. */
const struct uncertainty_row *uncertainty_row(enum uncertainty_entry entry);

/* The entry that an input of a point's budgets comes from; -1: from none. */
int uncertainty_of_input(const char *input);

/* Nothing said: what a file without the block has. */
struct uncertainty uncertainty_default(enum uncertainty_owner owner);
/* The block; *ret as of uncertainty_default() before. -EINVAL with file:line:column. */
int uncertainty_read(const struct json_doc *doc, const struct json *node, enum uncertainty_owner owner,
		     struct uncertainty *ret, struct err *err);

#endif
