/* The plan, the bench and the points of a run, from the texts that its file keeps. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/replay.h"

static void text_of(const struct record_file *file, struct bench_text *ret)
{
	*ret = (struct bench_text){.path = file->path, .text = file->text ? file->text : "", .len = file->len};
}

int replay_inputs_read(const struct record *record, struct replay_inputs *ret, struct err *err)
{
	struct bench_text plan = {.path = NULL}, bench = {.path = NULL}, phantom[BENCH_PHANTOMS_MAX];
	struct replay_inputs inputs = {.plan = NULL};
	unsigned phantoms = 0;

	for (unsigned i = 0; i < record->files; i++) {
		const struct record_file *file = &record->file[i];
		if (strcmp(file->kind, "plan") == 0)
			text_of(file, &plan);
		else if (strcmp(file->kind, "bench") == 0)
			text_of(file, &bench);
		else if (strcmp(file->kind, "phantom") == 0 && phantoms < BENCH_PHANTOMS_MAX)
			text_of(file, &phantom[phantoms++]);
	}
	if (!plan.path || !bench.path)
		return err_set(err, -EBADMSG, "the run file does not hold its plan and bench");
	int rc = plan_parse(plan.path, plan.text, plan.len, &inputs.plan, err);
	if (!rc)
		rc = bench_parse(&bench, phantom, phantoms, &inputs.bench, err);
	if (!rc)
		rc = plan_expand(inputs.plan, inputs.bench, &inputs.points, &inputs.point_count, err);
	if (rc) {
		replay_inputs_free(&inputs);
		return rc;
	}
	*ret = inputs;
	return 0;
}

void replay_inputs_free(struct replay_inputs *inputs)
{
	free(inputs->points);
	bench_free(inputs->bench);
	plan_free(inputs->plan);
	*inputs = (struct replay_inputs){.plan = NULL};
}
