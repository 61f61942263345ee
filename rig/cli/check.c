/* `penrig check`: what a run of this plan would do, how long it takes and what it costs on disk. Opens no device. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/keeping.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/cli/version.h"
#include "rig/config/takt.h"
#include "rig/measure/clock.h"
#include "rig/measure/point/point.h"

struct check_options {
	const char *bench, *dut, *history, *state;
	bool json, csv, plain;
};

static const struct cli_option check_table[] = {
	{.name = "bench",
	 .letter = 'b',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = offsetof(struct check_options, bench),
	 .help = "Check the plan against this bench too: ranges, phantoms, stroke budgets, due dates. Default: the "
		 "environment's "
		 "PENRIG_BENCH."},
	{.name = "dut",
	 .letter = 'd',
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = offsetof(struct check_options, dut),
	 .help = "The pen that will be run: the bench's reference pen needs no pass of its own."},
	{.name = "history",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = offsetof(struct check_options, history),
	 .help = "The history that tells of the reference pen. Default: the file \"history\" in the folder of "
		 "--state."},
	{.name = "state",
	 .kind = OPTION_TEXT,
	 .arg = "DIR",
	 .offset = offsetof(struct check_options, state),
	 .help = "Where is kept what outlives a run. Default: /var/lib/penrig where it stands, else the user's own "
		 "state folder."},
	JSON_ROW(offsetof(struct check_options, json)),
	{.name = "plain",
	 .kind = OPTION_FLAG,
	 .offset = offsetof(struct check_options, plain),
	 .help = "Print the plan itself as strict JSON, without its comments, for jq and the like."},
	CSV_ROW(offsetof(struct check_options, csv)),
	{.name = NULL},
};

struct check {
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned count;
};

static void print_limits(const struct plan *plan, unsigned step)
{
	const struct limit *limits[STEP_LIMITS_MAX];
	unsigned count = plan_limits_at(plan, step, limits), required = 0;

	for (unsigned i = 0; i < count; i++) {
		const struct limit *l = limits[i];

		printf("  limit %-24s", l->measurand);
		if (l->has_lower)
			printf(" >= %g", l->lower);
		if (l->has_upper)
			printf(" <= %g", l->upper);
		if (strcmp(l->unit, "1") != 0) /* a count */
			printf(" %s", l->unit);
		required += l->required;
		printf(", guard band %g U, %s%s", l->guard_r, l->required ? "required" : "informative",
		       l->accept_conditional ? ", conditional pass accepted" : "");
		if (l->equivalence_margin > 0)
			printf(", builds are equivalent within %g", l->equivalence_margin);
		putchar('\n');
	}
	if (!required)
		printf("  WARNING: no limit is required in this step: nothing that it shows of the pen can fail it\n");
}

static void print_processes(const struct plan *plan, unsigned step)
{
	for (unsigned id = 0; id < MEASURANDS; id++) {
		const struct process *p = plan_process_at(plan, step, (enum measurand)id);

		if (!p)
			continue;
		printf("  process %-22s mean %g, sd %g", p->measurand, p->prior.mean, p->prior.sd);
		if (strcmp(p->unit, "1") != 0)
			printf(" %s", p->unit);
		printf(", %s", prior_names[p->prior.shape]);
		if (p->consumer_risk > 0)
			printf(", consumer's risk of %g wanted", p->consumer_risk);
		fputc('\n', stdout);
	}
}

static void print_settling(const struct window *settle)
{
	if (settle->targets)
		printf("%g to ", settle->min_s);
	printf("%g s", settle->max_s);
	for (unsigned i = 0; i < settle->targets; i++) {
		const struct measurand_row *row = measurand_row(settle->target[i].id);

		printf("%s%s travels less than %g %s", i ? ", " : " until ", row->name, settle->target[i].u, row->unit);
	}
}

static void print_window(const struct window *window)
{
	if (window->targets)
		printf("%g to ", window->min_s);
	printf("%g s", window->max_s);
	for (unsigned i = 0; i < window->targets; i++) {
		const struct measurand_row *row = measurand_row(window->target[i].id);

		printf("%s%s is known to %g %s", i ? ", " : " until ", row->name, window->target[i].u, row->unit);
	}
}

static void print_step(const struct plan *plan, unsigned step)
{
	const struct plan_step *s = &plan->step[step];

	printf("\nstep %u: ", step + 1);
	print_clean(stdout, s->name);
	printf("\n  tare %g s, settle ", s->tare_s);
	print_settling(&s->settle);
	fputs(", measure ", stdout);
	print_window(&s->measure);
	printf(", at most %u attempt%s", s->attempts, s->attempts == 1 ? "" : "s");
	if (s->retry)
		printf(", and %u more where the rig was to blame", s->retry);
	putchar('\n');
	if (s->still)
		printf("  still: passes without a measured motion, too\n");
	print_limits(plan, step);
	print_processes(plan, step);
	printf("     #  depth mm  rate Hz  repeat  phantom\n");
}

static void print_sequence(const struct check *check)
{
	int step = -1;

	for (unsigned i = 0; i < check->count; i++) {
		const struct plan_point *p = &check->points[i];

		if ((int)p->step != step) {
			step = (int)p->step;
			print_step(check->plan, p->step);
		}
		printf("  %4u  %8.3f  %7.4g  %6u  ", p->number + 1, p->depth_mm, p->rate_hz, p->repeat + 1);
		if (check->bench && p->phantom >= 0)
			print_clean(stdout, check->bench->phantom[p->phantom].serial);
		else
			fputs(plan_point_is_free(p) ? "none: free run" : "-", stdout);
		fputs(!p->phantom_change      ? "\n"
		      : plan_point_is_free(p) ? "  (the operator takes the phantom away)\n"
					      : "  (the operator changes the phantom)\n",
		      stdout);
	}
}

/* The rates' budget rests on it. What is further off is not noticed where the run is too short to tell. */
static void print_clock(const struct check *check)
{
	double spec_ppm = bench_device(check->bench, ROLE_LOAD_SENSOR)->clock_ppm;
	double seconds = plan_duration_s(check->plan, check->bench, check->points, check->count);

	printf("clock      taken at its specification of +-%g ppm; a run of this length shows one that is more than "
	       "about "
	       "%.0f ppm off\n",
	       spec_ppm, spec_ppm + 1e6 * CLOCK_GRAIN_S / seconds);
}

/* Below ten times the rate the shape of a pulse does not come through. */
static void print_bandwidth(const struct check *check)
{
	double bandwidth_hz = check->bench->sensor.bandwidth_hz, most_hz = 0.0;
	unsigned points = 0;

	for (unsigned i = 0; i < check->count; i++) {
		if (plan_point_is_free(&check->points[i]) ||
		    !(bandwidth_hz < POINT_BANDWIDTH_PER_RATE * check->points[i].rate_hz))
			continue;
		points++;
		most_hz = fmax(most_hz, check->points[i].rate_hz);
	}
	if (!(bandwidth_hz > 0.0))
		return;
	printf("bandwidth  %g Hz of the force channel, or what the sensor declares where that is less", bandwidth_hz);
	if (points)
		printf(": below %g times the rate at %u of the points (up to %g Hz), whose depths by force, crest "
		       "factors and "
		       "impulses will not be trusted",
		       POINT_BANDWIDTH_PER_RATE, points, most_hz);
	putchar('\n');
}

/* What widens every depth because a file does not say it. */
static void print_assumed(const char *whose, const struct uncertainty *uncertainty)
{
	unsigned n = 0;

	for (unsigned i = 0; i < UNCERTAINTY_ENTRIES; i++) {
		const struct uncertainty_row *row = uncertainty_row((enum uncertainty_entry)i);

		if (uncertainty->said[i])
			continue;
		if (n++ == 0) {
			fputs("assumed    ", stdout);
			print_clean(stdout, whose);
			fputs(" does not say in \"uncertainty\", so these wide values are taken:\n", stdout);
		}
		printf("             %-24s %-5g %s\n", row->key, row->fallback, row->about);
	}
}

static void print_all_assumed(const struct check *check)
{
	bool used[BENCH_PHANTOMS_MAX] = {false};

	print_assumed("the bench", &check->bench->uncertainty);
	for (unsigned i = 0; i < check->count; i++) {
		int phantom = check->points[i].phantom;

		if (phantom < 0 || used[phantom])
			continue;
		used[phantom] = true;
		print_assumed(check->bench->phantom[phantom].serial, &check->bench->phantom[phantom].uncertainty);
	}
}

static void print_part(const struct takt *takt, enum takt_part part, const char *what)
{
	char duration[40];

	if (takt->s[part] < 0.05)
		return;
	format_duration(takt->s[part], duration, sizeof(duration));
	printf(", %s %s", what, duration);
}

/* Each point at its first attempt; windows whose length is open from the shortest to the longest. */
static void print_duration(const struct check *check)
{
	struct takt least, most;
	char duration[40], longest[40];

	takt_expect(check->plan, check->bench, check->points, check->count, 0, &least);
	takt_expect(check->plan, check->bench, check->points, check->count, 1, &most);
	double least_s = takt_sum_s(&least), most_s = takt_sum_s(&most);
	bool open = most_s > least_s;
	format_duration(least_s, duration, sizeof(duration));
	format_duration(most_s, longest, sizeof(longest));
	printf("duration   about %s%s%s", duration, open ? " to " : "", open ? longest : "");
	print_part(&least, TAKT_WINDOW, most.s[TAKT_WINDOW] > least.s[TAKT_WINDOW] ? "windows at least" : "windows");
	print_part(&least, TAKT_SETTLE, most.s[TAKT_SETTLE] > least.s[TAKT_SETTLE] ? "settling at least" : "settling");
	print_part(&least, TAKT_COAST, "coast-down");
	print_part(&least, TAKT_PROOF, "proof of standstill");
	print_part(&least, TAKT_REST, "rest");
	print_part(&least, TAKT_TARE, "tare");
	print_part(&least, TAKT_TESTS, "pen tests");
	printf("\nunits      %.4g", 3600 / most_s);
	if (open)
		printf(" to %.4g", 3600 / least_s);
	printf(" an hour, without the time to exchange the pen or to answer questions\n");
}

static void print_summary(const struct check *check)
{
	char bytes[40];
	unsigned prompts = 0;

	for (unsigned i = 0; i < check->count; i++)
		prompts += check->points[i].phantom_change;
	printf("\npoints     %u\n", check->count);
	print_duration(check);
	if (check->bench) {
		format_bytes((double)plan_runfile_bytes(check->plan, check->bench, check->points, check->count), bytes,
			     sizeof(bytes));
		printf("run file   about %s\n", bytes);
		print_clock(check);
		print_bandwidth(check);
		print_all_assumed(check);
	}
	if (prompts)
		printf("operator   asked %u time%s: needs a terminal\n", prompts, prompts == 1 ? "" : "s");
	else
		printf("operator   not asked\n");
	if (check->plan->test_deadman || check->plan->test_refusal)
		printf("pen tests  %s%s%s\n", check->plan->test_deadman ? "dead-man" : "",
		       check->plan->test_deadman && check->plan->test_refusal ? ", " : "",
		       check->plan->test_refusal ? "refusal of a setpoint out of range" : "");
}

/* What is read by a file is as sure as what stands in it. */
static void print_profiles(const struct check *check, const struct cli_tables *tables)
{
	for (unsigned i = 0; check->bench && i < check->bench->devices; i++) {
		const struct bench_device *device = &check->bench->device[i];
		struct profile_facts facts;
		struct device_told told;

		bench_device_told(device, &told);
		for (unsigned d = 0; device->profile[0] && tables->drivers[d]; d++) {
			const struct driver *driver = tables->drivers[d];
			if (strcmp(driver->name, device->driver) != 0 || !driver->profiles ||
			    driver->profiles->check(&told, &facts, NULL))
				continue;
			printf("profile    %s of \"%s\": what it says is sure by: %s%s\n", facts.name, device->name,
			       facts.sure,
			       strcmp(facts.sure, "memory") == 0 ? "; try it at the device first, penrig profile test"
								 : "");
		}
	}
}

/* What would stop the pen, were penrig gone: a run that nothing shows it for cannot pass. */
/* Beside rows for a program, words for people go elsewhere. */
static FILE *people(const struct check_options *o)
{
	return o->json || o->csv || o->plain ? stderr : stdout;
}

static int print_proof(const struct check *check, const struct cli_tables *tables, const struct check_options *o,
		       struct err *err)
{
	uint64_t wall_ns = tables->clock->wall_ns(tables->clock_ctx);
	struct state *state = NULL;
	struct record_proof proof;

	if (!check->bench || !plan_lacks_proof(check->plan, check->bench))
		return 0;
	if (plan_proof_h(check->plan, check->bench) > 0) {
		int rc = keeping_open(o->state, check->bench->path, &state, err);
		if (rc < 0)
			return rc;
	}
	int rc = keeping_proof(state, check->plan, check->bench, wall_ns, &proof, err);
	state_close(state);
	if (rc < 0)
		return rc;
	if (proof.run[0])
		fprintf(people(o), "dead-man   the supply's timer was tested in run %s, %.19sZ\n", proof.run,
			proof.utc);
	else
		fprintf(people(o),
			"dead-man   WARNING: this run cannot pass: nothing shows that the timer of the pen's power "
			"supply stops it: %s; let the plan say \"tests\": {\"dead_man\": true}\n",
			proof.why);
	return 0;
}

static int check_due(const struct check *check, const struct cli_tables *tables, struct err *err)
{
	struct record now = {.name = ""};
	char today[11];
	time_t seconds = (time_t)(tables->clock->wall_ns(tables->clock_ctx) / NS_PER_S);
	struct tm tm;

	if (!check->bench)
		return 0;
	version_record(&now);
	if (bench_check_version(check->bench, now.software_version, err) < 0)
		return -EKEYREJECTED;
	if (keeping_check_made(tables->made_ns, tables->clock->wall_ns(tables->clock_ctx), err) < 0)
		return -EKEYEXPIRED;
	gmtime_r(&seconds, &tm);
	strftime(today, sizeof(today), "%Y-%m-%d", &tm);
	return bench_check_due(check->bench, today, err);
}

/* What a run would stand on, or be refused for. */
static int check_reference(const struct check *check, const struct cli_tables *tables, const struct check_options *o,
			   struct err *err)
{
	const struct indexing where = {.history = o->history, .state = o->state};
	struct record_golden golden = {.asked = false};
	int rc = check->bench ? reference_stand_on(check->bench, o->dut ? o->dut : "", &where,
						   tables->clock->wall_ns(tables->clock_ctx), &golden, NULL, err)
			      : 0;

	if (golden.asked && rc == 0) {
		fputs("golden     ", people(o));
		print_clean(people(o), golden.pen);
		fputs(golden.valid ? ": " : ", not required: ", people(o));
		print_clean(people(o), golden.text);
		fputc('\n', people(o));
	}
	return rc;
}

static int check_files(struct check *check, const struct cli_tables *tables, const char *plan, const char *bench,
		       struct err *err)
{
	int rc = plan_read(plan, &check->plan, err);

	if (rc == 0 && bench && *bench)
		rc = bench_read(bench, &check->bench, err);
	if (rc == 0 && check->bench)
		rc = bench_check_drivers(check->bench, tables->drivers, err);
	if (rc == 0)
		rc = plan_expand(check->plan, check->bench, &check->points, &check->count, err);
	if (rc == 0 && check->bench)
		rc = plan_check_still(check->plan, check->bench, err);
	if (rc == 0 && check->bench)
		rc = plan_check_power(check->plan, check->bench, err);
	return rc;
}

static const struct table_column columns[] = {
	{"point", TABLE_INTEGER, NULL},          {"step", TABLE_STRING, NULL},
	{"depth_mm", TABLE_NUMBER, "mm"},        {"rate_hz", TABLE_NUMBER, "Hz"},
	{"repeat", TABLE_INTEGER, NULL},         {"phantom", TABLE_STRING, NULL},
	{"phantom_change", TABLE_BOOLEAN, NULL}, {.path = NULL},
};
const struct table table_check = {"check", "points", columns};

static int print_form(const struct check *check, bool csv, struct err *err)
{
	struct json_out *root = json_out_object();

	json_out_string(root, "plan", check->plan->name);
	json_out_string(root, "bench", check->bench ? check->bench->name : NULL);
	json_out_number(root, "duration_s", plan_duration_s(check->plan, check->bench, check->points, check->count),
			17);
	struct json_out *list = json_out_add_array(root, "points");
	for (unsigned i = 0; i < check->count; i++) {
		const struct plan_point *p = &check->points[i];
		struct json_out *o = json_out_add_object(list, NULL);
		bool named = check->bench && p->phantom >= 0;

		json_out_int(o, "point", p->number + 1);
		json_out_string(o, "step", check->plan->step[p->step].name);
		json_out_number(o, "depth_mm", p->depth_mm, 17);
		json_out_number(o, "rate_hz", p->rate_hz, 17);
		json_out_int(o, "repeat", p->repeat + 1);
		json_out_string(o, "phantom", named ? check->bench->phantom[p->phantom].serial : NULL);
		json_out_bool(o, "phantom_change", p->phantom_change);
	}
	return table_print(root, &table_check, csv, err);
}

static void print_for_people(const struct check *check, const struct cli_tables *tables)
{
	fputs("plan ", stdout);
	print_clean(stdout, check->plan->name);
	fputc('\n', stdout);
	print_sequence(check);
	print_summary(check);
	print_profiles(check, tables);
}

/* A program gets the points alone: what else would be said is for people, and the exit code is the same. */
static int print_plain(const struct plan *plan, struct err *err)
{
	const struct json *root = json_root(plan->doc);
	struct json_out *out = json_out_object();
	char *text = NULL;

	for (size_t i = 0; i < json_size(root); i++)
		json_out_copy(out, json_key_of(json_at(root, i)), json_at(root, i));
	int rc = json_out_print(out, true, &text, err);
	if (!rc)
		printf("%s\n", text);
	free(text);
	json_out_free(out);
	return rc;
}

static int print_all(const struct check *check, const struct cli_tables *tables, const struct check_options *o,
		     struct err *err)
{
	if (o->plain)
		return print_plain(check->plan, err) < 0 ? cli_error(EXIT_INTERNAL, "%s", err->text) : EXIT_PASS;
	if (o->json || o->csv)
		return print_form(check, o->csv, err) < 0 ? cli_error(EXIT_INTERNAL, "%s", err->text) : EXIT_PASS;
	print_for_people(check, tables);
	return EXIT_PASS;
}

static int check_today(const struct check *check, const struct cli_tables *tables, const struct check_options *o,
		       struct err *err)
{
	if (check_due(check, tables, err) < 0 || check_reference(check, tables, o, err) < 0)
		return cli_error(EXIT_REFUSED, "%s", err->text);
	if (print_proof(check, tables, o, err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err->text);
	return EXIT_PASS;
}

static int check_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	const struct check_options *o = options;
	struct check check = {.plan = NULL};
	struct err err = {0};
	int code = EXIT_PASS;

	(void)count;
	int rc = check_files(&check, tables, operands[0], o->bench ? o->bench : getenv("PENRIG_BENCH"), &err);
	if (rc < 0) {
		code = cli_error(cli_usage_code(rc), "%s", err.text);
	} else {
		code = print_all(&check, tables, o, &err);
		if (code == EXIT_PASS)
			code = check_today(&check, tables, o, &err);
	}
	free(check.points);
	bench_free(check.bench);
	plan_free(check.plan);
	return code;
}

const struct command command_check = {
	.name = "check",
	.operands = "PLAN",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Check a plan and print what a run of it would do",
	.description =
		"Reads PLAN, expands its sweeps and prints every point in the order of execution, the limits, the "
		"duration, "
		"the size of the run file and how often the operator is asked. Moves nothing and opens no device.\n\n"
		"A mistake is told as FILE:LINE:COLUMN with what to write instead, exit code 2. With a bench whose "
		"calibration is overdue, that does not allow this version of penrig, or that requires a pass of its "
		"reference pen and has no valid one, the exit code is 8, as that of a run would be.",
	.example = "  penrig check conformance.json --bench bench-3.json\n"
		   "  penrig check conformance.json --plain | jq .limits\n",
	.options = check_table,
	.options_size = sizeof(struct check_options),
	.run = check_run,
};
