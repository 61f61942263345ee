/* Reads the file of a sampling plan as an SOP cites it ("penrig/lot/1"). What it does is rig/study/acceptance.h's. */
#ifndef PENRIG_CONFIG_LOT_H
#define PENRIG_CONFIG_LOT_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/json.h"

struct lot_measuring { /* in units of the lot's standard deviation */
	double u_random, u_common, guard;
};

struct lot_file {
	char standard[160];             /* words alone: nothing is looked up */
	double aql_percent, lq_percent; /* NaN: not said */
	bool variables;                 /* k is said, not c */
	int64_t n, c, lot_size;         /* lot_size 0: not said */
	double k;
	int sigma;                        /* of variables: 0 unknown, 1 known */
	double sigma_value, most_percent; /* of the units' own measurements, by variables; NaN: not said */
	char measurand[32],
		method[32]; /* whose values a lot is judged by; "": not said; "": the one that a limit was for */
	struct lot_measuring measuring;
};

/* -EINVAL with file:line:column; -errno of the file. */
int lot_read(const char *path, struct lot_file *ret, struct err *err);

#endif
