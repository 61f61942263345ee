/* How a run's results reach the disk. The run file first, with the text of the kept report in it, then every report that
 * is wanted, each whole or not at all. What stands on the disk at the end is true: a report that a later word of the
 * record makes untrue is written again, and removed where that fails. */
#ifndef PENRIG_REPORTS_DELIVER_H
#define PENRIG_REPORTS_DELIVER_H

#include <stdbool.h>

#include "reports/report.h"
#include "rig/runfile/runfile.h"

#define DELIVERY_WRITERS_MAX 16
#define DELIVERY_PATH_MAX    (FILE_PATH_MAX + 160) /* folder, '/', name (128) and an extension */

struct delivery {
	const struct report_writer *const *table;                 /* all there are: none of their names may be taken */
	const struct report_writer *writer[DELIVERY_WRITERS_MAX]; /* what is wanted, in the table's order */
	unsigned writers;
	/* What a person must hear that no return value carries; `text` is a sentence. NULL: nobody listens. */
	void (*complain)(void *ctx, const char *text);
	void *ctx;
	/* Its own. */
	bool begun; /* reports were written, for a record that said: */
	enum run_status status;
	bool has_verdict;
	enum outcome verdict;
};

/* The kept report of `table` and those named. -EINVAL with text for a name that the table does not have. */
int delivery_init(struct delivery *d, const struct report_writer *const *table, const char *const *ids, unsigned count,
		  struct err *err);

/* The file of a report, `ret` of DELIVERY_PATH_MAX bytes. */
void delivery_path(const struct record *record, const struct report_writer *writer, char *ret);
bool delivery_stands(const struct record *record, const struct report_writer *writer); /* it is there */

/* Takes record->name in record->folder for one process: NAME.penrig is made, empty, for runfile_create() to take over.
 * -EEXIST where that file, or a report of that name in any format of the table, is there; else -errno of the disk. */
int delivery_take_name(const struct delivery *d, const struct record *record, struct err *err);
/* Removes NAME.penrig where nothing was ever written into it. */
void delivery_give_name_back(const struct record *record);

/* Finishes the run file and writes the reports. Without a run file (the run was refused before there was one) the
 * reports are a courtesy: what fails is a complaint, and 0 is returned. Where the run file cannot be finished, reports
 * are written only if the record says so (RUN_STORAGE_FAILED): call it once more then. All wanted reports are tried;
 * one that cannot be written is removed, whatever it said. Returns the first failure. */
int deliver(struct delivery *d, const struct record *record, struct runfile *rf, struct err *err);

/* After the record's very last word: where it says otherwise than what was delivered, every report is written anew, or
 * removed. Complains of each that could not be written. -errno where one stands that is no longer true. */
int deliver_last_word(struct delivery *d, const struct record *record);

#endif
