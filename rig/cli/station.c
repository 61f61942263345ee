/* `penrig station`: the operator's page until a signal ends it. What runs goes on. */
#include <errno.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/signals.h"
#include "rig/config/bench.h"
#include "rig/station/station.h"

static void on_signal(void *ctx, int number)
{
	(void)number;
	loop_stop(ctx);
}

static int serve(const struct cli_tables *tables, const struct station_config *config, struct err *err)
{
	struct station *station = NULL;
	struct signals signals;
	struct loop *loop = NULL;
	int rc;

	if ((rc = signals_block(err)) < 0 || (rc = loop_new(tables->clock, tables->clock_ctx, &loop, err)) < 0)
		return rc;
	rc = station_open(config, loop, &station, err);
	if (rc == 0)
		rc = signals_open(&signals, loop, on_signal, loop, err);
	if (rc == 0) {
		printf("%s: http://%s:%u/\n", config->name, config->address, station_port(station));
		fflush(stdout);
		rc = loop_run(loop);
		if (rc < 0)
			err_set(err, rc, "the loop cannot go on: %s", strerror(-rc));
		signals_close(&signals);
	}
	station_close(station);
	loop_free(loop);
	return rc;
}

/* A pen made of parts needs hands at its dial, and who attends it: the page asks for neither. A bench file that does not read is
 * the run's to complain of. */
static int check_benches(const struct station_config *config, struct err *err)
{
	const struct json *benches = json_get(json_root(config->doc), "benches");

	for (unsigned i = 0; i < config->benches; i++) {
		struct bench *bench = NULL;
		struct err unread;
		if (bench_read(config->bench[i].file, &bench, &unread))
			continue;
		bool powered = bench->pen.power.present;
		bench_free(bench);
		if (powered)
			return json_error(
				config->doc, json_get(json_at(benches, i), "file"), err,
				"%.300s has a pen with \"power\", which asks for a hand at its dial, and the page "
				"cannot: run it from a terminal with `penrig run`",
				config->bench[i].file);
	}
	return 0;
}

static int run_station(const struct cli_tables *tables, const void *options, const char *const *operands,
		       unsigned count)
{
	struct station_config *config = NULL;
	struct err err = {""};
	int rc;

	(void)options;
	(void)count;
	rc = station_config_read(operands[0], &config, &err);
	if (rc < 0)
		return cli_error(cli_exit_code(rc), "%s", err.text);
	rc = check_benches(config, &err);
	if (rc == 0)
		rc = serve(tables, config, &err);
	station_config_free(config);
	if (rc == -EBUSY)
		return cli_error(EXIT_BUSY, "%s", err.text);
	return rc < 0 ? cli_error(rc == -EADDRINUSE ? EXIT_BUSY : cli_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

static const struct cli_option station_table[] = {{.name = NULL}};

const struct command command_station = {
	.name = "station",
	.operands = "STATION",
	.operands_min = 1,
	.operands_max = 1,
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
	.options_size = 1,
	.run = run_station,
};
