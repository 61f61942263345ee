/* `penrig station`: the operator's page until a signal ends it. What runs goes on. */
#include <errno.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <time.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/full_screen.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/reference.h"
#include "rig/cli/kit/signals.h"
#include "rig/cli/station_stands.h"
#include "rig/station/station.h"

#define DAY_S 86400

static void on_signal(void *ctx, int number)
{
	(void)number;
	loop_stop(ctx);
}

struct station_options {
	bool terminal;
	const char *bench, *stands, *health;
};

struct served {
	const struct cli_tables *tables;
	const struct station_config *config;
	struct full_screen *screen;
};

/* ---- the benches' health --------------------------------------------------------------------------------------- */

/* Days from today until this one, both UTC as a run's own date is. */
static double days_until(const char *date, time_t now)
{
	struct tm tm = {.tm_isdst = 0};

	if (!strptime(date, "%Y-%m-%d", &tm))
		return NAN;
	return difftime(timegm(&tm), now - now % DAY_S) / DAY_S;
}

static double calibration_days(const struct bench *bench, time_t now)
{
	double ret = NAN;

	for (unsigned i = 0; i < bench->devices; i++)
		if (bench->device[i].calibration.certificate[0])
			ret = fmin(ret, days_until(bench->device[i].calibration.due, now));
	for (unsigned i = 0; i < bench->phantoms; i++)
		ret = fmin(ret, days_until(bench->phantom[i].calibration.due, now));
	return ret;
}

static void look_at_reference(const struct served *served, const struct bench *bench, struct station_health *ret)
{
	const struct station_config *config = served->config;
	const struct indexing where = {.history = config->history[0] ? config->history : NULL};
	struct golden_pass pass;

	if (!bench->golden.present)
		return;
	if (reference_look(bench, &where, served->tables->clock->wall_ns(served->tables->clock_ctx), &pass, NULL) ==
		    0 &&
	    pass.state == GOLDEN_VALID)
		ret->golden_days = (bench->golden.valid_h * 3600 - pass.age_s) / DAY_S;
	else if (bench->golden.required && ret->word == HEALTH_GOOD)
		ret->word = HEALTH_GOLDEN;
}

static double free_gb(const char *folder)
{
	struct statvfs fs;

	return statvfs(folder, &fs) == 0 ? 1e-9 * (double)fs.f_bavail * (double)fs.f_frsize : NAN;
}

static void look_at_bench(const struct served *served, unsigned number, struct station_health *ret)
{
	const time_t now = (time_t)(served->tables->clock->wall_ns(served->tables->clock_ctx) / NS_PER_S);
	struct bench *bench = NULL;

	ret->disk_gb = free_gb(served->config->output);
	if (bench_read(served->config->bench[number].file, &bench, NULL) < 0) {
		ret->word = HEALTH_BENCH_FILE;
		return;
	}
	ret->calibration_days = calibration_days(bench, now);
	if (ret->calibration_days < 0)
		ret->word = HEALTH_CALIBRATION;
	look_at_reference(served, bench, ret);
	if (ret->word == HEALTH_GOOD && isnan(ret->disk_gb))
		ret->word = HEALTH_UNREAD;
	bench_free(bench);
}

static void put_number(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, 6);
}

static int say_health(const struct served *served, unsigned number)
{
	struct station_health health = {.calibration_days = NAN, .golden_days = NAN, .disk_gb = NAN};
	struct json_out *out = json_out_object();
	struct err err = {""};
	char *text = NULL;
	int rc;

	look_at_bench(served, number, &health);
	json_out_string(out, "word", station_health_words[health.word]);
	put_number(out, "calibration_days", health.calibration_days);
	put_number(out, "golden_days", health.golden_days);
	put_number(out, "disk_gb", health.disk_gb);
	rc = json_out_print(out, false, &text, &err);
	json_out_free(out);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	puts(text);
	free(text);
	return EXIT_PASS;
}

static void on_changed(void *ctx, unsigned bench)
{
	full_screen_changed(((struct served *)ctx)->screen, bench);
}

static int bench_of(const struct station_config *config, const char *option, const char *text, unsigned *ret,
		    struct err *err)
{
	for (*ret = 0; text && *ret < config->benches; ++*ret)
		if (strcmp(config->bench[*ret].label, text) == 0)
			break;
	return *ret < config->benches
		       ? 0
		       : err_set(err, -EINVAL, "%s %s: no bench of the station has that label", option, text);
}

static int serve_until_signal(struct served *served, const struct station_options *o, struct station *station,
			      struct loop *loop, struct err *err)
{
	const struct station_config *config = served->config;
	struct signals signals;
	unsigned bench = 0;
	int rc = bench_of(config, "--bench", o->bench, &bench, err);

	if (rc == 0 && o->terminal)
		rc = full_screen_open(config, station, loop, bench, &served->screen, err);
	if (rc == 0)
		rc = signals_open(&signals, loop, on_signal, loop, err);
	if (rc < 0)
		return rc;
	if (!o->terminal)
		printf("%s: http://%s:%u/\n", config->name, config->address, station_port(station));
	fflush(stdout);
	rc = loop_run(loop);
	if (rc < 0)
		err_set(err, rc, "the loop cannot go on: %s", strerror(-rc));
	signals_close(&signals);
	return rc;
}

static int serve(const struct cli_tables *tables, const struct station_config *config, const struct station_options *o,
		 struct err *err)
{
	struct served served = {.tables = tables, .config = config};
	const struct station_host host = {.ctx = &served, .answers = true, .changed = on_changed};
	struct station *station = NULL;
	struct loop *loop = NULL;
	int rc;

	if ((rc = signals_block(err)) < 0 || (rc = loop_new(tables->clock, tables->clock_ctx, &loop, err)) < 0)
		return rc;
	rc = station_open(config, &host, loop, &station, err);
	if (rc == 0)
		rc = serve_until_signal(&served, o, station, loop, err);
	full_screen_close(served.screen);
	served.screen = NULL;
	station_close(station);
	loop_free(loop);
	return rc;
}

/* What the station asks a child of its own, so that nothing that does not answer holds it up. */
static int answer(const struct cli_tables *tables, const struct station_config *config, const struct station_options *o)
{
	const struct served served = {.tables = tables, .config = config};
	struct err err = {""};
	unsigned bench;

	if (o->stands)
		return station_say_standing(config, o->stands);
	if (bench_of(config, "--health", o->health, &bench, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	return say_health(&served, bench);
}

static int run_station(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	const struct station_options *o = options;
	struct station_config *config = NULL;
	struct err err = {""};
	int rc;

	(void)count;
	if (!!o->stands + !!o->health + o->terminal > 1)
		return cli_error(EXIT_USAGE, "--terminal, --stands and --health: one of them at a time");
	if (o->bench && !o->terminal)
		return cli_error(EXIT_USAGE, "--bench says which bench --terminal shows: give both, or neither");
	rc = station_config_read(operands[0], &config, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	if (o->stands || o->health) {
		rc = answer(tables, config, o);
		station_config_free(config);
		return rc;
	}
	rc = serve(tables, config, o, &err);
	station_config_free(config);
	if (rc == -EBUSY)
		return cli_error(EXIT_BUSY, "%s", err.text);
	return rc < 0 ? cli_error(rc == -EADDRINUSE ? EXIT_BUSY : cli_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

#define AT(member) offsetof(struct station_options, member)
static const struct cli_option station_table[] = {
	{.name = "terminal",
	 .kind = OPTION_FLAG,
	 .offset = AT(terminal),
	 .help = "Show the page of one bench on this terminal as well, full screen (80 x 24): by keyboard and scanner "
		 "alone. Ctrl-C ends."},
	{.name = "bench",
	 .kind = OPTION_TEXT,
	 .arg = "LABEL",
	 .offset = AT(bench),
	 .help = "Which bench --terminal shows. Default: the first."},
	{.name = "stands",
	 .kind = OPTION_TEXT,
	 .arg = "SERIAL",
	 .offset = AT(stands),
	 .help = "Say how this unit stands by the history, and at the \"fleet\" that STATION names by runs that are "
		 "not in "
		 "the history: open, accepted, failed, rejected or unknown, and its runs that were decided about; and "
		 "end. "
		 "The station asks so of each unit."},
	{.name = "health",
	 .kind = OPTION_TEXT,
	 .arg = "LABEL",
	 .offset = AT(health),
	 .help = "Say how this bench stands, as JSON, and end: word (empty, bench_file, calibration, golden, unread), "
		 "calibration_days, golden_days, disk_gb. The station asks so of each bench."},
	{.name = NULL},
};

const struct command command_station = {
	.name = "station",
	.operands = "STATION",
	.operands_min = 1,
	.operands_max = 1,
	.group = "Operators",
	.summary = "Serve the operator's page: scan, start, PASS or FAIL, next unit",
	.description = "Reads STATION, a station file: its benches, the products that are tested there and how their "
		       "codes look. "
		       "Prints the address of its page, and serves it until a signal ends it.\n\n"
		       "Each test is a \"penrig run\" of its own. It goes on when the station ends, and the next start "
		       "of the station "
		       "takes it over, or shows how it ended.\n\n"
		       "The exit code is 0 when a signal ended it, 2 for a wrong station file, 5 where another station "
		       "has the folder "
		       "or the address, 6 storage, 7 internal error.",
	.example = "  penrig station line-3.json\n",
	.options = station_table,
	.options_size = sizeof(struct station_options),
	.run = run_station,
};
