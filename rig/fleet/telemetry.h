/* Telemetry to an MQTT broker, from a thread of its own (docs/telemetry.md): whatever becomes of the broker, nobody who tells
 * something waits. What it could not tell is counted. */
#ifndef PENRIG_FLEET_TELEMETRY_H
#define PENRIG_FLEET_TELEMETRY_H

#include <stdint.h>

#include "rig/fleet/broker.h"

#define TELEMETRY_BENCHES_MAX 8
#define TELEMETRY_TEXT        1536 /* of a message; a longer one is counted as lost */
#define TELEMETRY_DEPTH       64   /* verdicts of a bench that wait for the broker; of more the oldest are lost */

struct telemetry_config {
	const char *url;         /* mqtt[s]://[USER@]HOST[:PORT][/PREFIX] */
	const char *ca, *secret; /* files, or NULL */
};

struct telemetry;

/* what it tells of a bench, each as JSON */
enum telemetry_kind {
	TELEMETRY_STATE,    /* stays with the broker; the newest counts */
	TELEMETRY_VERDICT,  /* at least once, in order */
	TELEMETRY_PROGRESS, /* at most once */
	TELEMETRY_KINDS
};
extern const char *const telemetry_topics[TELEMETRY_KINDS]; /* the last word of a topic */

/* Connects not yet. -EINVAL, -ENOENT, -ENOTSUP, -EACCES with text. */
int telemetry_open(const struct telemetry_config *config, struct telemetry **ret, struct err *err);
/* will: what the state is once the connection is lost. All before telemetry_begin(). */
int telemetry_add(struct telemetry *telemetry, const char *bench, const char *will, struct err *err);
int telemetry_begin(struct telemetry *telemetry, struct err *err);
/* Says the last states, for a second at most. NULL is fine. */
void telemetry_close(struct telemetry *telemetry);

/* bench: in the order in which they were added. Never waits for the broker. */
void telemetry_tell(struct telemetry *telemetry, unsigned bench, enum telemetry_kind kind, const char *text);

struct telemetry_counts {
	bool up;
	unsigned times;       /* that it came up */
	uint64_t told, lost;  /* messages */
	char why[BROKER_WHY]; /* it was lost the last time, or not reached; "" never */
};
void telemetry_look(struct telemetry *telemetry, unsigned bench, struct telemetry_counts *ret);

/* A bench's name as a level of a topic: what has a meaning there becomes %XX. ret of `size` bytes. */
const char *telemetry_level(const char *name, char *ret, size_t size);

#endif
