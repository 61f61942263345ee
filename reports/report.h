/* What a report writer gets and what it fills. A writer turns the record of a run into one file; it judges nothing. */
#ifndef PENRIG_REPORTS_REPORT_H
#define PENRIG_REPORTS_REPORT_H

#include <stdio.h>

#include "rig/base/error.h"
#include "rig/record/record.h"

/* write: whole file to `out`; -EIO or the writer's own -errno with text. Pure: the same record gives the same bytes. */
struct report_writer {
	const char *id;        /* "json", "junit" */
	const char *extension; /* ".report.json", ".junit.xml" */
	const char *description;
	int (*write)(const struct record *record, FILE *out, struct err *err);
};

extern const struct report_writer report_json, report_junit;
extern const struct report_writer *const report_table[]; /* NULL-terminated */
const struct report_writer *report_find(const char *id); /* NULL if there is none */

/* Writes beside the target, fsyncs file and folder, renames: either the whole new file is there or the old state. */
int report_save(const struct report_writer *writer, const struct record *record, const char *path, struct err *err);

#endif
