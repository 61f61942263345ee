/* The numbers that a point's budgets are made of, so that each line can be recomputed by its equation in docs/method.md. */
#ifndef PENRIG_MEASURE_POINT_BUDGET_INPUTS_H
#define PENRIG_MEASURE_POINT_BUDGET_INPUTS_H

#include <stdbool.h>

#define BUDGET_INPUTS_MAX 128

struct budget_input {
	char name[32];
	char unit[8];
	double value; /* NaN: the point has none */
	bool assumed; /* nobody stated it: a wide default */
};

struct account;

/* One more at ret[n], where there is room; returns how many there are then. */
unsigned budget_input_add(struct budget_input ret[BUDGET_INPUTS_MAX], unsigned n, const char *name, const char *unit,
			  double value);

/* In a fixed order; returns their number. */
unsigned budget_inputs(const struct account *account, struct budget_input ret[BUDGET_INPUTS_MAX]);

#endif
