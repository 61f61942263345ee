/* From an indicator's blocks to one reading of the stage. */
#include "rig/calibrate/indicator.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int indicator_choose(struct indicator *indicator, const struct bench *bench, const char *name, double span_mm,
		     struct err *err)
{
	*indicator = (struct indicator){.span_mm = span_mm};
	for (unsigned i = 0; i < bench->devices && !indicator->device; i++)
		if (strcmp(bench->device[i].name, name) == 0)
			indicator->device = &bench->device[i];
	const struct bench_device *device = indicator->device;
	if (!device)
		return err_set(err, -EINVAL,
			       "--indicator %s: bench \"%s\" has no device of this name: add it to \"devices\" of %s, "
			       "with the role \"reference\"",
			       name, bench->name, bench->path);
	if (!(device->roles & ROLE_BIT(ROLE_REFERENCE)))
		return err_set(err, -EINVAL, "--indicator %s: its \"roles\" in %s must name \"reference\"", name,
			       bench->path);
	if (!device->calibration.certificate[0])
		return err_set(err, -EINVAL,
			       "--indicator %s: a reference needs its certificate: write its \"calibration\" into %s",
			       name, bench->path);
	return 0;
}

void indicator_want(struct indicator *indicator)
{
	indicator->wanted = true;
	indicator->fresh = false;
	indicator->n = 0;
	indicator->sum_mm = 0;
	indicator->lo_mm = INFINITY;
	indicator->hi_mm = -INFINITY;
}

static const struct {
	uint32_t flag;
	const char *why;
} spoiled[] = {
	{SAMPLE_UNSTABLE, "it says that its reading is not settled"},
	{SAMPLE_OVER_RANGE, "it is beyond its range"},
	{SAMPLE_SATURATED, "it is beyond its range"},
	{SAMPLE_GAP, "a reading did not come"},
};

static int refuse(struct indicator *indicator, struct err *err, const char *why)
{
	indicator->wanted = false;
	return err_set(err, -EDOM, "no reading of \"%s\": %s", indicator->device->name, why);
}

static int take(struct indicator *indicator, double mm, struct err *err)
{
	char why[120];

	indicator->n++;
	indicator->sum_mm += mm;
	indicator->lo_mm = fmin(indicator->lo_mm, mm);
	indicator->hi_mm = fmax(indicator->hi_mm, mm);
	if (indicator->hi_mm - indicator->lo_mm <= indicator->span_mm)
		return 0;
	snprintf(why, sizeof(why), "it is not settled, %u readings lie %.4f mm apart, allowed are %.4f", indicator->n,
		 indicator->hi_mm - indicator->lo_mm, indicator->span_mm);
	return refuse(indicator, err, why);
}

int indicator_block(struct indicator *indicator, const struct channel *channel, const struct sample_block *block,
		    double *ret_mm, struct err *err)
{
	bool fresh = indicator->fresh;
	int rc = 0;

	indicator->fresh = true;
	if (!indicator->wanted || !fresh)
		return 0;
	if (indicator->n == 0)
		indicator->since_ns = block->host_ns;
	if (channel->quantity != QUANTITY_DISPLACEMENT || strcmp(channel->unit, "mm") != 0)
		return refuse(indicator, err, "it measures no length in mm");
	for (unsigned i = 0; i < sizeof(spoiled) / sizeof(spoiled[0]); i++)
		if (block->flags & spoiled[i].flag)
			return refuse(indicator, err, spoiled[i].why);
	for (uint32_t i = 0; i < block->frames && !rc; i++) {
		int32_t count = block->counts[i * block->channels + channel->position];
		rc = take(indicator, channel->offset + channel->scale * count, err);
	}
	if (rc || indicator->n < INDICATOR_READINGS || block->host_ns - indicator->since_ns < INDICATOR_NS)
		return rc;
	indicator->wanted = false;
	*ret_mm = indicator->sum_mm / indicator->n;
	return 1;
}
