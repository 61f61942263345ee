/* Does the pass of a bench's reference pen hold? The newest run of that pen by its plan on that bench decides: nothing older is
 * looked for, whatever it says, and one that the bench's state knows to have begun must be in the history. It must be a plain pass that nobody took back, measured with the very files that the bench has
 * now (bench, phantoms and with them the certificates, plan) by this program, and no device had another firmware in a run since; not too old, not used up; and its values must
 * agree with those of the earlier passes, where there are enough to tell. */
#ifndef PENRIG_STUDY_GOLDEN_H
#define PENRIG_STUDY_GOLDEN_H

#include "rig/history/history.h"

#define GOLDEN_EARLIER_MIN 5    /* earlier passes that a value is compared with; fewer cannot tell */
#define GOLDEN_FALSE_ALARM 0.01 /* of one run, over all its values together */

struct golden_rule {             /* texts are borrowed */
	const char *pen, *bench; /* serial number; name of the bench */
	const char *plan, *plan_sha256, *setup, *software;
	unsigned method;
	const char *since; /* day from which earlier passes are compared with; "": all */
	double now_s;      /* seconds since 1970 */
	double valid_s;
	int64_t valid_runs; /* 0: any number */
	const char *begun;  /* when its newest run that the bench's state knows of began; "": none */
	const char *begun_name, *begun_folder;
};

enum golden_state {
	GOLDEN_VALID,
	GOLDEN_NONE,        /* it never ran */
	GOLDEN_NOT_INDEXED, /* its newest run is not in this history */
	GOLDEN_NOT_PASSED,  /* or a later verdict or a supervisor took the pass back */
	GOLDEN_OTHER_PLAN,
	GOLDEN_OTHER_SETUP, /* bench file, a phantom or a profile is another one since */
	GOLDEN_OTHER_PROGRAM,
	GOLDEN_OTHER_FIRMWARE, /* of a device that measured, under the same serial number */
	GOLDEN_FUTURE,         /* it is dated after now */
	GOLDEN_OVERDUE,
	GOLDEN_USED_UP,
	GOLDEN_DRIFTED, /* it passed its plan, and lies beside its own history */
	GOLDEN_STATES
};
extern const char *const golden_state_name[GOLDEN_STATES];

/* The value that lies farthest from its history, in the units of what is allowed: above 1 it drifted. */
struct golden_worst {
	char measurand[32], method[32], unit[8];
	double value, mean, allowed; /* it may lie so far from the mean of the earlier ones */
	double share;                /* 0: nothing could be compared */
};

struct golden_device { /* that measured, as the pass's run had it */
	char serial[48], firmware[48];
};

struct golden_pass {
	enum golden_state state;
	char text[320]; /* for people: until when it holds, or why it does not */
	char run[128], started[32], head[SHA256_HEX];
	int64_t run_id;
	double age_s;
	unsigned runs_since; /* of other pens on this bench */
	unsigned earlier;    /* passes before it that agreed with theirs; counted where this one could be valid */
	unsigned compared, not_compared; /* values; of too few earlier ones */
	char others[200];                /* their measurands */
	unsigned devices;                /* of its run, all but the pen; found where this one could be valid */
	struct golden_device device[RECORD_DEVICES_MAX];
	struct golden_worst worst;
};

/* The rule alone: newest NULL: there is none. Texts of *newest as history_each_run() gives them. */
void golden_judge(const struct golden_rule *rule, const struct history_run *newest, unsigned runs_since,
		  struct golden_pass *ret);
/* Whether a run is one that a pen's pass could be told from: measured here, and begun. Whether it is a plain pass, in one part, that
 * nobody took back or decided about. */
bool golden_ran(const struct history_run *run);
bool golden_passed(const struct history_run *run);
/* By how much a value may differ from n earlier ones of mean and deviation sd, where `together` are compared at once; Student's t
 * of a new value. n >= 2. */
double golden_allowed(unsigned n, double sd, unsigned together);

/* Whether this device had another firmware when the pass was measured: in words, else NULL. The words are of *ret. */
const char *golden_other_firmware(const struct golden_pass *pass, const char *serial, const char *firmware,
				  char ret[240]);

/* Asks the history. -errno with text where it cannot be read. */
int golden_look(struct history *history, const struct golden_rule *rule, struct golden_pass *ret, struct err *err);

#endif
