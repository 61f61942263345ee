/* What the two kinds of `penrig calibrate` share: options and their forms. */
#ifndef PENRIG_CLI_CALIBRATE_H
#define PENRIG_CLI_CALIBRATE_H

#include "rig/cli/kit/command.h"
#include "rig/config/bench.h"

struct calibrate_options {
	const char *bench, *dut, *rates, *depths, *repeats, *measure, *stage_u, *temperature, *certificate, *laboratory,
		*due, *output, *operator_name, *output_dir, *name, *state, *history, *indicator, *loads, *gravity,
		*gravity_u, *load_u, *shunt_check;
	bool unload, shunt, no_input, quiet;
};

struct list_rule {
	const char *option, *example;
	double lo, hi;
	unsigned least, most;
};

/* A number, or rising numbers ("1,2,5", "FROM:TO:STEP"), within their bounds; number, date and texts of a certificate, and that its
 * due date lies behind today. All: -EINVAL with the option's name and its form. */
int calibrate_number(const char *option, const char *text, double lo, double hi, double *ret, struct err *err);
int calibrate_list(const struct list_rule *rule, const char *text, double *values, unsigned *ret, struct err *err);
int calibrate_certificate(const struct calibrate_options *options, struct calibration *ret, struct err *err);
int calibrate_dates(struct calibration *own, uint64_t wall_ns, struct err *err);

/* `penrig calibrate sensor`. Returns the exit code. */
int calibrate_sensor(const struct cli_tables *tables, const struct calibrate_options *options);

#endif
