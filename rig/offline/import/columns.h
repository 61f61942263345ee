/* Which columns of a recording are meant, and what their numbers are in newtons and seconds. Pure. */
#ifndef PENRIG_OFFLINE_IMPORT_COLUMNS_H
#define PENRIG_OFFLINE_IMPORT_COLUMNS_H

#include "rig/base/error.h"
#include "rig/offline/import/reader.h"

struct columns_wish {
	const char *column; /* name, or number from 1; NULL: the only one, or the only one with a unit of force */
	const char
		*time_column;  /* the same; "none": the file's word on time is not taken; NULL: as the file shows it */
	const char *unit;      /* of the force's numbers in place of the file's; "none": --scale alone counts; NULL */
	const char *time_unit; /* in place of the file's; NULL */
	double scale_n, offset_n; /* newtons per number, NAN: by its unit; newtons at zero */
};

struct columns {
	int force;
	double scale_n, offset_n; /* N = offset + scale * value as the reader gives it */
	int time;                 /* -1: there is none */
	double time_unit_s;       /* 0: it counts rows; NAN: to be found by the rate */
	double time_resolution_s;
};

/* -EINVAL with text: no such column, several that may be meant, a scale that is missing or contradicts the unit. */
int columns_choose(const struct recording_layout *layout, const struct columns_wish *wish, const char *path,
		   struct columns *ret, struct err *err);
/* The column that a word means, a name or a number from 1. -EINVAL: there is none or several; the text begins with the
 * option and lists what there is. */
int columns_find(const struct recording_layout *layout, const char *option, const char *word, const char *path,
		 int *ret, struct err *err);
/* `2 "F_N" [N]` */
void columns_name(const struct recording_layout *layout, int column, char *ret, size_t size);

#endif
