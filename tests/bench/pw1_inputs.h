/* Plan, bench and phantom of PW1, as the files of a run would tell them: one point at 1 mm and 120 Hz, the phantom's
 * curve F = 0.4 d + 0.2 d^2. */
#ifndef PENRIG_TESTS_BENCH_PW1_INPUTS_H
#define PENRIG_TESTS_BENCH_PW1_INPUTS_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/config/plan.h"

#define PW1_CURVE_STEP 0.025 /* mm */

static const char pw1_bench_json[] =
	"{\"kind\": \"penrig/bench/1\", \"name\": \"PW1\", \"mains_hz\": 50, \"ambient_c\": [18, 28],\n"
	" \"pen\": {\"driver\": \"scpi-pen\", \"link\": \"serial:1209:0003:{dut}\", \"rate_hz\": [20, 400],\n"
	"  \"depth_mm\": [0.1, 1.5]},\n"
	" \"sensor\": {\"driver\": \"load-stream\", \"link\": \"usb:1209:0002:PW1\",\n"
	"  \"calibration\": {\"certificate\": \"PW1\", \"laboratory\": \"definition\", \"date\": \"2026-01-01\",\n"
	"   \"due\": \"2099-12-31\"},\n"
	"  \"sample_rate_hz\": 50000, \"force\": {\"u_rel\": 0.001, \"range_n\": [-2, 2]}, \"preload_n\": [0, 0.5],\n"
	"  \"clock_ppm\": 10},\n"
	" \"phantoms\": [{\"file\": \"phantom.json\", \"position\": \"A1\", \"strokes_used\": 0}]}\n";

static const char pw1_plan_json[] =
	"{\"kind\": \"penrig/plan/1\", \"name\": \"PW1\", \"limits\": [{\"measurand\": \"depth_error_mm\", "
	"\"unit\": \"mm\", \"lower\": -0.15, \"upper\": 0.15}], \"steps\": [{\"depth_mm\": 1.0, "
	"\"rate_hz\": 120, \"measure_s\": %.9g}]}\n";

static inline void pw1_print_curve(FILE *out, double rate_hz)
{
	fprintf(out, "{\"rate_hz\": %g, \"depth_mm\": [0", rate_hz);
	for (unsigned i = 1; i <= 60; i++)
		fprintf(out, ", %.3f", PW1_CURVE_STEP * i);
	fputs("], \"force_n\": [0", out);
	for (unsigned i = 1; i <= 60; i++)
		fprintf(out, ", %.9f", 0.4 * PW1_CURVE_STEP * i + 0.2 * PW1_CURVE_STEP * i * PW1_CURVE_STEP * i);
	fputs("]}", out);
}

static inline void pw1_print_phantom(FILE *out)
{
	fputs("{\"kind\": \"penrig/phantom/1\", \"serial\": \"PW1\", \"material\": \"0.4 d + 0.2 d^2\",\n"
	      " \"calibration\": {\"certificate\": \"PW1\", \"laboratory\": \"definition\", \"date\": \"2026-01-01\",\n"
	      "  \"due\": \"2099-12-31\"}, \"temperature_c\": 23, \"stroke_budget\": 100000000,\n"
	      " \"u_depth_mm\": 0.001, \"u_force_rel\": 0.002, \"u_fit_mm\": 0.001, \"curves\": [",
	      out);
	pw1_print_curve(out, 20.0);
	fputs(", ", out);
	pw1_print_curve(out, 400.0);
	fputs("]}\n", out);
}

struct pw1_inputs {
	struct plan *plan;
	struct bench *bench;
	struct plan_point *points;
	unsigned count;
};

static inline int pw1_inputs_read(double measure_s, struct pw1_inputs *ret, struct err *err)
{
	char plan[256], phantom[4096] = "";
	FILE *out = fmemopen(phantom, sizeof(phantom), "w");
	int len = snprintf(plan, sizeof(plan), pw1_plan_json, measure_s), rc;

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	pw1_print_phantom(out);
	fclose(out);

	const struct bench_text own = {.path = "bench.json", .text = pw1_bench_json, .len = sizeof(pw1_bench_json) - 1};
	const struct bench_text other = {.path = "phantom.json", .text = phantom, .len = strlen(phantom)};

	rc = plan_parse("plan.json", plan, (size_t)len, &ret->plan, err);
	if (!rc)
		rc = bench_parse(&own, &other, 1, &ret->bench, err);
	return rc ? rc : plan_expand(ret->plan, ret->bench, &ret->points, &ret->count, err);
}

static inline void pw1_inputs_free(struct pw1_inputs *in)
{
	free(in->points);
	bench_free(in->bench);
	plan_free(in->plan);
}

#endif
