/* CPU time of many load sensors in one process: frames of load-stream as they come off the wire, 5 ms of each sensor in
 * turn, through the parser and the full estimators. streams64 STREAMS PASSES SECONDS: prints CPU seconds and samples.
 * The links are left out. */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "drivers/load-stream/wire.h"
#include "rig/measure/point/point.h"
#include "tests/bench/pw1.h"

#define STREAMS_MAX_HERE 64u
#define FRAME_SAMPLES    250u /* 5 ms */
#define FRAME_ROOM       (LS_ENCODED_MAX + 2u)
#define CURVE_POINTS     61u

struct sensor {
	uint8_t *wire; /* frame i at wire[at[i]] .. wire[at[i + 1]] */
	uint32_t *at;
	struct ls_decoder decoder;
	struct point *point;
	uint64_t samples, strokes;
};

static double cpu_s(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void *must(void *p)
{
	if (!p) {
		fprintf(stderr, "streams64: out of memory\n");
		exit(1);
	}
	return p;
}

static void put(uint8_t *at, uint64_t value, unsigned bytes)
{
	for (unsigned i = 0; i < bytes; i++)
		at[i] = (uint8_t)(value >> 8 * i);
}

static size_t encode(uint32_t frame, const int32_t *counts, uint8_t *out)
{
	uint8_t body[LS_DATA_HEADER_BYTES + 2 * FRAME_SAMPLES] = {0};

	put(body + 2, FRAME_SAMPLES, 2);
	put(body + 4, (uint64_t)frame * FRAME_SAMPLES, 8);
	put(body + 12, 1 + (uint64_t)frame * 5000000, 8);
	for (unsigned i = 0; i < FRAME_SAMPLES; i++)
		put(body + LS_DATA_HEADER_BYTES + 2 * i, (uint16_t)counts[i], 2);
	return ls_encode(LS_DATA, (uint16_t)frame, body, sizeof(body), out, FRAME_ROOM);
}

static void record(struct sensor *s, uint64_t seed, uint32_t frames)
{
	struct pw1_config config = pw1_default(40.0);
	int32_t counts[FRAME_SAMPLES];
	struct pw1 pw1;

	config.seed = seed;
	pw1_init(&pw1, &config, NULL, NULL);
	s->wire = must(malloc((size_t)frames * FRAME_ROOM));
	s->at = must(calloc(frames + 1, sizeof(*s->at)));
	for (uint32_t i = 0; i < frames; i++) {
		pw1_fill(&pw1, counts, FRAME_SAMPLES);
		s->at[i + 1] = s->at[i] + (uint32_t)encode(i, counts, s->wire + s->at[i]);
	}
}

static struct curve *pw1_curve(void)
{
	struct curve_set set = {.rates = 1, .u_depth_mm = 0.001, .u_force_rel = 0.002, .u_fit_mm = 0.001};
	struct curve *curve = NULL;

	set.at[0].rate_hz = 120.0;
	set.at[0].points = CURVE_POINTS;
	for (unsigned i = 0; i < CURVE_POINTS; i++) {
		double d = 0.025 * i;

		set.at[0].depth_mm[i] = d;
		set.at[0].force_n[i] = 0.4 * d + 0.2 * d * d;
	}
	curve_new(&set, 120.0, &curve);
	return must(curve);
}

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct sensor *s = ctx;

	(void)stroke;
	s->strokes++;
}

static void open_point(struct sensor *s, const struct curve *curve)
{
	const struct point_config config = {.fs_hz = PW1_FS_HZ,
					    .force = {.scale = PW1_SCALE, .count_lo = -32768, .count_hi = 32767},
					    .displacement.position = -1,
					    .force_lo_n = -2.0,
					    .force_hi_n = 2.0,
					    .rate_set_hz = 120.0,
					    .depth_set_mm = 1.0,
					    .mains_hz = 50.0,
					    .curve = curve,
					    .preload_hi_n = 0.5,
					    .u = {.gain_rel = 0.001, .clock_rel = 1e-5}};

	memset(&s->decoder, 0, sizeof(s->decoder));
	if (point_new(&config, &s->point) != 0)
		must(NULL);
	point_on_stroke(s->point, on_stroke, s);
	point_phase(s->point, POINT_MEASURE, 0, NAN);
}

static void take(struct sensor *s, const uint8_t *data, size_t len)
{
	static const uint8_t bits[] = {16};
	int32_t counts[LS_COUNTS_BYTES_MAX / 2];
	struct ls_packet packet;
	struct ls_data frame;
	size_t used;

	for (; ls_decode(&s->decoder, data, len, &used, &packet); data += used, len -= used) {
		if (packet.type != LS_DATA || !ls_read_data(&packet, &frame) || frame.counts_len != 2u * frame.samples)
			continue;
		ls_unpack(frame.counts, frame.samples, bits, 1, counts);

		const struct sample_block block = {.channels = 1,
						   .frames = frame.samples,
						   .first_index = frame.first_index,
						   .device_ns = frame.device_ns,
						   .counts = counts};

		point_feed(s->point, &block);
		s->samples += frame.samples;
	}
}

static void pass(struct sensor *sensors, unsigned streams, uint32_t frames, const struct curve *curve)
{
	struct result results[RESULTS_PER_POINT_MAX];

	for (unsigned i = 0; i < streams; i++)
		open_point(&sensors[i], curve);
	for (uint32_t frame = 0; frame < frames; frame++) {
		for (unsigned i = 0; i < streams; i++)
			take(&sensors[i], sensors[i].wire + sensors[i].at[frame],
			     sensors[i].at[frame + 1] - sensors[i].at[frame]);
	}
	for (unsigned i = 0; i < streams; i++) {
		point_finish(sensors[i].point, results, RESULTS_PER_POINT_MAX);
		point_free(sensors[i].point);
	}
}

int main(int argc, char **argv)
{
	static struct sensor sensors[STREAMS_MAX_HERE];
	unsigned streams = argc == 4 ? (unsigned)strtoul(argv[1], NULL, 10) : 0;
	unsigned passes = argc == 4 ? (unsigned)strtoul(argv[2], NULL, 10) : 0;
	uint32_t frames = argc == 4 ? (uint32_t)(strtod(argv[3], NULL) * PW1_FS_HZ / FRAME_SAMPLES) : 0;
	uint64_t samples = 0, strokes = 0;

	if (streams < 1 || streams > STREAMS_MAX_HERE || passes < 1 || frames < 200) {
		fprintf(stderr, "usage: streams64 STREAMS(1-64) PASSES SECONDS(at least 1)\n");
		return 2;
	}
	for (unsigned i = 0; i < streams; i++)
		record(&sensors[i], 1 + i, frames);

	struct curve *curve = pw1_curve();
	double begin = cpu_s();

	for (unsigned i = 0; i < passes; i++)
		pass(sensors, streams, frames, curve);

	double spent = cpu_s() - begin;

	for (unsigned i = 0; i < streams; i++) {
		samples += sensors[i].samples;
		strokes += sensors[i].strokes;
		free(sensors[i].wire);
		free(sensors[i].at);
	}
	curve_free(curve);
	printf("{\"cpu_s\": %.6f, \"samples\": %" PRIu64 ", \"strokes\": %" PRIu64 "}\n", spent, samples, strokes);
	return 0;
}
