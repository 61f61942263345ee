#include "tests/bench/misfits.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RULE(name) static void name(struct recording *r, double s)

RULE(none)
{
	(void)r, (void)s;
}

/* ---- force between strokes */

RULE(adhesion)
{
	r->misfit.adhesion = s;
}

RULE(bounce)
{
	r->misfit.bounce = s;
}

RULE(inertia)
{
	r->misfit.inertia_n = s;
}

RULE(inertia_quadrature)
{
	r->misfit.inertia_q_n = s;
}

RULE(inertia_second)
{
	r->misfit.inertia_2_n = s;
}

RULE(inertia_short_gap)
{
	r->duty = 0.9;
	r->declared_bandwidth_hz = 0.4 * r->fs_hz;
	r->misfit.inertia_n = s;
}

/* ---- load cell */

static void cell(struct recording *r, double hz, double damping)
{
	r->cell_hz = hz;
	r->cell_damping = damping;
}

RULE(cell_undeclared)
{
	cell(r, s, 0.03);
}

RULE(cell_undeclared_damped)
{
	cell(r, s, 0.3);
}

RULE(cell_undeclared_heavy)
{
	cell(r, s, 0.8);
}

RULE(cell_off)
{
	cell(r, 1000.0, 0.05);
	r->declared_hz = s * r->cell_hz;
	r->declared_damping = r->cell_damping;
}

/* A stiff one is declared, and another is there: damped anything from where it hardly rings to where it creeps. */
RULE(cell_other_damped)
{
	cell(r, s, 0.5 * pow(4.0, (double)(r->seed % 97) / 96.0));
	r->declared_hz = 5000.0;
	r->declared_damping = 0.05;
}

/* The same before a phantom that follows late. */
RULE(cell_other_damped_tail)
{
	cell_other_damped(r, s);
	r->misfit.tail = 0.02;
}

RULE(cell_fast_off)
{
	cell(r, 2000.0, 0.05);
	r->declared_hz = s * r->cell_hz;
	r->declared_damping = r->cell_damping;
}

RULE(cell_damping)
{
	cell(r, 1000.0, 0.05);
	r->declared_hz = r->cell_hz;
	r->declared_damping = s * r->cell_damping;
}

/* ---- reference level */

RULE(never_off)
{
	r->misfit.never_off_mm = s;
}

RULE(never_off_tare)
{
	r->misfit.never_off_mm = s;
	r->misfit.tare_contact_mm = s;
}

RULE(dwell)
{
	r->misfit.lowest_mm = s;
}

RULE(dwell_tare)
{
	r->misfit.lowest_mm = s;
	r->misfit.tare_contact_mm = s;
}

RULE(dwell_tare_zero)
{
	dwell_tare(r, s);
	r->u_zero_n = 0.003;
}

RULE(tare_contact)
{
	r->misfit.tare_contact_mm = s;
}

/* ---- raw counts */

RULE(clip)
{
	r->misfit.clip = s;
	r->misfit.clip_behind_noise = true;
}

RULE(clip_before_noise)
{
	r->misfit.clip = s;
}

RULE(clip_soft)
{
	r->misfit.clip = s;
	r->misfit.clip_slope = 0.2;
	r->misfit.clip_behind_noise = true;
}

RULE(clip_12_bits)
{
	r->misfit.clip = s;
	r->bits = 12;
}

RULE(clip_10_bits)
{
	r->misfit.clip = s;
	r->bits = 10;
}

RULE(glitches)
{
	r->misfit.spikes = (unsigned)s;
	r->misfit.spike = 1.0;
}

RULE(glitches_small)
{
	r->misfit.spikes = (unsigned)s;
	r->misfit.spike = 0.1;
}

RULE(burst)
{
	r->misfit.burst = (unsigned)s;
	r->misfit.spike = 1.0;
}

RULE(impulses)
{
	r->misfit.impulses = (unsigned)s;
}

RULE(frozen)
{
	r->misfit.freeze_s = 0.001 * s;
}

/* ---- shape */

RULE(flat_top)
{
	r->misfit.cut = s;
}

RULE(flat_top_wide)
{
	r->duty = 0.7;
	r->misfit.cut = s;
}

RULE(tail)
{
	r->misfit.tail = s;
}

RULE(asymmetry)
{
	r->misfit.asymmetry = s;
}

RULE(double_bump)
{
	r->duty = 0.15;
	r->misfit.second = s;
}

/* ---- lines, motion, noise */

RULE(mains_in_step)
{
	r->rate_hz = 120.0;
	r->misfit.line_hz = 60.0;
	r->misfit.line_n = s;
}

RULE(mains_beside)
{
	r->rate_hz = 110.0;
	r->misfit.line_hz = 60.0;
	r->misfit.line_n = s;
}

RULE(vibration)
{
	r->misfit.line_hz = 41.0;
	r->misfit.line_n = s;
}

RULE(vibration_second)
{
	r->misfit.line_hz = 2.0 * r->rate_hz;
	r->misfit.line_n = s;
}

RULE(tremor)
{
	r->misfit.tremor_n = s;
}

RULE(step)
{
	r->misfit.step_n = s;
}

static void noise(struct recording *r, enum noise_kind kind, double hz, double snr_db)
{
	r->misfit.noise = kind;
	r->misfit.noise_hz = hz;
	r->snr_db = snr_db;
}

RULE(noise_pink)
{
	noise(r, NOISE_PINK, 0.0, s);
}

RULE(noise_800)
{
	noise(r, NOISE_LOW_PASS, 800.0, s);
}

RULE(noise_3000)
{
	noise(r, NOISE_LOW_PASS, 3000.0, s);
}

RULE(noise_slow)
{
	noise(r, NOISE_LOW_PASS, 20.0, s);
}

RULE(noise_student)
{
	noise(r, NOISE_STUDENT, 0.0, s);
}

RULE(noise_impulsive)
{
	noise(r, NOISE_IMPULSIVE, 0.0, s);
}

RULE(bits)
{
	r->bits = (unsigned)s;
}

RULE(bits_quiet)
{
	r->bits = (unsigned)s;
	r->snr_db = 60.0;
	r->hum_n = 0.0;
	r->drift_n = 0.0005;
}

/* One stroke a second, as a crawling pen makes them: twelve in the window, and no template of them. */
RULE(slow_rate)
{
	r->rate_hz = 1.0;
	r->fs_hz = 5000.0;
	r->settle_s = 2.6;
	r->window_s = 12.0;
	r->misfit.tare_pulse_n = s;
}

/* Too few strokes for a template. */
RULE(short_window)
{
	r->window_s = s / r->rate_hz;
}

/* Where the last count of a coarse converter lies is the pen's chance. */
RULE(bits_random)
{
	double a = fmod((double)r->seed * 0.6180339887498949, 1.0), b = fmod((double)r->seed * 0.7548776662466927, 1.0);

	r->bits = (unsigned)s;
	r->depth_mm = 0.6 + 0.9 * a;
	r->hum_n = 0.007 * b;
}

/* ---- tare, settling */

RULE(tare_pulse)
{
	r->misfit.tare_pulse_n = s;
}

RULE(tare_ramp)
{
	r->misfit.tare_ramp_n = s;
}

RULE(tare_glitch)
{
	r->misfit.tare_spikes = (unsigned)s;
	r->misfit.spike = 1.0;
}

RULE(tare_motion)
{
	(void)s;
	r->misfit.tare_stroke = true;
}

static void unsettled_for(struct recording *r, double mm, double tau_s)
{
	r->misfit.unsettled_mm = mm;
	r->misfit.unsettled_s = tau_s;
}

RULE(unsettled)
{
	unsettled_for(r, s, 0.3);
}

RULE(unsettled_fast)
{
	unsettled_for(r, s, 0.1);
}

RULE(unsettled_slow)
{
	unsettled_for(r, s, 1.0);
}

RULE(modulated)
{
	r->slow_mm = 0.02;
	r->slow_hz = s;
}

/* ---- of the pen and the phantom, while they run */

RULE(rate_drift)
{
	r->misfit.rate_drift = s;
}

RULE(alternating)
{
	r->misfit.alternate_mm = s;
}

RULE(skipping)
{
	r->misfit.skip = (unsigned)s;
}

RULE(softening)
{
	r->misfit.soften = s;
}

/* ---- a bench that is not what it says */

static void cell_in_step(struct recording *r, double damping, double declared)
{
	cell(r, 10.0 * r->rate_hz, damping);
	r->declared_hz = declared * r->cell_hz;
	r->declared_damping = declared > 0.0 ? damping : 0.0;
}

RULE(cell_multiple)
{
	cell_in_step(r, s, 1.0);
}

RULE(cell_multiple_off)
{
	cell_in_step(r, s, 1.05);
}

RULE(cell_multiple_undeclared)
{
	cell_in_step(r, s, 0.0);
}

RULE(held)
{
	r->misfit.hold = (unsigned)s;
}

RULE(lost)
{
	r->misfit.lost = (unsigned)s;
}

RULE(twice)
{
	r->misfit.twice = (unsigned)s;
}

RULE(floor_of_gap)
{
	r->misfit.floor = true;
	r->misfit.floor_at = s;
}

RULE(floor_behind_noise)
{
	floor_of_gap(r, s);
	r->misfit.clip_behind_noise = true;
}

RULE(high_pass)
{
	r->misfit.high_pass_hz = s;
}

RULE(average)
{
	r->misfit.average = (unsigned)s;
}

RULE(slew)
{
	r->misfit.slew = s;
}

static void filter_of(struct recording *r, enum filter_kind kind, double hz)
{
	r->misfit.filter = kind;
	r->misfit.filter_hz = hz;
}

RULE(filter_first)
{
	filter_of(r, FILTER_FIRST, s);
}

RULE(filter_bessel_2)
{
	filter_of(r, FILTER_BESSEL_2, s);
}

RULE(filter_bessel_4)
{
	filter_of(r, FILTER_BESSEL_4, s);
}

RULE(filter_butterworth_2)
{
	filter_of(r, FILTER_BUTTERWORTH_2, s);
}

RULE(filter_butterworth_3)
{
	filter_of(r, FILTER_BUTTERWORTH_3, s);
}

RULE(filter_butterworth_4)
{
	filter_of(r, FILTER_BUTTERWORTH_4, s);
}

RULE(filter_sinc3)
{
	filter_of(r, FILTER_SINC3, s);
}

RULE(motor_line)
{
	r->misfit.line_hz = 73.0;
	r->misfit.line_of_motor = true;
	r->misfit.line_n = s;
}

RULE(motor_line_half)
{
	motor_line(r, s);
	r->misfit.line_hz = 1.5 * r->rate_hz;
}

static void motor_line_at(struct recording *r, double times, double n)
{
	motor_line(r, n);
	r->misfit.line_hz = times * r->rate_hz;
	r->duty = r->seed % 2 ? 0.65 : r->duty;
}

RULE(motor_line_3_7)
{
	motor_line_at(r, 3.7, s);
}

RULE(motor_line_4_5)
{
	motor_line_at(r, 4.5, s);
}

RULE(motor_line_5_5)
{
	motor_line_at(r, 5.5, s);
}

RULE(gain_step)
{
	r->misfit.gain_step = s;
}

RULE(line_beats)
{
	r->misfit.line_hz = r->rate_hz + 0.3;
	r->misfit.line_n = s;
}

RULE(line_grows)
{
	r->misfit.line_hz = 73.0;
	r->misfit.line_grows = true;
	r->misfit.line_n = s;
}

RULE(dimmer)
{
	r->misfit.dimmer_n = s;
}

/* ---- two at once */

RULE(clip_adhesion)
{
	clip(r, s);
	r->misfit.adhesion = s;
}

RULE(tail_inertia)
{
	r->misfit.tail = s;
	r->misfit.inertia_n = 0.1 * s;
}

RULE(adhesion_bounce)
{
	r->misfit.adhesion = r->misfit.bounce = s;
}

RULE(unsettled_softening)
{
	unsettled_for(r, s, 0.5);
	r->misfit.soften = s;
}

/* ---- what the model fits */

/* Depth 1 or 2.5 mm, duty 0.4 or 0.7, sd 8 or 20 um, strokes moved or scaled: all of them, in turn. */
static void scatter_of(struct recording *r)
{
	unsigned kind = (unsigned)(r->seed % 16);

	r->depth_mm = kind & 1 ? 2.5 : 1.0;
	r->duty = kind & 2 ? 0.7 : 0.4;
	r->depth_sd_mm = kind & 4 ? 0.02 : 0.008;
	r->offset_path = kind & 8;
	r->declared_bandwidth_hz = 0.4 * r->fs_hz;
}

RULE(fits_noise)
{
	scatter_of(r);
	r->snr_db = s;
}

RULE(fits_minute)
{
	fits_noise(r, s);
	r->window_s = 60.0;
}

static void jitter_of(struct recording *r, double percent, double snr_db)
{
	r->speed_change = (enum speed_change)(r->seed % 3);
	r->duty = r->seed / 3 % 2 ? 0.7 : 0.4;
	r->declared_bandwidth_hz = 0.4 * r->fs_hz;
	r->jitter = 0.01 * percent;
	r->snr_db = snr_db;
}

/* A gear, or a ripple of its supply, wanders with the mains; that of the bench may be anything. */
RULE(fits_wander)
{
	r->slow_mm = 1e-3 * s;
	r->slow_hz = 50.0;
}

RULE(fits_jitter)
{
	jitter_of(r, s, 40.0);
}

RULE(fits_jitter_noisy)
{
	jitter_of(r, s, 20.0);
}

static double share_of(const struct recording *r, unsigned prime)
{
	return (double)(r->seed / 7 % prime) / (double)(prime - 1);
}

/* A pen that is braked hard, or sticks, from the deepest point of its window's last stroke on. */
static void stops_of(struct recording *r, double window_s, enum stop_kind stop)
{
	r->window_s = window_s;
	r->speed_change = (enum speed_change)(r->seed % 3);
	r->snr_db = 20.0 + 40.0 * share_of(r, 101);
	r->park = 0.05 + 0.45 * share_of(r, 103);
	r->misfit.stop = stop;
	r->misfit.brake = share_of(r, 107);
	r->misfit.stop_edge = 0.05 + 0.45 * share_of(r, 109);
}

RULE(fits_slows)
{
	stops_of(r, s, STOP_SLOWS);
}

RULE(fits_stands)
{
	stops_of(r, s, STOP_STANDS);
}

#define ROW(name_, unit_, apply_, ...)                                                                                 \
	{                                                                                                              \
		.name = name_, .unit = unit_, .apply = apply_, .severity = { __VA_ARGS__ }                             \
	}
#define NOMINAL(name_, unit_, apply_, ...)                                                                             \
	{                                                                                                              \
		.name = name_, .unit = unit_, .apply = apply_, .severity = {__VA_ARGS__}, .as_drawn = true             \
	}

/* What no force signal tells: nothing is asked of its trusted points here. */
#define UNTOLD(name_, unit_, apply_, ...)                                                                              \
	{                                                                                                              \
		.name = name_, .unit = unit_, .apply = apply_, .severity = {__VA_ARGS__}, .depth_wrong = true          \
	}

#define FITS(name_, unit_, apply_, ...)                                                                                \
	{                                                                                                              \
		.name = name_, .unit = unit_, .apply = apply_, .severity = {__VA_ARGS__}, .fits = true                 \
	}

const struct misfit_family misfit_families[] = {
	ROW("none", "", none, 0.0),
	ROW("adhesion", "of the height", adhesion, 0.002, 0.01, 0.02, 0.05, 0.2),
	ROW("bounce", "of the height", bounce, 0.002, 0.01, 0.02, 0.05, 0.1, 0.2),
	ROW("inertia", "N", inertia, 0.0003, 0.001, 0.003, 0.01, 0.03),
	ROW("inertia-opposed", "N", inertia, -0.001, -0.003, -0.01, -0.03),
	ROW("inertia-quadrature", "N", inertia_quadrature, 0.001, 0.003, 0.01, 0.03),
	ROW("inertia-second", "N", inertia_second, 0.001, 0.003, 0.01),
	ROW("inertia-duty-0.9", "N", inertia_short_gap, 0.001, 0.003, 0.01),
	ROW("cell-undeclared", "Hz", cell_undeclared, 4000, 2000, 1000),
	ROW("cell-undeclared-damped", "Hz", cell_undeclared_damped, 4000, 2000, 1000),
	ROW("cell-undeclared-heavy", "Hz", cell_undeclared_heavy, 4000, 2000, 1000),
	ROW("cell-1kHz-declared", "times", cell_off, 1.0, 1.02, 1.05, 1.1, 0.9),
	ROW("cell-2kHz-declared", "times", cell_fast_off, 1.0, 1.02, 1.05, 1.1, 0.9),
	ROW("cell-damping-declared", "times", cell_damping, 2.0, 4.0, 0.25),
	ROW("cell-5kHz-declared-damped", "Hz", cell_other_damped, 4000, 2000, 1000, 900),
	ROW("cell-5kHz-declared-damped-tail", "Hz", cell_other_damped_tail, 2000, 1000),
	ROW("never-off", "mm", never_off, 0.01, 0.05, 0.2),
	ROW("never-off-tare", "mm", never_off_tare, 0.01, 0.05, 0.2),
	ROW("dwell", "mm", dwell, 0.01, 0.05, 0.2),
	UNTOLD("dwell-tare", "mm", dwell_tare, 0.01, 0.05, 0.2),
	ROW("dwell-tare-zero-known", "mm", dwell_tare_zero, 0.01, 0.05, 0.2),
	ROW("tare-contact", "mm", tare_contact, 0.01, 0.05, 0.2),
	ROW("clip", "of the height", clip, 0.0005, 0.005, 0.02, 0.1, 0.3),
	ROW("clip-before-noise", "of the height", clip_before_noise, 0.0005, 0.005, 0.02, 0.1, 0.3),
	ROW("clip-soft", "of the height", clip_soft, 0.005, 0.02, 0.1, 0.3),
	ROW("clip-12-bit", "of the height", clip_12_bits, 0.005, 0.02, 0.1, 0.3),
	ROW("clip-10-bit", "of the height", clip_10_bits, 0.02, 0.1, 0.3),
	ROW("glitches", "samples", glitches, 1, 30, 100, 200),
	ROW("glitches-small", "samples", glitches_small, 1, 30, 100),
	ROW("burst", "samples", burst, 20, 200),
	ROW("impulses", "blows", impulses, 1, 5, 30),
	ROW("frozen", "ms", frozen, 1, 5, 30, 200),
	ROW("flat-top", "cut", flat_top, 1.02, 1.2, 1.5, 2.0, 3.0),
	ROW("flat-top-duty-0.7", "cut", flat_top_wide, 1.2, 2.0),
	ROW("tail", "of the height", tail, 0.01, 0.05, 0.2),
	ROW("asymmetry", "of the half", asymmetry, 0.05, 0.2, 0.5),
	NOMINAL("double-bump", "of the depth", double_bump, 0.6, 0.8, 0.95),
	ROW("mains-60-rate-120", "N", mains_in_step, 0.0005, 0.002, 0.005, 0.02),
	ROW("mains-60-rate-110", "N", mains_beside, 0.002, 0.02),
	ROW("vibration-41Hz", "N", vibration, 0.002, 0.02),
	ROW("vibration-twice-rate", "N", vibration_second, 0.002, 0.005, 0.02),
	ROW("tremor", "N", tremor, 0.005, 0.05, 0.2),
	ROW("step", "N", step, 0.01, 0.05, 0.2),
	ROW("noise-pink", "dB", noise_pink, 50, 40, 30, 20),
	ROW("noise-20Hz", "dB", noise_slow, 40, 30, 20),
	ROW("noise-800Hz", "dB", noise_800, 40, 30, 20),
	ROW("noise-3kHz", "dB", noise_3000, 40, 20),
	ROW("noise-student", "dB", noise_student, 40, 20),
	ROW("noise-impulsive", "dB", noise_impulsive, 40, 30, 20),
	ROW("bits", "bit", bits, 14, 12, 10),
	ROW("bits-quiet", "bit", bits_quiet, 14, 12, 10),
	ROW("bits-random-depth", "bit", bits_random, 10),
	ROW("tare-pulse", "N", tare_pulse, 0.002, 0.01, 0.05),
	ROW("tare-pulse-rate-1Hz", "N", slow_rate, 0.0001, 0.05, 0.2),
	ROW("few-strokes", "strokes", short_window, 6, 12, 24),
	ROW("tare-ramp", "N", tare_ramp, 0.002, 0.01, 0.05),
	ROW("tare-glitch", "samples", tare_glitch, 1, 10),
	ROW("tare-motion", "", tare_motion, 1),
	ROW("unsettled", "mm", unsettled, 0.005, 0.01, 0.02, 0.05, 0.2),
	ROW("unsettled-fast", "mm", unsettled_fast, 0.05, 0.2),
	ROW("unsettled-slow", "mm", unsettled_slow, 0.01, 0.02, 0.05),
	ROW("modulated", "Hz", modulated, 3.0, 0.4),
	ROW("rate-drift", "over the window", rate_drift, 0.001, 0.01, 0.05, 0.2, -0.05),
	ROW("alternating", "mm", alternating, 0.01, 0.03, 0.1),
	ROW("skipping", "strokes", skipping, 50, 10, 4, 2),
	ROW("softening", "over the window", softening, 0.001, 0.005, 0.02, 0.1, -0.02),
	ROW("cell-multiple-of-rate", "damping", cell_multiple, 0.05, 0.01, 0.003),
	ROW("cell-multiple-declared-1.05", "damping", cell_multiple_off, 0.05, 0.01, 0.003),
	ROW("cell-multiple-undeclared", "damping", cell_multiple_undeclared, 0.3, 0.05, 0.01, 0.003),
	ROW("held-samples", "times", held, 2, 4, 10),
	UNTOLD("lost-samples", "samples", lost, 1, 5, 40),
	ROW("samples-twice", "samples", twice, 100, 500, 4000),
	UNTOLD("floor-of-gap", "of the height", floor_of_gap, -0.01, 0.002, 0.01, 0.05),
	ROW("floor-behind-noise", "of the height", floor_behind_noise, -0.01, 0.002, 0.01, 0.05),
	ROW("alternating-current", "Hz", high_pass, 0.01, 0.1, 1.0, 10.0),
	ROW("running-average", "samples", average, 4, 10, 20, 40),
	ROW("slew-rate", "heights a period", slew, 8, 6, 5, 4, 3),
	ROW("filter-first-order", "Hz", filter_first, 4000, 1000, 500, 250),
	ROW("filter-bessel-2", "Hz", filter_bessel_2, 4000, 1000, 500, 250),
	ROW("filter-bessel-4", "Hz", filter_bessel_4, 4000, 1000, 500, 250),
	ROW("filter-butterworth-2", "Hz", filter_butterworth_2, 4000, 1000, 500, 250),
	ROW("filter-butterworth-3", "Hz", filter_butterworth_3, 4000, 1000, 500, 250),
	ROW("filter-butterworth-4", "Hz", filter_butterworth_4, 4000, 1000, 500, 250),
	ROW("filter-sinc3", "Hz", filter_sinc3, 4000, 1000, 500, 250),
	ROW("motor-73Hz", "N", motor_line, 0.002, 0.01, 0.05),
	ROW("motor-1.5-times-rate", "N", motor_line_half, 0.002, 0.01, 0.05),
	ROW("motor-3.7-times-rate", "N", motor_line_3_7, 0.0005, 0.002, 0.01),
	ROW("motor-4.5-times-rate", "N", motor_line_4_5, 0.0005, 0.002, 0.01),
	ROW("motor-5.5-times-rate", "N", motor_line_5_5, 0.0005, 0.002, 0.01),
	ROW("gain-step", "of the gain", gain_step, 0.001, 0.005, 0.02),
	ROW("line-beats", "N", line_beats, 0.001, 0.005, 0.02),
	ROW("line-grows", "N", line_grows, 0.002, 0.01, 0.05),
	ROW("dimmer", "N", dimmer, 0.002, 0.02, 0.1),
	ROW("clip-and-adhesion", "of the height", clip_adhesion, 0.002, 0.01, 0.05),
	ROW("tail-and-inertia", "of the height", tail_inertia, 0.01, 0.03, 0.1),
	ROW("adhesion-and-bounce", "of the height", adhesion_bounce, 0.002, 0.01, 0.03),
	UNTOLD("unsettled-and-softening", "mm, of the force", unsettled_softening, 0.005, 0.02, 0.05),
	FITS("fits-noise", "dB", fits_noise, 20, 40, 60),
	FITS("fits-minute", "dB", fits_minute, 20, 40, 60),
	FITS("fits-wander-50Hz", "um", fits_wander, 1, 2, 4, 8),
	FITS("fits-jitter", "%", fits_jitter, 0.1, 0.3, 1, 3, 5),
	FITS("fits-jitter-20dB", "%", fits_jitter_noisy, 0.3, 1, 3, 5),
	FITS("fits-slows-at-end", "s", fits_slows, 0.3, 0.6, 1, 3, 10),
	FITS("fits-stands-at-end", "s", fits_stands, 0.3, 0.6, 1, 3, 10),
};
const unsigned misfit_family_count = sizeof(misfit_families) / sizeof(misfit_families[0]);

const struct misfit_family *misfit_family_find(const char *name)
{
	for (unsigned i = 0; i < misfit_family_count; i++) {
		if (strcmp(misfit_families[i].name, name) == 0)
			return &misfit_families[i];
	}
	abort();
}

unsigned misfit_severities(const struct misfit_family *family)
{
	unsigned n = 1;

	while (n < SEVERITIES_MAX && family->severity[n] != 0.0)
		n++;
	return n;
}

/* FNV-1a of the name: the order of the table does not matter. */
static uint64_t seed_of(const struct misfit_family *family, double severity, unsigned trial)
{
	uint64_t hash = 14695981039346656037u;

	for (const char *c = family->name; *c != '\0'; c++)
		hash = (hash ^ (uint64_t)*c) * 1099511628211u;
	hash = (hash ^ (uint64_t)llrint(1e6 * fabs(severity))) * 1099511628211u;
	return (hash ^ trial) * 1099511628211u >> 8;
}

struct recording misfit_recording(const struct misfit_family *family, double severity, unsigned trial)
{
	uint64_t seed = seed_of(family, severity, trial);
	struct recording r = trial % 2 == 0 || family->as_drawn ? recording_nominal(seed) : recording_usual(seed);

	family->apply(&r, severity);
	return r;
}
