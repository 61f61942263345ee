/* Whether an interrupted run can be gone on with, and what is taken over from it. Leaves out the devices, which the session
 * looks at once they are open. */
#include "rig/cli/resuming.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/keys.h"
#include "rig/offline/earlier.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"
#include "rig/record/host.h"

#define FLEET_ATTRIBUTES "fleet."

struct resuming {
	char path[FILE_PATH_MAX];
	struct record *before;      /* as its file says */
	const struct record *after; /* of the run that goes on with it */
	struct runfile_head seen;
	uint64_t wall_ns;
	bool at_once, unheard, taken;
	struct session_resume session;
};

static int read_before(struct resuming *r, struct err *err)
{
	struct runfile_reader *reader = NULL;

	record_free(r->before);
	r->before = NULL;
	int rc = reopen(r->path, &reader, &r->before, err);
	runfile_reader_free(reader);
	return rc;
}

int resuming_open(const char *path, struct resuming **ret, struct err *err)
{
	struct resuming *r = calloc(1, sizeof(*r));

	if (!r || strlen(path) >= sizeof(r->path)) {
		free(r);
		return r ? err_set(err, -ENAMETOOLONG, "%.300s: the path is too long", path)
			 : err_set(err, -ENOMEM, "out of memory");
	}
	snprintf(r->path, sizeof(r->path), "%s", path);
	int rc = read_before(r, err);
	if (rc)
		resuming_free(r);
	else
		*ret = r;
	return rc;
}

void resuming_free(struct resuming *r)
{
	if (!r)
		return;
	record_free(r->before);
	free(r);
}

const struct record *resuming_before(const struct resuming *r)
{
	return r->before;
}

void resuming_at_once(struct resuming *r, bool unheard)
{
	r->at_once = true;
	r->unheard = unheard;
}

bool resuming_taken(const struct resuming *r)
{
	return r->taken;
}

const char *resuming_path(const struct resuming *r)
{
	return r->path;
}

void resuming_name(const struct resuming *r, struct record *record)
{
	record->attrs = 0;
	for (unsigned i = 0; i < r->before->attrs; i++) /* what a fleet knows the other run by is that one's */
		if (strncmp(r->before->attr[i].key, FLEET_ATTRIBUTES, strlen(FLEET_ATTRIBUTES)) != 0)
			record->attr[record->attrs++] = r->before->attr[i];
}

/* ---- may it be gone on with? ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int refused(const struct resuming *r, struct err *err, const char *fmt,
							 ...)
{
	char why[ERR_TEXT_MAX - 100];
	va_list args;

	va_start(args, fmt);
	vsnprintf(why, sizeof(why), fmt, args);
	va_end(args);
	return err_set(err, -EKEYREJECTED, "%.120s cannot be resumed: %.440s", r->before->name, why);
}

/* By its name the resumed run's file will lead to it. */
static int check_name(const struct resuming *r, struct err *err)
{
	const char *slash = strrchr(r->path, '/'), *stem = slash ? slash + 1 : r->path;
	size_t len = strlen(r->before->name);

	if (strncmp(stem, r->before->name, len) == 0 && strcmp(stem + len, RUNFILE_EXTENSION) == 0)
		return 0;
	return refused(r, err, "its file has another name: call it %.120s%s again", r->before->name, RUNFILE_EXTENSION);
}

static int check_untaken(struct resuming *r, struct runfile_reader *reader, struct err *err)
{
	char by[128];
	int rc = runfile_resumed_by(reader, by, sizeof(by), err);

	if (!rc && by[0])
		rc = refused(r, err, "%.120s has gone on with it already: resume that one", by);
	return rc;
}

/* The run that it went on with itself has it as its one heir, or another may go on there and measure its failure away. */
static int check_took(const struct resuming *r, struct runfile_reader *reader, struct err *err)
{
	struct runfile_reader *earlier = NULL;
	struct record *record = NULL;
	char by[128] = "";
	int rc = r->before->sessions ? earlier_open(reader, r->before, &earlier, &record, err) : 0;

	if (!rc && earlier)
		rc = runfile_resumed_by(earlier, by, sizeof(by), err);
	if (!rc && earlier && strcmp(by, r->before->name) != 0)
		rc = by[0] ? refused(r, err, "%.120s has gone on with %.120s: resume that one", by, record->name)
			   : refused(r, err,
				     "it ended before it started the pen, and took nothing from %.120s: resume that "
				     "one",
				     record->name);
	runfile_reader_free(earlier);
	record_free(record);
	return rc;
}

static int check_seals(struct resuming *r, struct runfile_reader *reader, struct err *err)
{
	int rc = keys_read_seals(reader, r->before, err);
	const struct record_seal *rejected = rc >= 0 ? record_rejected(r->before) : NULL;

	if (rejected)
		rc = refused(r, err,
			     "its seal %u says %s, by %s, and nobody whose key is trusted here accepted it since",
			     rejected->number, rejected->meaning, rejected->signer);
	return rc < 0 ? rc : 0;
}

static int check_same(const struct resuming *r, const struct record *record, const struct resuming_plan *now,
		      struct err *err)
{
	struct record *inputs = record_new();
	char why[400];

	if (!inputs)
		return err_set(err, -ENOMEM, "out of memory");
	int rc = record_inputs(inputs, now->plan, now->bench);
	snprintf(inputs->dut, sizeof(inputs->dut), "%s", record->dut);
	snprintf(inputs->software_version, sizeof(inputs->software_version), "%s", record->software_version);
	snprintf(inputs->software_build, sizeof(inputs->software_build), "%s", record->software_build);
	inputs->method = METHOD_VERSION;
	if (rc)
		err_set(err, rc, "out of memory");
	else if (!sessions_alike(inputs, r->before, why, sizeof(why)))
		rc = refused(r, err, "%s", why);
	else if (now->point_count != r->before->points_planned)
		rc = refused(r, err, "the plan has %u points now and had %u then", now->point_count,
			     r->before->points_planned);
	record_free(inputs);
	return rc;
}

/* What was measured by files that nobody had approved does not become approved by going on. */
static int check_production(const struct resuming *r, struct err *err)
{
	if (r->before->override[0])
		return refused(r, err, "change control was overridden in it: %.200s", r->before->override);
	if (strcmp(r->before->approvals, approval_demand_name(APPROVALS_DEMANDED)) != 0)
		return refused(r, err, "it did not demand that its files are approved");
	for (unsigned i = 0; i < r->before->files; i++) {
		const struct record_file *file = &r->before->file[i];
		bool controlled = strcmp(file->kind, "plan") == 0 || strcmp(file->kind, "bench") == 0 ||
				  strcmp(file->kind, "phantom") == 0;
		if (controlled && !file->control.approver[0])
			return refused(r, err, "its %s was run without an approval", file->kind);
	}
	return 0;
}

static int check_clock(const struct resuming *r, uint64_t wall_ns, struct err *err)
{
	char utc[32];

	utc_text(wall_ns, utc);
	return strcmp(utc, r->before->ended_utc) >= 0
		       ? 0
		       : refused(r, err, "by this computer's clock it has not ended yet (%s): set the clock right",
				 r->before->ended_utc);
}

/* ---- is it as it was? ------------------------------------------------------------------------------------------ */

/* Its results are those of its samples: what is judged together with new ones must have been measured. */
static int check_derived(struct resuming *r, struct err *err)
{
	const struct replay_listener nobody = {.ctx = NULL};
	struct replay_inputs inputs = {.plan = NULL};
	struct replay_summary summary = {.points = 0};
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	int rc = reopen(r->path, &reader, &record, err);

	if (!rc)
		rc = runfile_verify(reader, err);
	if (!rc)
		rc = replay_inputs_read(record, &inputs, err);
	if (!rc)
		rc = replay_run(reader, record, &inputs, &nobody, &summary, err);
	if (!rc && summary.differences)
		rc = refused(r, err, "its results are not what its samples say: %.300s", summary.first);
	replay_inputs_free(&inputs);
	runfile_reader_free(reader);
	record_free(record);
	return rc;
}

static int look(struct resuming *r, struct err *err)
{
	struct runfile_reader *reader = NULL;

	record_free(r->before);
	r->before = NULL;
	int rc = reopen(r->path, &reader, &r->before, err);
	if (!rc)
		rc = check_name(r, err);
	if (!rc)
		rc = runfile_verify_words(reader, err);
	if (!rc)
		rc = check_untaken(r, reader, err);
	if (!rc)
		rc = check_took(r, reader, err);
	if (!rc)
		rc = check_seals(r, reader, err);
	if (!rc)
		rc = runfile_head_of(reader, &r->seen, err);
	runfile_reader_free(reader);
	return rc;
}

/* ---- taking it over -------------------------------------------------------------------------------------------- */

static int claim(void *ctx, struct err *err)
{
	struct resuming *r = ctx;
	char utc[32];

	utc_text(r->wall_ns, utc);
	int rc = runfile_append_resumed(r->path, &r->seen, r->after->name, utc, err);
	r->taken = rc == 0;
	return rc;
}

/* What stands under the pen now nobody knows, where the plan has had it changed. */
static void ask_for_phantom(const struct resuming_plan *now, unsigned point)
{
	for (unsigned i = 0; i < point; i++)
		now->points[point].phantom_change |= now->points[i].phantom_change;
}

static int take(struct resuming *r, struct record *record, const struct resuming_plan *now, struct err *err)
{
	const char *dead_end = session_dead_end(r->before, now->plan, r->at_once);

	if (dead_end)
		return refused(r, err, "%s", dead_end);
	r->session = (struct session_resume){.before = r->before,
					     .place = sessions_next(r->before, now->plan),
					     .claim = claim,
					     .ctx = r,
					     .replug = r->at_once,
					     .unheard = r->unheard};
	r->after = record;
	r->wall_ns = now->wall_ns;
	ask_for_phantom(now, r->session.place.point);
	return sessions_take_over(record, r->before, r->seen.entries, r->seen.head, err);
}

int resuming_take(struct resuming *r, struct record *record, const struct resuming_plan *now, struct err *err)
{
	int rc = look(r, err);

	if (!rc)
		rc = check_same(r, record, now, err);
	if (!rc && now->production)
		rc = check_production(r, err);
	if (!rc)
		rc = check_clock(r, now->wall_ns, err);
	if (!rc)
		rc = take(r, record, now, err);
	return rc ? rc : check_derived(r, err);
}

const struct session_resume *resuming_session(const struct resuming *r)
{
	return &r->session;
}

unsigned resuming_point(const struct resuming *r)
{
	return r->session.place.point;
}
