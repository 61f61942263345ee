/* See daq.h. */
#include "rig/driver/daq.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

unsigned daq_range(const struct daq_kind *kind, const struct daq_input *input)
{
	unsigned i = 0;

	while (i < kind->ranges && fabs(kind->range_v[i] - input->range_v) > 1e-6 * kind->range_v[i])
		i++;
	return i;
}

static int check_range(const struct daq_kind *kind, const struct daq_input *input, struct err *err)
{
	char others[40] = " alone";

	if (daq_range(kind, input) < kind->ranges)
		return 0;
	for (unsigned i = 1, n = 0; i < kind->ranges; i++)
		n += (unsigned)snprintf(others + n, sizeof(others) - n, "%s%g%s", i + 1 < kind->ranges ? ", " : " and ",
					kind->range_v[i], i + 1 < kind->ranges ? "" : " V");
	return err_set(
		err, -EINVAL,
		"\"range_v\": %g of \"%s\": a %s has +-%g%s%s; write one of them, the narrowest that the signal fits",
		input->range_v, input->channel.name, kind->name, kind->range_v[0], kind->ranges > 1 ? "" : " V",
		others);
}

static int check_inputs(const struct daq_kind *kind, const struct daq_setup *setup, struct err *err)
{
	for (unsigned i = 0; i < setup->inputs; i++) {
		const struct daq_input *input = &setup->input[i];

		if (input->channel.column >= kind->inputs)
			return err_set(err, -EINVAL,
				       "a %s has %s0 to %s%u, and the bench file names input %u for \"%s\"", kind->name,
				       kind->input, kind->input, kind->inputs - 1, input->channel.column,
				       input->channel.name);
		int status = check_range(kind, input, err);
		if (status)
			return status;
	}
	return 0;
}

int daq_check(const struct daq_kind *kind, const struct daq_setup *setup, struct err *err)
{
	double sum_hz = setup->rate_hz * setup->inputs, most_hz = fmin(kind->input_hz, kind->sum_hz / setup->inputs);
	int status = check_inputs(kind, setup, err);

	if (status)
		return status;
	if (setup->device[0])
		return err_set(err, -EINVAL, "\"device\": \"%s\": a %s is one device by itself: leave it out",
			       setup->device, kind->name);
	if (setup->resolution > kind->resolution_max)
		return err_set(err, -EINVAL, "\"resolution\": %u: a %s streams with 0 to %u", setup->resolution,
			       kind->name, kind->resolution_max);
	if (setup->rate_hz <= most_hz)
		return 0;
	return err_set(err, -EINVAL,
		       "%u inputs at %.10g Hz are %.10g samples a second, and a %s takes %.0f, %.0f of an input: write "
		       "\"sample_rate_hz\": %.0f, or fewer inputs",
		       setup->inputs, setup->rate_hz, sum_hz, kind->name, kind->sum_hz, kind->input_hz, floor(most_hz));
}

void daq_streams_init(struct daq_streams *streams, const struct daq_setup *setup, double rate_hz)
{
	*streams =
		(struct daq_streams){.inputs = setup->inputs, .every = (unsigned)fmax(1, round(rate_hz / DAQ_WARM_HZ))};
	for (unsigned i = 0; i < setup->inputs; i++) {
		streams->is_warm[i] = setup->input[i].channel.quantity == QUANTITY_TEMPERATURE;
		streams->warm += streams->is_warm[i];
	}
	streams->fast = streams->inputs - streams->warm;
}

void daq_channel(const struct daq_streams *streams, const struct daq_setup *setup, unsigned i, double rate_hz,
		 double volts_per_count, double volts_at_0, uint8_t bits, struct channel *ret)
{
	const struct command_channel *own = &setup->input[i].channel;
	bool warm = streams->is_warm[i];
	unsigned position = 0;

	for (unsigned k = 0; k < i; k++)
		position += streams->is_warm[k] == warm;
	*ret = (struct channel){.quantity = own->quantity,
				.stream = warm && streams->fast ? 1 : 0,
				.position = (uint8_t)position,
				.bits = bits,
				.rate_hz = warm ? rate_hz / streams->every : rate_hz,
				.scale = own->scale * volts_per_count,
				.offset = own->offset + own->scale * volts_at_0,
				.range_lo = own->range_lo,
				.range_hi = own->range_hi,
				.noise_rms = own->noise_rms,
				.bandwidth_hz = own->bandwidth_hz};
	memcpy(ret->name, own->name, sizeof(own->name));
	memcpy(ret->unit, own->unit, sizeof(own->unit));
}

static void tell_warm(struct daq_streams *streams, const struct sample_block *from, uint64_t index, daq_block_fn each,
		      void *ctx)
{
	struct sample_block block = {.stream = streams->fast ? 1 : 0,
				     .channels = (uint8_t)streams->warm,
				     .flags = (from->flags & ~(uint32_t)SAMPLE_GAP) |
					      (index != streams->warm_next ? SAMPLE_GAP : 0),
				     .frames = 1,
				     .first_index = index,
				     .host_ns = from->host_ns,
				     .counts = streams->mean};

	for (unsigned i = 0; i < streams->warm; i++)
		streams->mean[i] = (int32_t)llround((double)streams->sum[i] / streams->every);
	streams->warm_next = index + 1;
	each(ctx, &block);
}

/* A mean begins where its scans are counted off, and one in which a scan is missing is none. */
static void add_warm(struct daq_streams *streams, const struct sample_block *block, unsigned frame, const int32_t *scan,
		     daq_block_fn each, void *ctx)
{
	uint64_t index = block->first_index + frame;

	if (index % streams->every == 0 || (frame == 0 && (block->flags & SAMPLE_GAP))) {
		streams->scans = 0;
		memset(streams->sum, 0, sizeof(streams->sum));
	}
	for (unsigned i = 0, k = 0; i < streams->inputs; i++)
		if (streams->is_warm[i])
			streams->sum[k++] += scan[i];
	if (++streams->scans == streams->every && index % streams->every == streams->every - 1)
		tell_warm(streams, block, index / streams->every, each, ctx);
}

void daq_streams_take(struct daq_streams *streams, const struct sample_block *block, int32_t *counts, daq_block_fn each,
		      void *ctx)
{
	struct sample_block fast = *block;
	int32_t *to = counts;

	for (unsigned f = 0; streams->warm && f < block->frames; f++) {
		const int32_t *scan = counts + (size_t)f * streams->inputs;
		add_warm(streams, block, f, scan, each, ctx);
		for (unsigned i = 0; i < streams->inputs; i++)
			if (!streams->is_warm[i])
				*to++ = scan[i];
	}
	fast.channels = (uint8_t)streams->fast;
	fast.counts = counts;
	if (streams->fast)
		each(ctx, &fast);
}
