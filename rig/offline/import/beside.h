/* What penrig's own exports say of their samples beside them, and samples in physical units made counts again: so an
 * exported run comes back to the numbers that the sensor sent. */
#ifndef PENRIG_OFFLINE_IMPORT_BESIDE_H
#define PENRIG_OFFLINE_IMPORT_BESIDE_H

#include "rig/offline/import/reader.h"

/* Which columns hold physical values that were counts; all zero: none. */
struct recount {
	bool of[RECORDING_COLUMNS_MAX];
	double scale[RECORDING_COLUMNS_MAX], offset[RECORDING_COLUMNS_MAX];
};

/* Column i of the layout becomes counts of so many bits, of which physical = offset + scale * count; scale not 0. */
void recount_column(struct recount *recount, struct recording_layout *layout, unsigned i, double scale, double offset,
		    unsigned bits);
/* Makes them so. -EINVAL: a value that lies between two counts; the text names path, row and column. */
int recount_rows(const struct recount *recount, const char *path, unsigned columns, struct recording_rows *rows,
		 struct err *err);

/* Takes rate, names, units and scales from PATH.json, where penrig's export wrote one; any other such file is left alone.
 * Its channels are the columns of the same names, or, where the file names none (recount NULL: they are counts), those
 * in the same places. -EINVAL: it describes another file, or holes that were filled; the text names the remedy. */
int beside_read(const char *path, struct recording_layout *layout, struct recount *recount, struct err *err);

#endif
