/* Rules between a bench's entry and its profile; each is refused before anything is opened. */
#include "drivers/profile/told.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "drivers/profile/device.h"
#include "drivers/profile/shipped.h"

#define RATE_REL 0.001 /* as the session compares rates */
#define BITS     32
#define G_PER_KG 1000.0

/* Counts of a channel: fine enough for the last digit of any gauge, wide enough for any that stands on a bench. */
static const struct measure {
	enum quantity quantity;
	const char *name, *unit;
	double scale;
} rows[PROFILE_MEASURES] = {
	[PROFILE_FORCE] = {QUANTITY_FORCE, "force", "N", 1e-6},
	[PROFILE_MASS] = {QUANTITY_OTHER, "mass", "g", 1e-4},
	[PROFILE_LENGTH] = {QUANTITY_DISPLACEMENT, "length", "mm", 1e-6},
	[PROFILE_TEMPERATURE] = {QUANTITY_TEMPERATURE, "temperature", "degC", 1e-4},
};

int told_load(const struct device_told *told, struct profile **ret, struct err *err)
{
	const char *near = NULL;

	if (told->text)
		return profile_parse(told->profile, told->text, told->len, ret, err);
	const struct shipped_profile *shipped = shipped_find(told->profile, &near);
	if (!shipped && near)
		return err_set(err, -ENOENT, "no profile \"%s\" is shipped; did you mean \"%s\"?", told->profile, near);
	if (!shipped)
		return err_set(err, -ENOENT,
			       "no profile \"%s\" is shipped: `penrig profile list` names them; a file of your own is "
			       "named by "
			       "its path, as \"./%s.json\"",
			       told->profile, told->profile);
	return profile_parse(shipped->name, shipped->text, strlen(shipped->text), ret, err);
}

bool told_streams(const struct device_told *told, const struct profile *profile, double *ret_rate_hz)
{
	bool streams =
		!profile->verb[VERB_READ].there || (profile->samples_per_s > 0 && told->rate_hz > profile->reads_per_s);

	*ret_rate_hz = streams ? profile->samples_per_s : told->rate_hz > 0 ? told->rate_hz : profile->reads_per_s;
	return streams;
}

/* ---- the rules -------------------------------------------------------------------------------------------------- */

/* What is read off strokes needs samples that are many and of which none can be missing unseen. A line of text carries no
 * number of its own. */
static int check_strokes(const struct device_told *told, const struct profile *profile, struct err *err)
{
	double most_hz = fmax(profile->verb[VERB_READ].there ? profile->reads_per_s : 0, profile->samples_per_s);
	bool force = told->roles & ROLE_BIT(ROLE_LOAD_SENSOR), travel = told->roles & ROLE_BIT(ROLE_DISPLACEMENT);

	if (!force && !travel)
		return 0;
	return err_set(err, -EINVAL,
		       "no stroke %s can come of profile \"%s\": it gives at most %g readings a second, which is %d a "
		       "stroke up to "
		       "%g Hz only, and its lines carry no number that would show a lost one. Give the device the role "
		       "\"reference\": what stands still is measured with it, forces at rest, peaks that it holds, "
		       "travel at rest",
		       force ? "rate" : "depth", profile->name, most_hz, PROFILE_STROKE_SAMPLES,
		       most_hz / PROFILE_STROKE_SAMPLES);
}

static int check_sites(const struct device_told *told, const struct profile *profile, struct err *err)
{
	bool heat = told->roles & ROLE_BIT(ROLE_THERMOMETER);

	if (heat && profile->measures != PROFILE_TEMPERATURE)
		return err_set(err, -EINVAL,
			       "profile \"%s\" measures %s: a thermometer needs one that measures temperature",
			       profile->name, profile_measures_name(profile->measures));
	if (heat && told->sites != profile->values)
		return err_set(err, -EINVAL,
			       "each reading of profile \"%s\" has %u value%s, and \"sites\" names %u: write one of "
			       "handle, tip, "
			       "ambient for each, in the order of the line",
			       profile->name, profile->values, profile->values == 1 ? "" : "s", told->sites);
	if (!heat && told->sites)
		return err_set(err, -EINVAL, "\"sites\" is for thermometers: leave it out");
	return 0;
}

static int check_unit(const struct device_told *told, const struct profile *profile, struct err *err)
{
	if (profile->unit_by_bench && !told->unit[0])
		return err_set(err, -EINVAL,
			       "the lines of profile \"%s\" name no unit, and none is guessed: write the one that the "
			       "device is set "
			       "to in \"unit\", as \"%s\"",
			       profile->name, profile->unit[0].text);
	if (profile->unit_by_bench && !profile_unit(profile, told->unit))
		return err_set(err, -EINVAL, "profile \"%s\" knows no unit \"%s\"", profile->name, told->unit);
	if (!profile->unit_by_bench && told->unit[0])
		return err_set(err, -EINVAL,
			       "the lines of profile \"%s\" name their unit, which counts: leave \"unit\" out",
			       profile->name);
	if (told->gravity_m_s2 > 0 && profile->measures != PROFILE_MASS)
		return err_set(err, -EINVAL,
			       "\"gravity_m_s2\" is for balances, and profile \"%s\" measures %s: leave it out",
			       profile->name, profile_measures_name(profile->measures));
	return 0;
}

static int check_rate(const struct device_told *told, const struct profile *profile, struct err *err)
{
	double rate_hz;
	bool streams = told_streams(told, profile, &rate_hz);

	if (told->rate_hz == 0)
		return 0;
	if (!streams && told->rate_hz <= profile->reads_per_s)
		return 0;
	if (streams && fabs(told->rate_hz - rate_hz) <= RATE_REL * rate_hz)
		return 0;
	if (streams)
		return err_set(err, -EINVAL, "the stream of profile \"%s\" has %g readings a second, not %g",
			       profile->name, profile->samples_per_s, told->rate_hz);
	return err_set(err, -EINVAL, "profile \"%s\" can be asked %g times a second at most, not %g", profile->name,
		       profile->reads_per_s, told->rate_hz);
}

int told_check(const struct device_told *told, const struct profile *profile, struct err *err)
{
	int status = check_strokes(told, profile, err);

	if (status == 0)
		status = check_sites(told, profile, err);
	if (status == 0)
		status = check_unit(told, profile, err);
	return status ? status : check_rate(told, profile, err);
}

/* ---- channels --------------------------------------------------------------------------------------------------- */

static void name_channel(const struct device_told *told, const struct profile *profile, unsigned i, const char *name,
			 struct channel *ret)
{
	if (i < told->sites)
		snprintf(ret->name, sizeof(ret->name), "%s", told->site[i]);
	else if (profile->values == 1)
		snprintf(ret->name, sizeof(ret->name), "%s", name);
	else
		snprintf(ret->name, sizeof(ret->name), "%.10s %u", name, (i + 1) % 10);
}

unsigned told_channels(const struct device_told *told, const struct profile *profile, struct channel *ret,
		       double *ret_factor)
{
	bool weighs = profile->measures == PROFILE_MASS && told->gravity_m_s2 > 0;
	const struct measure *row = &rows[weighs ? PROFILE_FORCE : profile->measures];
	double rate_hz, end = ldexp(1, BITS - 1) - 1;

	(void)told_streams(told, profile, &rate_hz);
	for (unsigned i = 0; i < profile->values; i++) {
		ret[i] = (struct channel){.quantity = row->quantity,
					  .position = (uint8_t)i,
					  .bits = BITS,
					  .rate_hz = rate_hz,
					  .scale = row->scale,
					  .range_lo = -end * row->scale,
					  .range_hi = end * row->scale};
		snprintf(ret[i].unit, sizeof(ret[i].unit), "%s", row->unit);
		name_channel(told, profile, i, row->name, &ret[i]);
	}
	*ret_factor = weighs ? told->gravity_m_s2 / G_PER_KG : 1;
	return profile->values;
}
