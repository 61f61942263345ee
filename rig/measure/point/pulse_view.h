/* The mean pulse of a point's window and its landmarks, for the checks that look at its shape. Internal to measure/. */
#ifndef PENRIG_MEASURE_POINT_PULSE_VIEW_H
#define PENRIG_MEASURE_POINT_PULSE_VIEW_H

#include "rig/measure/checks/mean_pulse.h"
#include "rig/measure/point/summary.h"

/* Places: samples of the local axis about the instant. Forces above the baseline. */
struct pulse_view {
	const struct mean_pulse *mean;
	double fs_hz;
	uint64_t strokes;
	double noise_n;        /* white, of one sample */
	double height_n;       /* as declared; by the polynomial that heights are taken from */
	double second_n;       /* N / sample^2, at the top */
	double slope_n;        /* N / sample, on the way to where contact ends */
	double cap_lo, cap_hi; /* where it stands above 0.6 of its height */
	double end, next;      /* of contact: where it falls below 0.02, and where the next one rises above it */
};

/* False: too few strokes were folded, or they make no pulse. */
bool pulse_view(const struct account *account, struct pulse_view *ret);
/* Height with this cell undone; NULL, or one of 0 Hz: as the samples have it. */
double pulse_view_height(const struct pulse_view *view, const struct load_cell *cell);

#endif
