/* Writes PW1 as a raw recording (NAME.i16), in frames (NAME.pw1f) and as a run file (NAME.penrig) for the benchmarks.
 * gen_pw1 FOLDER NAME SAMPLES SNR_DB. The run file comes from the raw one by the road of `penrig import`. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/judge/verdict.h"
#include "rig/offline/import/import.h"
#include "tests/bench/pw1.h"
#include "tests/bench/pw1_frame.h"
#include "tests/bench/pw1_inputs.h"

#define CHUNK 16384u

struct generated {
	char raw[FILE_PATH_MAX], framed[FILE_PATH_MAX], run[FILE_PATH_MAX];
	uint64_t samples;
	double snr_db;
};

/* ---- samples ---- */

static bool put_frames(FILE *out, struct pw1_framer *framer, const int16_t *x, size_t n)
{
	for (size_t done = 0; done < n;) {
		const uint8_t *frame;

		done += pw1_framer_add(framer, x + done, n - done, &frame);
		if (frame && fwrite(frame, PW1_FRAME_BYTES, 1, out) != 1)
			return false;
	}
	return true;
}

static bool write_samples(const struct generated *g, FILE *raw, FILE *framed)
{
	static int32_t counts[CHUNK];
	static int16_t x[CHUNK];
	static struct pw1 pw1;
	struct pw1_framer framer = {.sequence = 0};
	struct pw1_config config = pw1_default(g->snr_db);

	pw1_init(&pw1, &config, NULL, NULL);
	for (uint64_t done = 0; done < g->samples;) {
		size_t n = g->samples - done < CHUNK ? (size_t)(g->samples - done) : CHUNK;

		pw1_fill(&pw1, counts, n);
		for (size_t i = 0; i < n; i++)
			x[i] = (int16_t)counts[i];
		if (fwrite(x, sizeof(x[0]), n, raw) != n || !put_frames(framed, &framer, x, n))
			return false;
		done += n;
	}
	return true;
}

static int generate(const struct generated *g, struct err *err)
{
	FILE *raw = fopen(g->raw, "we"), *framed = fopen(g->framed, "we");
	bool good = raw && framed && write_samples(g, raw, framed);

	if (raw)
		good = fclose(raw) == 0 && good;
	if (framed)
		good = fclose(framed) == 0 && good;
	return good ? 0 : err_set(err, -EIO, "%s cannot be written: %s", g->raw, strerror(errno));
}

/* ---- the run file ---- */

/* The run file is as if penrig had recorded it: analyze has nothing to append to it. ctx: the plan. */
static int finish(void *ctx, struct record *record, struct runfile *rf, struct err *err)
{
	record->origin.path[0] = '\0';
	verdict_form(record, ctx);
	return runfile_finish(rf, record, NULL, err);
}

static int import(const struct generated *g, const char *folder, const char *name, struct err *err)
{
	struct pw1_inputs in = {.plan = NULL};
	struct record *record = record_new();
	double end_s = (double)g->samples / PW1_FS_HZ;
	int rc = record ? pw1_inputs_read(end_s, &in, err) : err_set(err, -ENOMEM, "out of memory");

	if (!rc) {
		const struct point_times times = {.measure_to_s = end_s};
		const struct import_config config = {.path = g->raw,
						     .format = "i16",
						     .rate_hz = PW1_FS_HZ,
						     .columns = {.scale_n = PW1_SCALE},
						     .plan = in.plan,
						     .bench = in.bench,
						     .points = in.points,
						     .point_count = 1,
						     .times = &times};

		snprintf(record->name, sizeof(record->name), "%s", name);
		snprintf(record->folder, sizeof(record->folder), "%s", folder);
		unlink(g->run);
		rc = record_inputs(record, in.plan, in.bench);
		if (!rc)
			rc = import_run(&config, record, 0, finish, in.plan, err);
	}
	record_free(record);
	pw1_inputs_free(&in);
	return rc;
}

int main(int argc, char **argv)
{
	struct err err = {""};
	struct generated g;
	int rc;

	if (argc != 5 || strtoull(argv[3], NULL, 10) < PW1_FRAME_SAMPLES) {
		fprintf(stderr, "usage: gen_pw1 FOLDER NAME SAMPLES SNR_DB (at least 248 samples)\n");
		return 2;
	}
	g.samples = strtoull(argv[3], NULL, 10);
	g.snr_db = strtod(argv[4], NULL);
	snprintf(g.raw, sizeof(g.raw), "%s/%s.i16", argv[1], argv[2]);
	snprintf(g.framed, sizeof(g.framed), "%s/%s.pw1f", argv[1], argv[2]);
	snprintf(g.run, sizeof(g.run), "%s/%s.penrig", argv[1], argv[2]);
	rc = generate(&g, &err);
	if (!rc)
		rc = import(&g, argv[1], argv[2], &err);
	if (rc)
		fprintf(stderr, "gen_pw1: %s\n", err.text[0] ? err.text : strerror(-rc));
	return rc ? 1 : 0;
}
