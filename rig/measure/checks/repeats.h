/* Counts that come twice: a stretch of samples that is, to the count, one of before. Noise does not do so; a link or a logger
 * that delivers a buffer again does. Streaming, in constant memory: four counts in a row are looked up where a hash of them
 * says so, one place in REPEATS_EACH on average, among the latest REPEATS_HELD of these. docs/method.md, "Samples that come
 * twice". */
#ifndef PENRIG_MEASURE_CHECKS_REPEATS_H
#define PENRIG_MEASURE_CHECKS_REPEATS_H

#include <stdbool.h>
#include <stdint.h>

#define REPEATS_EACH  8
#define REPEATS_HELD  2048
#define REPEATS_WORD  4   /* counts that are looked up together */
#define REPEATS_PIECE 256 /* counts at a time, at most */

struct repeats_word {
	uint32_t hash;
	uint32_t end; /* one past the index of its last count, modulo 2^32; 0: nothing */
};

struct repeats {
	struct repeats_word held[REPEATS_HELD];
	int32_t before[REPEATS_WORD - 1]; /* the latest counts */
	unsigned known;                   /* of them */
	uint32_t lag;                     /* of the words that came twice one after the other, in samples; 0: none */
	uint32_t end;                     /* of the latest of these */
	unsigned words;
};

/* What was seen of a phase. */
struct repeated {
	uint64_t looked;  /* words looked up, */
	uint64_t went_on; /* and those that came before, from the distance of the one before them */
	unsigned words;   /* the most in a row that all came before, from one distance */
	uint32_t lag;     /* how long before, samples */
};

/* n <= REPEATS_PIECE counts from `index` on, behind the latest or behind missing ones. Adds to ret. */
void repeats_take(struct repeats *repeats, uint64_t index, const int32_t *counts, unsigned n, struct repeated *ret);

/* Whether chance does not explain it. At rest: what was seen there, and the share of counts that are the one before. */
bool repeated_is_sure(const struct repeated *repeated, const struct repeated *at_rest, double equal);

#endif
