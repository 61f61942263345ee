/* What one run takes over from another. Leaves out whether the other's file is as it was written (offline), and whether the
 * devices are the same (session). */
#include "rig/record/sessions.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* ---- taking over ----------------------------------------------------------------------------------------------- */

/* Its own is the newest of the earlier ones from now on. */
static unsigned renumbered(const struct record *before, unsigned session)
{
	return session ? session : before->sessions + 1;
}

static void copy_session(struct record_session *s, const struct record *before, uint64_t entries,
			 const char head[SHA256_HEX])
{
	*s = (struct record_session){.started_host_ns = before->started_host_ns,
				     .run_status = before->run_status,
				     .moved = before->moved,
				     .stop_verified = before->stop_verified,
				     .proof = before->proof,
				     .dut_said = before->dut_said,
				     .entries = entries};
	snprintf(s->name, sizeof(s->name), "%s", before->name);
	snprintf(s->started_utc, sizeof(s->started_utc), "%s", before->started_utc);
	snprintf(s->ended_utc, sizeof(s->ended_utc), "%s", before->ended_utc);
	snprintf(s->operator_name, sizeof(s->operator_name), "%s", before->operator_name);
	snprintf(s->override, sizeof(s->override), "%s", before->override);
	snprintf(s->status_reason, sizeof(s->status_reason), "%s", before->status_reason);
	snprintf(s->stop_text, sizeof(s->stop_text), "%s", before->stop_text);
	snprintf(s->head, sizeof(s->head), "%s", head);
}

static int copy_points(struct record *record, const struct record *before, struct err *err)
{
	for (unsigned i = 0; i < before->points; i++) {
		struct record_point *point = record_add_point(record);
		if (!point)
			return err_set(err, -ENOMEM, "out of memory");
		*point = before->point[i];
		point->session = renumbered(before, point->session);
	}
	return 0;
}

int sessions_take_over(struct record *record, const struct record *before, uint64_t entries,
		       const char head[SHA256_HEX], struct err *err)
{
	const unsigned room = sizeof(record->condition) / sizeof(record->condition[0]);

	/* Half of the room for conditions is for what this run sees itself. */
	if (before->sessions == RECORD_SESSIONS_MAX || before->conditions > room / 2)
		return err_set(err, -E2BIG,
			       "%.120s is the end of %u interrupted runs, or tells of too many conditions of its pen "
			       "(%u): run the plan anew",
			       before->name, before->sessions + 1, before->conditions);
	memcpy(record->session, before->session, sizeof(record->session));
	copy_session(&record->session[before->sessions], before, entries, head);
	record->sessions = before->sessions + 1;
	record->tests = before->tests;
	for (unsigned i = 0; i < before->tests; i++) {
		record->test[i] = before->test[i];
		record->test[i].session = renumbered(before, before->test[i].session);
	}
	record->conditions = before->conditions;
	for (unsigned i = 0; i < before->conditions; i++) {
		record->condition[i] = before->condition[i];
		record->condition[i].session = renumbered(before, before->condition[i].session);
	}
	record->points_planned = before->points_planned;
	return copy_points(record, before, err);
}

/* ---- where it goes on ------------------------------------------------------------------------------------------ */

static struct sessions_place at_point(const struct record *record, unsigned number)
{
	struct sessions_place place = {.point = number};

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];
		if (point->plan.number != number)
			continue;
		place.attempts++;
		place.tried += point->collected;
		place.lost += point->collected && point->rig_cause[0];
		if (point->collected && !place.failed && point->outcome >= OUTCOME_CONDITIONAL_FAIL)
			place.failed = place.tried;
	}
	return place;
}

/* As a run that was not interrupted does: a failure is measured again to learn of it, never tried away. */
static bool is_tried_again(const struct record_point *last, const struct sessions_place *place, const struct plan *plan)
{
	if (last->plan.step >= plan->steps)
		return false;
	const struct plan_step *step = &plan->step[last->plan.step];
	if (place->failed)
		return place->tried < place->failed + step->repeat_failed;
	unsigned more = place->lost < step->retry ? place->lost : step->retry;
	return last->outcome == OUTCOME_INCONCLUSIVE && place->tried < step->attempts + more;
}

struct sessions_place sessions_next(const struct record *record, const struct plan *plan)
{
	if (!record->points)
		return (struct sessions_place){.point = 0};
	const struct record_point *last = &record->point[record->points - 1];
	struct sessions_place place = at_point(record, last->plan.number);
	return !last->collected || is_tried_again(last, &place, plan) ? place : at_point(record, last->plan.number + 1);
}

unsigned session_number(const struct record *record, unsigned session)
{
	return session ? session : record->sessions + 1;
}

uint64_t session_started_ns(const struct record *record, unsigned session)
{
	return session ? record->session[session - 1].started_host_ns : record->started_host_ns;
}

const char *session_started_utc(const struct record *record, unsigned session)
{
	return session ? record->session[session - 1].started_utc : record->started_utc;
}

const char *session_text(const struct record *record, unsigned session, char ret[SESSION_TEXT_MAX])
{
	ret[0] = '\0';
	if (record->sessions)
		snprintf(ret, SESSION_TEXT_MAX, ", session %u", session_number(record, session));
	return ret;
}

static bool is_against(const struct record_test *test)
{
	return test->done && test->outcome != OUTCOME_PASS;
}

bool session_shows_failure(const struct record *record)
{
	bool shown = false;

	for (unsigned i = 0; i < record->conditions; i++)
		shown |= !record->condition[i].session;
	for (unsigned i = 0; i < record->tests; i++)
		shown |= !record->test[i].session && is_against(&record->test[i]);
	for (unsigned i = 0; i < record->points; i++)
		shown |= !record->point[i].session && record->point[i].counts &&
			 record->point[i].outcome >= OUTCOME_CONDITIONAL_FAIL;
	return shown;
}

/* ---- whether it may -------------------------------------------------------------------------------------------- */

const char *session_dead_end(const struct record *before, const struct plan *plan, bool at_once)
{
	static const char *const by_status[] = {
		[RUN_COMPLETE] = "it came to its end",
		[RUN_INTERRUPTED] = NULL,
		[RUN_DEVICE_LOST] = NULL,
		[RUN_STORAGE_FAILED] = "not all that it measured was saved",
		[RUN_REFUSED] = "it was refused before it began",
		[RUN_INTERNAL_ERROR] = "it ended by an error of the program: what it measured before is not relied on",
	};
	bool measured = at_once;

	/* One that was refused at the last moment may have taken the run that it goes on with; nothing else has what that
	 * one measured then. */
	bool took = before->run_status == RUN_REFUSED && before->sessions;
	if (by_status[before->run_status] && !took)
		return by_status[before->run_status];
	if (before->origin.path[0])
		return "it is an imported recording";
	if (before->samples_lost)
		return "it lost samples to a slow disk";
	for (unsigned i = 0; i < before->points; i++)
		measured |= before->point[i].collected;
	if (!measured)
		return "none of its points was measured to its end: there is nothing to go on from";
	if (sessions_next(before, plan).point >= before->points_planned)
		return "all of its points were measured";
	return NULL;
}

static bool same_text(const char *what, const char *now, const char *then, char *ret, size_t size)
{
	if (strcmp(now, then) == 0)
		return true;
	snprintf(ret, size, "%s is \"%.160s\" now and was \"%.160s\" then", what, now[0] ? now : "none",
		 then[0] ? then : "none");
	return false;
}

static const struct record_file *nth_file(const struct record *record, const char *kind, unsigned n)
{
	for (unsigned i = 0; i < record->files; i++)
		if (strcmp(record->file[i].kind, kind) == 0 && n-- == 0)
			return &record->file[i];
	return NULL;
}

static bool same_files(const struct record *record, const struct record *before, const char *kind, char *ret,
		       size_t size)
{
	for (unsigned n = 0;; n++) {
		const struct record_file *now = nth_file(record, kind, n), *then = nth_file(before, kind, n);
		if (!now && !then)
			return true;
		if (now && then && strcmp(now->sha256, then->sha256) == 0)
			continue;
		snprintf(ret, size, "the %s %.200s %s", kind, now ? now->path : then->path,
			 now && then ? "is not as it was then" : "stands on one side alone");
		return false;
	}
}

bool sessions_alike(const struct record *record, const struct record *before, char *ret, size_t size)
{
	static const char *const kinds[] = {"plan", "bench", "phantom", "profile"};
	bool same = same_text("the version of penrig", record->software_version, before->software_version, ret, size) &&
		    same_text("the build of penrig", record->software_build, before->software_build, ret, size) &&
		    same_text("the pen", record->dut, before->dut, ret, size);

	if (same && record->method != before->method) {
		snprintf(ret, size, "the method is version %u now and was %u then", record->method, before->method);
		same = false;
	}
	for (unsigned i = 0; same && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		same = same_files(record, before, kinds[i], ret, size);
	return same;
}
