/* A record with something in every part of it, for tests of what keeps, judges and reports records. */
#ifndef PENRIG_UNIT_RECORD_RECORD_SAMPLE_H
#define PENRIG_UNIT_RECORD_RECORD_SAMPLE_H

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/record/record.h"

static inline void sample_result(struct finding *r, const char *name, const char *method, const char *unit,
				 double value, double u)
{
	memset(r, 0, sizeof(*r));
	r->result.id = measurand_find(name);
	snprintf(r->result.name, sizeof(r->result.name), "%s", name);
	snprintf(r->result.method, sizeof(r->result.method), "%s", method);
	snprintf(r->result.unit, sizeof(r->result.unit), "%s", unit);
	r->result.valid = r->result.trusted = true;
	r->result.value = value;
	r->result.n = 2400;
	r->result.budget[0] = (struct budget_line){.name = "repeatability", .u = 0.6 * u, .dof = 2399};
	r->result.budget[1] =
		(struct budget_line){.name = "calibration", .u = 0.8 * u, .dof = INFINITY, .correlation = 1};
	r->result.budget_lines = u > 0 ? 2 : 0;
	if (u > 0)
		result_combine(&r->result);
}

static inline void sample_limit(struct finding *r, double lower, double upper, bool required)
{
	r->has_limit = true;
	r->limit.id = r->result.id;
	memcpy(r->limit.measurand, r->result.name, sizeof(r->limit.measurand));
	memcpy(r->limit.unit, r->result.unit, sizeof(r->limit.unit));
	r->limit.has_lower = !isnan(lower);
	r->limit.has_upper = !isnan(upper);
	r->limit.lower = isnan(lower) ? 0 : lower;
	r->limit.upper = isnan(upper) ? 0 : upper;
	r->limit.guard_r = 1;
	r->limit.required = required;
	decide(&r->result, &r->limit, &r->judgement);
}

static inline void sample_point(struct record *record, unsigned number, double depth_mm, double measured_mm)
{
	struct record_point *p = record_add_point(record);
	p->plan = (struct plan_point){
		.number = number, .step = 0, .depth_mm = depth_mm, .rate_hz = 350.0 / 3, .upward = true};
	p->attempt = 1;
	p->counts = p->measured = true;
	p->start_wall_ns = 1790000000123456789ull + number;
	for (unsigned i = 0; i < POINT_PHASES; i++)
		p->phase_index[i] = 100000ull * number + 20000ull * i;
	p->command_index[POINT_SPIN_UP] = 20000.25;
	p->end_index = 100000ull * (number + 1);
	p->stop_latency_ms = 3.0625;
	sample_result(&p->result[0], "depth_mm", "force_equivalent", "mm", measured_mm, 0.004);
	sample_limit(&p->result[0], depth_mm - 0.15, depth_mm + 0.15, true);
	sample_result(&p->result[1], "stroke_rate_hz", "realised", "Hz", 116.6712345678901, 0.00021);
	sample_limit(&p->result[1], 105, 128, true);
	sample_result(&p->result[2], "strokes", "", "1", 2400, 0);
	sample_result(&p->result[3], "rate_droop_pct", "", "%", NAN, 0);
	p->result[3].result.valid = p->result[3].result.trusted = false;
	snprintf(p->result[3].result.reason, sizeof(p->result[3].result.reason), "no channel shows the free rate");
	sample_result(&p->result[4], "handle_temperature_c", "", "degC", 31.25, 0.1);
	sample_limit(&p->result[4], NAN, 41, false);
	p->results = 5;
	p->outcome = p->result[0].judgement.outcome;
}

static inline void sample_devices(struct record *record)
{
	struct record_device *pen = &record->device[0], *sensor = &record->device[1];
	record->devices = 2;
	strcpy(pen->role, "pen");
	strcpy(pen->driver, "scpi-pen");
	strcpy(pen->identity.maker, "Needle & Söhne <GmbH>");
	strcpy(pen->identity.serial, "PEN-0012");
	pen->identity.cartridge_strokes = UINT64_MAX - 1;
	strcpy(pen->link.uri, "serial:1209:0001:PEN-0012");
	pen->link.vid = 0x1209;
	pen->limits = (struct pen_limits){90, 150, 0.1, 2.5};
	pen->clock_ppm = pen->clock_u_ppm = NAN;
	strcpy(sensor->role, "load_sensor");
	strcpy(sensor->driver, "load-stream");
	strcpy(sensor->identity.serial, "LC-7");
	strcpy(sensor->link.uri, "usb:1209:0002:LC-7");
	sensor->calibration = (struct calibration){"C-2026-118", "Calibration House", "2026-02-01", "2027-02-01"};
	sensor->channels = 1;
	sensor->channel[0] = (struct channel){.name = "force",
					      .unit = "N",
					      .quantity = QUANTITY_FORCE,
					      .bits = 16,
					      .rate_hz = 50000,
					      .scale = 6.103515625e-05,
					      .range_lo = -2,
					      .range_hi = 2};
	sensor->counters.frames = 123456;
	sensor->counters.link.bytes_in = 1ull << 60;
	sensor->clock_ppm = -12.5;
	sensor->clock_u_ppm = 2.5;
	sensor->clock_applied = true;
}

/* A complete run of two good points that was not judged yet. */
static inline struct record *sample_record(const char *folder, const char *name)
{
	static char names[1][64] = {"fine lines"};
	struct record *record = record_new();
	snprintf(record->name, sizeof(record->name), "%s", name);
	snprintf(record->folder, sizeof(record->folder), "%s", folder);
	strcpy(record->software_version, "0.1.0");
	strcpy(record->software_build, "gcc 12.2.0");
	strcpy(record->started_utc, "2026-09-21T14:13:20.500Z");
	strcpy(record->ended_utc, "2026-09-21T14:14:20.500Z");
	record->started_host_ns = 1000000000;
	record->ended_host_ns = 61000000000;
	strcpy(record->host, "bench-3");
	record->host_clock_frequency_ppm = -3.25;
	strcpy(record->operator_name, "A. \"Quote\" \\ O'Néill");
	strcpy(record->dut, "PEN-0012");
	record->attrs = 1;
	record->attr[0] = (struct record_attr){"order", "4711"};
	strcpy(record->plan_name, "demo");
	strcpy(record->bench_name, "bench 3");
	record->files = 2;
	record->file[0] =
		(struct record_file){.kind = "plan", .path = "plans/demo.json", .text = "{\"a\": 1} // ü", .len = 14};
	memset(record->file[0].sha256, 'a', 64);
	record->file[1] = (struct record_file){.kind = "bench", .path = "bench.json", .text = "{}", .len = 2};
	memset(record->file[1].sha256, 'b', 64);
	strcpy(record->phantom_serial[0], "PH-1");
	record->step_count = 1;
	record->step_name = calloc(1, sizeof(names));
	memcpy(record->step_name, names, sizeof(names));
	sample_devices(record);
	record->points_planned = 2;
	sample_point(record, 0, 0.5, 0.51);
	sample_point(record, 1, 1.0, 1.02);
	struct record_sweep *sweep = record_add_sweep(record);
	sweep->rate_hz = 350.0 / 3;
	sample_result(&sweep->result[0], "depth_linearity_mm", "", "mm", 0.003, 0.001);
	sample_limit(&sweep->result[0], NAN, 0.05, true);
	sweep->results = 1;
	record->tests = 1;
	record->test[0] = (struct record_test){.name = "dead_man",
					       .done = true,
					       .outcome = OUTCOME_PASS,
					       .text = "it tripped after 0.502 s",
					       .value = 0.502,
					       .unit = "s"};
	record->moved = record->stop_verified = true;
	strcpy(record->stop_text, "still for 0.1 s");
	return record;
}

#endif
