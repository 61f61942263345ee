/* What a station tells a monitor at /metrics: OpenMetrics text. May be lost; nothing waits for it. */
#include <stdlib.h>

#include "rig/base/openmetrics.h"
#include "rig/station/inside.h"

static double is_running(const struct bench *bench)
{
	return bench->child != NULL;
}

static double asks(const struct bench *bench)
{
	return bench->state.view == VIEW_PROMPT;
}

static double lost_fleet(const struct bench *bench)
{
	return bench->state.fleet_gone;
}

static const struct family { /* a value for each bench */
	const char *name, *help;
	double (*value)(const struct bench *bench);
} families[] = {
	{"penrig_station_running", "A test runs there.", is_running},
	{"penrig_station_asks", "Its test waits for somebody's answer.", asks},
	{"penrig_station_fleet_gone", "Of the unit that was last looked at the fleet's server did not say.",
	 lost_fleet},
};

static void put_families(FILE *out, const struct station *s)
{
	for (unsigned k = 0; k < sizeof(families) / sizeof(families[0]); k++) {
		openmetrics_head(out, families[k].name, "gauge", families[k].help);
		for (unsigned i = 0; i < s->config->benches; i++) {
			fprintf(out, "%s{bench=", families[k].name);
			openmetrics_label(out, s->bench[i].label);
			fprintf(out, "} %.17g\n", families[k].value(&s->bench[i]));
		}
	}
}

static void put_runs(FILE *out, const struct station *s)
{
	openmetrics_head(out, "penrig_station_runs", "counter",
			 "Runs that ended since the station began, by exit code.");
	for (unsigned i = 0; i < s->config->benches; i++)
		for (int code = 0; code < BENCH_CODES; code++) {
			if (!s->bench[i].ended_as[code])
				continue;
			fputs("penrig_station_runs_total{bench=", out);
			openmetrics_label(out, s->bench[i].label);
			fprintf(out, ",exit_code=\"%d\"} %lu\n", code, s->bench[i].ended_as[code]);
		}
}

char *station_metrics(void *ctx, size_t *ret_len)
{
	const struct station *s = ctx;
	char *text = NULL;
	FILE *out = open_memstream(&text, ret_len);

	if (!out)
		return NULL;
	openmetrics_one(out, "penrig_station_seen_timestamp_seconds", "When this was written, Unix time.",
			(double)(loop_wall_ns(s->loop) / NS_PER_S));
	openmetrics_one(out, "penrig_station_io_missing", "A scanner, switch or light of its own is not there.",
			s->io_missing);
	put_families(out, s);
	put_runs(out, s);
	fputs("# EOF\n", out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
