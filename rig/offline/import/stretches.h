/* Where in a recording the pen ran: stretches of strokes with pauses between them, from the force alone. Only as sure as
 * a choice of windows needs: what is measured in them, the estimator finds for itself. Pure; memory grows with the number
 * of stretches, up to a bound. */
#ifndef PENRIG_OFFLINE_IMPORT_STRETCHES_H
#define PENRIG_OFFLINE_IMPORT_STRETCHES_H

#include <stdbool.h>
#include <stdint.h>

#define STRETCHES_MAX 20000 /* as points of a plan */

struct stretches_config {
	double rate_hz; /* of the rows */
	double still_n; /* a swing of 1 ms means within 20 ms above this is a stroke, as on a live bench (watch.h) */
	double pause_s; /* stillness of at least so long ends a stretch: several periods of the slowest stroke */
};

struct stretch {
	uint64_t first, last; /* rows of its first and last motion */
	uint64_t pulses;      /* counted by their rising edges */
	/* The longest row of them in one rhythm: neither spin-up nor coast. */
	uint64_t steady, steady_first, steady_last;
	uint64_t last_at_speed; /* row of the last one that came as late as those before it on average: no coast yet */
};

struct stretches;

int stretches_new(const struct stretches_config *config, struct stretches **ret); /* -ENOMEM */
void stretches_free(struct stretches *s);                                         /* NULL is fine */
/* In rising order of rows; rows that are left out are bridged. -ENOMEM; -E2BIG: more than STRETCHES_MAX. */
int stretches_feed(struct stretches *s, uint64_t row, double force_n);
int stretches_end(struct stretches *s); /* closes the one that is open */
const struct stretch *stretches_found(const struct stretches *s, unsigned *ret_count);
/* Mean rate of its strokes while it was steady, NAN below three. */
double stretch_rate_hz(const struct stretch *stretch, double rate_hz);

#endif
