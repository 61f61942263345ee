#include "rig/fleet/metrics.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "rig/base/openmetrics.h"

static double is_running(const struct seat *seat)
{
	return seat->child != NULL;
}

static double takes_jobs(const struct seat *seat)
{
	return !seat->agent->full && !seat->agent->gone;
}

static double holds_leases(const struct seat *seat)
{
	unsigned n = 0;

	for (unsigned i = 0; i < SEAT_LEASES; i++)
		n += seat->lease[i].seq != 0;
	return n;
}

static struct telemetry_counts telemetry_of(const struct seat *seat)
{
	struct telemetry_counts counts = {.up = false};

	if (seat->agent->telemetry)
		telemetry_look(seat->agent->telemetry, seat->index, &counts);
	return counts;
}

static double telemetry_up(const struct seat *seat)
{
	return telemetry_of(seat).up;
}

static double telemetry_lost(const struct seat *seat)
{
	return (double)telemetry_of(seat).lost;
}

static const struct family { /* a value for each bench */
	const char *name, *help;
	double (*value)(const struct seat *seat);
} families[] = {
	{"penrig_bench_running", "A run is under way there.", is_running},
	{"penrig_bench_takes_jobs", "0: its disk is nearly full, or the program is gone.", takes_jobs},
	{"penrig_bench_telemetry_up", "The broker is reached; 0 also where none is named.", telemetry_up},
	{"penrig_bench_telemetry_lost", "Messages that the broker did not get.", telemetry_lost},
	{"penrig_bench_leases", "Jobs of which the server was not told the end yet.", holds_leases},
};

static void put_runs(FILE *out, const struct agent *agent)
{
	openmetrics_head(out, "penrig_bench_runs", "counter", "Runs that ended since the agent began, by exit code.");
	for (unsigned i = 0; i < agent->seats; i++)
		for (int code = 0; code < SEAT_CODES; code++) {
			if (!agent->seat[i].ended_as[code])
				continue;
			fputs("penrig_bench_runs_total{bench=", out);
			openmetrics_label(out, seat_name(&agent->seat[i]));
			fprintf(out, ",exit_code=\"%d\"} %lu\n", code, agent->seat[i].ended_as[code]);
		}
}

static void put_all(FILE *out, const struct agent *agent, const struct outbox_counts *counts)
{
	openmetrics_one(out, "penrig_agent_seen_timestamp_seconds", "When this was written, Unix time.",
			(double)time(NULL));
	openmetrics_one(out, "penrig_agent_server_reached", "0: the server is away, or does not answer.",
			!agent->failures);
	openmetrics_one(out, "penrig_outbox_runs", "Runs that ended and that the server has not confirmed.",
			(double)counts->waiting);
	openmetrics_one(out, "penrig_outbox_oldest_seconds", "Age of the oldest of them.",
			counts->waiting ? (double)(time(NULL) - counts->oldest_s) : 0);
	openmetrics_one(out, "penrig_outbox_refused_runs",
			"Runs that the server will never take: look at them by hand.", (double)counts->refused);
	for (unsigned k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
		openmetrics_head(out, families[k].name, "gauge", families[k].help);
		for (unsigned i = 0; i < agent->seats; i++) {
			fprintf(out, "%s{bench=", families[k].name);
			openmetrics_label(out, seat_name(&agent->seat[i]));
			fprintf(out, "} %.17g\n", families[k].value(&agent->seat[i]));
		}
	}
	put_runs(out, agent);
	fputs("# EOF\n", out);
}

int metrics_write(const struct agent *agent, const char *path, struct err *err)
{
	char part[FILE_PATH_MAX + 8];
	struct outbox_counts counts = {0};
	int rc = outbox_count(agent->history, &counts, err);

	if (rc)
		return rc;
	snprintf(part, sizeof(part), "%.*s.part", FILE_PATH_MAX, path);
	FILE *out = fopen(part, "we");
	if (!out)
		return err_set(err, -errno, "%.300s: %s", part, strerror(errno));
	put_all(out, agent, &counts);
	bool bad = ferror(out);
	bad |= fclose(out) != 0;
	if (!bad && rename(part, path) == 0)
		return 0;
	rc = err_set(err, errno ? -errno : -EIO, "%.300s: %s", path, strerror(errno));
	unlink(part);
	return rc;
}

char *metrics_text(void *ctx, size_t *ret_len)
{
	const struct agent *agent = ctx;
	struct outbox_counts counts = {0};
	char *text = NULL;
	FILE *out = outbox_count(agent->history, &counts, NULL) < 0 ? NULL : open_memstream(&text, ret_len);

	if (!out)
		return NULL;
	put_all(out, agent, &counts);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
