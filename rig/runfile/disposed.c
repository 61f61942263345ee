/* What a supervisor decided about the run, as entries of its journal behind everything else. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/base/disk.h"
#include "rig/runfile/runfile.h"
#include "rig/runfile/store.h"

#define ENTRY "disposition"

int runfile_append_disposition(const char *path, const struct disposition *disposition, struct err *err)
{
	struct store *store = NULL;
	char *json = NULL;
	int rc = disposition_to_json(disposition, &json, err);
	if (!rc)
		rc = store_open(path, &store, err);
	if (!rc)
		rc = store_journal(store, store_time(store), ENTRY, json, strlen(json), err);
	if (!rc)
		rc = store_commit(store, err);
	store_free(store);
	free(json);
	if (!rc && (rc = disk_sync_file(path)) != 0)
		err_set(err, rc, "%.300s cannot be made durable: %s", path, strerror(-rc));
	return rc;
}

struct walk {
	int (*fn)(void *ctx, const struct disposition *disposition);
	void *ctx;
	struct err *err;
};

static int on_entry(void *ctx, uint64_t host_ns, const char *kind, const char *json)
{
	const struct walk *walk = ctx;
	struct disposition disposition;

	(void)host_ns;
	if (strcmp(kind, ENTRY) != 0)
		return 0;
	int rc = disposition_from_json(json, strlen(json), &disposition, walk->err);
	return rc ? rc : walk->fn(walk->ctx, &disposition);
}

int runfile_each_disposition(struct runfile_reader *reader, int (*fn)(void *ctx, const struct disposition *disposition),
			     void *ctx, struct err *err)
{
	struct walk walk = {.fn = fn, .ctx = ctx, .err = err};

	return runfile_each_journal(reader, on_entry, &walk, err);
}
