/* Between run files and the history. Leaves out what the history is: rig/history. */
#include "rig/cli/kit/indexing.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/offline/reopen.h"
#include "rig/state/state.h"

int indexing_open(const struct indexing *where, struct history **ret, struct err *err)
{
	char path[FILE_PATH_MAX];
	int rc = history_path(where->history, where->state, STATE_SYSTEM_FOLDER, path, err);

	return rc ? rc : history_open(path, ret, err);
}

int indexing_ask(const struct indexing *where, struct history **ret, struct err *err)
{
	char path[FILE_PATH_MAX];
	struct err none = {""};
	int rc = history_path(where->history, where->state, STATE_SYSTEM_FOLDER, path, err);

	if (!rc)
		rc = history_open_there(path, ret, &none);
	if (rc == -ENOENT && !where->history)
		return history_none(ret, err);
	if (rc && none.text[0])
		*err = none;
	return rc;
}

static int put(const struct indexing *where, const struct history_entry *entry, struct err *err)
{
	struct history *history = NULL;
	int rc = indexing_open(where, &history, err);

	if (!rc)
		rc = history_put(history, entry, err);
	history_close(history);
	return rc;
}

void indexing_end(const struct indexing *where, const struct record *record)
{
	char path[2 * FILE_PATH_MAX], real_path[PATH_MAX];
	struct history_entry entry = {.record = record, .path = real_path};
	struct err err = {""};

	snprintf(path, sizeof(path), "%s/%s" RUNFILE_EXTENSION, record->folder, record->name);
	if (!realpath(path, real_path))
		return;
	if (put(where, &entry, &err) < 0)
		cli_error(0, "%s; this run is not in the history: penrig history --rebuild %s takes it in", err.text,
			  record->folder);
}

/* ---- from a file --------------------------------------------------------------------------------------------------- */

struct decisions {
	unsigned count;
	struct disposition *item; /* malloc'd */
};

static int on_disposition(void *ctx, const struct disposition *disposition)
{
	struct decisions *d = ctx;
	struct disposition *more = realloc(d->item, (d->count + 1) * sizeof(*more));

	if (!more)
		return -ENOMEM;
	d->item = more;
	d->item[d->count++] = *disposition;
	return 0;
}

struct later {
	unsigned count;
	struct record_judged worst;
};

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct later *later = ctx;

	if (later->count++ == 0 || judged->dut_verdict >= later->worst.dut_verdict)
		later->worst = *judged;
	return 0;
}

int indexing_take_file(struct history *history, const char *path, struct err *err)
{
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct decisions decisions = {.count = 0};
	struct later later = {.count = 0};
	char real_path[PATH_MAX];
	int rc = realpath(path, real_path) ? reopen_sound(path, &reader, &record, err)
					   : err_set(err, -errno, "%.300s: %s", path, strerror(errno));

	if (!rc)
		rc = runfile_each_disposition(reader, on_disposition, &decisions, err);
	if (!rc)
		rc = runfile_each_judged(reader, on_judged, &later, err);
	if (!rc)
		rc = history_put(history,
				 &(struct history_entry){.record = record,
							 .path = real_path,
							 .dispositions = decisions.count,
							 .disposition = decisions.item,
							 .judged = later.count,
							 .worst = later.count ? &later.worst : NULL},
				 err);
	free(decisions.item);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}
