/* Why the values of a point may not be judged. Each function adds what it finds to a reason, where none stands yet: the
 * first one found is the one that is told. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_DOUBTS_H
#define PENRIG_MEASURE_POINT_DOUBTS_H

#include "rig/measure/point/summary.h"

#define RATE_STROKES_MIN 3

/* Of counts, of rates, of depths by force, of forces, of single events. Empty: nothing is known against them. */
struct reasons {
	char count[REASON_MAX], rate[REASON_MAX], depth[REASON_MAX], force[REASON_MAX], event[REASON_MAX];
};

/* reason: of REASON_MAX. Nothing where it is not empty. */
__attribute__((format(printf, 2, 3))) void doubt(char *reason, const char *format, ...);

/* Of a reason: samples are missing, and nothing was doubted before that. */
bool doubt_is_lack(const char *reason);

void doubt_channel(const struct account *account, enum point_phase phase, const char *where, char *reason);
void doubt_tare(const struct account *account, char *reason);
void doubt_rate(const struct account *account, char *reason);
/* Of what each single pulse shows: what a check does not see for it is no reason of its own. */
void doubt_pulses(const struct account *account, char *reason);
void doubt_depth(const struct account *account, char *reason);
/* Where nothing strikes, nothing is missing, nothing comes twice and everything stands still at once. */
void doubt_few(const struct account *account, char *reason);
/* Where noise alone moves the force nearly as a stroke does: what is counted may be noise. */
void doubt_noise(const struct account *account, char *reason);
/* Where the strokes do not fill the window, at its ends and within. */
void doubt_edges(const struct account *account, char *reason);
void doubt_holes(const struct account *account, char *reason);
void doubt_displacement(const struct account *account, char *reason);
/* Of the pulse as a whole, not of its peak alone. force: the reason that all forces share. */
void doubt_shape(const struct account *account, const char *force, char *reason);

/* Periods of the measure window before its first stroke and after its last one. */
void window_edges(const struct account *account, double *ret_before, double *ret_after);

#endif
