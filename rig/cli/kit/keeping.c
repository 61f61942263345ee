/* What a run tells its bench's state. Leaves out what state is: rig/state. */
#include "rig/cli/kit/keeping.h"

#include <stdio.h>

#include "rig/cli/kit/command.h"
#include "rig/record/host.h"

int keeping_open(const char *wanted, const char *bench_path, struct state **ret, struct err *err)
{
	char folder[FILE_PATH_MAX];
	int rc = state_folder(wanted, STATE_SYSTEM_FOLDER, folder, err);

	return rc ? rc : state_open(folder, bench_path, ret, err);
}

static int give_up(struct keeping *keeping, const struct err *err)
{
	state_close(keeping->state);
	keeping->state = NULL;
	return cli_error(0, "%s; what this run did to the phantoms is not counted", err->text);
}

int keeping_begin(struct keeping *keeping, const char *wanted, const struct bench *bench, const struct record *record,
		  uint64_t wall_ns, struct err *err)
{
	*keeping = (struct keeping){.run = {.started_wall_ns = wall_ns, .seen_wall_ns = wall_ns}};
	snprintf(keeping->run.name, sizeof(keeping->run.name), "%s", record->name);
	snprintf(keeping->run.dut, sizeof(keeping->run.dut), "%s", record->dut);
	host_name(keeping->run.host, sizeof(keeping->run.host));
	int rc = keeping_open(wanted, bench->path, &keeping->state, err);
	if (!rc)
		rc = state_saw(keeping->state, &keeping->run, err);
	return rc && !wanted ? give_up(keeping, err) : rc;
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

void keeping_end(struct keeping *keeping, const struct bench *bench, const struct session *session, uint64_t wall_ns)
{
	struct err err = {""};

	if (!keeping->state)
		return;
	keeping->run.seen_wall_ns = wall_ns;
	int rc = state_saw(keeping->state, &keeping->run, &err);
	if (!rc)
		rc = tell_strokes(keeping, bench, session, &err);
	if (rc)
		give_up(keeping, &err);
	state_close(keeping->state);
	keeping->state = NULL;
}
