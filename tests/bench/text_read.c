/* A recording as text, made of a size, or read from its first row to its last by the import's reader alone.
 * usage: text_read make FILE MEGABYTES | text_read FILE */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/offline/import/readers.h"

#define FS_HZ   8000
#define ROOM    4096
#define STILL   (FS_HZ * 6 / 10)
#define FORCE_N 0.6

/* Half sines of 120 Hz after 0.6 s of stillness, in noise that a seed gives: time and force, as a logger prints them. */
static int make(const char *path, double megabytes)
{
	FILE *out = fopen(path, "we");
	uint64_t state = 1, bytes = 0;

	if (!out)
		return 1;
	bytes += (uint64_t)fprintf(out, "t_s,F_N\n");
	for (uint64_t i = 0; (double)bytes < megabytes * 1e6; i++) {
		state = state * 6364136223846793005 + 1442695040888963407;
		double noise = (double)(state >> 33) * 0x1p-31 - 0.5, turn = fmod((double)i * 120 / FS_HZ, 1);
		double force = i > STILL && turn < 0.3 ? FORCE_N * sin(M_PI * turn / 0.3) : 0;
		bytes += (uint64_t)fprintf(out, "%.6f,%.5f\n", (double)i / FS_HZ, 0.3 + force + 0.004 * noise);
	}
	return fclose(out) != 0;
}

static int fail(const struct err *err)
{
	fprintf(stderr, "%s\n", err->text);
	return 1;
}

static int read_all(const char *path)
{
	static double value[ROOM * RECORDING_COLUMNS_MAX];
	struct recording_rows rows = {.value = value, .room = ROOM};
	const struct recording_wish wish = {.gaps = false};
	struct recording_layout layout;
	struct recording *recording;
	struct err err = {""};
	uint64_t n = 0;
	double sum = 0;
	int rc = reader_csv.open(path, &wish, &recording, &layout, &err);

	if (rc < 0)
		return fail(&err);
	while ((rc = reader_csv.next(recording, &rows, &err)) > 0) {
		for (uint32_t i = 0; i < rows.rows; i++)
			sum += value[i * layout.columns + layout.columns - 1];
		n += rows.rows;
	}
	reader_csv.close(recording);
	if (rc < 0)
		return fail(&err);
	printf("%llu rows, mean %.9g\n", (unsigned long long)n, sum / (double)n);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && strcmp(argv[1], "make") == 0)
		return make(argv[2], atof(argv[3]));
	if (argc == 2)
		return read_all(argv[1]);
	fprintf(stderr, "usage: %s make FILE MEGABYTES | %s FILE\n", argv[0], argv[0]);
	return 2;
}
