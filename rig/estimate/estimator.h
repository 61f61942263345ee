/* From samples to a point's results, with no device, loop or session in it: the run drives it while it measures, replay
 * drives it from the run file, import from a recording. All that goes in are the sensor's blocks, what the pen said,
 * and the moments at which something was done, each as the place in the streams and the host's time; so the same road
 * leads to the same results, bit for bit. */
#ifndef PENRIG_ESTIMATE_ESTIMATOR_H
#define PENRIG_ESTIMATE_ESTIMATOR_H

#include "rig/config/plan.h"
#include "rig/driver/driver.h"
#include "rig/estimate/recent.h"
#include "rig/estimate/settle.h"
#include "rig/estimate/until.h"
#include "rig/measure/align.h"
#include "rig/measure/channel_scale.h"
#include "rig/measure/clock.h"
#include "rig/measure/freerun.h"
#include "rig/measure/point/point.h"
#include "rig/measure/temperature.h"
#include "rig/record/record.h"

/* A slow channel's value. Blocks of different streams that arrived at the same host time have no order, so a block sees
 * of another stream only what arrived before that time. */
struct held {
	double now, before;
	int32_t count;            /* of `now` */
	bool moved;               /* two different counts were seen since the streams began */
	uint64_t same;            /* frames in a row with this count, up to now */
	uint64_t stood;           /* the longest such row of this point, among those that the motor's time saw */
	uint64_t still_ns;        /* the motor's time, over all points, before it moved */
	uint64_t seen_ns, gap_ns; /* its last frame in the motor's time, and the longest time without one */
	uint64_t host_ns;         /* of `now` */
	unsigned source;          /* index in estimator.source */
	int channel;              /* index in its channel table; -1: none */
};

/* A device whose samples feed the estimators. Channels and bench entry are borrowed for the estimator's life. */
struct estimator_device {
	unsigned device; /* as blocks carry it */
	const struct channel *channels;
	unsigned channel_count;
	const struct bench_device *bench;
};

struct source {
	struct estimator_device of;
	uint64_t next_index[STREAMS_MAX];
	uint64_t frame_ns[STREAMS_MAX]; /* of the slow streams' newest frame */
};

/* The needle bar's displacement from another device than the force, put beside it. */
struct other_bar {
	struct align *align; /* NULL: there is none */
	unsigned source;
	int channel;
	struct channel_scale scale;      /* as it stands in what align emits */
	struct sample_clock point_clock; /* as estimator.point_clock */
	double u_s, wander_s;            /* of the alignment: the largest of this point's window */
};

struct pen_sums { /* of what the pen says during one window */
	unsigned n;
	double rate_hz, motor_c, handle_c, battery_v;
};

struct free_rate { /* of the newest free run at this rate of this step */
	unsigned step;
	double rate_hz; /* setpoint */
	bool valid, trusted;
	double value_hz, u_hz;
};

struct estimator {
	const struct plan *plan;
	const struct bench *bench;
	unsigned sources;
	struct source source[RECORD_DEVICES_MAX]; /* the load sensor is the first */
	int force, displacement;                  /* channel indices of the load sensor, or -1 */
	struct other_bar bar;
	struct held handle, tip, ambient;
	bool host_clock_synchronised;
	bool recording; /* that no bench of ours took: of what else the bench has, it has only what it has channels for */
	bool commands_unknown; /* of a recording: when the pen was told to start and to stop, nobody says */
	bool ends_windows; /* looks for where windows begin and end, as the plan leaves it; set behind estimator_init() */
	bool second_thread;               /* see struct point_config; set behind estimator_init() */
	double fs_hz;                     /* nominal, of the force stream */
	struct channel_scale force_scale; /* with the limits of estimator_count_range() */
	struct sample_clock clock;
	struct recent recent; /* what points take in, as it came */
	bool clock_applied;   /* at least one point took the corrected rate */
	uint64_t telemetry_rows;

	unsigned free_rates; /* of the step at hand */
	struct free_rate free_rate[STEP_VALUES_MAX];

	/* the point under way */
	bool open;
	enum point_phase phase; /* POINT_PHASES: none entered yet */
	struct point *point;    /* NULL in a free run */
	struct free_run free_run;
	struct settle settle;
	struct until until;
	struct curve_set curves; /* of the point's phantom, at the temperature of the room */
	struct curve *curve;
	struct thermal *handle_fit, *tip_fit;
	uint64_t motor_start_ns, motor_stop_ns; /* 0: not yet */
	const char *slow_beyond; /* the slow channel that left its range while the motor ran; NULL: none did */
	struct pen_sums pen;
	double point_fs_hz, u_clock_rel;
	struct sample_clock point_clock; /* from the start of the motor to its stand-still */
};

/* Finds the channels and begins with empty streams. Plan and bench are borrowed for its life. -EINVAL: there is no force
 * channel in newton. */
int estimator_init(struct estimator *e, const struct plan *plan, const struct bench *bench,
		   const struct estimator_device *load_sensor, bool host_clock_synchronised, struct err *err);
/* One more device, before the first block: what the load sensor has not by its roles is taken from it. -EINVAL: its
 * displacement is not in mm; -ENOMEM. */
int estimator_add(struct estimator *e, const struct estimator_device *other, struct err *err);
/* Both, from what a record says of a run's devices: its load sensor, and every other device that has channels. A record
 * without names of devices has them by their role. The record's channels are borrowed, too. -EBADMSG: it names no load
 * sensor, or a device that the bench has not. */
int estimator_init_devices(struct estimator *e, const struct plan *plan, const struct bench *bench,
			   const struct record *record, struct err *err);
void estimator_release(struct estimator *e); /* an open point is dropped */

/* Blocks of every stream of every device, in order within each; blocks of different devices in order of their arrival,
 * those of the same moment as they come. */
void estimator_block(struct estimator *e, const struct sample_block *block);
/* What the pen said in answer to a question (not heartbeats). */
void estimator_telemetry(struct estimator *e, const struct pen_telemetry *telemetry);

/* Opens the estimators for point->plan and marks the place. fn gets every stroke, may be NULL. -ENOMEM, -EINVAL. */
int estimator_begin(struct estimator *e, struct record_point *point, uint64_t host_ns,
		    void (*fn)(void *ctx, const struct stroke *stroke), void *ctx);
/* The point's first phase, a tare that began before the point was opened: at first_index, which estimator_keeps(). Those
 * samples are fed to it again. */
void estimator_tare_from(struct estimator *e, struct record_point *point, uint64_t first_index, uint64_t host_ns);
/* Whether all samples from first_index on are still held, without a gap: at most ESTIMATOR_KEPT_S of them. */
bool estimator_keeps(const struct estimator *e, uint64_t first_index);
#define ESTIMATOR_KEPT_S 1.25
/* What the plan measures this point until is known well enough: its window may end. Always false without ends_windows. */
bool estimator_reached(const struct estimator *e);
/* What the plan has this point settle for travels no more: its window may begin. As before. */
bool estimator_settled(const struct estimator *e);
/* A phase begins at the next sample. host_ns: for spin_up and coast that of the command. */
void estimator_phase(struct estimator *e, struct record_point *point, enum point_phase phase, uint64_t host_ns);
/* Ends the point at the last sample: results where `collect`, judgements, outcome. point->fault is set by the caller.
 */
void estimator_end(struct estimator *e, struct record_point *point, uint64_t host_ns, bool collect);

/* The channel that shows the needle bar, NULL where there is none, and whose it is. */
const struct channel *estimator_bar(const struct estimator *e, unsigned *ret_device);
/* Of a held temperature that has a channel: its device's standard uncertainty, and its row in the channel table. */
double estimator_held_u_k(const struct estimator *e, const struct held *held);
const struct channel *estimator_held_channel(const struct estimator *e, const struct held *held);
/* Is what the force says of the depth held against a displacement? */
bool estimator_compares_depths(const struct estimator *e);
/* The comparison of a device's sample clock with the host's; NULL where none is made. */
const struct sample_clock *estimator_clock(const struct estimator *e, unsigned device);

/* Counts at which a force channel is saturated: the ends of the calibrated range or of the converter. */
void estimator_count_range(const struct channel *force, const struct bench *bench, int32_t *ret_lo, int32_t *ret_hi);
/* Index of the first channel of this quantity (and name, where not NULL), or -1. */
int estimator_find_channel(const struct channel *channels, unsigned count, enum quantity quantity, const char *name);

/* Takes the estimators' results; they are done then. Distrusts all of them for point->fault, where there is one.
 * In collect.c. */
void estimator_collect(struct estimator *e, struct record_point *point);

#endif
