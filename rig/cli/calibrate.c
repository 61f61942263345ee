/* `penrig calibrate`: a session whose reference is a micrometer stage. Asks for the stage's settings, prints the
 * residuals, writes the phantom's new file. What happens to the pen is the session's business alone. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/calibrate/indicator.h"
#include "rig/calibrate/phantom_calibration.h"
#include "rig/cli/calibrate.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/naming.h"
#include "rig/cli/kit/progress.h"
#include "rig/cli/kit/prompt.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/version.h"
#include "rig/judge/verdict.h"

#define READING_SLACK_MM  0.25 /* a reading further from the stated depth is a slip of the hand */
#define MM_PER_IN         25.4
#define REPEATS_MAX       16
#define INDICATOR_WAIT_NS (10 * NS_PER_S) /* for its readings, once the stage is set */

#define AT(member)        offsetof(struct calibrate_options, member)
static const struct cli_option calibrate_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(bench),
	 .group = "What is measured",
	 .help = "The bench file; PHANTOM is one of its phantoms. Default: the environment's PENRIG_BENCH."},
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(dut),
	 .help = "Serial number of the pen that drives the needles. It is not judged. Required."},
	{.name = "rates",
	 .kind = OPTION_TEXT,
	 .arg = "HZ",
	 .offset = AT(rates),
	 .help = "Stroke rates in Hz, rising: 90,120,150 or FROM:TO:STEP; 1 to 16 of them. Required."},
	{.name = "depths",
	 .kind = OPTION_TEXT,
	 .arg = "MM",
	 .offset = AT(depths),
	 .help = "Depths in mm that the stage is set to, rising: 0.2:3.0:0.2 or a list; 5 to 63 of them. Required."},
	{.name = "repeats",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(repeats),
	 .help = "How often all depths are gone through, 1 to 16. From 2 on the file states how well a setting comes "
		 "back. Default: 1."},
	{.name = "unload",
	 .kind = OPTION_FLAG,
	 .offset = AT(unload),
	 .help = "Each repeat goes through the depths upwards and then down again: the curve is that of both, and what "
		 "they are apart, hysteresis, is told and is a line of the uncertainty."},
	{.name = "measure",
	 .kind = OPTION_TEXT,
	 .arg = "SECONDS",
	 .offset = AT(measure),
	 .help = "Window at each depth and rate, 0.5 to 600 s. Default: 2."},
	{.name = "stage-u",
	 .kind = OPTION_TEXT,
	 .arg = "MM",
	 .offset = AT(stage_u),
	 .help = "Standard uncertainty (k = 1) of one reading of the stage, or of the indicator, from its certificate. "
		 "Default: 0.002."},
	{.name = "indicator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(indicator),
	 .help = "The bench's device that reads the stage: an indicator or a laser with the role \"reference\" and a "
		 "certificate. Enter says that the stage is set; nothing is typed."},
	{.name = "temperature",
	 .kind = OPTION_TEXT,
	 .arg = "DEGC",
	 .offset = AT(temperature),
	 .help = "Temperature of the phantom. Default: the mean of the bench's own ambient channel."},
	{.name = "certificate",
	 .kind = OPTION_TEXT,
	 .arg = "ID",
	 .offset = AT(certificate),
	 .group = "For the phantom's file",
	 .help = "Number of the certificate that this calibration becomes. Required."},
	{.name = "laboratory",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(laboratory),
	 .help = "Who calibrates. Required."},
	{.name = "due",
	 .kind = OPTION_TEXT,
	 .arg = "DATE",
	 .offset = AT(due),
	 .help = "YYYY-MM-DD: the last day on which the calibration is valid. Required."},
	{.name = "output",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(output),
	 .help = "Where it goes; a file that stands there is never overwritten. Default: PHANTOM-CERTIFICATE.json in "
		 "--output-dir, other characters than letters, digits, '.', '_' and '-' made '-'."},
	{.name = "loads",
	 .kind = OPTION_TEXT,
	 .arg = "LIST",
	 .offset = AT(loads),
	 .group = "calibrate sensor",
	 .help = "Loads that are put on the load cell, rising: 1,2,5,9, at most 16. Newtons, or grams with --gravity. "
		 "Required, but with --shunt-check."},
	{.name = "load-u",
	 .kind = OPTION_TEXT,
	 .arg = "REL",
	 .offset = AT(load_u),
	 .help = "Standard uncertainty (k = 1) of a load, relative, from the certificate of weights or gauge. Required "
		 "with --loads."},
	{.name = "gravity",
	 .kind = OPTION_TEXT,
	 .arg = "M/S2",
	 .offset = AT(gravity),
	 .help = "The loads are masses in grams, and this is the local acceleration of free fall. Default: they are "
		 "newtons."},
	{.name = "gravity-u",
	 .kind = OPTION_TEXT,
	 .arg = "M/S2",
	 .offset = AT(gravity_u),
	 .help = "Its standard uncertainty. Default: 0.0005, of a value from latitude and height."},
	{.name = "shunt",
	 .kind = OPTION_FLAG,
	 .offset = AT(shunt),
	 .help = "Behind the loads, asks for the bridge's shunt resistor and tells how many newtons it stands for."},
	{.name = "shunt-check",
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = AT(shunt_check),
	 .help = "No calibration: does the shunt still read these newtons, within 0.5 %? Exit code 1: it does not."},
	{.name = "operator",
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(operator_name),
	 .group = "For the record",
	 .help = "Who sets the stage."},
	{.name = "output-dir",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(output_dir),
	 .help = "Where the run file and its report go. Default: the current folder."},
	{.name = "state",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = AT(state),
	 .help = "Where is kept what outlives a run. Default: /var/lib/penrig where it stands, else the user's own "
		 "state folder."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(history),
	 .help = "The history that this run goes into at its end. Default: the file \"history\" in the folder of "
		 "--state."},
	{.name = "name",
	 .letter = 'n',
	 .kind = OPTION_TEXT,
	 .arg = "NAME",
	 .offset = AT(name),
	 .help = "Stem of their names. Default: DUT-calibrate-TIME in UTC."},
	{.name = "quiet",
	 .letter = 'q',
	 .kind = OPTION_FLAG,
	 .offset = AT(quiet),
	 .group = "Behaviour",
	 .help = "No progress and no residuals: questions and files only."},
	{.name = "no-input",
	 .kind = OPTION_FLAG,
	 .offset = AT(no_input),
	 .help = "Ask nobody: refused where standard input is a terminal. Readings still come from a pipe or a file."},
	{.name = NULL},
};

struct calibrate {
	const struct cli_tables *tables;
	const struct calibrate_options *options;
	struct phantom_calibration_setup setup;
	struct bench *bench;
	struct phantom_calibration state;
	struct record *record;
	char output[2 * FILE_PATH_MAX];
	struct loop *loop;
	struct signals signals;
	struct progress progress;
	struct prompt prompt;
	struct indicator indicator; /* device NULL: whoever sets the stage reads it */
	char indicator_words[128];
	struct loop_timer waiting; /* for it */
	struct session *session;
	struct keeping keeping;
	unsigned asked; /* the point that the open question is for */
	bool terminal, suspend;
	struct delivery delivery;
};

/* ---- options --------------------------------------------------------------------------------------------------- */

int calibrate_number(const char *option, const char *text, double lo, double hi, double *ret, struct err *err)
{
	char *end;
	double value = strtod(text, &end);

	if (end == text || *end || !isfinite(value) || value < lo || value > hi)
		return err_set(err, -EINVAL, "%s %s: must be a number from %g to %g", option, text, lo, hi);
	*ret = value;
	return 0;
}

static int list_error(const struct list_rule *rule, const char *text, struct err *err)
{
	return err_set(err, -EINVAL, "%s %s: must be %u to %u rising numbers from %g to %g, as %s", rule->option, text,
		       rule->least, rule->most, rule->lo, rule->hi, rule->example);
}

/* "FROM:TO:STEP", the end included when it is hit. */
static int range_of(const struct list_rule *rule, const char *text, double *values, unsigned *ret, struct err *err)
{
	double from, to, step;
	int used = 0;

	if (sscanf(text, "%lf:%lf:%lf%n", &from, &to, &step, &used) != 3 || text[used] || !(step > 0) || !(to >= from))
		return list_error(rule, text, err);
	double steps = floor((to - from) / step + 1e-6);
	if (!(steps < rule->most))
		return list_error(rule, text, err);
	for (*ret = 0; *ret <= (unsigned)steps; (*ret)++)
		values[*ret] = round((from + *ret * step) * 1e9) / 1e9;
	return 0;
}

static int commas_of(const struct list_rule *rule, const char *text, double *values, unsigned *ret, struct err *err)
{
	const char *at = text;

	for (*ret = 0; *ret < rule->most;) {
		char *end;
		values[(*ret)++] = strtod(at, &end);
		if (end == at || (*end && *end != ','))
			return list_error(rule, text, err);
		if (!*end)
			return 0;
		at = end + 1;
	}
	return list_error(rule, text, err);
}

int calibrate_list(const struct list_rule *rule, const char *text, double *values, unsigned *ret, struct err *err)
{
	int rc;

	if (!text)
		return err_set(err, -EINVAL, "%s is missing, for example %s %s", rule->option, rule->option,
			       rule->example);
	rc = strchr(text, ':') ? range_of(rule, text, values, ret, err) : commas_of(rule, text, values, ret, err);
	if (rc < 0)
		return rc;
	for (unsigned i = 0; i < *ret; i++)
		if (!(values[i] >= rule->lo && values[i] <= rule->hi) || (i > 0 && values[i] <= values[i - 1]))
			return list_error(rule, text, err);
	return *ret < rule->least ? list_error(rule, text, err) : 0;
}

static int read_setup(const struct calibrate_options *o, struct phantom_calibration_setup *s, struct err *err)
{
	static const struct list_rule rates = {"--rates", "90,120,150", 1, 1000, 1, CURVE_RATES_MAX};
	static const struct list_rule depths = {"--depths", "0.2:3.0:0.2",        0.01,
						10,         CALIBRATE_DEPTHS_MIN, CALIBRATION_DEPTHS_MAX};
	double repeats = 1;
	int rc;

	s->temperature_c = NAN;
	if ((rc = calibrate_list(&rates, o->rates, s->rate_hz, &s->rates, err)) < 0 ||
	    (rc = calibrate_list(&depths, o->depths, s->depth_mm, &s->depths, err)) < 0 ||
	    (rc = calibrate_number("--repeats", o->repeats ? o->repeats : "1", 1, REPEATS_MAX, &repeats, err)) < 0 ||
	    (rc = calibrate_number("--measure", o->measure ? o->measure : "2", 0.5, 600, &s->measure_s, err)) < 0 ||
	    (rc = calibrate_number("--stage-u", o->stage_u ? o->stage_u : "0.002", 1e-6, 0.5, &s->u_stage_mm, err)) < 0)
		return rc;
	if (o->temperature &&
	    (rc = calibrate_number("--temperature", o->temperature, -20, 60, &s->temperature_c, err)) < 0)
		return rc;
	if (repeats != floor(repeats))
		return err_set(err, -EINVAL, "--repeats %s: must be a whole number", o->repeats);
	s->repeats = (unsigned)repeats;
	s->unload = o->unload;
	s->indicator = "";
	return 0;
}

int calibrate_certificate(const struct calibrate_options *o, struct calibration *ret, struct err *err)
{
	int rc;

	if (!o->certificate || !o->laboratory || !o->due)
		return err_set(err, -EINVAL, "%s is missing; \"penrig help calibrate\" explains it",
			       !o->certificate  ? "--certificate"
			       : !o->laboratory ? "--laboratory"
						: "--due");
	if ((rc = record_text("--certificate", o->certificate, ret->certificate, sizeof(ret->certificate), err)) < 0 ||
	    (rc = record_text("--laboratory", o->laboratory, ret->laboratory, sizeof(ret->laboratory), err)) < 0)
		return rc;
	if (!json_date_valid(o->due))
		return err_set(err, -EINVAL, "--due %s: must be a date, as 2027-11-30", o->due);
	snprintf(ret->due, sizeof(ret->due), "%s", o->due);
	return 0;
}

static int fill_record(struct calibrate *c, struct err *err)
{
	const struct calibrate_options *o = c->options;
	struct record *r = c->record;
	int rc;

	version_record(r);
	if (!o->dut)
		return err_set(err, -EINVAL, "--dut is missing: --dut SERIAL names the pen that drives the needles");
	if ((rc = record_text("--dut", o->dut, r->dut, sizeof(r->dut), err)) < 0 ||
	    (rc = record_text("--operator", o->operator_name, r->operator_name, sizeof(r->operator_name), err)) < 0)
		return rc;
	return record_text("--output-dir", o->output_dir ? o->output_dir : ".", r->folder, sizeof(r->folder), err);
}

static int choose_indicator(struct calibrate *c, struct err *err)
{
	const char *name = c->options->indicator;
	int rc =
		name ? indicator_choose(&c->indicator, c->bench, name, INDICATOR_SPAN_U * c->setup.u_stage_mm, err) : 0;

	if (rc < 0 || !name)
		return rc;
	const struct bench_device *device = c->indicator.device;
	snprintf(c->indicator_words, sizeof(c->indicator_words), "%.31s%s%.47s, %.40s", device->name,
		 device->serial[0] ? " " : "", device->serial, device->calibration.certificate);
	c->setup.indicator = c->indicator_words;
	return 0;
}

static int read_inputs(struct calibrate *c, const char *serial, struct err *err)
{
	const char *bench = c->options->bench ? c->options->bench : getenv("PENRIG_BENCH");
	int rc;

	if (!bench || !*bench)
		return err_set(err, -EINVAL, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if ((rc = fill_record(c, err)) < 0 || (rc = read_setup(c->options, &c->setup, err)) < 0 ||
	    (rc = calibrate_certificate(c->options, &c->setup.calibration, err)) < 0 ||
	    (rc = bench_read(bench, &c->bench, err)) < 0 ||
	    (rc = bench_check_drivers(c->bench, c->tables->drivers, err)) < 0 || (rc = choose_indicator(c, err)) < 0 ||
	    (rc = phantom_calibration_init(&c->state, &c->setup, c->bench, serial, err)) < 0)
		return rc;
	if (isnan(c->setup.temperature_c) && bench_temperature_u_k(c->bench) == 0)
		return err_set(err, -EINVAL,
			       "bench \"%s\" has no calibrated temperature channel: write --temperature DEGC",
			       c->bench->name);
	if (c->terminal && c->options->no_input)
		return err_set(err, -EINVAL,
			       "a calibration asks for the stage's readings: leave --no-input away, or give them on "
			       "standard input");
	return 0;
}

static int choose_output(struct calibrate *c, const char *serial, struct err *err)
{
	const char *chosen = c->options->output;
	char stem[160];

	snprintf(stem, sizeof(stem), "%s-%s", serial, c->setup.calibration.certificate);
	for (char *p = stem; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *p))
			*p = '-';
	if (chosen && strlen(chosen) >= FILE_PATH_MAX)
		return err_set(err, -EINVAL, "--output: a path of more than %d bytes", FILE_PATH_MAX - 1);
	if (chosen)
		snprintf(c->output, sizeof(c->output), "%s", chosen);
	else
		snprintf(c->output, sizeof(c->output), "%s/%s.json", c->record->folder, stem);
	if (access(c->output, F_OK) == 0)
		return err_set(err, -EINVAL, "%s stands already: name another file with --output", c->output);
	return 0;
}

static int choose_name(struct calibrate *c, struct err *err)
{
	if (c->options->name)
		return name_chosen(&c->delivery, c->record, c->options->name, err);
	return name_default(&c->delivery, c->record, c->state.plan->name, loop_wall_ns(c->loop), err);
}

int calibrate_dates(struct calibration *own, uint64_t wall_ns, struct err *err)
{
	time_t seconds = (time_t)(wall_ns / NS_PER_S);
	struct tm tm;

	strftime(own->date, sizeof(own->date), "%Y-%m-%d", gmtime_r(&seconds, &tm));
	if (strcmp(own->due, own->date) > 0)
		return 0;
	return err_set(err, -EINVAL, "--due %s: must lie after today, %s", own->due, own->date);
}

static int open_surroundings(struct calibrate *c, struct err *err)
{
	int rc;

	if ((rc = progress_init(&c->progress, STDERR_FILENO, -1, c->options->quiet, style_of(stderr, COLOUR_AUTO),
				err)) < 0 ||
	    (rc = signals_block(err)) < 0 || (rc = loop_new(c->tables->clock, c->tables->clock_ctx, &c->loop, err)) < 0)
		return rc;
	if (c->tables->on_loop && (rc = c->tables->on_loop(c->loop)) < 0)
		return err_set(err, rc, "cannot begin: %s", strerror(-rc));
	return calibrate_dates(&c->setup.calibration, loop_wall_ns(c->loop), err);
}

/* ---- what the session asks and tells --------------------------------------------------------------------------- */

static double stated_mm(const struct calibrate *c)
{
	return c->state.points[c->asked].depth_mm;
}

/* The setting at which the direction turns is come to anew, from beyond it. */
static const char *direction(const struct calibrate *c)
{
	if (!c->setup.unload)
		return "";
	return phantom_calibration_unloads(&c->state, c->asked) ? ", from above" : ", from below";
}

static bool on_ask(void *ctx, unsigned point, char *text, size_t size)
{
	struct calibrate *c = ctx;
	const struct phantom *phantom = &c->bench->phantom[c->state.phantom];
	int used = 0;

	if (!phantom_calibration_sets(&c->state, point))
		return false;
	if (point == 0)
		used = snprintf(text, size, "Phantom %s under the pen, position %s, the stage at zero on contact. ",
				phantom->serial, phantom->position);
	c->asked = point;
	snprintf(text + used, size - (size_t)used, "Set the stage to %.3f mm%s, then Enter%s.", stated_mm(c),
		 direction(c), c->indicator.device ? "" : " or type its reading");
	return true;
}

static void take_reading(struct calibrate *c, double reading_mm)
{
	char text[80];

	phantom_calibration_reading(&c->state, c->asked, reading_mm);
	snprintf(text, sizeof(text), "the stage reads %.4f mm", reading_mm);
	session_note(c->session, text);
}

/* Less than half way to the stated depths beside it, and to contact: so readings rise as the depths do. */
static double slack_mm(const struct calibrate *c)
{
	const struct phantom_calibration_setup *s = &c->setup;
	double stated = stated_mm(c), slack = READING_SLACK_MM;

	for (unsigned i = 0; i < s->depths; i++) {
		double lo = i > 0 ? s->depth_mm[i - 1] : 0, hi = s->depth_mm[i];
		if (fabs(lo - stated) < 1e-6 || fabs(hi - stated) < 1e-6)
			slack = fmin(slack, (hi - lo) / 2);
	}
	return slack;
}

/* A line that is neither empty nor a word of assent or dissent. */
static int on_reading(void *ctx, const char *line)
{
	struct calibrate *c = ctx;
	char *end;
	double mm = strtod(line, &end);

	if (c->indicator.device) {
		cli_error(0, "\"%s\": the stage is read by %s; Enter says that it is set", line,
			  c->indicator.device->name);
		return c->terminal ? 0 : -1;
	}
	if (end != line && !*end && fabs(mm - stated_mm(c)) < slack_mm(c)) {
		take_reading(c, mm);
		return 1;
	}
	cli_error(0, "\"%s\" is no reading in mm near %.3f: set the stage within %.3f mm of it", line, stated_mm(c),
		  slack_mm(c));
	return c->terminal ? 0 : -1;
}

/* ---- an indicator's reading -------------------------------------------------------------------------------------- */

/* What came is no reading of the setting that was asked for: whoever sets the stage may set it again. */
static void not_read(struct calibrate *c, const char *why)
{
	c->indicator.wanted = false;
	loop_timer_cancel(c->loop, &c->waiting);
	cli_error(0, "%s; the stage was to stand at %.3f mm", why, stated_mm(c));
	session_note(c->session, why);
	if (!c->terminal || prompt_ask(&c->prompt) < 0)
		session_answer(c->session, false);
}

static void on_no_reading(void *ctx, uint64_t now_ns)
{
	struct calibrate *c = ctx;
	char why[160];

	(void)now_ns;
	snprintf(why, sizeof(why), "no reading of \"%s\": it gave fewer than %d in %d s", c->indicator.device->name,
		 INDICATOR_READINGS, (int)(INDICATOR_WAIT_NS / NS_PER_S));
	not_read(c, why);
}

static void await_reading(struct calibrate *c)
{
	c->waiting = (struct loop_timer){.fn = on_no_reading, .ctx = c};
	indicator_want(&c->indicator);
	if (loop_timer_at(c->loop, &c->waiting, loop_now_ns(c->loop) + INDICATOR_WAIT_NS) < 0)
		not_read(c, "no timer for the indicator");
}

static void take_shown(struct calibrate *c, double mm)
{
	char why[200];

	loop_timer_cancel(c->loop, &c->waiting);
	if (fabs(mm - stated_mm(c)) < slack_mm(c)) {
		take_reading(c, mm);
		session_answer(c->session, true);
		return;
	}
	snprintf(why, sizeof(why), "\"%s\" shows %.4f mm, more than %.3f mm away%s", c->indicator.device->name, mm,
		 slack_mm(c),
		 fabs(mm * MM_PER_IN - stated_mm(c)) < slack_mm(c) ? ": as inches it would be right, is it set to them?"
								   : "");
	not_read(c, why);
}

static void on_reference(void *ctx, const struct sample_block *block)
{
	struct calibrate *c = ctx;
	const struct record_device *from = &c->record->device[block->device];
	struct err err = {""};
	double mm;

	if (!c->indicator.wanted || strcmp(from->name, c->indicator.device->name) != 0)
		return;
	int rc = indicator_block(&c->indicator, &from->channel[0], block, &mm, &err);
	if (rc < 0)
		not_read(c, err.text);
	else if (rc > 0)
		take_shown(c, mm);
}

static void on_answer(void *ctx, bool go_on)
{
	struct calibrate *c = ctx;

	if (go_on && c->indicator.device) {
		await_reading(c);
		return;
	}
	if (go_on && isnan(c->state.measured[c->asked].reading_mm))
		take_reading(c, stated_mm(c));
	if (!go_on && !c->terminal)
		cli_error(0, "no reading for %.3f mm: standard input holds one line for each setting of the stage",
			  stated_mm(c));
	session_answer(c->session, go_on);
}

static void on_prompt(void *ctx, const struct session_prompt *prompt)
{
	struct calibrate *c = ctx;

	progress_prompt(&c->progress, prompt);
	if (prompt_ask(&c->prompt) < 0)
		session_answer(c->session, false);
}

static void on_stroke(void *ctx, unsigned row, const struct stroke *stroke)
{
	phantom_calibration_stroke(&((struct calibrate *)ctx)->state, row, stroke);
}

static void on_progress(void *ctx, const struct session_progress *now)
{
	struct calibrate *c = ctx;

	if (now->finished)
		phantom_calibration_point(&c->state, now->finished);
	progress_show(&c->progress, now);
}

static void on_signal(void *ctx, int number)
{
	struct calibrate *c = ctx;

	if (number == SIGTSTP && c->suspend)
		return;
	c->suspend = c->suspend || number == SIGTSTP;
	prompt_cancel(&c->prompt); /* what is typed from now on belongs to whoever reads next */
	c->indicator.wanted = false;
	loop_timer_cancel(c->loop, &c->waiting);
	session_interrupt(c->session, number);
}

static void on_ended(void *ctx)
{
	struct calibrate *c = ctx;

	c->indicator.wanted = false;
	loop_timer_cancel(c->loop, &c->waiting);
	loop_stop(c->loop);
}

static int on_finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	return deliver(&((struct calibrate *)ctx)->delivery, record, rf, err);
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

static int drive(struct calibrate *c, struct err *err)
{
	struct session_config config = {
		.loop = c->loop,
		.links = c->tables->links,
		.drivers = c->tables->drivers,
		.plan = c->state.plan,
		.bench = c->bench,
		.points = c->state.points,
		.point_count = c->state.point_count,
		.record = c->record,
		.observer = {.ctx = c, .progress = on_progress, .prompt = on_prompt},
		.calibrating = true,
		.ask = on_ask,
		.stroke = on_stroke,
		.reference = c->indicator.device ? on_reference : NULL,
		.calibrating_ctx = c,
		.stopper = c->tables->stopper,
		.finish = on_finish,
		.finish_ctx = c,
		.ended = on_ended,
		.ended_ctx = c,
	};
	int rc;

	c->prompt = (struct prompt){
		.loop = c->loop, .fd = STDIN_FILENO, .other = on_reading, .answer = on_answer, .ctx = c};
	rc = session_start(&config, &c->session, err);
	if (rc < 0)
		return rc;
	rc = signals_open(&c->signals, c->loop, on_signal, c, err);
	if (rc < 0)
		return rc;
	session_run(c->session);
	prompt_cancel(&c->prompt);
	signals_close(&c->signals);
	return 0;
}

/* ---- after ----------------------------------------------------------------------------------------------------- */

static void print_hysteresis(const struct calibrate_hysteresis *h)
{
	if (!h->settings)
		return;
	printf("  from above the forces read %+.2f um against from below in the mean, %.2f um at most: %s (p %.2g)\n",
	       1000 * h->mean_mm, 1000 * h->largest_mm, h->seen ? "HYSTERESIS" : "no more than chance", h->p);
}

static void print_rate(const struct calibrate *c, unsigned rate)
{
	const struct calibrate_fit *fit = &c->state.fit[rate];
	unsigned n = phantom_calibration_data(&c->setup);

	printf("\n%g Hz: F = %.5g d %+.5g d^2 %+.5g d^3 (N, mm)\n", c->setup.rate_hz[rate], fit->coefficient[0],
	       fit->coefficient[1], fit->coefficient[2]);
	printf("  reading mm    force N  +-(k=1) N      fit N  residual um%s\n", c->setup.unload ? "  come to" : "");
	for (unsigned i = 0; i < n; i++) {
		const struct calibrate_datum *d = &c->state.data[rate][i];
		printf("  %10.4f %10.5f %10.5f %10.5f %12.2f%s\n", d->depth_mm, d->force_n, d->u_force_n, d->fit_n,
		       1000 * d->residual_mm,
		       !c->setup.unload ? ""
		       : d->unloading   ? "  from above"
					: "  from below");
	}
	printf("  rms residual %.2f um", 1000 * fit->rms_mm);
	if (fit->repeat_dof > 0)
		printf(", settings come back within %.2f um (sd, %u degrees of freedom)", 1000 * fit->repeat_mm,
		       fit->repeat_dof);
	printf("\n  settings beside the curve %.2f um rms, %.2f um at most: %s (F %.3g, p %.2g)\n",
	       1000 * fit->lack.rms_mm, 1000 * fit->lack.largest_mm,
	       fit->lack.seen ? "MORE THAN CHANCE, a cubic does not describe them" : "no more than chance", fit->lack.f,
	       fit->lack.p);
	print_hysteresis(&fit->hysteresis);
	printf("  the forces begin at %+.2f +- %.2f um of the stage%s\n", 1000 * fit->contact_mm,
	       1000 * 2 * fit->u_contact_mm, fit->contact_seen ? ": ITS ZERO IS NOT THE CONTACT" : "");
}

static void print_shift(const struct calibrate *c, unsigned rate)
{
	struct phantom_calibration_shift shift;

	printf("  %g Hz: ", c->setup.rate_hz[rate]);
	if (phantom_calibration_shift(&c->state, rate, &shift) < 0 || !shift.compared) {
		puts("not compared: it has no curve at that rate, or none so deep");
		return;
	}
	printf("it read %+.2f um from the stage in the mean, %+.2f um at %.3g mm, where both allow %.2f um%s\n",
	       1000 * shift.mean_mm, 1000 * shift.largest_mm, shift.at_mm, 1000 * shift.u_mm,
	       shift.moved ? ": MOVED BY MORE THAN BOTH EXPLAIN" : "");
}

/* What the phantom was taken for until now, and how what rests on it is found. */
static void print_last(const struct calibrate *c)
{
	const struct calibration *last = &c->bench->phantom[c->state.phantom].calibration;

	printf("\nlast calibration: %s of %s\n", last->certificate, last->date);
	for (unsigned i = 0; i < c->setup.rates; i++)
		print_shift(c, i);
	printf("  results since: penrig history --impact %s --since %s\n", c->output, last->date);
}

/* What the depth's standard uncertainty is made of; what was not looked for is said to be so. */
static void print_budget(const struct calibrate *c)
{
	const struct phantom_calibration *s = &c->state;

	printf("  depth: %s %.2f um, settings that come back ", *c->setup.indicator ? c->setup.indicator : "stage",
	       1000 * c->setup.u_stage_mm);
	s->fit[0].repeat_dof ? printf("%.2f um", 1000 * s->u_repeat_mm) : printf("not known (--repeats)");
	printf(", contact %.2f um, hysteresis ", 1000 * s->u_contact_mm);
	c->setup.unload ? printf("%.2f um\n", 1000 * s->u_hysteresis_mm) : printf("not known (--unload)\n");
}

static void print_outcome(const struct calibrate *c)
{
	const struct record *r = c->record;

	if (!c->options->quiet) {
		for (unsigned i = 0; i < c->setup.rates; i++)
			print_rate(c, i);
		printf("\nstandard uncertainties: depth %.2f um, force %.3f %%, fit %.2f um; %.1f degC\n",
		       1000 * c->state.u_depth_mm, 100 * c->state.u_force_rel, 1000 * c->state.u_fit_mm,
		       c->state.temperature_c);
		print_budget(c);
		print_last(c);
	}
	printf("phantom:  %s\nrun file: %s/%s" RUNFILE_EXTENSION "\n", c->output, r->folder, r->name);
	for (unsigned i = 0; i < c->delivery.writers; i++)
		printf("report:   %s/%s%s\n", r->folder, r->name, c->delivery.writer[i]->extension);
}

static int conclude(struct calibrate *c)
{
	const struct record *r = c->record;
	struct err err = {0};
	int rc;

	(void)deliver_last_word(&c->delivery, r);
	progress_end(&c->progress);
	if (r->moved && !r->stop_verified)
		render_stop_unverified(stderr, &c->progress.style, r->stop_text);
	if (r->run_status != RUN_COMPLETE)
		return cli_error(verdict_exit_code(r), "no calibration: %s",
				 *r->status_reason ? r->status_reason : run_status_name(r->run_status));
	if (r->moved && !r->stop_verified)
		return cli_error(EXIT_INCONCLUSIVE, "no calibration: the pen was not seen to stop");
	rc = phantom_calibration_fit(&c->state, &err);
	if (rc < 0)
		return cli_error(rc == -EDOM ? EXIT_INCONCLUSIVE : EXIT_INTERNAL, "%s", err.text);
	if (phantom_calibration_save(&c->state, r, c->output, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	print_outcome(c);
	return EXIT_PASS;
}

static int execute(struct calibrate *c, const char *serial)
{
	struct err err = {0};
	int rc;

	if ((rc = read_inputs(c, serial, &err)) < 0 || (rc = choose_output(c, serial, &err)) < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (name_folder(c->record->folder, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	if (open_surroundings(c, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	if (keeping_check_made(c->tables->made_ns, loop_wall_ns(c->loop), &err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err.text);
	rc = choose_name(c, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	rc = keeping_begin(&c->keeping, c->options->state, c->bench, c->record, c->loop, c->tables->honest, &err);
	if (rc < 0) {
		delivery_give_name_back(c->record);
		return cli_error(rc == -EKEYEXPIRED ? EXIT_REFUSED : EXIT_STORAGE, "%s", err.text);
	}
	rc = drive(c, &err);
	delivery_give_name_back(c->record);
	keeping_end(&c->keeping, c->bench, c->session, c->record);
	indexing_end(&(struct indexing){.history = c->options->history, .state = c->options->state}, c->record);
	session_free(c->session);
	if (rc < 0)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	if (c->suspend)
		signals_suspend();
	return conclude(c);
}

static int calibrate_command(const struct cli_tables *tables, const void *options, const char *const *operands,
			     unsigned count)
{
	struct calibrate *c = calloc(1, sizeof(*c));
	int code;

	(void)count;
	if (!c)
		return cli_error(EXIT_INTERNAL, "out of memory");
	if (strcmp(operands[0], "sensor") == 0) {
		free(c);
		return calibrate_sensor(tables, options);
	}
	*c = (struct calibrate){.tables = tables, .options = options, .record = record_new()};
	(void)delivery_init(&c->delivery, tables->reports, NULL, 0, NULL);
	c->delivery.complain = cli_complain;
	c->terminal = isatty(STDIN_FILENO);
	signal(SIGTTIN, SIG_IGN);
	signal(SIGTTOU, SIG_IGN);
	code = c->record ? execute(c, operands[0]) : cli_error(EXIT_INTERNAL, "out of memory");
	loop_free(c->loop);
	phantom_calibration_release(&c->state);
	record_free(c->record);
	bench_free(c->bench);
	free(c);
	return code;
}

const struct command command_calibrate = {
	.name = "calibrate",
	.operands = "PHANTOM | sensor",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Calibrate a phantom against a stage, or the load sensor by weights",
	.description =
		"Measures the force of PHANTOM (a serial number of the bench) over depth at stated rates, fits a "
		"monotone curve for each, and writes the phantom's new file with certificate, conditions, "
		"uncertainties and due date.\n\n"
		"The depth is the stage's, never the pen's: at each depth, with the pen stopped and shown to stand "
		"still, you are asked to set the stage and to type what it reads; Enter means that it reads the stated "
		"depth, q gives up. The pen is set to the stated depth and only drives. Where standard input is no "
		"terminal, each line of it is one answer. All rates are measured at one setting before the next.\n\n"
		"It is a run like any other: same interlocks, same stop, a run file with every sample and reading. "
		"Neither PHANTOM's old certificate nor that of the bench's other phantoms need be valid; the load "
		"sensor's must.\n\n"
		"With sensor, the bench's load sensor is calibrated by weights or against a reference gauge, the pen "
		"standing still: each load of --loads is asked for; Enter means that it lies on the cell, a number is "
		"what a reference gauge reads, q gives up. It prints what belongs into the bench file, and writes a "
		"certificate.\n\n"
		"The exit code is 0 the file is written, 2 wrong options or bench, 3 what was measured is no "
		"calibration (forces that do not rise, a point that cannot be trusted), else as that of run. No file "
		"is written then.",
	.example =
		"  penrig calibrate SIL-7 --bench bench-3.json --dut SN-0417 --rates 90,120,150 --depths 0.2:3.0:0.2 "
		"\\\n    --certificate 2026-0816 --laboratory \"Example Ltd\" --due 2027-11-30 --repeats 2\n"
		"  penrig calibrate sensor --bench bench-3.json --loads 100,200,500 --gravity 9.8087 --load-u 2e-5 "
		"\\\n    --certificate 2026-0817 --laboratory \"Example Ltd\" --due 2027-11-30 --unload\n",
	.options = calibrate_table,
	.options_size = sizeof(struct calibrate_options),
	.run = calibrate_command,
};
