/* Columns of a recording beside its force: the needle bar's displacement and temperatures, in the same rows. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_BESIDE_COLUMNS_H
#define PENRIG_OFFLINE_IMPORT_BESIDE_COLUMNS_H

#include "rig/base/samples.h"
#include "rig/offline/import/columns.h"
#include "rig/offline/import/stream.h"

#define TEMPERATURES_MAX 3 /* "handle", "tip", "ambient" */

/* As the command line has them: COLUMN[:SCALE[:OFFSET]], a name or number of a column, and mm or degC per number of it
 * where its unit does not say that. NULL: none. */
struct beside_wish {
	const char *displacement;
	unsigned temperatures;
	const char *const *temperature; /* NAME=COLUMN[:SCALE[:OFFSET]] */
};

struct beside_column {
	char name[16]; /* of the channel: "displacement", "handle" ... */
	enum quantity quantity;
	int column;
	double scale, offset; /* mm or degC = offset + scale * value as the reader gives it */
};

struct beside_columns {
	unsigned count;
	bool displacement; /* it is the first of them */
	struct beside_column at[STREAM_BESIDE];
};

/* -EINVAL with text: no such column or name, one that is used already, a scale that is missing or contradicts the unit. */
int beside_columns_choose(const struct recording_layout *layout, const struct columns *columns,
			  const struct beside_wish *wish, const char *path, struct beside_columns *ret,
			  struct err *err);

#endif
