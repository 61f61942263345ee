/* The rule of a bench's reference pen from its files, and what the history says by it. */
#include "rig/cli/kit/reference.h"

#include <errno.h>
#include <string.h>

#include "rig/base/digest.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/version.h"
#include "rig/measure/method.h"
#include "rig/record/host.h"

/* The newest run of the pen by what the bench's state was told, "": none. */
static int last_begun(const struct bench *bench, const struct plan *plan, const struct indexing *where,
		      struct state_reference *ret, char ret_utc[32], struct err *err)
{
	struct state *state = NULL;
	int rc = keeping_open(where->state, bench->path, &state, err);

	if (!rc)
		rc = state_last_reference(state, bench->golden.pen, bench->name, plan->name, ret, err);
	if (rc == 1)
		utc_text(ret->started_wall_ns, ret_utc);
	state_close(state);
	return rc < 0 ? rc : 0;
}

/* A record of its own, with what a run by this plan would have in it. */
static int ask(const struct bench *bench, const struct plan *plan, const struct indexing *where, uint64_t wall_ns,
	       struct golden_pass *ret, struct err *err)
{
	struct record *now = record_new();
	struct history *history = NULL;
	struct state_reference begun = {.name = ""};
	char setup[SHA256_HEX], begun_utc[32] = "";
	int rc = now ? record_inputs(now, plan, bench) : -ENOMEM;

	if (rc)
		err_set(err, rc, "out of memory");
	if (!rc)
		rc = last_begun(bench, plan, where, &begun, begun_utc, err);
	if (!rc)
		rc = indexing_ask(where, &history, err);
	if (rc == -ENOENT) /* the run that asks will make it */
		rc = history_none(&history, err);
	if (!rc) {
		version_record(now);
		history_setup(now, setup);
		const struct golden_rule rule = {.pen = bench->golden.pen,
						 .bench = bench->name,
						 .plan = plan->name,
						 .plan_sha256 = record_file_of(now, "plan")->sha256,
						 .setup = setup,
						 .software = now->software_version,
						 .method = METHOD_VERSION,
						 .since = bench->golden.since,
						 .now_s = (double)wall_ns * 1e-9,
						 .valid_s = bench->golden.valid_h * 3600.0,
						 .valid_runs = bench->golden.valid_runs,
						 .begun = begun_utc,
						 .begun_name = begun.name,
						 .begun_folder = begun.folder};
		rc = golden_look(history, &rule, ret, err);
	}
	history_close(history);
	record_free(now);
	return rc;
}

int reference_look(const struct bench *bench, const struct indexing *where, uint64_t wall_ns, struct golden_pass *ret,
		   struct err *err)
{
	struct plan *plan = NULL;
	int rc = plan_read(bench->golden.plan, &plan, err);

	*ret = (struct golden_pass){.state = GOLDEN_NONE};
	if (!rc)
		rc = ask(bench, plan, where, wall_ns, ret, err);
	plan_free(plan);
	if (rc)
		err_prefix(err, "reference pen %.60s", bench->golden.pen);
	return rc;
}

static int conclude(const struct bench *bench, const struct record_golden *golden, struct err *err)
{
	if (golden->valid || !bench->golden.required)
		return 0;
	return err_set(err, -EKEYREVOKED,
		       "%.200s requires a valid pass of its reference pen %.60s, and there is none: %s; run it: penrig "
		       "golden --bench %.200s",
		       bench->path, bench->golden.pen, golden->text, bench->path);
}

int reference_stand_on(const struct bench *bench, const char *dut, const struct indexing *where, uint64_t wall_ns,
		       struct record_golden *ret, struct golden_pass *ret_pass, struct err *err)
{
	struct golden_pass pass;
	struct err why = {""};

	if (!bench->golden.present || strcmp(dut, bench->golden.pen) == 0)
		return 0;
	int rc = reference_look(bench, where, wall_ns, &pass, &why);
	*ret = (struct record_golden){.asked = true, .valid = !rc && pass.state == GOLDEN_VALID};
	snprintf(ret->pen, sizeof(ret->pen), "%s", bench->golden.pen);
	snprintf(ret->run, sizeof(ret->run), "%s", rc ? "" : pass.run);
	snprintf(ret->started_utc, sizeof(ret->started_utc), "%s", rc ? "" : pass.started);
	snprintf(ret->head, sizeof(ret->head), "%s", rc ? "" : pass.head);
	snprintf(ret->text, sizeof(ret->text), "%.319s", rc ? why.text : pass.text);
	if (ret_pass)
		*ret_pass = pass;
	return conclude(bench, ret, err);
}

int reference_check_devices(const struct bench *bench, const struct golden_pass *pass, struct record *record,
			    struct err *err)
{
	char why[240];

	for (unsigned i = 0; i < record->devices && record->golden.valid; i++) {
		const struct record_device *d = &record->device[i];
		if (strcmp(d->role, "pen") == 0 ||
		    !golden_other_firmware(pass, d->identity.serial, d->identity.firmware, why))
			continue;
		record->golden.valid = false;
		snprintf(record->golden.text, sizeof(record->golden.text), "%.239s in its newest run, %.50s", why,
			 pass->run);
		return conclude(bench, &record->golden, err);
	}
	return 0;
}
