/* What a bench file says of a DAQ: which quantity hangs on which of its inputs. Plain data, checked where it is read; what
 * the device itself can do is the driver's to check. */
#ifndef PENRIG_DRIVER_DAQ_H
#define PENRIG_DRIVER_DAQ_H

#include "rig/base/error.h"
#include "rig/driver/command.h"

#define DAQ_INPUTS_MAX 256

/* The channel's `column` is the input's number as the maker counts it, from 0; `scale` is its unit per volt, `offset` what it
 * reads at 0 V; `resolution` is nothing here. */
struct daq_input {
	struct command_channel channel;
	double range_v; /* the input shows -range_v to range_v */
};

#define DAQ_DEVICE_MAX 32

struct daq_setup {
	char device[DAQ_DEVICE_MAX]; /* of several behind one link, its name; empty: not said */
	unsigned inputs;
	struct daq_input input[CHANNELS_MAX];
	unsigned resolution; /* by the maker's numbers; 0: the device's own choice */
	double rate_hz;      /* samples a second of each input */
};

/* What a make of DAQ has. */
struct daq_kind {
	const char *name, *input; /* in sentences: "T7"; and its inputs' name before their number, "AIN" */
	unsigned inputs;          /* from 0 */
	unsigned ranges;
	double range_v[4];
	unsigned resolution_max;
	double sum_hz, input_hz; /* samples a second: of all inputs together, of each */
};

/* Which of the kind's ranges it is; kind->ranges for none. */
unsigned daq_range(const struct daq_kind *kind, const struct daq_input *input);

/* 0, or -EINVAL where the kind cannot do what the bench file wants, with the remedy. */
int daq_check(const struct daq_kind *kind, const struct daq_setup *setup, struct err *err);

#define DAQ_WARM_HZ 10.0 /* so often a temperature is told: the mean of what was sampled since */

/* Scans of all inputs, on their way to the host: forces and displacements as they come, in stream 0; temperatures, which are
 * slow, as means in a stream of their own behind it. */
struct daq_streams {
	unsigned inputs, fast, warm; /* warm: temperatures */
	bool is_warm[CHANNELS_MAX];
	unsigned every;            /* scans that make a temperature */
	unsigned scans;            /* of the mean under way */
	uint64_t warm_next;        /* index of the temperature that follows the one told last */
	int64_t sum[CHANNELS_MAX]; /* of each warm input, in order */
	int32_t mean[CHANNELS_MAX];
};

/* rate_hz: as it really is, of each input. */
void daq_streams_init(struct daq_streams *streams, const struct daq_setup *setup, double rate_hz);

/* As the session sees input i: what the bench file says of it. volts_per_count, volts_at_0: how its counts are to be read.
 * bits: 16, 24 or 32. */
void daq_channel(const struct daq_streams *streams, const struct daq_setup *setup, unsigned i, double rate_hz,
		 double volts_per_count, double volts_at_0, uint8_t bits, struct channel *ret);

/* Where blocks go: driver_host.block. */
typedef void (*daq_block_fn)(void *ctx, const struct sample_block *block);

/* block: of all inputs, whole scans, with index, flags and times; its counts are rearranged in place. */
void daq_streams_take(struct daq_streams *streams, const struct sample_block *block, int32_t *counts, daq_block_fn each,
		      void *ctx);

#endif
