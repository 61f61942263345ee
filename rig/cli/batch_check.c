/* What a batch would meet before its last job has ended. */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include "rig/cli/batch.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/reference.h"
#include "rig/state/state.h"

#define CHANGE_S 20.0 /* of one job beside its points: hooks, opening and closing, reports; a guess */

struct foresight {
	const struct cli_tables *tables;
	const struct batch_course *course;
	const struct batch_where *where;
	struct bench *bench;
	uint64_t now_ns;
	double seconds, bytes;
	double late_s; /* so much later, were each job's wait as long as it may be */
	double strokes[BENCH_PHANTOMS_MAX];
	double end_s[BENCH_PHANTOMS_MAX]; /* from now: when its budget is over; INFINITY: it lasts */
	unsigned jobs, others, shortages; /* open jobs; those of other pens than the reference pen */
};

static void when_text(const struct foresight *f, double after_s, char ret[32])
{
	time_t at = (time_t)(f->now_ns / NS_PER_S) + (time_t)after_s;
	struct tm tm;

	gmtime_r(&at, &tm);
	strftime(ret, 32, "%Y-%m-%d %H:%M", &tm);
}

static void short_of(struct foresight *f, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void short_of(struct foresight *f, const char *fmt, ...)
{
	char text[700];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	f->shortages++;
	fputs("SHORT      ", stdout);
	print_clean(stdout, text);
	fputc('\n', stdout);
}

/* ---- jobs in their order ------------------------------------------------------------------------------------------- */

struct cost { /* of one run of a plan */
	double seconds, bytes, strokes[BENCH_PHANTOMS_MAX];
};

static int cost_of(const struct foresight *f, const char *path, struct cost *ret, struct err *err)
{
	struct plan *plan = NULL;
	struct plan_point *points = NULL;
	unsigned count = 0;
	int rc = plan_read(path, &plan, err);

	if (!rc)
		rc = plan_expand(plan, f->bench, &points, &count, err);
	if (!rc) {
		ret->seconds = plan_duration_s(plan, f->bench, points, count) + CHANGE_S;
		ret->bytes = (double)plan_runfile_bytes(plan, f->bench, points, count);
		for (unsigned i = 0; i < f->bench->phantoms; i++)
			ret->strokes[i] = plan_strokes(plan, points, count, (int)i);
	}
	free(points);
	plan_free(plan);
	return rc;
}

/* What the position has taken: as the bench file says, or as its state knows, whichever is more. */
static double used_so_far(const struct phantom *p, struct state *state)
{
	struct state_use use = {.strokes = 0};

	if (state && state_use(state, p->serial, p->position, &use, NULL) < 0)
		use.strokes = 0;
	return fmax((double)p->strokes_used, (double)use.strokes);
}

static void print_job(const struct foresight *f, const struct batch_job *job)
{
	const struct batch *b = f->course->batch;
	char when[32];

	when_text(f, f->seconds, when);
	printf("  %4u  %s  block %-3u  ", job->number, when, job->block + 1);
	print_clean(stdout, b->pen[job->pen]);
	fputs("  ", stdout);
	print_clean(stdout, b->plan[job->plan]);
	if (b->builds) {
		fputs("  ", stdout);
		print_clean(stdout, b->build[job->build].name);
	}
	fputc('\n', stdout);
}

static int walk(struct foresight *f, struct state *state, struct err *err)
{
	const struct batch_course *c = f->course;
	struct cost *cost = calloc(c->batch->plans, sizeof(*cost));
	int rc = cost ? 0 : err_set(err, -ENOMEM, "out of memory");

	for (unsigned i = 0; i < c->batch->plans && !rc; i++)
		rc = cost_of(f, c->batch->plan[i], &cost[i], err);
	for (unsigned i = 0; i < f->bench->phantoms; i++) {
		f->strokes[i] = used_so_far(&f->bench->phantom[i], state);
		f->end_s[i] = INFINITY;
	}
	for (unsigned i = 0; i < c->jobs && !rc; i++) {
		const struct cost *of = &cost[c->job[i].plan];
		print_job(f, &c->job[i]);
		f->jobs++;
		f->others += strcmp(c->batch->pen[c->job[i].pen], f->bench->golden.pen) != 0;
		f->bytes += of->bytes;
		f->seconds += of->seconds;
		f->late_s += c->batch->waits ? c->batch->ready.wait_max_s : 0.0;
		for (unsigned k = 0; k < f->bench->phantoms; k++) {
			f->strokes[k] += of->strokes[k];
			if (f->strokes[k] > (double)f->bench->phantom[k].stroke_budget && isinf(f->end_s[k]))
				f->end_s[k] = f->seconds;
		}
	}
	free(cost);
	return rc;
}

/* ---- what is short ------------------------------------------------------------------------------------------------- */

static void look_at_calibrations(struct foresight *f)
{
	time_t end = (time_t)(f->now_ns / NS_PER_S) + (time_t)(f->seconds + f->late_s);
	struct err err = {""};
	char day[11];
	struct tm tm;

	gmtime_r(&end, &tm);
	strftime(day, sizeof(day), "%Y-%m-%d", &tm);
	if (bench_check_due(f->bench, day, &err) < 0)
		short_of(f, "on the day on which the batch ends: %s", err.text);
	else
		printf("calibrations hold until the end\n");
}

static void look_at_golden(struct foresight *f)
{
	const struct indexing where = {.history = f->where->history, .state = f->where->state};
	const struct bench_golden *golden = &f->bench->golden;
	struct golden_pass pass;
	struct err err = {""};
	char when[32];

	if (!golden->present || !golden->required || f->others == 0)
		return;
	if (reference_look(f->bench, &where, f->now_ns, &pass, &err) < 0) {
		short_of(f, "%s", err.text);
		return;
	}
	double left_s = golden->valid_h * 3600.0 - pass.age_s;
	when_text(f, left_s, when);
	if (pass.state != GOLDEN_VALID)
		short_of(f, "no valid pass of the reference pen %s: %s", golden->pen, pass.text);
	else if (left_s < f->seconds + f->late_s)
		short_of(f, "the pass of the reference pen %s ends at %s UTC, before the last job: penrig golden",
			 golden->pen, when);
	else if (golden->valid_runs && pass.runs_since + f->others > golden->valid_runs)
		short_of(f, "the pass of the reference pen %s holds for %lld more runs, and there are %u to come",
			 golden->pen, (long long)golden->valid_runs - pass.runs_since, f->others);
	else
		printf("reference pen %s: its pass holds until %s UTC\n", golden->pen, when);
}

static void look_at_phantoms(struct foresight *f)
{
	for (unsigned i = 0; i < f->bench->phantoms; i++) {
		const struct phantom *p = &f->bench->phantom[i];
		char when[32];

		if (isinf(f->end_s[i]))
			continue;
		when_text(f, f->end_s[i], when);
		short_of(f,
			 "phantom %s, position %s: %.0f strokes by the end, and its budget is %llu: over at about %s "
			 "UTC",
			 p->serial, p->position, f->strokes[i], (unsigned long long)p->stroke_budget, when);
	}
}

/* The folder itself may not be there yet: the nearest one above it is on the same disk. */
static void look_at_disk(struct foresight *f)
{
	char path[FILE_PATH_MAX], bytes[40], room[40];
	struct statvfs disk;

	snprintf(path, sizeof(path), "%s", f->course->batch->output);
	while (statvfs(path, &disk) != 0) {
		char *slash = strrchr(path, '/');
		if (!slash || slash == path) {
			snprintf(path, sizeof(path), "%s", slash ? "/" : ".");
			if (statvfs(path, &disk) != 0)
				return short_of(f, "the room on the disk of %s cannot be told",
						f->course->batch->output);
			break;
		}
		*slash = '\0';
	}
	double left = (double)disk.f_bavail * (double)disk.f_frsize;
	format_bytes(f->bytes, bytes, sizeof(bytes));
	format_bytes(left, room, sizeof(room));
	if (f->bytes > left)
		short_of(f, "the run files will take about %s, and %s are left at %s", bytes, room, path);
	else
		printf("disk       about %s of %s\n", bytes, room);
}

static void tell_waits(const struct foresight *f)
{
	const struct batch *b = f->course->batch;
	char most[40], when[32];

	if (!b->waits)
		return;
	format_duration(b->ready.wait_max_s, most, sizeof(most));
	when_text(f, f->seconds + f->late_s, when);
	printf("before each job: waits, at most %s, until ", most);
	if (b->ready.handle_within_k > 0)
		printf("the handle is within %g K of the room%s", b->ready.handle_within_k,
		       b->ready.battery_min_v > 0 ? " and " : "");
	if (b->ready.battery_min_v > 0)
		printf("the battery has %g V", b->ready.battery_min_v);
	printf("\nwere each wait as long as that: ends at about %s UTC; what follows is reckoned until then\n", when);
}

static void conclude(struct foresight *f)
{
	char duration[40], when[32];

	format_duration(f->seconds, duration, sizeof(duration));
	when_text(f, f->seconds, when);
	printf("\n%u jobs, about %s: ends at about %s UTC\n", f->jobs, duration, when);
	tell_waits(f);
	look_at_calibrations(f);
	look_at_golden(f);
	look_at_phantoms(f);
	look_at_disk(f);
}

int batch_foresee(const struct cli_tables *tables, const struct batch_course *course, const struct batch_where *where)
{
	struct foresight f = {.tables = tables,
			      .course = course,
			      .where = where,
			      .now_ns = tables->clock->wall_ns(tables->clock_ctx)};
	struct state *state = NULL;
	struct err err = {""};
	int rc = bench_read(course->batch->bench, &f.bench, &err);

	if (!rc)
		rc = bench_check_drivers(f.bench, tables->drivers, &err);
	if (!rc && keeping_open(where->state, course->batch->bench, &state, &err) < 0) {
		short_of(&f, "the strokes of the phantoms so far are not known: %s", err.text);
		state = NULL;
	}
	if (!rc)
		rc = walk(&f, state, &err);
	if (!rc)
		conclude(&f);
	state_close(state);
	bench_free(f.bench);
	if (rc)
		return cli_error(EXIT_USAGE, "%s", err.text);
	return f.shortages ? EXIT_REFUSED : EXIT_PASS;
}
