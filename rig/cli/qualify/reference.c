/* Recordings that are installed with the program: derived again from their samples, altered, and plans that must be refused. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/qualify/qualify.h"
#include "rig/judge/verdict.h"
#include "rig/measure/method.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"

/* By which share of U a value, and of itself U, may differ from the kept ones, where another version of the method judged them:
 * what a version changes is docs/method.md's, and is no mistake of this installation. */
#define SHARE_OF_U     0.01
#define SHARE_OF_OWN_U 0.25

#define FLIPS          8

static void reference_path(const struct qualify *q, const char *name, char ret[QUALIFY_PATH_MAX])
{
	snprintf(ret, QUALIFY_PATH_MAX, "%s/qualification/%s.penrig", q->share, name);
}

/* ---- derived again ------------------------------------------------------------------------------------------------ */

struct comparing {
	struct qualify *q;
	unsigned results, missing, judged;
	double largest; /* difference as a share of what is allowed */
	char where[240];
};

static const struct finding *same_finding(const struct record_point *p, const struct finding *of)
{
	for (unsigned i = 0; i < p->results; i++)
		if (p->result[i].result.id == of->result.id &&
		    strcmp(p->result[i].result.method, of->result.method) == 0)
			return &p->result[i];
	return NULL;
}

static double beyond(double was, double is, double allowed)
{
	return was == is || (isnan(was) && isnan(is)) ? 0.0 : fabs(is - was) / allowed;
}

/* Of the differences of value and U, what share the larger is of what is allowed; above 1 it is too much. */
static double share(const struct result *was, const struct result *is, unsigned method)
{
	bool own = method == METHOD_VERSION;

	if (was->valid != is->valid || was->trusted != is->trusted)
		return INFINITY;
	if (!was->valid)
		return 0.0;
	double allowed = own ? REPLAY_RELATIVE * fabs(was->value) + REPLAY_ABSOLUTE : SHARE_OF_U * was->expanded_u;
	double allowed_u = own ? REPLAY_RELATIVE * was->expanded_u + REPLAY_ABSOLUTE : SHARE_OF_OWN_U * was->expanded_u;
	return fmax(beyond(was->value, is->value, allowed), beyond(was->expanded_u, is->expanded_u, allowed_u));
}

static void compare_point(struct comparing *c, const struct record_point *was, const struct record_point *is,
			  unsigned method)
{
	for (unsigned i = 0; i < was->results; i++) {
		const struct finding *f = &was->result[i], *again = same_finding(is, f);

		c->results++;
		c->missing += !again;
		if (!again)
			continue;
		c->judged += f->has_limit && again->judgement.outcome != f->judgement.outcome;
		double s = share(&f->result, &again->result, method);
		if (s <= c->largest)
			continue;
		c->largest = s;
		snprintf(c->where, sizeof(c->where), "%s at point %u: %.17g, U %.17g, and %.17g, U %.17g then",
			 f->result.name, was->plan.number + 1, again->result.value, again->result.expanded_u,
			 f->result.value, f->result.expanded_u);
	}
}

static void compare_records(struct qualify *q, const char *name, const struct record *was, const struct record *is,
			    unsigned method)
{
	struct comparing c = {.q = q};
	char wanted[160];

	for (unsigned i = 0; i < was->points && i < is->points; i++)
		compare_point(&c, &was->point[i], &is->point[i], method);
	evidence_if(q, strcmp(verdict_name(was), verdict_name(is)) == 0, name, verdict_name(was), "%s",
		    verdict_name(is));
	snprintf(wanted, sizeof(wanted), "%u results of %u points, none of them missing and none judged otherwise",
		 c.results, was->points);
	evidence_if(q, c.results && !c.missing && !c.judged && was->points == is->points, name, wanted,
		    "%u points; %u results missing, %u judged otherwise", is->points, c.missing, c.judged);
	if (method == METHOD_VERSION)
		snprintf(wanted, sizeof(wanted), "each value and its U within %g of itself", REPLAY_RELATIVE);
	else
		snprintf(wanted, sizeof(wanted),
			 "each value within %g of its U, and U within %g of itself: method %u judged it, this is "
			 "method %d",
			 SHARE_OF_U, SHARE_OF_OWN_U, method, METHOD_VERSION);
	evidence_if(q, c.largest <= 1.0, name, wanted, "%s", *c.where ? c.where : "each is the same, bit for bit");
}

void qualify_reference(struct qualify *q, const void *argument)
{
	struct runfile_reader *stored = NULL, *reader = NULL;
	struct record *was = NULL, *record = NULL;
	struct replay_inputs inputs = {.plan = NULL};
	struct replay_summary summary = {.method = 0};
	const struct replay_listener nobody = {.ctx = NULL};
	char path[QUALIFY_PATH_MAX];
	struct err err = {""};

	reference_path(q, argument, path);
	int rc = reopen_sound(path, &stored, &was, &err);
	if (!rc)
		rc = reopen_sound(path, &reader, &record, &err);
	if (!rc)
		rc = replay_inputs_read(record, &inputs, &err);
	if (!rc)
		rc = replay_run(reader, record, &inputs, &nobody, &summary, &err);
	if (rc)
		evidence(q, rc == -ENOENT ? QUALIFIED_UNKNOWN : QUALIFIED_BROKEN, argument, "can be derived again",
			 "%s", err.text);
	else
		compare_records(q, argument, was, record, was->method);
	replay_inputs_free(&inputs);
	runfile_reader_free(stored);
	runfile_reader_free(reader);
	record_free(was);
	record_free(record);
}

/* ---- altered ------------------------------------------------------------------------------------------------------ */

/* One bit, at so many eighths of the file. */
static int flip(const char *from, const char *to, unsigned eighth, long *ret_at)
{
	int rc = disk_copy(from, to), byte = EOF;
	FILE *file = rc ? NULL : fopen(to, "r+e");

	if (!file)
		return rc ? rc : -errno;
	if (fseek(file, 0, SEEK_END) == 0) {
		*ret_at = ftell(file) * (2L * eighth + 1) / (2L * FLIPS);
		if (fseek(file, *ret_at, SEEK_SET) == 0)
			byte = fgetc(file);
	}
	bool done = byte != EOF && fseek(file, *ret_at, SEEK_SET) == 0 && fputc(byte ^ 4, file) != EOF;
	return fclose(file) == 0 && done ? 0 : -EIO;
}

void qualify_altered(struct qualify *q, const void *argument)
{
	char from[QUALIFY_PATH_MAX], to[QUALIFY_PATH_MAX], what[120];
	long at = 0;

	reference_path(q, argument, from);
	trial_path(q, "altered", "run.penrig", to);
	const char *const untouched[] = {q->program, "verify", from, NULL}, *const altered[] = {q->program, "verify",
												to, NULL};
	int code = trial(q, "altered", untouched);
	evidence_if(q, code == EXIT_PASS, "penrig verify of the recording as it is", "exit code 0", "exit code %d",
		    code);
	for (unsigned i = 0; i < FLIPS; i++) {
		remove(to);
		int rc = flip(from, to, i, &at);
		if (rc) {
			evidence(q, QUALIFIED_UNKNOWN, to, "can be made", "%s", strerror(-rc));
			return;
		}
		code = trial(q, "altered", altered);
		snprintf(what, sizeof(what), "penrig verify of a copy, one bit of byte %ld altered", at);
		evidence_if(q, code == EXIT_STORAGE, what, "exit code 6", "exit code %d", code);
	}
	remove(to);
}

/* ---- refused ------------------------------------------------------------------------------------------------------ */

#define STEP "\"steps\": [{\"name\": \"a\", \"depth_mm\": 1.0, \"rate_hz\": 120, \"measure_s\": 2.0}]"

void qualify_refusals(struct qualify *q, const void *argument)
{
	static const struct {
		const char *what, *text;
		int code;
	} plans[] = {
		{"a plan in order",
		 "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [{\"measurand\": \"depth_error_mm\", "
		 "\"unit\": \"mm\", \"upper\": 0.15}], " STEP "}",
		 EXIT_PASS},
		{"a key that is misspelt", "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limts\": [], " STEP "}",
		 EXIT_USAGE},
		{"a limit in another unit",
		 "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [{\"measurand\": \"depth_error_mm\", "
		 "\"unit\": \"um\", \"upper\": 150}], " STEP "}",
		 EXIT_USAGE},
		{"a limit whose lower bound is above the upper one",
		 "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [{\"measurand\": \"depth_error_mm\", "
		 "\"unit\": \"mm\", \"lower\": 0.2, \"upper\": 0.1}], " STEP "}",
		 EXIT_USAGE},
		{"no limit at all", "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [], " STEP "}",
		 EXIT_USAGE},
		{"a depth beyond the phantom's calibration",
		 "{\"kind\": \"penrig/plan/1\", \"name\": \"a\", \"limits\": [{\"measurand\": \"depth_error_mm\", "
		 "\"unit\": \"mm\", \"upper\": 0.15}], \"steps\": [{\"name\": \"a\", \"depth_mm\": 9.0, \"rate_hz\": "
		 "120, \"measure_s\": 2.0}]}",
		 EXIT_USAGE},
	};
	char path[QUALIFY_PATH_MAX], bench[QUALIFY_PATH_MAX], state[QUALIFY_PATH_MAX], wanted[40];
	struct err err = {""};

	(void)argument;
	trial_path(q, "refused", "", path);
	snprintf(bench, sizeof(bench), "%s/benches/virtual-usb.json", q->share);
	trial_path(q, "refused", "state", state);
	int rc = disk_make_folder(path, &err);
	trial_path(q, "refused", "plan.json", path);
	for (size_t i = 0; !rc && i < sizeof(plans) / sizeof(plans[0]); i++) {
		const char *const words[] = {q->program, "check", path, "--bench", bench, "--state", state, NULL};
		FILE *out = fopen(path, "we");
		bool written = out && fputs(plans[i].text, out) != EOF;
		if (!out || fclose(out) != 0 || !written) {
			rc = err_set(&err, -EIO, "%.300s cannot be written", path);
			break;
		}
		int code = trial(q, "refused", words);
		snprintf(wanted, sizeof(wanted), "exit code %d", plans[i].code);
		evidence_if(q, code == plans[i].code, plans[i].what, wanted, "exit code %d", code);
	}
	if (rc)
		evidence(q, QUALIFIED_UNKNOWN, "plans", "can be written", "%s", err.text);
}
