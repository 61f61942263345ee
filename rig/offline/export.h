/* What a run file holds, as files that other programs read: samples in physical units, strokes, telemetry. */
#ifndef PENRIG_OFFLINE_EXPORT_H
#define PENRIG_OFFLINE_EXPORT_H

#include "rig/runfile/runfile.h"

#define EXPORT_COLUMNS_MAX (CHANNELS_MAX + 2)
#define EXPORT_KIND        "penrig/export/1" /* of the files that describe samples beside them */

struct export_column {
	char name[32], unit[8];        /* unit "1": a number */
	bool whole;                    /* a u64, else a double */
	int digits;                    /* significant digits that mean something */
	const struct channel *channel; /* of samples: NULL for index and time */
};

struct export_table { /* "stream0" ... "strokes", "telemetry" */
	char name[16];
	double rate_hz; /* of samples; 0: rows have no rate */
	unsigned columns;
	struct export_column column[EXPORT_COLUMNS_MAX];
};

struct export_value {
	union {
		uint64_t whole;
		double real;
	};
	int32_t count; /* of samples: as the sensor sent it */
};

/* A format. begin: once, for everything of one run, at `stem`; open, row, close: one table after the other; end: always
 * after begin, also where something failed before. Texts name the file. */
struct export_format {
	const char *id;
	const char *missing; /* the package that this build lacks for it; NULL: built in */
	int (*begin)(const char *stem, const struct record *record, void **ret, struct err *err);
	int (*open)(void *file, const struct export_table *table, struct err *err);
	int (*row)(void *file, const struct export_value *values, struct err *err);
	int (*close)(void *file, struct err *err);
	int (*end)(void *file, struct err *err);
};

extern const struct export_format export_csv, export_npy, export_wav, export_hdf5;
extern const struct export_format *const export_table_of_formats[]; /* NULL-terminated */

/* stem: folder/name without extension; existing files are replaced. -EFBIG: more samples than the format can hold. */
int export_run(struct runfile_reader *reader, const struct record *record, const struct export_format *format,
	       const char *stem, struct err *err);

#endif
