/* What a report writer gets and what it fills. A writer turns the record of a run into one file; it judges nothing. */
#ifndef PENRIG_REPORTS_REPORT_H
#define PENRIG_REPORTS_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "rig/base/error.h"
#include "rig/record/record.h"
#include "rig/runfile/runfile.h"

struct report_writer {
	const char *id;        /* "json", "junit": what a user writes */
	const char *extension; /* ".report.json", ".junit.xml" */
	const char *description;
	/* Every run writes it, and the run file keeps its text. True in exactly one row of a table. */
	bool kept;
	/* The whole report into `out`; -EIO, -ENOMEM or the writer's own -errno with text. Pure: the same record gives
	 * the same bytes. */
	int (*write)(const struct record *record, FILE *out, struct err *err);
	/* The same with what only the run's file has, strokes and samples: memory does not grow with their number. NULL
	 * where the record is all that the format needs. */
	int (*write_run)(const struct record *record, struct runfile_reader *reader, FILE *out, struct err *err);
};

extern const struct report_writer report_json, report_junit, report_text, report_html, report_csv, report_tap,
	report_prom, report_strokes, report_jsonl, report_dfq, report_wsjf, report_atml, report_openhtf, report_dcc;

/* Tables of writers end with NULL. */
extern const struct report_writer *const report_table[];
const struct report_writer *report_find(const struct report_writer *const *table, const char *id); /* NULL: none */
const struct report_writer *report_kept(const struct report_writer *const *table); /* NULL in a table without one */

/* The whole report; reader NULL: there is no run file, or it cannot be read. */
int report_write(const struct report_writer *writer, const struct record *record, struct runfile_reader *reader,
		 FILE *out, struct err *err);

/* The report as text, malloc'd. -errno of the writer, or -ENOMEM. */
int report_string(const struct report_writer *writer, const struct record *record, char **ret, struct err *err);

/* Writes beside the target, fsyncs file and folder, renames: either the whole new file is there or the old state. Where
 * only the fsync of the folder failed, the new file is there and an error is returned. */
int report_save(const struct report_writer *writer, const struct record *record, const char *path, struct err *err);
/* The same with the file of the run. */
int report_save_run(const struct report_writer *writer, const struct record *record, struct runfile_reader *reader,
		    const char *path, struct err *err);
/* The same with a text that is there already. */
int report_save_text(const char *text, const char *path, struct err *err);

#endif
