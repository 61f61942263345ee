/* See daq.h. */
#include "rig/driver/daq.h"

#include <math.h>
#include <string.h>

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
