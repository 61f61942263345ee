/* See daq.h. */
#include "rig/config/daq.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rig/config/command.h"

#define OF(member)     offsetof(struct channel_text, member)
#define INPUT_KEYS     "\"name\", \"unit\", \"input\", \"range_v\", \"scale\", \"range\""
#define RESOLUTION_MAX 16

/* Nothing is 1 unit per volt by itself: the scale comes from a certificate, and is written. */
static const struct json_field input_fields[] = {
	{.key = "input", .kind = FIELD_INT, .offset = OF(column), .required = true, .lo = 0, .hi = DAQ_INPUTS_MAX - 1},
	{.key = "range_v",
	 .kind = FIELD_NUMBER,
	 .offset = OF(range_v),
	 .required = true,
	 .lo = 1e-3,
	 .hi = 100,
	 .unit = "V"},
	{.key = "scale", .kind = FIELD_NUMBER, .offset = OF(channel.scale), .required = true, .lo = -1e9, .hi = 1e9},
	{.key = NULL},
};

/* A range that the input never shows would never be seen to be left. */
static int check_range(const struct json_doc *doc, const struct json *node, const struct daq_input *input,
		       struct err *err)
{
	const struct command_channel *c = &input->channel;
	double most = fabs(c->scale) * input->range_v;

	if (c->range_lo >= c->offset - most * (1 + 1e-9) && c->range_hi <= c->offset + most * (1 + 1e-9))
		return 0;
	return json_error(doc, json_get(node, "range"), err,
			  "from %.6g to %.6g %s is more than this input shows: +-%.6g V are %.6g to %.6g %s",
			  c->range_lo, c->range_hi, c->unit, input->range_v, c->offset - most, c->offset + most,
			  c->unit);
}

static int check_input(const struct json_doc *doc, const struct json *node, const struct daq_setup *setup,
		       const struct daq_input *input, struct err *err)
{
	for (unsigned i = 0; i < setup->inputs; i++) {
		const struct command_channel *other = &setup->input[i].channel;
		if (strcmp(other->name, input->channel.name) == 0)
			return json_error(doc, json_get(node, "name"), err, "a channel \"%s\" stands here already",
					  other->name);
		if (other->column == input->channel.column)
			return json_error(doc, json_get(node, "input"), err, "input %u carries \"%s\" already",
					  other->column, other->name);
	}
	return check_range(doc, node, input, err);
}

static int read_inputs(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct daq_setup *setup = dst;
	int ret = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) == 0 || json_size(node) > CHANNELS_MAX)
		return json_error(doc, node, err, "\"inputs\" is a list of 1 to %d objects with " INPUT_KEYS,
				  CHANNELS_MAX);
	for (size_t i = 0; i < json_size(node) && ret == 0; i++) {
		const struct json *entry = json_at(node, i);
		struct channel_text text;
		ret = bench_channel_read(doc, entry, input_fields, &text, err);
		if (ret)
			return ret;
		const struct daq_input input = {.channel = text.channel, .range_v = text.range_v};
		ret = check_input(doc, entry, setup, &input, err);
		setup->input[setup->inputs++] = input;
	}
	return ret;
}

int bench_daq_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	struct daq_text {
		struct bench_daq daq;
		int64_t resolution;
		char device[DAQ_DEVICE_MAX];
	} text = {.daq = {.there = true}};
	static const struct json_field fields[] = {
		{.key = "inputs",
		 .kind = FIELD_CUSTOM,
		 .offset = offsetof(struct daq_text, daq.setup),
		 .required = true,
		 .read = read_inputs},
		{.key = "resolution",
		 .kind = FIELD_INT,
		 .offset = offsetof(struct daq_text, resolution),
		 .lo = 0,
		 .hi = RESOLUTION_MAX},
		{.key = "device",
		 .kind = FIELD_STRING,
		 .offset = offsetof(struct daq_text, device),
		 .size = DAQ_DEVICE_MAX,
		 .lo = 1},
		{.key = NULL},
	};
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret)
		return ret;
	memcpy(text.daq.setup.device, text.device, sizeof(text.device));
	text.daq.setup.resolution = (unsigned)text.resolution;
	*(struct bench_daq *)dst = text.daq;
	return 0;
}

int bench_daq_settle(const struct json_doc *doc, const struct json *node, uint32_t roles, struct bench_device *device,
		     struct err *err)
{
	struct daq_setup *setup = &device->daq.setup;
	const struct command_channel *channel[CHANNELS_MAX];

	if (!device->daq.there)
		return 0;
	if (!(device->rate_hz > 0))
		return json_error(doc, node, err,
				  "\"sample_rate_hz\" is missing: how many samples a second this device takes of each "
				  "input");
	setup->rate_hz = device->rate_hz;
	for (unsigned i = 0; i < setup->inputs; i++)
		channel[i] = &setup->input[i].channel;
	return bench_channels_serve(doc, json_get(json_get(node, "daq"), "inputs"), roles, channel, setup->inputs, err);
}
