/* A pen without a plug of its own, as a bench file describes it: what gives it its power, how its rate hangs on that, and
 * what stops it where penrig cannot: the dead-man class of what makes it move. */
#ifndef PENRIG_CONFIG_POWER_H
#define PENRIG_CONFIG_POWER_H

#include <stdbool.h>

#include "rig/base/json.h"
#include "rig/driver/driver.h"

/* What stops the pen when this program is gone. */
enum deadman_class {
	DEADMAN_PEN,    /* its own firmware */
	DEADMAN_DEVICE, /* a timer between it and its power, which penrig feeds */
	DEADMAN_HOST,   /* another process on this computer, and nothing where the computer is gone */
	DEADMAN_NONE,
};
#define DEADMAN_CLASSES 4

struct deadman_row {
	const char *name;   /* in bench files and reports: "device" */
	const char *text;   /* for people: what stops the pen, and what does not */
	bool timed;         /* it has a time, is armed, fed and can be tested */
	bool proven;        /* it is the bench's: a pass wants a test that has seen it stop a pen */
	bool attended;      /* a person whom the run names stands by, and says so before each step */
	bool needs_stopper; /* without that process there is nothing */
	bool of_parts;      /* only a pen made of parts has it */
};
const struct deadman_row *deadman_row(enum deadman_class class); /* never NULL */
const struct deadman_row *deadman_find(const char *name);        /* NULL: there is none of this name */
extern const char *const deadman_words[];                        /* the names, NULL-terminated */

/* "power" of a bench's pen. */
struct bench_power {
	bool present;    /* the pen is made of parts */
	char driver[32]; /* of the supply; the pen's link is the supply's */
	char serial[48]; /* must be the supply's own; "": not checked */
	int64_t output;
	int64_t address;      /* on a bus with several devices; 0: the driver's */
	double current_max_a; /* 0: not said, of what only switches */
	double timer_proof_h; /* so long a passed test of its timer holds for later runs; 0: for its own alone */
	unsigned points;      /* 0: none, of what only switches; 1: the rate is the pen's own at this voltage */
	double volts_v[POWER_POINTS_MAX], rate_hz[POWER_POINTS_MAX]; /* rising; rate_hz unused where points is 1 */
};

/* FIELD_CUSTOM into a struct bench_power. */
int bench_power_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err);

/* What keys of one pen must be to each other; node: its entry. rate: its "rate_hz". -EINVAL with file:line:column. */
struct power_claim {
	const struct bench_power *power;
	enum deadman_class class;
	bool carries_serial, stopper_required;
	double rate_lo_hz, rate_hi_hz;
};
int bench_power_check(const struct json_doc *doc, const struct json *node, const struct power_claim *claim,
		      struct err *err);

struct plan;
struct bench;
/* Whether the plan asks for a test of the pen that a pen made of parts cannot be put to: 0, or -EINVAL with the files. */
int plan_check_power(const struct plan *plan, const struct bench *bench, struct err *err);

/* How long ago a test of the supply's timer may have passed for a run of this plan to stand on it, in hours; 0: the run must
 * test it itself, or needs no such proof. */
double plan_proof_h(const struct plan *plan, const struct bench *bench);
/* Whether a pass on this bench wants the proof that what stops the pen does, and the plan does not bring it. */
bool plan_lacks_proof(const struct plan *plan, const struct bench *bench);

/* How a depth and a rate come about, for reports: "set" (told to the pen, read back), "asked" (of the operator), "volts"
 * (the supply's, by the bench file's table), "own" (the pen's at that voltage). */
const char *bench_depth_by(const struct bench *bench);
const char *bench_rate_by(const struct bench *bench);

/* What the driver of such a pen gets. table: where the supply's driver is looked up. -EINVAL: it is not there, drives no
 * supply, or does not go with what the bench says of volts, amps and dead-man. */
int bench_power_setup(const struct bench *bench, const struct driver *const *table, struct power_setup *ret,
		      struct err *err);

#endif
