/* What the programs that run the full analysis over a raw file of PW1 share. */
#ifndef PENRIG_TESTS_BENCH_FULL_PASS_H
#define PENRIG_TESTS_BENCH_FULL_PASS_H

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/bench/light_pass.h"
#include "tests/unit/measure/pw1_trial.h"

#define FULL_PASS_CHUNK  8192u
#define FULL_PASS_WINDOW 50000 /* from here on, as gen_pw1.c has it */

static inline int full_pass(const char *file)
{
	static int32_t counts[FULL_PASS_CHUNK];
	struct sample_block block = {.channels = 1, .counts = counts};
	const struct pw1_config pw1 = pw1_default(40.0);
	struct curve *curve = trial_curve();
	struct point_config config = trial_config(&pw1, curve);
	struct result results[RESULTS_PER_POINT_MAX];
	struct point *point = NULL;
	struct stat st;
	int fd = open(file, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &st) != 0) {
		perror(file);
		return 1;
	}
	size_t samples = (size_t)st.st_size / 2;
	const uint8_t *x = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (x == MAP_FAILED || point_new(&config, &point) != 0)
		abort();
	point_phase(point, POINT_TARE, 0, NAN);
	point_phase(point, POINT_SPIN_UP, 1, NAN);
	point_phase(point, POINT_MEASURE, FULL_PASS_WINDOW, NAN);
	for (size_t done = 0; done < samples; done += block.frames) {
		block.frames = (uint32_t)(samples - done < FULL_PASS_CHUNK ? samples - done : FULL_PASS_CHUNK);
		block.first_index = done;
		light_pass_widen(x + 2 * done, block.frames, counts);
		point_feed(point, &block);
	}
	printf("%u results\n", point_finish(point, results, RESULTS_PER_POINT_MAX));
	point_free(point);
	curve_free(curve);
	close(fd);
	return 0;
}

#endif
