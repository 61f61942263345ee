/* Did depth still travel when the window began? The window's head against its last three quarters, and an approach as slow
 * as the window; docs/method.md, "Model checks", has the distributions. Knows depths in their order, and nothing else. */
#ifndef PENRIG_MEASURE_CHECKS_SETTLED_H
#define PENRIG_MEASURE_CHECKS_SETTLED_H

#include <stdbool.h>
#include <stdint.h>

#define SETTLED_BEFORE 16  /* strokes before the window that are kept */
#define SETTLED_HEADS  5   /* heads of 8, 16, ... 128 strokes */
#define SETTLED_BINS   64  /* of the blocks of one length */
#define SETTLED_COURSE 128 /* means in which the whole window is kept; even */

/* Over blocks of strokes that follow each other: how many, and sums of their means and of the squares. */
struct settled_bin {
	double n, sum, sum2;
};

/* All blocks of one length; a bin holds `each` of them, the last one fewer. */
struct settled_blocks {
	double head;  /* mean of the first block */
	double block; /* sum of the block under way */
	unsigned strokes, bins;
	uint64_t each;
	struct settled_bin bin[SETTLED_BINS];
};

/* Sums of `each` strokes that follow each other; the last one of fewer. */
struct settled_course {
	unsigned bins;
	uint64_t each, in_last;
	double sum[SETTLED_COURSE];
};

struct settled { /* zero-initialise */
	double before[SETTLED_BEFORE];
	uint64_t befores;
	uint64_t n;
	double first, sum, sum2; /* of the window, about the first depth */
	struct settled_blocks blocks[SETTLED_HEADS];
	struct settled_course course;
};

/* A stroke before the window; one of the window. mm, any number that is finite. */
void settled_before(struct settled *settled, double depth_mm);
void settled_add(struct settled *settled, double depth_mm);

/* What is found. Lengths in mm, signed: above the depth that is settled to, or below it. */
struct settled_finding {
	double before;  /* mean before the window less that of its second half; NaN: too few strokes were seen there */
	double head;    /* mean of the head that stands out most, less that of blocks like it */
	double head_p;  /* probability that blocks of a settled pen show as much, of any head; 1: could not be asked */
	double start;   /* of the exponential approach that fits best, at the window's begin */
	double start_p; /* probability of as good a fit by chance; 1: could not be asked, or a line fits as well */
	double r2;      /* share of the course's squares that it explains */
	double mean;    /* of that approach over the window */
	double half;    /* twice the mean less that of the second half */
	double sd;      /* of a stroke */
};

void settled_find(const struct settled *settled, struct settled_finding *ret);

#endif
