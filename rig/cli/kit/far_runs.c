#include "rig/cli/kit/far_runs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/disk.h"
#include "rig/fleet/submit.h"

struct far_runs {
	struct server *server;
	struct depot_config store;
	char folder[FILE_PATH_MAX];
};

struct fetching {
	struct far_runs *runs;
	int (*fn)(void *ctx, const char *path, struct err *err);
	void *ctx;
};

int far_runs_open(const char *db, const struct depot_config *store, struct far_runs **ret, struct err *err)
{
	struct far_runs *runs = calloc(1, sizeof(*runs));
	const char *tmp = getenv("TMPDIR");

	if (!runs)
		return err_set(err, -ENOMEM, "out of memory");
	runs->store = *store;
	snprintf(runs->folder, sizeof(runs->folder), "%.400s/penrig-XXXXXX", tmp && *tmp ? tmp : "/tmp");
	int rc = server_new(fleet_db(db), "penrig", &runs->server, err);
	if (!rc && !mkdtemp(runs->folder)) {
		rc = err_set(err, -errno, "%.300s: %s", runs->folder, strerror(errno));
		runs->folder[0] = '\0';
	}
	if (rc)
		far_runs_close(runs);
	else
		*ret = runs;
	return rc;
}

/* What was read is in memory by then. */
static int on_run(void *ctx, const char *run_id, struct err *err)
{
	const struct fetching *f = ctx;
	char path[2 * FILE_PATH_MAX];
	int rc = submit_fetch_run(f->runs->server, run_id, f->runs->folder, &f->runs->store, path, sizeof(path), err);

	if (rc)
		return rc;
	rc = f->fn(f->ctx, path, err);
	unlink(path);
	return rc;
}

int far_runs_each(struct far_runs *runs, const struct chosen_question *question,
		  int (*fn)(void *ctx, const char *path, struct err *err), void *ctx, struct err *err)
{
	struct fetching fetching = {runs, fn, ctx};

	return chosen_each(runs->server, question, on_run, &fetching, err);
}

void far_runs_close(struct far_runs *runs)
{
	if (!runs)
		return;
	server_free(runs->server);
	if (*runs->folder)
		rmdir(runs->folder);
	free(runs);
}
