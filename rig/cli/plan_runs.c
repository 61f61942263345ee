/* Which run files a study is made of. */
#include "rig/cli/plan_runs.h"

#include <errno.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/base/json.h"
#include "rig/cli/history_options.h"
#include "rig/cli/kit/far_runs.h"
#include "rig/cli/kit/indexing.h"
#include "rig/config/plan.h"
#include "rig/runfile/runfile.h"

struct of_plan {
	char digest[DIGEST_HEX];
	int (*take)(void *ctx, const char *path, struct err *err);
	void *ctx;
	unsigned taken;
	struct err *err;
};

static int on_run(void *ctx, const struct history_run *run)
{
	struct of_plan *p = ctx;

	if (strcmp(run->plan_sha256, p->digest) != 0 || run->again || strcmp(run->status, "refused") == 0)
		return 0;
	p->taken++;
	return p->take(p->ctx, run->path, p->err);
}

static int plan_digest(const char *path, char ret[DIGEST_HEX], struct err *err)
{
	struct plan *plan = NULL;
	size_t len = 0;
	int rc = plan_read(path, &plan, err);

	if (rc)
		return rc;
	const char *text = json_text(plan->doc, &len);
	digest_text(text, len, ret);
	plan_free(plan);
	return 0;
}

static int on_far_run(void *ctx, const char *path, struct err *err)
{
	struct of_plan *p = ctx;

	p->taken++;
	return p->take(p->ctx, path, err);
}

static int each_far(const struct plan_runs *where, const struct chosen_question *question, unsigned count,
		    struct of_plan *p, struct err *err)
{
	const struct depot_config store = fleet_store(where->store_secret, where->store_ca);
	struct far_runs *runs = NULL;
	int rc = where->history || where->state
			 ? err_set(err, -EINVAL, "--db asks a server: --history and --state name a bench's own history")
			 : far_runs_open(where->db, &store, &runs, err);

	for (unsigned i = 0; i < count && !rc; i++)
		rc = far_runs_each(runs, &question[i], on_far_run, p, err);
	far_runs_close(runs);
	return rc;
}

static int each_of_words(const struct plan_runs *where, const char *const *words, unsigned count, struct of_plan *p,
			 struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; i < count && !rc; i++) {
		const struct chosen_question question = {
			.words = words[i], .since = where->since, .until = where->until};
		rc = each_far(where, &question, 1, p, err);
	}
	return rc;
}

static int each_here(const struct plan_runs *where, struct of_plan *p, struct err *err)
{
	const struct indexing index = {.history = where->history, .state = where->state};
	const struct choice choice = {.since = where->since, .until = where->until};
	struct history_filter filter;
	struct history *history = NULL;
	int rc = choice_filter(&choice, &filter, err);

	if (!rc)
		rc = indexing_ask(&index, &history, err);
	if (!rc)
		rc = history_each_run(history, &filter, ORDER_TIME, on_run, p, err);
	history_close(history);
	return rc;
}

static int each_of_plan(const struct plan_runs *where, const char *path, struct of_plan *p, struct err *err)
{
	const struct chosen_question question = {
		.plan_sha256 = p->digest, .since = where->since, .until = where->until};
	int rc = plan_digest(path, p->digest, err);

	if (!rc)
		rc = where->db ? each_far(where, &question, 1, p, err) : each_here(where, p, err);
	if (!rc && !p->taken)
		rc = err_set(err, -ENOENT, "the history has no run by %.300s as this file is now", path);
	return rc;
}

static bool is_run_file(const char *path)
{
	size_t len = strlen(path), tail = strlen(RUNFILE_EXTENSION);

	return len > tail && strcmp(path + len - tail, RUNFILE_EXTENSION) == 0;
}

int plan_runs_each(const struct plan_runs *where, const char *const *operands, unsigned count,
		   int (*take)(void *ctx, const char *path, struct err *err), void *ctx, struct err *err)
{
	struct of_plan of = {.take = take, .ctx = ctx, .err = err};
	int rc = 0;

	if (count == 1 && !is_run_file(operands[0]) && !(where->db && strchr(operands[0], '=')))
		return each_of_plan(where, operands[0], &of, err);
	if (where->db)
		return each_of_words(where, operands, count, &of, err);
	for (unsigned i = 0; i < count && !rc; i++)
		rc = take(ctx, operands[i], err);
	return rc;
}
