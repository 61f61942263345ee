/* Samples into a point: quality, conversion, decimation, the gaps bridged, the load cell undone. Holds the newest of
 * them for detection and analysis; knows neither. */
#ifndef PENRIG_MEASURE_POINT_INTAKE_H
#define PENRIG_MEASURE_POINT_INTAKE_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/samples.h"
#include "rig/measure/checks/repeats.h"
#include "rig/measure/point/axis.h"
#include "rig/measure/point/cell.h"
#include "rig/measure/point/handover.h"

/* Of one phase. */
struct quality {
	bool saturated, gap, stuck; /* of the force; saturated also: the sensor says that its range was left */
	bool displacement_ended, displacement_stuck;
	bool displacement_missing; /* samples of the other device that has it */
	uint64_t samples;          /* before decimation */
	uint64_t changes;          /* counts of the force that are not the one before */
	struct repeated repeated;
};

/* The newest count of a channel, and how many before it in a row were the same. */
struct last_count {
	int32_t count;
	uint64_t same;
};

struct intake {
	const struct point_config *config; /* borrowed */
	struct grid grid;
	struct axis axis;
	bool started;
	uint64_t next_index;    /* absolute: one past the newest sample */
	enum point_phase phase; /* of the newest sample */
	struct quality quality[POINT_PHASES];
	struct last_count force_count, displacement_count;
	struct repeats repeats;
	uint64_t bridged; /* samples that were held, of all gaps */

	/* the group of samples that becomes one */
	double sum_force, sum_displacement;
	unsigned summed;

	struct cell_inverse inverse;
	float *raw, *force, *displacement; /* as in struct stretch, but for what intake alone may do: write */
	long room;                         /* for so many of them */
	long base;                         /* local index of their first one, a multiple of the block */
	long end, compensated;             /* local index past the last one in raw and displacement, and in force */
};

/* Samples that come in beyond whole blocks: room for them is needed by whoever keeps blocks. */
#define INTAKE_AHEAD 512

/* config stays where it is for as long as the intake lives. samples: room for as many, after intake_drop() too.
 * -ENOMEM. Released in either case. */
int intake_init(struct intake *intake, const struct point_config *config, const struct grid *grid, size_t samples);
void intake_release(struct intake *intake);
/* Both of the same configuration and room: `to` becomes what `from` is, in its own memory. */
void intake_copy(struct intake *to, const struct intake *from);

/* As point_phase(). */
int intake_phase(struct intake *intake, enum point_phase phase, uint64_t first_index);

/* A block on its way in, piece by piece, so that what has come can be worked on in between. */
struct piecewise {
	const struct sample_block *block;
	uint64_t missing; /* samples before it that have yet to be held */
	uint32_t next;    /* its first frame that has yet to come in */
};
/* Blocks of the force stream in order of index. What was there before is passed over; missing samples hold the last
 * value, so that the axis stays true, up to 10 s of them and to 10 min of all gaps together. */
struct piecewise intake_begin(struct intake *intake, const struct sample_block *block);
/* The next INTAKE_PIECE frames come in, or fewer; false: there was nothing left. */
#define INTAKE_PIECE 256
bool intake_take(struct intake *intake, struct piecewise *piecewise);

/* Whether all samples before `end`, and the reach of the cell's inverse, have come. */
bool intake_reaches(const struct intake *intake, long end);
/* Fills the force up to end. */
void intake_compensate(struct intake *intake, long end);
/* Forgets what lies before local index base, a multiple of the block. */
void intake_drop(struct intake *intake, long base);
/* What is held. Its bins are somebody else's. */
struct stretch intake_stretch(const struct intake *intake);
/* Mean and rms about it of the newest samples, n as many as asked for or as are held; NaN: none. */
void intake_newest(const struct intake *intake, long n, double *ret_mean, double *ret_rms);

#endif
