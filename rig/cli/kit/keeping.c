/* What a run tells its bench's state. Leaves out what state is: rig/state. */
#include "rig/cli/kit/keeping.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/record/host.h"

#define SEEN_SLACK_NS (60 * NS_PER_S)    /* computers that share a bench need not agree to the second */
#define MADE_SLACK_NS (86400 * NS_PER_S) /* nor whoever made the program and whoever uses it, to the day */

int keeping_open(const char *wanted, const char *bench_path, struct state **ret, struct err *err)
{
	char folder[FILE_PATH_MAX];
	int rc = state_folder(wanted, STATE_SYSTEM_FOLDER, folder, err);

	return rc ? rc : state_open(folder, bench_path, ret, err);
}

static void keeping_close(struct keeping *keeping)
{
	state_close(keeping->state);
	keeping->state = NULL;
}

static int give_up(struct keeping *keeping, const struct err *err)
{
	keeping_close(keeping);
	return cli_error(0, "%s; what this run did to the phantoms is not counted", err->text);
}

int keeping_check_made(uint64_t made_ns, uint64_t wall_ns, struct err *err)
{
	char now[32], made[32];

	if (wall_ns + MADE_SLACK_NS >= made_ns)
		return 0;
	utc_text(wall_ns, now);
	utc_text(made_ns, made);
	return err_set(err, -EKEYEXPIRED,
		       "this computer's clock says %.10s, and this program was made on %.10s: set the clock, or no due "
		       "date means anything",
		       now, made);
}

int keeping_check_last(struct state *state, uint64_t wall_ns, struct err *err)
{
	char now[32], seen[32];
	struct state_run last;
	int rc = state_last_run(state, &last, err);

	if (rc <= 0 || wall_ns + SEEN_SLACK_NS >= last.seen_wall_ns)
		return rc < 0 ? rc : 0;
	utc_text(wall_ns, now);
	utc_text(last.seen_wall_ns, seen);
	return err_set(
		err, -EKEYEXPIRED,
		"this computer's clock says %.19sZ, and run %.80s on this bench was under way at %.19sZ: the clock "
		"was set back. Set it right; if it is right now, and was wrong then, move %.300s away",
		now, last.name, seen, state_path(state));
}

int keeping_begin(struct keeping *keeping, const char *wanted, const struct bench *bench, const struct record *record,
		  struct loop *loop, bool honest, struct err *err)
{
	uint64_t wall_ns = loop_wall_ns(loop);

	*keeping = (struct keeping){.loop = loop,
				    .began_ns = loop_now_ns(loop),
				    .run = {.started_wall_ns = wall_ns, .seen_wall_ns = wall_ns}};
	snprintf(keeping->run.name, sizeof(keeping->run.name), "%s", record->name);
	snprintf(keeping->run.dut, sizeof(keeping->run.dut), "%s", record->dut);
	host_name(keeping->run.host, sizeof(keeping->run.host));
	int rc = keeping_open(wanted, bench->path, &keeping->state, err);
	if (!rc && honest)
		rc = keeping_check_last(keeping->state, wall_ns, err);
	if (!rc)
		rc = state_saw(keeping->state, &keeping->run, err);
	if (rc == -EKEYEXPIRED)
		keeping_close(keeping);
	return rc && rc != -EKEYEXPIRED && !wanted ? give_up(keeping, err) : rc;
}

static int tell_strokes(struct keeping *keeping, const struct bench *bench, const struct session *session,
			struct err *err)
{
	int rc = 0;

	for (unsigned i = 0; session && i < bench->phantoms && rc == 0; i++) {
		const struct phantom *phantom = &bench->phantom[i];
		uint64_t strokes = session_struck(session, i);
		if (strokes)
			rc = state_strokes(keeping->state, &keeping->run, phantom->serial, phantom->position, strokes,
					   err);
	}
	return rc;
}

/* ---- the supply's timer ------------------------------------------------------------------------------------------ */

static bool holds(const struct state_deadman *last, const struct bench *bench, uint64_t wall_ns, char *ret_why,
		  size_t size)
{
	double hours = bench->pen.power.timer_proof_h;
	double age_h = ((double)wall_ns - (double)last->tested_wall_ns) / (3600.0 * NS_PER_S);

	if (!last->passed)
		snprintf(ret_why, size, "its last test, in run %.60s, did not pass", last->run);
	else if (last->set_ms != bench->pen.deadman_ms)
		snprintf(ret_why, size, "its last test, in run %.60s, was of %u ms, and the bench sets %u ms",
			 last->run, last->set_ms, bench->pen.deadman_ms);
	else if (!(age_h <= hours))
		snprintf(ret_why, size,
			 "its last test, in run %.60s, is %.1f h old, and the bench lets it hold for %g h", last->run,
			 age_h, hours);
	else
		return true;
	return false;
}

int keeping_proof(struct state *state, const struct plan *plan, const struct bench *bench, uint64_t wall_ns,
		  struct record_proof *ret, struct err *err)
{
	const struct bench_power *power = &bench->pen.power;
	double hours = plan_proof_h(plan, bench);
	struct state_deadman last;

	*ret = (struct record_proof){.wanted = plan_lacks_proof(plan, bench)};
	if (!ret->wanted)
		return 0;
	snprintf(ret->why, sizeof(ret->why), "%s",
		 hours > 0 ? "it was never tested on this bench"
			   : "this bench lets no earlier test of it stand (\"timer_proof_h\")");
	if (!(hours > 0) || !state)
		return 0;
	int rc = state_last_deadman(state, power->serial, (unsigned)power->output, &last, err);
	if (rc != 1 || !holds(&last, bench, wall_ns, ret->why, sizeof(ret->why)))
		return rc < 0 ? rc : 0;
	ret->why[0] = '\0';
	snprintf(ret->run, sizeof(ret->run), "%s", last.run);
	utc_text(last.tested_wall_ns, ret->utc);
	return 0;
}

static struct state_deadman test_of(const struct bench *bench, bool passed)
{
	struct state_deadman test = {
		.output = (unsigned)bench->pen.power.output, .set_ms = bench->pen.deadman_ms, .passed = passed};

	snprintf(test.supply, sizeof(test.supply), "%s", bench->pen.power.serial);
	return test;
}

static bool is_kept(const struct bench *bench)
{
	return deadman_row((enum deadman_class)bench->pen.dead_man)->proven && bench->pen.power.serial[0];
}

int keeping_begin_proof(struct keeping *keeping, const struct plan *plan, const struct bench *bench,
			struct record *record, struct err *err)
{
	struct state_deadman test = test_of(bench, false);
	struct record_proof *proof = &record->proof;
	int rc = keeping_proof(keeping->state, plan, bench, keeping->run.started_wall_ns, proof, err);

	if (!rc && proof->why[0])
		cli_error(0,
			  "this run cannot pass: nothing shows that the timer of the pen's power supply stops it: %s",
			  proof->why);
	if (!rc && keeping->state && plan->test_deadman && is_kept(bench))
		rc = state_deadman(keeping->state, &keeping->run, &test, err);
	return rc;
}

/* ---- the reference pen ------------------------------------------------------------------------------------------- */

static bool is_reference(const struct bench *bench, const struct record *record)
{
	return bench->golden.present && strcmp(record->dut, bench->golden.pen) == 0;
}

int keeping_begin_reference(struct keeping *keeping, const struct plan *plan, const struct bench *bench,
			    const struct record *record, struct err *err)
{
	struct state_reference reference = {.name = ""};
	char real_path[PATH_MAX];

	if (!is_reference(bench, record))
		return 0;
	if (!keeping->state)
		return err_set(err, -EIO,
			       "reference pen %.60s is not run where nothing keeps that its earlier pass has ended: "
			       "give a folder with --state",
			       record->dut);
	snprintf(reference.bench, sizeof(reference.bench), "%s", bench->name);
	snprintf(reference.plan, sizeof(reference.plan), "%s", plan->name);
	snprintf(reference.folder, sizeof(reference.folder), "%.*s", (int)sizeof(reference.folder) - 1,
		 realpath(record->folder, real_path) ? real_path : record->folder);
	return state_reference(keeping->state, &keeping->run, &reference, err);
}

/* A run that moved nothing shows nothing: the one before it stays the newest that was begun, and has to be known. */
static int tell_reference(struct keeping *keeping, const struct bench *bench, const struct record *record,
			  struct err *err)
{
	if (!is_reference(bench, record) || record->moved)
		return 0;
	return state_reference_unmoved(keeping->state, &keeping->run, err);
}

/* A test that was begun and came to no end showed nothing, and less than an earlier one. */
static int tell_deadman(struct keeping *keeping, const struct bench *bench, const struct record *record,
			struct err *err)
{
	for (unsigned i = 0; i < record->tests; i++) {
		const struct record_test *test = &record->test[i];
		struct state_deadman told = test_of(bench, test->done && test->outcome == OUTCOME_PASS);
		/* those of the run that this one goes on with, that one has told */
		if (!test->session && strcmp(test->name, "dead_man") == 0)
			return is_kept(bench) ? state_deadman(keeping->state, &keeping->run, &told, err) : 0;
	}
	return state_deadman_untested(keeping->state, &keeping->run, err);
}

void keeping_end(struct keeping *keeping, const struct bench *bench, const struct session *session,
		 const struct record *record)
{
	struct err err = {""};

	if (!keeping->state)
		return;
	keeping->run.seen_wall_ns += loop_now_ns(keeping->loop) - keeping->began_ns;
	int rc = state_saw(keeping->state, &keeping->run, &err);
	if (!rc)
		rc = tell_strokes(keeping, bench, session, &err);
	if (!rc)
		rc = tell_deadman(keeping, bench, record, &err);
	if (!rc)
		rc = tell_reference(keeping, bench, record, &err);
	if (rc)
		give_up(keeping, &err);
	keeping_close(keeping);
}
