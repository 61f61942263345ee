/* Is the new build other than the base? Of one measurand at one setpoint, from its value in each run of both. Pure.
 *
 * What varies from run to run and what from pen to pen are not the same, so the model follows from who was run:
 *   paired    two pens or more ran both builds: the difference of each pen's means, Student's t over pens
 *   one pen   one pen alone, both builds: run by run, with a straight drift in time beside the build where there are values enough
 *   groups    no pen ran both: the pens' means of each build, Welch's t over pens; two pens of each at least
 * Pens that ran one build only are left out where others ran both. */
#ifndef PENRIG_STUDY_COMPARE_H
#define PENRIG_STUDY_COMPARE_H

#include <stdbool.h>

#define COMPARE_REASON_MAX 120

struct compare_value {
	bool is_new;
	unsigned unit; /* the same number: the same pen; below the number of values */
	double time;   /* when it was run, in any unit */
	double value;
};

enum compare_model { COMPARE_NONE, COMPARE_PAIRED, COMPARE_ONE_PEN, COMPARE_GROUPS };
extern const char *const compare_model_name[]; /* "none", "paired", "one pen", "groups" */

struct comparison {
	enum compare_model model; /* COMPARE_NONE: nothing can be said, for `reason` */
	char reason[COMPARE_REASON_MAX];
	unsigned base, fresh; /* values that count */
	unsigned left_out;
	bool drift; /* a straight one was taken out */
	double base_mean, new_mean;
	double difference, se, dof; /* new less base */
};
/* values: n of them, in any order. */
void compare_values(const struct compare_value *values, unsigned n, struct comparison *ret);

enum compare_outcome { COMPARE_EQUIVALENT, COMPARE_BETTER, COMPARE_CANNOT_TELL, COMPARE_WORSE };
extern const char *const compare_outcome_name[];

struct compare_rule {
	double margin;       /* >= 0: differences up to this do not matter */
	double lower, upper; /* of the product: which way is worse; NaN: none, and every change is worse */
	unsigned family;     /* how many comparisons are made together: at 5 % one in all is falsely called changed */
};

struct compared {
	enum compare_outcome outcome;
	double lo, hi;           /* of the difference, Sidak: what "changed" is decided by */
	double near_lo, near_hi; /* its 90 % interval: two one-sided tests at 5 %, by which "equivalent" is decided */
	double more; /* runs (or pens) more in each build until it could be told, at this scatter and difference; INFINITY: not by
		      * more of them; 0 where it can be told */
};
void compare_decide(const struct comparison *comparison, const struct compare_rule *rule, struct compared *ret);

#endif
