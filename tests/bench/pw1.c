/* Generator of workload PW1 and its variants. */
#include "tests/bench/pw1.h"

#include <math.h>

#define CELL_STEPS 16

static uint64_t splitmix64(struct pw1_random *random)
{
	uint64_t z = random->state += 0x9E3779B97F4A7C15u;

	z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
	z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
	return z ^ (z >> 31);
}

static double uniform(struct pw1_random *random)
{
	return (double)((splitmix64(random) >> 11) + 1) * 0x1p-53;
}

double pw1_normal(struct pw1_random *random)
{
	if (random->has_spare) {
		random->has_spare = 0;
		return random->spare;
	}
	double a = sqrt(-2.0 * log(uniform(random))), b = 2.0 * M_PI * uniform(random);

	random->spare = a * sin(b);
	random->has_spare = 1;
	return a * cos(b);
}

struct pw1_random pw1_seeded(uint64_t seed)
{
	struct pw1_random random = {.state = seed};

	random.state = splitmix64(&random);
	random.state ^= splitmix64(&random) << 1;
	return random;
}

struct pw1_config pw1_default(double snr_db)
{
	return (struct pw1_config){.seed = 1,
				   .snr_db = snr_db,
				   .rate_hz = 120.0,
				   .duty = 0.4,
				   .hum_hz = 50.0,
				   .jitter = 0.005,
				   .height_sd = 0.02};
}

static void draw(struct pw1 *pw1, struct pw1_stroke *stroke)
{
	const struct pw1_config *c = &pw1->config;
	double period = 1.0 / c->rate_hz;

	stroke->start_s = pw1->grid_s;
	stroke->width_s = c->duty * period;
	stroke->height_n = PW1_FORCE * (1.0 + c->height_sd * pw1_normal(&pw1->strokes));
	pw1->grid_s += period * (1.0 + (c->jitter > 0.0 ? c->jitter * pw1_normal(&pw1->strokes) : 0.0));
	if (c->width_sd > 0.0)
		stroke->width_s *= 1.0 + c->width_sd * pw1_normal(&pw1->strokes);
	if (c->jitter_independent > 0.0)
		stroke->start_s += period * (0.01 + c->jitter_independent * pw1_normal(&pw1->strokes));
	if (pw1->on_stroke)
		pw1->on_stroke(pw1->ctx, stroke);
}

void pw1_init(struct pw1 *pw1, const struct pw1_config *config,
	      void (*on_stroke)(void *ctx, const struct pw1_stroke *stroke), void *ctx)
{
	*pw1 = (struct pw1){.config = *config,
			    .strokes = {.state = config->seed},
			    .noise = {.state = config->seed ^ 0x9E3779B97F4A7C15u},
			    .on_stroke = on_stroke,
			    .ctx = ctx};
	draw(pw1, &pw1->now);
	draw(pw1, &pw1->next);
}

static double pulses(struct pw1 *pw1, double t)
{
	while (t >= pw1->next.start_s) {
		pw1->now = pw1->next;
		draw(pw1, &pw1->next);
	}
	double x = (t - pw1->now.start_s) / pw1->now.width_s;

	return x >= 0.0 && x < 1.0 ? pw1->now.height_n * sin(M_PI * x) : 0.0;
}

/* The load cell as a second-order system, 16 semi-implicit steps per sample up to t. */
static double cell(struct pw1 *pw1, double t)
{
	double w = 2.0 * M_PI * pw1->config.cell_hz, h = 1.0 / (CELL_STEPS * PW1_FS_HZ);

	for (int i = 1; i <= CELL_STEPS; i++) {
		double force = pulses(pw1, t + (i - CELL_STEPS) * h);

		pw1->cell_v += h * (w * w * (force - pw1->cell_y) - 2.0 * pw1->config.cell_damping * w * pw1->cell_v);
		pw1->cell_y += h * pw1->cell_v;
	}
	return pw1->cell_y;
}

static double hum(struct pw1 *pw1, double t)
{
	const struct pw1_config *c = &pw1->config;
	double line = 0.005 * sin(c->hum_wander_hz > 0.0 ? pw1->hum_phase : 2.0 * M_PI * c->hum_hz * t);

	pw1->hum_phase += 2.0 * M_PI * (c->hum_hz + c->hum_wander_hz * sin(2.0 * M_PI * t / 20.0)) / PW1_FS_HZ;
	return line + 0.002 * sin(2.0 * M_PI * 60.0 * t + 1.0);
}

void pw1_fill(struct pw1 *pw1, int32_t *counts, size_t n)
{
	double sigma = PW1_FORCE * pow(10.0, -pw1->config.snr_db / 20.0);

	for (size_t i = 0; i < n; i++) {
		double t = (double)pw1->index++ / PW1_FS_HZ;
		double force = pw1->config.cell_hz > 0.0 ? cell(pw1, t) : pulses(pw1, t);
		double x = 0.10 + 0.02 * t / 1000.0 + 0.05 * sin(2.0 * M_PI * 0.01 * t) + force + hum(pw1, t) +
			   sigma * pw1_normal(&pw1->noise);

		x = fmax(-2.0 * 0.99996, fmin(2.0 * 0.99996, x));
		counts[i] = (int32_t)nearbyint(x / 2.0 * 32768.0);
	}
}
