/* What a run tells its bench's state. Leaves out what state is: rig/state. */
#include "rig/cli/kit/keeping.h"

#include <errno.h>
#include <stdio.h>

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

static int check_last(struct keeping *keeping, struct err *err)
{
	char now[32], seen[32];
	struct state_run last;
	int rc = state_last_run(keeping->state, &last, err);

	if (rc <= 0 || keeping->run.started_wall_ns + SEEN_SLACK_NS >= last.seen_wall_ns)
		return rc < 0 ? rc : 0;
	utc_text(keeping->run.started_wall_ns, now);
	utc_text(last.seen_wall_ns, seen);
	return err_set(
		err, -EKEYEXPIRED,
		"this computer's clock says %.19sZ, and run %.80s on this bench was under way at %.19sZ: the clock "
		"was set back. Set it right; if it is right now, and was wrong then, move %.300s away",
		now, last.name, seen, state_path(keeping->state));
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
		rc = check_last(keeping, err);
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

void keeping_end(struct keeping *keeping, const struct bench *bench, const struct session *session)
{
	struct err err = {""};

	if (!keeping->state)
		return;
	keeping->run.seen_wall_ns += loop_now_ns(keeping->loop) - keeping->began_ns;
	int rc = state_saw(keeping->state, &keeping->run, &err);
	if (!rc)
		rc = tell_strokes(keeping, bench, session, &err);
	if (rc)
		give_up(keeping, &err);
	keeping_close(keeping);
}
