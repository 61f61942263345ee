/* Runs on the virtual bench that is installed with the program, each with a pen or a fault that is known; what penrig makes of
 * it is held against what the needles truly did. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/cli/qualify/qualify.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"

#define TRIES                                                                                                          \
	3 /* a computer that was held up has measured nothing: the run is made again, which stands in the evidence */
#define LINE_MAX_ 4096
#define KILLED_S  "2" /* within the first point */

struct running {
	char virtual[QUALIFY_PATH_MAX], bench[QUALIFY_PATH_MAX], plan[QUALIFY_PATH_MAX];
	char folder[QUALIFY_PATH_MAX], truth[QUALIFY_PATH_MAX], state[QUALIFY_PATH_MAX], seed[16];
};

static void prepare(const struct qualify *q, const struct bench_trial *t, const char *name, struct running *ret)
{
	const char *slash = strrchr(q->program, '/');

	snprintf(ret->virtual, sizeof(ret->virtual), "%.*s/penrig-virtual", (int)(slash - q->program), q->program);
	snprintf(ret->bench, sizeof(ret->bench), "%s/benches/virtual-usb.json", q->share);
	snprintf(ret->plan, sizeof(ret->plan), "%s/plans/%s.json", q->share, t->plan);
	trial_path(q, name, "", ret->folder);
	trial_path(q, name, "truth.jsonl", ret->truth);
	trial_path(q, name, "state", ret->state);
	snprintf(ret->seed, sizeof(ret->seed), "%d", t->seed);
}

/* killed: by somebody, with the needles in the phantom. */
static int run(struct qualify *q, const struct bench_trial *t, const char *name, bool killed, struct running *r)
{
	const char *words[40];
	unsigned n = 0;

	prepare(q, t, name, r);
	const char *const world[] = {r->virtual, "--bench", r->bench,  "--dut", t->dut,
				     "--seed",   r->seed,   "--truth", r->truth};
	const char *const fault[] = {"--fault", t->fault}, *const end[] = {"timeout", "--foreground", "-s", "KILL",
									   KILLED_S};
	const char *const own[] = {q->program, "run",          r->plan,   "--bench", r->bench, "--dut",
				   t->dut,     "--output-dir", r->folder, "--name",  "run",    "--state",
				   r->state,   "--no-input",   "--wait",  "30s"};
#define APPEND(list)                                                                                                   \
	for (size_t i = 0; i < sizeof(list) / sizeof((list)[0]); i++)                                                  \
	words[n++] = (list)[i]
	APPEND(world);
	if (t->fault)
		APPEND(fault);
	words[n++] = "--";
	if (killed)
		APPEND(end);
	APPEND(own);
#undef APPEND
	words[n] = NULL;
	return trial(q, name, words);
}

/* ---- what was true ------------------------------------------------------------------------------------------------ */

struct truth {
	uint64_t first, end;    /* samples: the window */
	unsigned strokes;       /* in it */
	double depth, from, to; /* sum of depths; times of the first and last stroke, s */
	bool ran, motor_on, moving, ended,
		ordered; /* ordered: the motor was last switched off at an order, not by itself */
};

static bool member(const struct json *line, const char *key, double *ret)
{
	const struct json *node = json_get(line, key);

	if (!node || json_kind(node) != JSON_NUMBER)
		return false;
	*ret = json_number(node);
	return true;
}

static bool flag(const struct json *line, const char *key)
{
	const struct json *node = json_get(line, key);

	return node && json_kind(node) == JSON_BOOL && json_bool(node);
}

static void take_stroke(struct truth *t, const struct json *line)
{
	double index, depth, ns;

	if (!member(line, "index", &index) || !member(line, "depth_mm", &depth) || !member(line, "t_ns", &ns) ||
	    index < (double)t->first || index >= (double)t->end)
		return;
	t->from = t->strokes++ ? t->from : ns * 1e-9;
	t->to = ns * 1e-9;
	t->depth += depth;
}

static void take_line(struct truth *t, const struct json *line)
{
	const struct json *event = json_get(line, "event");
	const char *name = event && json_kind(event) == JSON_STRING ? json_string(event) : "";
	double condition;

	if (json_get(line, "stroke"))
		take_stroke(t, line);
	if (strcmp(name, "motor") == 0) {
		t->ran |= flag(line, "on");
		t->ordered = member(line, "condition", &condition) && condition == 0.0;
	}
	if (strcmp(name, "end") == 0) {
		t->ended = true;
		t->motor_on = flag(line, "motor_on");
		t->moving = flag(line, "moving");
	}
}

static int read_truth(const char *path, struct truth *t, struct err *err)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int rc = 0;

	if (!in)
		return err_set(err, -errno, "%.300s: %s", path, strerror(errno));
	while (!rc && (len = getline(&line, &room, in)) > 0) {
		struct json_doc *doc = NULL;
		rc = json_parse(path, line, (size_t)len, &doc, err);
		if (!rc)
			take_line(t, json_root(doc));
		json_doc_free(doc);
	}
	free(line);
	fclose(in);
	return rc;
}

/* ---- against it --------------------------------------------------------------------------------------------------- */

/* A figure that is not trusted says nothing; one of each kind has to be, at every point. */
static void against(struct qualify *q, const struct record_point *p, enum measurand id, double truth)
{
	char what[200], wanted[100];
	unsigned told = 0;

	for (unsigned i = 0; i < p->results; i++) {
		const struct result *r = &p->result[i].result;
		if (r->id != id || !r->valid || !r->trusted)
			continue;
		told++;
		snprintf(what, sizeof(what), "%s, %s, at point %u", r->name, r->method, p->plan.number + 1);
		snprintf(wanted, sizeof(wanted), "%.9g %s is within U of what was true", truth, r->unit);
		evidence_if(q, fabs(r->value - truth) <= r->expanded_u, what, wanted, "%.9g, U %.3g", r->value,
			    r->expanded_u);
	}
	snprintf(what, sizeof(what), "%s at point %u", measurand_row(id)->name, p->plan.number + 1);
	if (told == 0)
		evidence(q, QUALIFIED_UNKNOWN, what, "is measured", "none of its results is trusted");
}

static void check_figures(struct qualify *q, const struct running *r, const struct record *record)
{
	struct err err = {""};
	unsigned points = 0;

	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *p = &record->point[i];
		struct truth t = {.first = p->phase_index[POINT_MEASURE], .end = p->phase_index[POINT_COAST]};

		if (!p->counts)
			continue;
		points++;
		if (read_truth(r->truth, &t, &err) < 0 || t.strokes < 3) {
			evidence(q, QUALIFIED_UNKNOWN, "what was true", "strokes in the window", "%u; %s", t.strokes,
				 err.text);
			return;
		}
		against(q, p, MEASURAND_DEPTH, t.depth / t.strokes);
		against(q, p, MEASURAND_STROKE_RATE, (t.strokes - 1) / (t.to - t.from));
	}
	if (points == 0)
		evidence(q, QUALIFIED_UNKNOWN, "depth and rate", "were measured", "no point counts");
}

static void check_still(struct qualify *q, const struct running *r, bool at_an_order)
{
	struct truth t = {.end = 0};
	struct err err = {""};

	if (read_truth(r->truth, &t, &err) < 0 || !t.ended) {
		evidence(q, QUALIFIED_UNKNOWN, "the needles in the end", "stand still", "not told; %s", err.text);
		return;
	}
	/* One that never ran shows nothing of how it is stopped. */
	evidence(q, t.ran ? QUALIFIED_HOLDS : QUALIFIED_UNKNOWN, "the pen", "was made to run", "%s",
		 t.ran ? "ran" : "never ran");
	evidence_if(q, !t.motor_on && !t.moving, "the needles in the end", "stand still", "%s",
		    t.moving     ? "move"
		    : t.motor_on ? "the motor is on"
				 : "stand still");
	if (at_an_order && t.ran)
		evidence_if(q, t.ordered, "what switched the motor off", "an order to stop", "%s",
			    t.ordered ? "an order to stop" : "the pen itself");
}

static void check_record(struct qualify *q, const struct bench_trial *t, const struct running *r)
{
	char path[QUALIFY_PATH_MAX + 16], sum[DIGEST_HEX];
	struct runfile_reader *reader = NULL;
	struct record *record = NULL;
	struct err err = {""};

	snprintf(path, sizeof(path), "%s/run.penrig", r->folder);
	int rc = reopen_sound(path, &reader, &record, &err);
	if (rc || digest_read_file(path, sum, NULL) != 0) {
		evidence(q, QUALIFIED_BROKEN, "the run file", "is as it was written", "%s", err.text);
	} else {
		evidence_if(q, strcmp(verdict_name(record), t->verdict) == 0, "verdict in the run file", t->verdict,
			    "%s; %s", verdict_name(record), record->verdict_reason);
		evidence(q, QUALIFIED_HOLDS, "the run file", "is kept", "%s, SHA-256 %s", path + strlen(q->output) + 1,
			 sum);
		if (t->figures)
			check_figures(q, r, record);
	}
	runfile_reader_free(reader);
	record_free(record);
}

/* Nothing was begun: no device library, a bench in use. That shows nothing of the program. */
static bool no_run(int code)
{
	return code == EXIT_USAGE || code == EXIT_BUSY;
}

void qualify_bench(struct qualify *q, const void *argument)
{
	const struct bench_trial *t = argument;
	char name[64], wanted[40];
	struct running r;
	int code = -1;

	for (unsigned i = 1; i <= TRIES; i++) {
		snprintf(name, sizeof(name), i == 1 ? "%s" : "%s-%u", t->name, i);
		code = run(q, t, name, false, &r);
		if (code < 0)
			return;
		if (code == t->code || code != EXIT_INCONCLUSIVE)
			break;
		if (i < TRIES)
			evidence(q, QUALIFIED_HOLDS, name, "a run that could tell", "exit code 3: made again");
	}
	snprintf(wanted, sizeof(wanted), "exit code %d", t->code);
	evidence(q,
		 code == t->code                             ? QUALIFIED_HOLDS
		 : code == EXIT_INCONCLUSIVE || no_run(code) ? QUALIFIED_UNKNOWN
							     : QUALIFIED_BROKEN,
		 name, wanted, "exit code %d%s", code, code == t->code ? "" : "; said.txt has its words");
	if (!no_run(code)) {
		check_record(q, t, &r);
		check_still(q, &r, false);
	}
}

void qualify_killed(struct qualify *q, const void *argument)
{
	const struct bench_trial *t = argument;
	struct running r;
	int code = run(q, t, t->name, true, &r);

	if (code < 0)
		return;
	evidence(q, code == 137 ? QUALIFIED_HOLDS : QUALIFIED_UNKNOWN, "penrig, killed " KILLED_S " s after its start",
		 "exit code 137", "exit code %d", code);
	check_still(q, &r, true);
}
