/* `penrig analyze`: derives a run again from its raw samples and says whether every result comes out as it was stored;
 * judges it by other limits. Writes into the run file only to append a verdict. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/digest.h"
#include "rig/base/disk.h"
#include "rig/cli/analyze_carlo.h"
#include "rig/cli/analyze_light.h"
#include "rig/cli/analyze_method.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/sealing.h"
#include "rig/cli/version.h"
#include "rig/config/control.h"
#include "rig/config/limit.h"
#include "rig/judge/verdict.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"

#define DIFFERENCES_SHOWN 50

struct analyze_options {
	const char *limits, *monte_carlo, *seed, *sign, *password_file, *history, *state;
	const char *keys;
	bool json, quiet, light, production;
	int color;
};

#define AT(member) offsetof(struct analyze_options, member)
static const struct cli_option analyze_table[] = {
	{.name = "limits",
	 .letter = 'l',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(limits),
	 .help = "Judge the results by the limits of FILE (penrig/limits/1) instead of the plan's. The new verdict is "
		 "appended to the run file, and its report saved beside it as NAME.limits-<name>.report.json; the old "
		 "verdict stays."},
	{.name = "sign",
	 .kind = OPTION_TEXT,
	 .arg = "KEY",
	 .offset = AT(sign),
	 .help = "Seal the new verdict of --limits with the bench's secret key KEY, as penrig run --sign does; a "
		 "person's "
		 "word is penrig sign."},
	{.name = "password-file",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(password_file),
	 .help = "Of --sign: the key's password is the first line of FILE. Default: asked for on the terminal."},
	{.name = "production",
	 .kind = OPTION_FLAG,
	 .offset = AT(production),
	 .help = "Of --limits: refuse, with exit code 8, limits without a revision, that nobody approved whose key is "
		 "trusted, that were changed since, withdrawn, or are not yet effective. A bench that says so in its "
		 "file demands it of every verdict on its runs."},
	{.name = "keys",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(keys),
	 .help = "Of --limits: the folder of approvers' public keys. Default: the environment's PENRIG_KEYS."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "Of --limits: the history that the new verdict goes into. Default: the file \"history\" in the folder "
		 "of "
		 "--state."},
	STATE_ROW(AT(state), NULL),
	{.name = "light",
	 .kind = OPTION_FLAG,
	 .offset = AT(light),
	 .help = "A quick look only: strokes, rate, mean force and depth of every point by a parabola on each stroke, "
		 "without uncertainty, comparison or verdict; exit code 0. With --json one line per point."},
	{.name = "monte-carlo",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(monte_carlo),
	 .help = "A second opinion on the uncertainty of every judged result (JCGM 101): its inputs are drawn N times, "
		 "10000 or more, and sent through the model, and the first-order interval is compared with what comes "
		 "out. Changes no result and no verdict. Also in the output of --json."},
	{.name = "seed",
	 .kind = OPTION_TEXT,
	 .arg = "S",
	 .offset = AT(seed),
	 .help = "Of --monte-carlo: the same one gives the same figures. Default: 1."},
	{.name = "json",
	 .kind = OPTION_FLAG,
	 .offset = AT(json),
	 .help = "Print the JSON report of what was derived alone on standard output; the rest on standard error."},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .help = "No table of points: what was found, and the verdict."},
	{.name = "color",
	 .kind = OPTION_WORD,
	 .arg = "WHEN",
	 .offset = AT(color),
	 .words = colour_words,
	 .help = "auto, always or never."},
	{.name = NULL},
};

struct analysis {
	const struct analyze_options *options;
	const struct report_writer *kept;
	const char *path;
	struct runfile_reader *reader;
	struct record *record;
	struct replay_inputs inputs;
	struct limits_file *limits;
	struct approval approval; /* of the limits */
	enum approval_demand demand;
	struct replay_summary summary;
	struct opinion_request opinions;
	struct method_table *method; /* of differences, where the file was judged by another one */
	unsigned shown;
	unsigned judged; /* verdicts that were appended so far */
	bool appended;   /* one more */
	struct record_judged last;
	FILE *people;
	struct signing_key *key; /* NULL: a new verdict is not sealed */
	char signer[KEY_OWNER_MAX];
	uint64_t wall_ns;
};

static void on_difference(void *ctx, const char *text)
{
	struct analysis *a = ctx;

	if (!a->method && a->shown++ < DIFFERENCES_SHOWN) {
		fputs("  ", a->people);
		print_clean(a->people, text);
		fputc('\n', a->people);
	}
}

static void on_changed(void *ctx, const struct replay_change *change)
{
	struct analysis *a = ctx;

	if (a->method)
		method_table_add(a->method, change);
}

static int on_judged(void *ctx, const struct record_judged *judged)
{
	struct analysis *a = ctx;

	a->judged = judged->number;
	a->last = *judged;
	return 0;
}

static int open_run(struct analysis *a, struct err *err)
{
	int rc = reopen_sound(a->path, &a->reader, &a->record, err);

	if (rc == 0)
		rc = replay_inputs_read(a->record, &a->inputs, err);
	if (rc == 0)
		rc = runfile_each_judged(a->reader, on_judged, a, err);
	if (rc == 0 && a->record->method != METHOD_VERSION && !(a->method = method_table_new(a->record)))
		rc = err_set(err, -ENOMEM, "out of memory");
	return rc;
}

static void say_new(const struct analysis *a)
{
	const char *before = "new in this version of penrig, so not in the file and not compared: ";

	for (unsigned id = 0; id < MEASURANDS; id++) {
		if (!a->summary.added[id])
			continue;
		fprintf(a->people, "%s%s", before, measurand_row((enum measurand)id)->name);
		before = ", ";
	}
	fputs(*before == ',' ? "\n" : "", a->people);
}

static void say_outcome(const struct analysis *a)
{
	const struct replay_summary *s = &a->summary;

	if (a->shown > DIFFERENCES_SHOWN)
		fprintf(a->people, "  ... and %u more\n", a->shown - DIFFERENCES_SHOWN);
	if (s->differences && a->method)
		method_table_print(a->method, s, a->record, a->people);
	else if (s->differences)
		fprintf(a->people, "NOT REPRODUCED: %u differences in %u points, derived again from %llu samples\n",
			s->differences, s->points, (unsigned long long)s->frames);
	if (s->differences && !s->beyond && !a->method)
		fprintf(a->people,
			"no result differs by more than %g of itself (or of its unit, %g): so rounds another class of "
			"processor, or another C library\n",
			REPLAY_RELATIVE, REPLAY_ABSOLUTE);
	if (!s->differences)
		fprintf(a->people,
			"every result is the same, bit for bit: %u results and %llu strokes of %u points, derived "
			"again "
			"from %llu samples\n",
			s->results, (unsigned long long)s->strokes, s->points, (unsigned long long)s->frames);
	say_new(a);
	if (s->open)
		fprintf(a->people, "%u point%s never ended and cannot be derived\n", s->open, s->open == 1 ? "" : "s");
	if (s->differences && a->record->samples_lost)
		fprintf(a->people, "the run file lacks %llu samples that the disk was too slow for\n",
			(unsigned long long)a->record->samples_lost);
}

/* ---- judging anew ---------------------------------------------------------------------------------------------- */

/* Who approved the limits, and whether that is demanded. -EKEYREJECTED, -errno. */
static int check_limits_control(struct analysis *a, struct err *err)
{
	bool production = a->options->production || a->inputs.bench->production;
	time_t seconds = (time_t)(a->wall_ns / 1000000000u);
	struct keyring *ring = calloc(1, sizeof(*ring));
	struct err why = {0};
	char today[11];
	struct tm tm;
	int rc = ring ? keys_trusted(NULL, a->options->keys, ring, err) : err_set(err, -ENOMEM, "out of memory");

	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	approval_stated(a->limits->doc, &a->approval);
	a->demand = production ? APPROVALS_DEMANDED : APPROVALS_NOT_LOOKED_AT;
	if (!rc && ring->count) {
		a->demand = production ? APPROVALS_DEMANDED : APPROVALS_LOOKED_AT;
		rc = approval_read(a->limits->doc, ring, today, &a->approval, &why);
		if (rc == -EKEYREJECTED && !production)
			rc = 0;
		else if (rc)
			err_set(err, rc, "%s", why.text);
	} else if (!rc && production) {
		rc = err_set(err, -EKEYREJECTED,
			     "%.300s: whose approval counts is not told: name the folder of keys by --keys DIR or "
			     "PENRIG_KEYS",
			     a->limits->path);
	}
	free(ring);
	return rc;
}

static void fill_judged(struct analysis *a)
{
	struct record_judged *j = &a->record->judged;
	struct record now = {.name = ""};
	time_t seconds = time(NULL);
	struct tm tm;
	size_t len = 0;
	const char *text = json_text(a->limits->doc, &len);

	version_record(&now);
	*j = (struct record_judged){.number = a->judged + 1,
				    .dut_verdict = a->record->dut_verdict,
				    .on_statement = a->record->on_statement};
	snprintf(j->limits_name, sizeof(j->limits_name), "%s", a->limits->name);
	snprintf(j->limits_path, sizeof(j->limits_path), "%s", a->limits->path);
	digest_text(text, len, j->limits_sha256);
	snprintf(j->approvals, sizeof(j->approvals), "%s", approval_demand_name(a->demand));
	record_control(&j->control, &a->approval);
	gmtime_r(&seconds, &tm);
	strftime(j->utc, sizeof(j->utc), "%Y-%m-%dT%H:%M:%SZ", &tm);
	memcpy(j->software_version, now.software_version, sizeof(j->software_version));
	memcpy(j->software_build, now.software_build, sizeof(j->software_build));
	j->method = METHOD_VERSION;
	memcpy(j->verdict_reason, a->record->verdict_reason, sizeof(j->verdict_reason));
}

static bool same_as_last(const struct analysis *a)
{
	const struct record_judged *j = &a->record->judged, *last = &a->last;

	return a->judged && strcmp(j->limits_sha256, last->limits_sha256) == 0 &&
	       strcmp(j->control.approver_key, last->control.approver_key) == 0 &&
	       strcmp(j->limits_name, last->limits_name) == 0 && j->dut_verdict == last->dut_verdict &&
	       j->on_statement == last->on_statement && strcmp(j->software_build, last->software_build) == 0 &&
	       j->method == last->method;
}

/* Takes the report's name: no other process writes it then. */
static int take_report_name(const struct analysis *a, char *ret, size_t size, struct err *err)
{
	char rest[100];
	int rc;

	snprintf(rest, sizeof(rest), ".limits-%s%s", a->record->judged.limits_name, a->kept->extension);
	if (name_beside(a->path, rest, ret, size) < 0)
		return err_set(err, -ENAMETOOLONG, "the name of the report would be too long");
	rc = disk_make_file(ret, err);
	if (rc != -EEXIST)
		return rc;
	return err_set(err, rc,
		       "%.300s is there already: a report is never overwritten; give these limits another \"name\"",
		       ret);
}

static int append_verdict(struct analysis *a, struct err *err)
{
	size_t len = 0;
	const char *limits = json_text(a->limits->doc, &len);
	char *text = NULL;
	int rc = report_string(a->kept, a->record, &text, err);

	runfile_reader_free(a->reader);
	a->reader = NULL;
	if (rc == 0)
		rc = runfile_append_judged(
			a->path, &a->record->judged,
			&(struct judged_texts){.limits = limits,
					       .limits_len = len,
					       .approval = a->approval.counts ? a->approval.text : NULL,
					       .report = text},
			err);
	free(text);
	a->appended = rc == 0;
	return rc;
}

static int seal(struct analysis *a, struct err *err)
{
	const struct sealing sealing = {
		.key = a->key, .bench = true, .signer = a->signer, .meaning = "measured", .wall_ns = a->wall_ns};

	return a->key ? seal_run(a->path, &sealing, a->people, err) : 0;
}

/* What it cannot be told is no reason to take the verdict back: it stands in the run file. */
static void tell_history(const struct analysis *a)
{
	const struct indexing where = {.history = a->options->history, .state = a->options->state};
	struct history *history = NULL;
	struct err err = {""};
	int rc = indexing_open(&where, &history, &err);

	if (!rc)
		rc = indexing_take_file(history, a->path, &err);
	history_close(history);
	if (rc)
		cli_error(0, "%s; the verdict is not in the history: penrig history --rebuild takes it in", err.text);
}

static int append(struct analysis *a, struct err *err)
{
	char path[FILE_PATH_MAX + 100];
	int rc = take_report_name(a, path, sizeof(path), err);

	if (rc < 0)
		return rc;
	rc = append_verdict(a, err);
	if (rc == 0)
		rc = report_save(a->kept, a->record, path, err);
	if (rc == 0)
		fprintf(a->people, "judged by %s: verdict %u appended to the run file\nreport:   %s\n",
			a->record->judged.limits_name, a->record->judged.number, path);
	else
		unlink(path);
	if (rc == 0)
		rc = seal(a, err);
	if (a->appended)
		tell_history(a);
	return rc;
}

static int judge_again(struct analysis *a, struct err *err)
{
	int rc = limits_apply(a->limits, a->inputs.plan, err);

	if (rc < 0)
		return rc;
	replay_judge(a->record, a->inputs.plan);
	fill_judged(a);
	if (!same_as_last(a))
		return append(a, err);
	fprintf(a->people, "judged by these limits before: verdict %u of the run file, nothing is appended\n",
		a->last.number);
	a->record->judged = a->last;
	tell_history(a);
	return 0;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

static int print_outcome(const struct analysis *a, struct err *err)
{
	struct style style = style_of(a->people, (enum colour_choice)a->options->color);
	char *text = NULL;
	int rc = 0;

	if (!a->options->quiet)
		render_points(a->people, &style, a->record);
	if (a->opinions.trials) {
		fputc('\n', a->people);
		rc = carlo_print(a->record, &a->inputs, a->opinions, a->people, err);
		if (rc < 0)
			return rc;
	}
	render_verdict(a->people, &style, a->record);
	keys_say_rejected(a->record);
	if (a->options->quiet)
		render_failures(a->people, a->record);
	if (a->options->json && (rc = report_string(a->kept, a->record, &text, err)) == 0)
		fputs(text, stdout);
	free(text);
	return rc;
}

static int failed(int rc, const struct err *err)
{
	bool usage = rc == -ENOENT || rc == -EISDIR || rc == -EINVAL || rc == -EEXIST || rc == -EPERM || rc == -ENOKEY;

	if (rc == -EKEYREJECTED)
		return cli_error(EXIT_REFUSED, "%s", err->text);
	return cli_error(usage ? EXIT_USAGE : rc == -ENOMEM ? EXIT_INTERNAL : EXIT_STORAGE, "%s", err->text);
}

/* What is taken as stored (identities, conditions, how the run ended) no replay contradicts: only the chain shows that
 * it was changed. It is computed again on the way; ret_sound: what came of that. */
static int derive(struct analysis *a, int *ret_sound, struct err *ret_unsound, struct err *err)
{
	const struct replay_listener listener = {.ctx = a, .difference = on_difference, .changed = on_changed};
	int rc = runfile_verify_begin(a->reader, err);

	if (rc == 0)
		rc = replay_run(a->reader, a->record, &a->inputs, &listener, &a->summary, err);
	if (rc >= 0)
		*ret_sound = runfile_verify_end(a->reader, ret_unsound);
	return rc;
}

static int read_options(struct analysis *a, struct err *err)
{
	const struct analyze_options *o = a->options;
	int rc = carlo_options(o->monte_carlo, o->seed, &a->opinions, err);

	if (rc == 0 && o->light && o->limits)
		rc = err_set(err, -EINVAL, "--light forms no verdict: leave out --limits, or --light");
	if (rc == 0 && o->light && o->monte_carlo)
		rc = err_set(err, -EINVAL, "--light gives no uncertainty: leave out --monte-carlo, or --light");
	if (rc == 0 && o->sign && !o->limits)
		rc = err_set(err, -EINVAL, "--sign seals the new verdict of --limits, which is missing");
	if (rc == 0 && (o->production || o->keys) && !o->limits)
		rc = err_set(err, -EINVAL, "%s is about the limits of --limits, which is missing",
			     o->production ? "--production" : "--keys");
	if (rc == 0 && o->sign)
		rc = keys_load(o->sign, o->password_file, &a->key, err);
	if (rc == 0 && o->sign)
		rc = keys_signer(a->key, true, NULL, a->signer, err);
	if (rc == 0 && o->limits)
		rc = limits_file_read(o->limits, &a->limits, err);
	return rc;
}

static int execute(struct analysis *a)
{
	struct err err = {0}, unsound = {0};
	int rc, sound = 0;

	rc = read_options(a, &err);
	if (rc == 0)
		rc = open_run(a, &err);
	if (rc == 0 && a->options->light) {
		rc = analyze_light(a->reader, a->record, &a->inputs, stdout, a->options->json, &err);
		return rc < 0 ? failed(rc, &err) : EXIT_PASS;
	}
	if (rc == 0 && a->limits)
		rc = check_limits_control(a, &err);
	if (rc == 0)
		rc = derive(a, &sound, &unsound, &err);
	if (rc < 0)
		return failed(rc, &err);
	say_outcome(a);
	if (sound < 0) {
		fflush(a->people);
		return failed(sound, &unsound);
	}
	if (a->summary.differences && !a->method) {
		fflush(a->people);
		return cli_error(EXIT_INTERNAL, "the stored results cannot be reproduced; %s",
				 a->limits ? "it is not judged anew" : "the first difference is listed above");
	}
	if (rc == 0)
		rc = keys_read_seals(a->reader, a->record, &err);
	if (rc == 0 && a->limits)
		rc = judge_again(a, &err);
	if (rc == 0)
		rc = print_outcome(a, &err);
	if (rc < 0)
		return failed(rc, &err);
	if (a->summary.differences && !a->limits)
		return EXIT_OTHER_METHOD;
	rc = verdict_exit_code(a->record);
	return rc == EXIT_PASS && record_rejected(a->record) ? EXIT_FAIL : rc;
}

static int analyze_run(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	struct analysis a = {.options = options, .path = operands[0]};
	int code;

	(void)count;
	a.kept = report_kept(tables->reports);
	a.people = a.options->json ? stderr : stdout;
	a.wall_ns = tables->clock->wall_ns(tables->clock_ctx);
	code = execute(&a);
	signing_key_free(a.key);
	method_table_free(a.method);
	runfile_reader_free(a.reader);
	record_free(a.record);
	replay_inputs_free(&a.inputs);
	limits_file_free(a.limits);
	approval_free(&a.approval);
	return code;
}

const struct command command_analyze = {
	.name = "analyze",
	.operands = "RUNFILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Derive a run again from its raw samples, and judge it anew",
	.description =
		"Derives every result of every point and attempt, the sweeps and the verdict again from the raw "
		"samples, "
		"plan, bench and phantoms that the run file holds, and compares them with what it stores, bit for bit. "
		"What "
		"the run knew from elsewhere is taken as stored: identities, the pen's own tests and conditions, how "
		"the "
		"run "
		"ended, whether the stop was verified. A file that a killed run left is derived as far as points "
		"ended. A verdict is given only where the file's chain and every digest fit, as for penrig show "
		"--verify.\n\n"
		"Bit for bit holds for the same penrig and C library on the same class of CPU. Another class rounds "
		"the "
		"last bits of mathematical functions differently: results then agree to 1e-7 of themselves, which is "
		"said, and the file still counts as not reproduced. Measurands that the run's own version did not know "
		"are "
		"named as new and not compared.\n\n"
		"A file that was judged by another version of the method (penrig show and the report name it) may "
		"differ: "
		"its results stand then in a table beside those of this version, with the difference as a share of U "
		"and "
		"the verdicts that differ. Nothing in the file is wrong for that.\n\n"
		"The exit code is that of the verdict derived again, as for penrig run, but 1 for a pass that a person "
		"rejected since, by a seal of the run file, and nobody whose key is trusted here accepted; 9 where the "
		"file was judged by "
		"another "
		"version of the method and anything differs (with --limits the code of the new verdict); 7 where the "
		"stored results "
		"were "
		"obtained by the same method and cannot be reproduced; 2 "
		"no such file, or wrong limits; 8 limits that production refuses; 6 not a run file, damaged, or the "
		"new verdict could not be saved.",
	.example = "  penrig analyze RUN.penrig\n  penrig analyze RUN.penrig --limits limits-2027.json\n",
	.options = analyze_table,
	.options_size = sizeof(struct analyze_options),
	.run = analyze_run,
};
