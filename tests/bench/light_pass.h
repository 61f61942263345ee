/* What the programs that run the light pass over PW1 share. */
#ifndef PENRIG_TESTS_BENCH_LIGHT_PASS_H
#define PENRIG_TESTS_BENCH_LIGHT_PASS_H

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/clones.h"
#include "rig/measure/light.h"
#include "tests/bench/pw1.h"

static inline struct light *light_pass_new(double rate_hz)
{
	const struct light_config config = {.fs_hz = PW1_FS_HZ, .rate_set_hz = rate_hz, .scale = PW1_SCALE, .bits = 16};
	struct light *light = NULL;

	if (light_new(&config, &light) != 0)
		abort();
	return light;
}

/* Little-endian i16 at any address. */
VECTOR_CLONES static void light_pass_widen(const uint8_t *from, size_t n, int32_t *to)
{
	for (size_t i = 0; i < n; i++) {
		int16_t x;

		memcpy(&x, from + 2 * i, sizeof(x));
		to[i] = x;
	}
}

static inline void light_pass_end(struct light *light)
{
	struct light_summary s;

	light_finish(light, &s);
	light_free(light);
	printf("%" PRIu64 " strokes, %.6f Hz, mean force at the vertex %.6f N\n", s.strokes, s.rate_hz, s.peak_n);
}

#endif
