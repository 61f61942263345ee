/* What the formats share that write one file per table: opening, failing, closing. */
#ifndef PENRIG_OFFLINE_EXPORT_FILE_H
#define PENRIG_OFFLINE_EXPORT_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "rig/offline/export.h"

#define EXPORT_PATH_MAX (FILE_PATH_MAX + 64)

/* Says that it cannot be written, why, and what to do; code: errno, 0 where nobody knows. Returns -errno. */
int export_failed(const char *path, int code, struct err *err);
/* Its name until it is whole. */
void export_under_way(const char *path, char ret[EXPORT_PATH_MAX]);

struct export_file {
	char stem[FILE_PATH_MAX], path[FILE_PATH_MAX + 32];
	struct export_table table;
	FILE *out; /* under way, beside `path` */
	bool bad;  /* something of it could not be written */
	uint64_t rows;
	uint64_t bytes;              /* wav: of samples */
	uint64_t next_index, filled; /* wav: gaps */
	int32_t last[CHANNELS_MAX];
	const struct export_format *beside; /* wav: for tables that are no samples */
	void *beside_file;
	bool beside_open;
};

int export_file_begin(const char *stem, const struct record *record, void **ret, struct err *err);
int export_file_open(struct export_file *file, const struct export_table *table, const char *extension,
		     struct err *err);
int export_file_failed(struct export_file *file, struct err *err); /* by errno */
/* Of the table's, which stands whole under its name then, or not at all. */
int export_file_close(void *file, struct err *err);
int export_file_end(void *file, struct err *err); /* frees */

bool export_file_has_samples(const struct export_table *table);
/* Of a closed table of samples: rate, and what its counts were, in a JSON file beside it, by which an import has the
 * counts again. Of any other nothing. */
int export_file_describe(struct export_file *file, const char *extension, struct err *err);

#endif
