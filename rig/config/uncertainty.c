/* The entries, their defaults, and how they are read. */
#include "rig/config/uncertainty.h"

#include <string.h>

static const struct uncertainty_row rows[UNCERTAINTY_ENTRIES] = {
	[UNCERTAINTY_CELL_FREQUENCY] = {.key = "cell_frequency_rel",
					.input = "cell_frequency_rel",
					.unit = "1",
					.fallback = 0.02,
					.hi = 0.5,
					.about = "load cell: its natural frequency, mounted"},
	[UNCERTAINTY_CELL_DAMPING] = {.key = "cell_damping_rel",
				      .input = "cell_damping_rel",
				      .unit = "1",
				      .fallback = 0.3,
				      .hi = 1,
				      .about = "load cell: its damping ratio, mounted"},
	[UNCERTAINTY_CELL_LINEARITY] = {.key = "cell_linearity_rel",
					.input = "cell_linearity_rel",
					.unit = "1",
					.fallback = 0.003,
					.hi = 0.2,
					.about = "load cell: linearity, of the force"},
	[UNCERTAINTY_CELL_HYSTERESIS] = {.key = "cell_hysteresis_rel",
					 .input = "cell_hysteresis_rel",
					 .unit = "1",
					 .fallback = 0.003,
					 .hi = 0.2,
					 .about = "load cell: loading against unloading, of the force"},
	[UNCERTAINTY_CELL_CREEP] = {.key = "cell_creep_rel",
				    .input = "cell_creep_rel",
				    .unit = "1",
				    .fallback = 0.002,
				    .hi = 0.2,
				    .about = "load cell: creep within a window, of the force"},
	[UNCERTAINTY_CELL_DRIFT] = {.key = "cell_drift_rel_per_year",
				    .input = "cell_drift_rel",
				    .unit = "1/year",
				    .fallback = 0.002,
				    .hi = 0.2,
				    .about = "load cell: sensitivity since the date of its certificate"},
	[UNCERTAINTY_CELL_ZERO] = {.key = "cell_zero_n",
				   .input = "cell_zero_n",
				   .unit = "N",
				   .fallback = 0.05,
				   .hi = 10,
				   .about = "load cell: what it reads without any force; seating force alone"},
	[UNCERTAINTY_CARTRIDGE_FORCE] = {.key = "cartridge_force_rel",
					 .input = "cartridge_force_rel",
					 .unit = "1",
					 .fallback = 0.02,
					 .hi = 0.5,
					 .about = "cartridge: force of its needles against that of the calibration's"},
	[UNCERTAINTY_CARTRIDGE_LENGTH] = {.key = "cartridge_length_mm",
					  .input = "cartridge_length_mm",
					  .unit = "mm",
					  .fallback = 0.02,
					  .hi = 1,
					  .about = "cartridge: length of its needles; depth by displacement alone"},
	[UNCERTAINTY_SEATING] = {.key = "seating_mm",
				 .input = "seating_mm",
				 .unit = "mm",
				 .fallback = 0.02,
				 .hi = 1,
				 .about = "where the phantom's surface is; depth by displacement alone"},
	[UNCERTAINTY_ANGLE] = {.key = "needle_angle_deg",
			       .input = "needle_angle_rel",
			       .unit = "deg",
			       .fallback = 3,
			       .hi = 30,
			       .about = "needles against the surface's normal, at most, either way"},
	[UNCERTAINTY_POSITION] = {.key = "position_rel",
				  .input = "position_rel",
				  .unit = "1",
				  .owner = UNCERTAINTY_OF_PHANTOM,
				  .fallback = 0.005,
				  .hi = 0.5,
				  .about = "force from one position to another"},
	[UNCERTAINTY_AGEING] = {.key = "ageing_rel_per_year",
				.input = "ageing_rel",
				.unit = "1/year",
				.owner = UNCERTAINTY_OF_PHANTOM,
				.fallback = 0.005,
				.hi = 0.5,
				.about = "force since the date of its certificate"},
	[UNCERTAINTY_NEEDLE_SPEED] =
		{.key = "needle_speed_rel",
		 .input = "needle_speed_rel",
		 .unit = "1",
		 .owner = UNCERTAINTY_OF_PHANTOM,
		 .fallback = 0.003,
		 .hi = 0.5,
		 .about = "force at another needle speed than that of the calibration at this rate"},
};

const struct uncertainty_row *uncertainty_row(enum uncertainty_entry entry)
{
	return &rows[entry];
}

int uncertainty_of_input(const char *input)
{
	for (int i = 0; i < UNCERTAINTY_ENTRIES; i++) {
		if (strcmp(rows[i].input, input) == 0)
			return i;
	}
	return -1;
}

struct uncertainty uncertainty_default(enum uncertainty_owner owner)
{
	struct uncertainty ret;

	for (unsigned i = 0; i < UNCERTAINTY_ENTRIES; i++) {
		bool own = rows[i].owner == owner;

		ret.value[i] = own ? rows[i].fallback : 0.0;
		ret.said[i] = !own;
	}
	return ret;
}

int uncertainty_read(const struct json_doc *doc, const struct json *node, enum uncertainty_owner owner,
		     struct uncertainty *ret, struct err *err)
{
	struct json_field fields[UNCERTAINTY_ENTRIES + 1] = {{.key = NULL}};
	unsigned n = 0;

	for (unsigned i = 0; i < UNCERTAINTY_ENTRIES; i++) {
		if (rows[i].owner != owner)
			continue;
		fields[n++] = (struct json_field){.key = rows[i].key,
						  .kind = FIELD_NUMBER,
						  .offset = i * sizeof(double),
						  .hi = rows[i].hi,
						  .unit = rows[i].unit};
	}

	int status = json_read_object(doc, node, fields, ret->value, err);

	for (unsigned i = 0; i < UNCERTAINTY_ENTRIES && status == 0; i++)
		ret->said[i] = ret->said[i] || json_get(node, rows[i].key) != NULL;
	return status;
}
