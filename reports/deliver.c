/* Run file and reports of a run, in an order in which nothing untrue is left. One file's saving is save.c's. */
#include "reports/deliver.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"

static bool is_named(const struct report_writer *writer, const char *const *ids, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(ids[i], writer->id) == 0)
			return true;
	return false;
}

int delivery_init(struct delivery *d, const struct report_writer *const *table, const char *const *ids, unsigned count,
		  struct err *err)
{
	*d = (struct delivery){.table = table};
	for (unsigned i = 0; i < count; i++)
		if (!report_find(table, ids[i]))
			return err_set(err, -EINVAL, "%s: no such format; \"penrig version\" lists them", ids[i]);
	for (unsigned i = 0; table[i] && d->writers < DELIVERY_WRITERS_MAX; i++)
		if (table[i]->kept || is_named(table[i], ids, count))
			d->writer[d->writers++] = table[i];
	return 0;
}

void delivery_path(const struct record *record, const struct report_writer *writer, char *ret)
{
	snprintf(ret, DELIVERY_PATH_MAX, "%s/%s%s", record->folder, record->name, writer->extension);
}

bool delivery_stands(const struct record *record, const struct report_writer *writer)
{
	char path[DELIVERY_PATH_MAX];

	delivery_path(record, writer, path);
	return access(path, F_OK) == 0;
}

/* ---- names ----------------------------------------------------------------------------------------------------- */

/* The run file's name is taken before the others are looked at: whoever has it writes the reports too, so between this
 * look and the writing nobody else does. */
int delivery_take_name(const struct delivery *d, const struct record *record, struct err *err)
{
	int rc = runfile_take_name(record, err);

	for (unsigned i = 0; rc == 0 && d->table[i]; i++) {
		if (!delivery_stands(record, d->table[i]))
			continue;
		runfile_give_name_back(record);
		rc = err_set(err, -EEXIST, "%s/%s%s is there already", record->folder, record->name,
			     d->table[i]->extension);
	}
	return rc;
}

void delivery_give_name_back(const struct record *record)
{
	runfile_give_name_back(record);
}

/* ---- saving ---------------------------------------------------------------------------------------------------- */

static void complain(const struct delivery *d, const char *text)
{
	if (d->complain)
		d->complain(d->ctx, text);
}

static int remove_report(const char *path, struct err *err)
{
	if (unlink(path) == 0 || errno == ENOENT)
		return 0;
	return err_set(err, -errno, "%s says what is no longer true and cannot be removed: %s", path, strerror(errno));
}

/* What a format shows of the strokes it reads from the run's own file, which is whole by now. NULL where there is none:
 * then it does without. */
static struct runfile_reader *own_file(const struct report_writer *writer, const struct record *record)
{
	char path[DELIVERY_PATH_MAX];
	struct runfile_reader *reader;
	struct record *same;

	snprintf(path, sizeof(path), "%s/%s" RUNFILE_EXTENSION, record->folder, record->name);
	if (!writer->write_run || !record->journal_head[0] || runfile_open(path, &reader, &same, NULL) < 0)
		return NULL;
	record_free(same);
	return reader;
}

/* *ret_untrue: set where a report stands that could neither be written nor removed. */
static int save_or_remove(struct delivery *d, const struct report_writer *writer, const struct record *record,
			  int *ret_untrue, struct err *err)
{
	char path[DELIVERY_PATH_MAX];
	struct err stuck = {""};
	int rc, left;

	delivery_path(record, writer, path);
	struct runfile_reader *reader = own_file(writer, record);
	rc = report_save_run(writer, record, reader, path, err);
	runfile_reader_free(reader);
	left = rc < 0 ? remove_report(path, &stuck) : 0;
	if (left < 0) {
		complain(d, stuck.text);
		*ret_untrue = left;
	}
	return rc;
}

static void remember(struct delivery *d, const struct record *record)
{
	d->begun = true;
	d->status = record->run_status;
	d->has_verdict = record->has_verdict;
	d->verdict = record->dut_verdict;
}

static int save_all(struct delivery *d, const struct record *record, struct err *err)
{
	int first = 0, untrue = 0;

	remember(d, record);
	for (unsigned i = 0; i < d->writers; i++) {
		int rc = save_or_remove(d, d->writer[i], record, &untrue, first ? NULL : err);

		first = first ? first : rc;
	}
	return first;
}

int deliver(struct delivery *d, const struct record *record, struct runfile *rf, struct err *err)
{
	struct err own = {""};
	char *text = NULL;
	int rc;

	if (!rf) {
		if (save_all(d, record, &own) < 0)
			complain(d, own.text);
		return 0;
	}
	rc = report_string(report_kept(d->table), record, &text, err);
	if (rc == 0)
		rc = runfile_finish(rf, record, text, err);
	free(text);
	if (rc == 0)
		return save_all(d, record, err);
	if (record->run_status == RUN_STORAGE_FAILED)
		(void)save_all(d, record, &own);
	return rc;
}

static bool says_what_was_delivered(const struct delivery *d, const struct record *record)
{
	return d->status == record->run_status && d->has_verdict == record->has_verdict &&
	       d->verdict == record->dut_verdict;
}

int deliver_last_word(struct delivery *d, const struct record *record)
{
	int untrue = 0;

	if (!d->begun || says_what_was_delivered(d, record))
		return 0;
	remember(d, record);
	for (unsigned i = 0; i < d->writers; i++) {
		struct err err = {""};

		if (save_or_remove(d, d->writer[i], record, &untrue, &err) < 0)
			complain(d, err.text);
	}
	return untrue;
}
