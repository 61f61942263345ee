/* What is measured: one row for each measurand, with every rule that hangs on which one it is. */
#ifndef PENRIG_MEASURE_MEASURAND_H
#define PENRIG_MEASURE_MEASURAND_H

#include <stdbool.h>

enum measurand {
	MEASURAND_NONE, /* a name without a row, as a file of another version may hold: shown, never judged */
	MEASURAND_STROKE_RATE,
	MEASURAND_STROKE_RATE_ERROR,
	MEASURAND_PERIOD_JITTER,
	MEASURAND_MISSED_STROKES,
	MEASURAND_DOUBLE_STROKES,
	MEASURAND_STROKES,
	MEASURAND_DEPTH,
	MEASURAND_DEPTH_SD,
	MEASURAND_DEPTH_ERROR,
	MEASURAND_DEPTH_TOLERANCE_LO,
	MEASURAND_DEPTH_TOLERANCE_HI,
	MEASURAND_DEPTH_MAX,
	MEASURAND_DEPTH_MAX_RAW,
	MEASURAND_DEPTH_LINEARITY,
	MEASURAND_DEPTH_HYSTERESIS,
	MEASURAND_SPIN_UP,
	MEASURAND_COAST_DOWN,
	MEASURAND_RATE_DROOP,
	MEASURAND_FREE_RATE,
	MEASURAND_HANDLE_TEMPERATURE,
	MEASURAND_TIP_TEMPERATURE,
	MEASURAND_AMBIENT_TEMPERATURE,
	MEASURAND_TEMPERATURE_RISE,
	MEASURAND_STEADY_TEMPERATURE,
	MEASURAND_PEAK_FORCE,
	MEASURAND_SEATING_FORCE,
	MEASURAND_CREST_FACTOR,
	MEASURAND_IMPULSE,
	MEASURAND_PEN_RATE,
	MEASURAND_PEN_MOTOR_TEMPERATURE,
	MEASURAND_PEN_HANDLE_TEMPERATURE,
	MEASURAND_PEN_BATTERY,
	MEASURANDS
};

/* What it is a property of. Only what the bench measures of a point or a sweep can have a limit. */
enum measurand_scope {
	SCOPE_INFORMATIVE, /* shown beside what is judged */
	SCOPE_POINT,
	SCOPE_SWEEP, /* of all depths at one rate on one phantom */
	SCOPE_PEN    /* the pen's own word: the pen does not judge itself */
};

/* What must be there, or be sound, for it to be trusted. Flags. */
enum measurand_need {
	NEEDS_FORCE = 1,
	NEEDS_BAR = 2,   /* displacement of the needle bar */
	NEEDS_HEAT = 4,  /* a temperature channel */
	NEEDS_CLOCK = 8, /* the sample clock within its specification: a time or a rate */
	NEEDS_FREE_RUN = 16,
	NEEDS_STROKES = 32 /* a pen that was seen to strike: one that stands says nothing of itself at work */
};

/* Where it stands under several methods, the plan says which of them is judged. */
enum judged_by {
	JUDGED_BY_ANY,
	JUDGED_BY_RATE, /* "judge": {"rate": ...}: realised or nominal */
	JUDGED_BY_DEPTH /* "judge": {"depth": ...}: force_equivalent or displacement */
};

/* What a sweep must visit for it. */
enum sweep_shape { SWEEP_ANY, SWEEP_BOTH_WAYS, SWEEP_THREE_DEPTHS };

/* How its value comes from the inputs of its budget: what a propagation beyond the first order must go through. */
enum measurand_model {
	MODEL_LINEAR,      /* a sum, or as good as one */
	MODEL_RATE,        /* scaled by the clock */
	MODEL_RATE_ERROR,  /* such a rate in per cent of another, less 100 */
	MODEL_DEPTH,       /* by force: through the phantom's curve */
	MODEL_DEPTH_ERROR, /* such a depth less its setpoint */
};

/* What its limit says of the figure that is shown while a point runs: nothing, the figure's own bounds, or bounds about the
 * setpoint. Not of temperatures: judged is their rise on top of a rated ambient, which is not what a live one shows. */
enum measurand_live { LIVE_NONE, LIVE_RATE, LIVE_RATE_PERCENT, LIVE_DEPTH, LIVE_DEPTH_OFFSET };

struct measurand_row {
	const char *name;  /* in plans, run files and reports */
	const char *unit;  /* its only one */
	const char *about; /* for people: half a line, no full stop */
	enum measurand_scope scope;
	unsigned needs; /* NEEDS_... */
	enum judged_by judged_by;
	enum sweep_shape sweep;
	enum measurand_model model;
	enum measurand_live live;
	bool parts;         /* stands once for each part, the method names it: "handle", "tip" */
	bool thermal_basis; /* judged only where the plan says by which table of temperatures */
	bool of_pulse; /* of a stroke's force, as the load cell shows it: in doubt where depths by force and by displacement
			* cannot both be true, for it may be the cell */
	bool moving; /* of needles that strike: passes no limit where they were not seen to, throughout the window. It may fail:
		      * a pen that stops is slow, and misses strokes */
	bool stays; /* no samples that are missing make it larger: what an attempt showed of it holds, were the attempt not
		     * trusted. Rates, counts and scatters go by what lies between strokes */
	bool outlasts; /* no window that was cut short makes it fail: what a fault ended showed of it, with all its samples, holds.
			* A count of strokes and what few strokes widen go by the window's length */
	bool narrows; /* its uncertainty falls with every stroke: a window may end when it is small enough. Not of a scatter,
		       * whose uncertainty is small where it is: such a window would end where the pen looks best */
	bool travels;        /* each stroke shows it, so that a pen which still settles is seen by it */
	const char *counted; /* an exact count, and of what, as in "3 missed, limit 0"; else NULL */
};

/* id below MEASURANDS. MEASURAND_NONE has a row too: empty name and unit, informative. Never NULL. */
const struct measurand_row *measurand_row(enum measurand id);
/* MEASURAND_NONE for a name that no row has. */
enum measurand measurand_find(const char *name);
/* May a limit name it? */
bool measurand_is_judged(enum measurand id);

/* The method whose result is judged: "realised", "displacement", ...; NULL for JUDGED_BY_ANY. */
const char *measurand_method(enum judged_by by, bool nominal_rate, bool displacement);

#endif
