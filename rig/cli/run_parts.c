/* A run whose device was lost, and is back: when it is waited for, and what the next part takes over. */
#include <math.h>
#include <string.h>

#include "rig/cli/kit/waiting.h"
#include "rig/cli/replug.h"
#include "rig/cli/run_inside.h"
#include "rig/judge/verdict.h"

#define REPLUG_TRIES     3 /* to go on, in a row, before the pen was started: a device that is listed then does not work */
#define REPLUG_AGAIN_NS  (1 * NS_PER_S)  /* until it is tried again */
#define REPLUG_RARELY_NS (30 * NS_PER_S) /* the same, at most, where only a try tells whether a device is there */
#define REPLUG_LOCK_S    15.0 /* for the bench: longer than a stopper tries its pen, and no signal is heard meanwhile */

/* Which part the next one goes on with: one that never started the pen took nothing over. */
static void path_to_go_on(const struct run *run, char ret[DELIVERY_PATH_MAX])
{
	const struct record *r = run->record;

	if (run->resuming && !resuming_taken(run->resuming))
		snprintf(ret, DELIVERY_PATH_MAX, "%s", resuming_path(run->resuming));
	else
		snprintf(ret, DELIVERY_PATH_MAX, "%s/%s" RUNFILE_EXTENSION, r->folder, r->name);
}

/* All devices had said who they are, so it can be told whether they are the same. */
static bool were_known(const struct record *r)
{
	for (unsigned i = 0; i < r->devices; i++)
		if (r->device[i].limits.rate_max_hz > 0)
			return true;
	return false;
}

/* A pen that failed has nothing to be tried away. */
static bool may_go_on(const struct run *run)
{
	const struct record *r = run->record;
	bool took = !run->resuming || resuming_taken(run->resuming);

	if (run->replug_s <= 0 || r->run_status != RUN_DEVICE_LOST || session_shows_failure(r) ||
	    r->sessions == RECORD_SESSIONS_MAX)
		return false;
	if (took)
		return were_known(r) && !session_dead_end(r, run->plan, true);
	return run->tries < REPLUG_TRIES || replug_is_tried(run->tables->links, run->bench);
}

/* When the devices are opened next: what no link lists may need all of the time, and each try leaves a run file. */
static uint64_t next_try_ns(const struct run *run, uint64_t now_ns)
{
	uint64_t again_ns = REPLUG_AGAIN_NS;

	if (!run->tries)
		return now_ns;
	for (unsigned i = REPLUG_TRIES; i <= run->tries && again_ns < REPLUG_RARELY_NS; i++)
		again_ns *= 2;
	return now_ns + again_ns < run->back_by_ns ? now_ns + again_ns : run->back_by_ns;
}

/* Of both bounds the earlier one, by the loop's clock. */
static uint64_t back_by_ns(const struct run *run, uint64_t now_ns)
{
	uint64_t boot_ns = loop_boot_ns(), end_ns = (uint64_t)(run->end_by_s * 1e9);
	uint64_t wait_ns = (uint64_t)(run->replug_s * 1e9), left_ns = end_ns > boot_ns ? end_ns - boot_ns : 0;

	return now_ns + (end_ns && left_ns < wait_ns ? left_ns : wait_ns);
}

static bool too_late(const struct run *run)
{
	cli_error(0, "it was not plugged in again within %g s%s", run->replug_s,
		  run->end_by_s > 0 ? ", or by --end-by" : "");
	return false;
}

static bool is_back(struct run *run)
{
	const struct record *r = run->record;
	uint64_t now_ns = loop_now_ns(run->loop);
	struct replug_came came = {.how = REPLUG_LATE};
	struct err err = {0};
	char text[2 * ERR_TEXT_MAX];

	if (!run->tries)
		run->back_by_ns = back_by_ns(run, now_ns);
	else if (now_ns >= run->back_by_ns)
		return too_late(run);
	uint64_t try_ns = next_try_ns(run, now_ns);
	const struct replug_wait wait = {.loop = run->loop,
					 .links = run->tables->links,
					 .bench = run->bench,
					 .dut = r->dut,
					 .from_ns = now_ns < try_ns ? try_ns : now_ns,
					 .until_ns = run->back_by_ns};

	snprintf(text, sizeof(text), "%.400s; waiting %g s for it to be plugged in again, then the pen starts anew%s",
		 r->status_reason, (double)(run->back_by_ns - now_ns) * 1e-9,
		 r->moved && !r->stop_verified ? " (nobody saw the pen stop: the verdict can be a fail, but no pass)"
					       : "");
	progress_show(&run->progress, &(struct session_progress){.stage = STAGE_OPENING,
								 .points = run->point_count,
								 .depth_set_mm = NAN,
								 .rate_set_hz = NAN,
								 .rate_hz = NAN,
								 .depth_mm = NAN,
								 .force_n = NAN,
								 .handle_c = NAN,
								 .text = text});
	if (replug_wait(&wait, &came, &err) < 0)
		cli_error(0, "%s", err.text);
	else if (came.how == REPLUG_LATE)
		too_late(run);
	else if (came.how == REPLUG_INTERRUPTED)
		cli_error(0, "interrupted while it was waited for");
	run->signal = came.signal;
	return came.how == REPLUG_BACK;
}

/* False: it could not begin, which is said, and the part before is the last one. */
static bool next_part(struct run *before, const char *plan_path, struct resuming *resuming, int *ret_code)
{
	struct run_options options = *before->options;
	bool took = !before->resuming || resuming_taken(before->resuming);
	struct run run = {.tables = before->tables,
			  .options = &options,
			  .record = record_new(),
			  .loop = before->loop,
			  .progress = before->progress,
			  .ocp = before->ocp,
			  .people = before->people,
			  .lock = before->lock,
			  .resuming = resuming,
			  .part = before->part + 1,
			  .tries = took ? 1 : before->tries + 1,
			  .back_by_ns = before->back_by_ns,
			  .key = before->key,
			  .unsealed = run_seal(before, before->unsealed)};

	options.start_within = options.start_by = NULL; /* the pen was started in time */
	memcpy(run.bench_owner, before->bench_owner, sizeof(run.bench_owner));
	before->loop = NULL;
	before->key = NULL;
	before->lock = NULL;
	before->ocp = NULL;
	*ret_code = run.record ? run_execute(&run, plan_path) : cli_error(EXIT_INTERNAL, "out of memory");
	if (!run.began) {
		before->loop = run.loop;
		before->ocp = run.ocp;
		run.loop = NULL;
		run.ocp = NULL;
	}
	run_free(&run);
	return run.began;
}

bool run_goes_on(struct run *run, const char *plan_path, int *ret_code)
{
	struct resuming *resuming = NULL;
	char path[DELIVERY_PATH_MAX];
	struct err err = {0};

	if (run->resuming && resuming_taken(run->resuming))
		run->tries = 0;
	if (!may_go_on(run) || !is_back(run))
		return false;
	path_to_go_on(run, path);
	uint64_t now_ns = loop_now_ns(run->loop);
	double left_s = now_ns < run->back_by_ns ? (double)(run->back_by_ns - now_ns) * 1e-9 : 0;
	int rc = resuming_open(path, &resuming, &err);
	if (rc == 0 && !run->lock) /* the stopper has it, while it tries the pen */
		rc = bench_wait(run_bench_path(run->options), fmin(left_s, REPLUG_LOCK_S), &run->lock, &err);
	if (rc < 0) {
		resuming_free(resuming);
		cli_error(0, "the run does not go on: %s", err.text);
		return false;
	}
	resuming_at_once(resuming, run->unheard);
	(void)deliver_last_word(&run->delivery, run->record);
	bool began = next_part(run, plan_path, resuming, ret_code);
	resuming_free(resuming);
	return began;
}
