/* A load sensor that speaks docs/protocols/load-stream.md, over any link that carries bytes. It passes on what the
 * sensor sent and says what is missing: nothing is guessed, nothing is smoothed. DATA frames that arrive together leave
 * as one block. Leaves out ZERO (tare is the run's, on raw samples) and what an overload means for the verdict. */
#include "drivers/load-stream/device.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/load-stream/wire.h"
#include "rig/driver/dialogue.h"

#define WAITING_MAX    8
#define REPORT_NS      (100 * NS_PER_MS)  /* losses are told at most this often, summed */
#define SILENCE_NS     (200 * NS_PER_MS)  /* without data: ask whether it lives */
#define NO_DATA_NS     (1000 * NS_PER_MS) /* alive and still without data: of no use */
#define BEGUN_AGAIN_NS (100 * NS_PER_MS)  /* for so long only samples of before: less than anybody's silence */
#define SILENT_SAMPLES 3                  /* a slow stream is silent after this many sample times, if that is longer */

/* The samples of before that came last, one behind the other. */
struct rerun {
	uint64_t next_index;
	uint64_t since_ns; /* when the first of them came; 0: none since the last new sample */
};

struct losses {
	uint64_t samples, gaps, backwards, malformed, crc_errors, resyncs;
};

struct sensor {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	uint16_t sequence; /* of the request asked last */
	uint8_t open_item; /* channel or stream that is asked for while opening */
	double wanted_hz;

	struct device_identity identity;
	uint32_t line_baud;
	unsigned streams_count, channels_count;
	struct ls_stream streams[STREAMS_MAX];
	struct channel channels[CHANNELS_MAX];
	uint8_t bits[STREAMS_MAX][CHANNELS_MAX];
	size_t sample_bytes[STREAMS_MAX];
	uint8_t main_stream; /* the one that wanted_hz is for */

	uint32_t condition; /* enum sensor_condition */
	bool streaming;
	uint64_t next_index[STREAMS_MAX];
	struct rerun rerun[STREAMS_MAX];
	uint64_t data_ns; /* when samples of the main stream last came */
	uint64_t silence_ns;
	uint64_t pinged_ns; /* first PING of the present silence; 0 = samples come */

	struct sample_block block; /* frames 0: none is pending */
	int32_t counts[SAMPLES_PER_BLOCK_MAX];

	struct ls_decoder decoder;
	struct losses told, seen;
	uint64_t told_ns;
};

static struct sensor *sensor_of(struct device *device)
{
	return (struct sensor *)device;
}

static const struct sensor *sensor_of_const(const struct device *device)
{
	return (const struct sensor *)device;
}

static bool awaits(const struct sensor *sensor, uint8_t type)
{
	const struct dialogue_request *request = dialogue_awaits(sensor->dialogue);

	return request && request->what == type;
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static size_t request_body(const struct sensor *sensor, int type, uint8_t *body)
{
	switch (type) {
	case LS_CHANNEL:
	case LS_STREAM: body[0] = sensor->open_item; return 1;
	case LS_RATE: ls_put_rate(sensor->main_stream, sensor->wanted_hz, body); return LS_RATE_BODY_BYTES;
	default: return 0;
	}
}

/* Asking again keeps the sequence: the sensor must not execute twice. */
static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct sensor *sensor = device;
	uint8_t body[LS_RATE_BODY_BYTES];
	size_t body_len = request_body(sensor, request->what, body);

	if (asked == 0)
		sensor->sequence++;
	if (asked == 0 && request->what == LS_START) {
		memset(sensor->next_index, 0, sizeof(sensor->next_index));
		memset(sensor->rerun, 0, sizeof(sensor->rerun));
	}
	return ls_encode((uint8_t)request->what, sensor->sequence, body, body_len, buffer, size);
}

/* ---- blocks ---------------------------------------------------------------------------------------------------- */

static void flush(struct sensor *sensor)
{
	if (sensor->block.frames == 0)
		return;
	struct sample_block block = sensor->block;
	sensor->block.frames = 0;
	sensor->host.block(sensor->host.ctx, &block);
}

static bool joins(const struct sensor *sensor, const struct sample_block *next)
{
	const struct sample_block *block = &sensor->block;

	return block->frames > 0 && block->stream == next->stream && block->flags == 0 && next->flags == 0 &&
	       (block->frames + next->frames) * block->channels <= SAMPLES_PER_BLOCK_MAX;
}

/* Index order is checked before: what comes here follows on. */
static void add_samples(struct sensor *sensor, const struct ls_data *data, uint32_t flags, uint64_t host_ns)
{
	uint8_t channels = sensor->streams[data->stream].channels;
	struct sample_block next = {.stream = data->stream,
				    .channels = channels,
				    .flags = flags,
				    .frames = data->samples,
				    .first_index = data->first_index,
				    .host_ns = host_ns,
				    .device_ns = data->device_ns,
				    .counts = sensor->counts};
	uint32_t at = 0;

	if (joins(sensor, &next)) {
		at = sensor->block.frames;
		sensor->block.frames += next.frames;
	} else {
		flush(sensor);
		sensor->block = next;
	}
	ls_unpack(data->counts, data->samples, sensor->bits[data->stream], channels, sensor->counts + at * channels);
}

static uint32_t block_flags(uint8_t flags)
{
	return (flags & LS_SATURATED ? (uint32_t)SAMPLE_SATURATED : 0) | (flags & LS_GAP ? (uint32_t)SAMPLE_GAP : 0) |
	       (flags & LS_OVER_RANGE ? (uint32_t)SAMPLE_OVER_RANGE : 0);
}

/* A wire may bring samples twice; where nothing else comes any more, the sensor counts anew, and nobody knows what it left out. */
static void take_of_before(struct sensor *sensor, const struct ls_data *data, uint64_t host_ns)
{
	struct rerun *rerun = &sensor->rerun[data->stream];
	struct err err;

	sensor->seen.backwards++;
	if (!rerun->since_ns || data->first_index != rerun->next_index)
		rerun->since_ns = host_ns;
	rerun->next_index = data->first_index + data->samples;
	if (host_ns - rerun->since_ns < BEGUN_AGAIN_NS)
		return;
	err_set(&err, -EPROTO,
		"the load sensor counts its samples anew (%" PRIu64 " behind %" PRIu64
		" of stream %u): it restarted by itself; check its supply",
		data->first_index, sensor->next_index[data->stream], data->stream);
	flush(sensor);
	dialogue_lose(sensor->dialogue, -EPROTO, &err);
}

static void take_data(struct sensor *sensor, const struct ls_packet *packet, uint64_t host_ns)
{
	struct ls_data data;
	bool started = sensor->streaming || awaits(sensor, LS_START);

	if (!started)
		return;
	if (!ls_read_data(packet, &data) || data.stream >= sensor->streams_count ||
	    data.counts_len != data.samples * sensor->sample_bytes[data.stream] ||
	    data.first_index > UINT64_MAX - data.samples) {
		sensor->seen.malformed++;
		return;
	}
	uint64_t *next = &sensor->next_index[data.stream];
	uint32_t flags = block_flags(data.flags);
	if (data.first_index < *next) {
		take_of_before(sensor, &data, host_ns);
		return;
	}
	sensor->rerun[data.stream].since_ns = 0;
	if (data.first_index > *next) {
		flags |= SAMPLE_GAP;
		sensor->seen.gaps++;
		sensor->seen.samples += data.first_index - *next;
	}
	*next = data.first_index + data.samples;
	if (data.stream == sensor->main_stream) {
		sensor->data_ns = host_ns;
		sensor->pinged_ns = 0;
	}
	add_samples(sensor, &data, flags, host_ns);
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static const char *event_name(uint8_t code)
{
	switch (code) {
	case LS_OVERLOAD: return "overload";
	case LS_OVERLOAD_END: return "overload has ended";
	case LS_OVER_TEMPERATURE: return "over-temperature: outside its calibration";
	case LS_OVER_TEMPERATURE_END: return "over-temperature has ended";
	case LS_OVERRUN: return "overrun: it had to drop samples";
	case LS_EVENT_FAULT: return "hardware fault";
	default: return "event unknown to this version of penrig";
	}
}

static void note_condition(struct sensor *sensor, uint8_t code)
{
	switch (code) {
	case LS_OVERLOAD: sensor->condition |= SENSOR_OVERLOADED; break;
	case LS_OVER_TEMPERATURE: sensor->condition |= SENSOR_HOT; break;
	case LS_OVER_TEMPERATURE_END: sensor->condition &= ~(uint32_t)SENSOR_HOT; break;
	case LS_EVENT_FAULT: sensor->condition |= SENSOR_FAULTY; break;
	default: break;
	}
}

static void take_event(struct sensor *sensor, const struct ls_packet *packet)
{
	struct ls_event event;
	char text[160], value[48] = "";
	const char *channel = "";

	if (dialogue_state(sensor->dialogue) != DIALOGUE_READY)
		return;
	if (!ls_read_event(packet, &event)) {
		sensor->seen.malformed++;
		return;
	}
	if (event.channel < sensor->channels_count) {
		const struct channel *of = &sensor->channels[event.channel];
		channel = of->name;
		if (isfinite(event.value))
			snprintf(value, sizeof(value), " at %.6g %s", event.value, of->unit);
	}
	note_condition(sensor, event.code);
	flush(sensor);
	snprintf(text, sizeof(text), "load sensor: %s (code %u)%s%s%s, index %" PRIu64, event_name(event.code),
		 (unsigned)event.code, *channel ? ", channel " : "", channel, value, event.index);
	sensor->host.event(sensor->host.ctx, sensor->condition, text);
}

static void add_loss(char *text, size_t size, uint64_t n, const char *what)
{
	size_t len = strlen(text);

	if (n > 0 && len < size)
		snprintf(text + len, size - len, "%s%" PRIu64 " %s", len ? ", " : "load sensor: ", n, what);
}

static void tell_losses(struct sensor *sensor, uint64_t now_ns)
{
	struct losses *seen = &sensor->seen, *told = &sensor->told;
	char text[240] = "";

	seen->crc_errors = sensor->decoder.crc_errors;
	seen->resyncs = sensor->decoder.resyncs;
	if (memcmp(seen, told, sizeof(*seen)) == 0 || (sensor->told_ns && now_ns < sensor->told_ns + REPORT_NS))
		return;
	add_loss(text, sizeof(text), seen->samples - told->samples, "samples lost");
	add_loss(text, sizeof(text), seen->gaps - told->gaps, "gaps");
	add_loss(text, sizeof(text), seen->crc_errors - told->crc_errors, "frames with a wrong checksum");
	add_loss(text, sizeof(text), seen->resyncs - told->resyncs, "resynchronisations");
	add_loss(text, sizeof(text), seen->backwards - told->backwards, "frames with samples sent before, dropped");
	add_loss(text, sizeof(text), seen->malformed - told->malformed, "malformed frames dropped");
	*told = *seen;
	sensor->told_ns = now_ns;
	sensor->host.event(sensor->host.ctx, sensor->condition, text);
}

/* ---- answers that count against the sensor --------------------------------------------------------------------- */

static void reject(struct sensor *sensor, int status, const struct err *err)
{
	dialogue_reject(sensor->dialogue, DIALOGUE_ASKED_MAX, status, err);
}

static void odd_reply(struct sensor *sensor, const char *what)
{
	struct err err;

	err_set(&err, -EPROTO, "the load sensor's answer to %s makes no sense: does it speak load-stream version %d?",
		what, LS_VERSION);
	reject(sensor, -EPROTO, &err);
}

/* Of a status that a reader of wire.h has let through. */
static const char *status_text(uint8_t status)
{
	static const char *const texts[LS_FAULT + 1] = {
		[LS_OK] = "OK",
		[LS_BAD_REQUEST] = "bad request",
		[LS_OUT_OF_RANGE] = "out of range",
		[LS_LINE_TOO_SLOW] = "the line is too slow",
		[LS_BUSY] = "busy",
		[LS_FAULT] = "hardware fault",
	};

	assert(status <= LS_FAULT);
	return texts[status];
}

/* ---- opening: HELLO, each channel, each stream, the rate ------------------------------------------------------- */

static void open_step(struct sensor *sensor, uint8_t type, uint8_t item)
{
	sensor->open_item = item;
	dialogue_ask(sensor->dialogue, type, 0);
}

static bool take_hello(struct sensor *sensor, const struct ls_packet *packet)
{
	struct device_identity *identity = &sensor->identity;
	struct ls_hello hello;

	if (!ls_read_hello(packet, &hello))
		return false;
	memcpy(identity->maker, hello.maker, sizeof(hello.maker));
	memcpy(identity->model, hello.model, sizeof(hello.model));
	memcpy(identity->serial, hello.serial, sizeof(hello.serial));
	memcpy(identity->firmware, hello.firmware, sizeof(hello.firmware));
	memcpy(identity->calibration_id, hello.calibration_id, sizeof(hello.calibration_id));
	memcpy(identity->calibration_due, hello.calibration_due, sizeof(hello.calibration_due));
	identity->protocol_version = LS_VERSION;
	sensor->line_baud = hello.line_baud;
	sensor->streams_count = hello.streams;
	sensor->channels_count = hello.channels;
	return true;
}

/* Channels come in order of stream, then position: anything else would make counts somebody else's. */
static bool take_channel(struct sensor *sensor, const struct ls_packet *packet)
{
	unsigned item = sensor->open_item;
	struct channel channel;

	if (!ls_read_channel(packet, &channel) || channel.stream >= sensor->streams_count)
		return false;
	const struct channel *before = item > 0 ? &sensor->channels[item - 1] : NULL;
	bool follows = before && channel.stream == before->stream && channel.position == before->position + 1;
	bool starts = channel.position == 0 && channel.stream == (before ? before->stream + 1 : 0);
	if (!follows && !starts)
		return false;
	sensor->channels[item] = channel;
	sensor->bits[channel.stream][channel.position] = channel.bits;
	return true;
}

static void set_rate(struct sensor *sensor, uint8_t stream, double rate_hz)
{
	sensor->streams[stream].rate_hz = rate_hz;
	for (unsigned i = 0; i < sensor->channels_count; i++)
		if (sensor->channels[i].stream == stream)
			sensor->channels[i].rate_hz = rate_hz;
}

static bool take_stream(struct sensor *sensor, const struct ls_packet *packet)
{
	uint8_t item = sensor->open_item;
	struct ls_stream stream;
	unsigned channels = 0;
	size_t bytes = 0;

	if (!ls_read_stream(packet, &stream))
		return false;
	for (unsigned i = 0; i < sensor->channels_count; i++) {
		if (sensor->channels[i].stream == item) {
			channels++;
			bytes += sensor->channels[i].bits / 8U;
		}
	}
	if (channels != stream.channels)
		return false;
	sensor->streams[item] = stream;
	sensor->sample_bytes[item] = bytes;
	set_rate(sensor, item, stream.rate_hz);
	return true;
}

static void refuse_rate(struct sensor *sensor, uint8_t status)
{
	const struct ls_stream *stream = &sensor->streams[sensor->main_stream];
	char rates[200] = "";
	struct err err;

	for (unsigned i = 0; i < stream->rates_count; i++) {
		size_t len = strlen(rates);
		snprintf(rates + len, sizeof(rates) - len, "%s%.6g", len ? ", " : "", stream->rates_hz[i]);
	}
	if (stream->rates_count == 0)
		snprintf(rates, sizeof(rates), "any from %.6g to %.6g", stream->lowest_hz, stream->highest_hz);
	if (status == LS_LINE_TOO_SLOW)
		err_set(&err, -ERANGE,
			"%.6g S/s does not fit the load sensor's line of %" PRIu32
			" baud: raise the baud rate in the bench file and on the sensor, or lower the sample rate",
			sensor->wanted_hz, sensor->line_baud);
	else
		err_set(&err, -ERANGE, "the load sensor refused %.6g S/s (%s); it offers: %s", sensor->wanted_hz,
			status_text(status), rates);
	reject(sensor, -ERANGE, &err);
}

static void become_ready(struct sensor *sensor)
{
	double silent_ns = SILENT_SAMPLES * 1e9 / sensor->streams[sensor->main_stream].rate_hz;

	sensor->silence_ns = silent_ns > SILENCE_NS ? (uint64_t)fmin(silent_ns, 3600e9) : SILENCE_NS;
	dialogue_ready(sensor->dialogue);
}

static uint8_t find_main_stream(const struct sensor *sensor)
{
	for (unsigned i = 0; i < sensor->channels_count; i++)
		if (sensor->channels[i].quantity == QUANTITY_FORCE)
			return sensor->channels[i].stream;
	return 0;
}

static void open_rate(struct sensor *sensor)
{
	sensor->main_stream = find_main_stream(sensor);
	if (sensor->wanted_hz > 0)
		open_step(sensor, LS_RATE, 0);
	else
		become_ready(sensor);
}

static void take_rate(struct sensor *sensor, const struct ls_packet *packet)
{
	struct ls_rate rate;

	if (!ls_read_rate(packet, &rate)) {
		odd_reply(sensor, "RATE");
	} else if (rate.status != LS_OK) {
		refuse_rate(sensor, rate.status);
	} else if (fabs(rate.rate_hz - sensor->wanted_hz) > 1e-6 * sensor->wanted_hz) {
		struct err err;
		err_set(&err, -EREMOTEIO, "the load sensor was set to %.6g S/s and says %.6g", sensor->wanted_hz,
			rate.rate_hz);
		reject(sensor, -EREMOTEIO, &err);
	} else {
		set_rate(sensor, sensor->main_stream, rate.rate_hz);
		become_ready(sensor);
	}
}

static void take_opening_reply(struct sensor *sensor, const struct ls_packet *packet)
{
	uint8_t next = (uint8_t)(sensor->open_item + 1);

	switch (dialogue_awaits(sensor->dialogue)->what) {
	case LS_HELLO:
		if (!take_hello(sensor, packet))
			odd_reply(sensor, "HELLO");
		else
			open_step(sensor, LS_CHANNEL, 0);
		break;
	case LS_CHANNEL:
		if (!take_channel(sensor, packet))
			odd_reply(sensor, "CHANNEL");
		else if (next < sensor->channels_count)
			open_step(sensor, LS_CHANNEL, next);
		else
			open_step(sensor, LS_STREAM, 0);
		break;
	case LS_STREAM:
		if (!take_stream(sensor, packet))
			odd_reply(sensor, "STREAM");
		else if (next < sensor->streams_count)
			open_step(sensor, LS_STREAM, next);
		else
			open_rate(sensor);
		break;
	default: take_rate(sensor, packet); break;
	}
}

/* ---- replies --------------------------------------------------------------------------------------------------- */

static void take_start(struct sensor *sensor, const struct ls_packet *packet)
{
	uint8_t status;
	struct err err;

	if (!ls_read_status(packet, &status)) {
		odd_reply(sensor, "START");
	} else if (status != LS_OK) {
		err_set(&err, status == LS_LINE_TOO_SLOW ? -ERANGE : -EREMOTEIO, "the load sensor does not start: %s%s",
			status_text(status),
			status == LS_LINE_TOO_SLOW ? "; raise its baud rate or lower the sample rate in the bench file"
						   : "");
		reject(sensor, status == LS_LINE_TOO_SLOW ? -ERANGE : -EREMOTEIO, &err);
	} else {
		sensor->streaming = true;
		sensor->data_ns = dialogue_now_ns(sensor->dialogue);
		sensor->pinged_ns = 0;
		dialogue_answered(sensor->dialogue);
	}
}

static void take_stop(struct sensor *sensor, const struct ls_packet *packet)
{
	uint8_t status;

	if (!ls_read_status(packet, &status) || status != LS_OK) {
		odd_reply(sensor, "STOP");
		return;
	}
	flush(sensor);
	sensor->streaming = false;
	dialogue_answered(sensor->dialogue);
}

static void take_ping(struct sensor *sensor, const struct ls_packet *packet)
{
	struct ls_ping ping;
	struct err err;

	if (!ls_read_ping(packet, &ping)) {
		odd_reply(sensor, "PING");
		return;
	}
	if (!sensor->streaming || ping.streaming) {
		dialogue_answered(sensor->dialogue);
		return;
	}
	err_set(&err, -ETIMEDOUT,
		"the load sensor has stopped streaming by itself (it is up since %" PRIu64 " ms): check its supply",
		ping.uptime_ms);
	flush(sensor);
	dialogue_lose(sensor->dialogue, -ETIMEDOUT, &err);
}

static void take_reply(struct sensor *sensor, const struct ls_packet *packet)
{
	if (packet->sequence != sensor->sequence || !awaits(sensor, packet->type & (uint8_t)~LS_REPLY))
		return; /* of a request given up, or answered twice because it was asked twice */
	if (dialogue_state(sensor->dialogue) == DIALOGUE_OPENING)
		take_opening_reply(sensor, packet);
	else if (awaits(sensor, LS_START))
		take_start(sensor, packet);
	else if (awaits(sensor, LS_STOP))
		take_stop(sensor, packet);
	else
		take_ping(sensor, packet);
}

static void take_packet(struct sensor *sensor, const struct ls_packet *packet, uint64_t host_ns)
{
	if (packet->type == LS_DATA)
		take_data(sensor, packet, host_ns);
	else if (packet->type == LS_EVENT)
		take_event(sensor, packet);
	else if (packet->type & LS_REPLY)
		take_reply(sensor, packet);
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct sensor *sensor = device;
	struct ls_packet packet;

	while (len > 0 && dialogue_state(sensor->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		bool found = ls_decode(&sensor->decoder, data, len, &used, &packet);

		data += used;
		len -= used;
		if (found)
			take_packet(sensor, &packet, host_ns);
	}
	if (dialogue_state(sensor->dialogue) != DIALOGUE_LOST)
		flush(sensor);
}

static const struct dialogue_ops speech = {
	.driver = &driver_load_stream,
	.name = "load sensor",
	.waiting_max = WAITING_MAX,
	.encode = encode,
	.bytes = on_bytes,
};

/* ---- time ------------------------------------------------------------------------------------------------------ */

/* Counted from the first PING, not from the last sample: a process that was stopped for a while comes back to a full
 * line. */
static void watch_data(struct sensor *sensor)
{
	uint64_t now_ns = dialogue_now_ns(sensor->dialogue);
	struct err err;

	if (!sensor->streaming || now_ns < sensor->data_ns + sensor->silence_ns)
		return;
	if (sensor->pinged_ns && now_ns >= sensor->pinged_ns + NO_DATA_NS) {
		err_set(&err, -ETIMEDOUT,
			"the load sensor answers but has sent no usable samples for %.1f s: switch it off and on",
			(double)(now_ns - sensor->data_ns) / 1e9);
		dialogue_lose(sensor->dialogue, -ETIMEDOUT, &err);
	} else if (!dialogue_awaits(sensor->dialogue)) {
		if (!sensor->pinged_ns)
			sensor->pinged_ns = now_ns;
		dialogue_submit(sensor->dialogue, &(const struct dialogue_request){.what = LS_PING});
	}
}

static void sensor_on_tick(struct device *device, uint64_t now_ns)
{
	struct sensor *sensor = sensor_of(device);

	if (dialogue_state(sensor->dialogue) == DIALOGUE_READY)
		tell_losses(sensor, now_ns);
	dialogue_tick(sensor->dialogue, now_ns);
	if (dialogue_state(sensor->dialogue) == DIALOGUE_READY)
		watch_data(sensor);
}

/* ---- verbs ----------------------------------------------------------------------------------------------------- */

static void sensor_start(struct device *device, device_done_fn done, void *ctx)
{
	dialogue_submit(sensor_of(device)->dialogue,
			&(const struct dialogue_request){.what = LS_START, .done = done, .ctx = ctx});
}

static void sensor_stop(struct device *device, device_done_fn done, void *ctx)
{
	dialogue_stop(sensor_of(device)->dialogue,
		      &(const struct dialogue_request){.what = LS_STOP, .done = done, .ctx = ctx});
}

static const struct stream_verbs verbs = {
	.start = sensor_start,
	.stop = sensor_stop,
};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int sensor_match(const struct link_identity *id)
{
	if (id->vid == LS_VID && (id->pid == LS_PID_USB || id->pid == LS_PID_SERIAL))
		return 2;
	return id->usb_class == LS_USB_CLASS && id->usb_subclass == LS_USB_SUBCLASS &&
	       id->usb_protocol == LS_USB_PROTOCOL;
}

static int sensor_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	if (!(open->rate_hz >= 0) || !isfinite(open->rate_hz))
		return err_set(err, -EINVAL, "the sample rate of a load sensor is a number from 0 (its default) up");
	struct sensor *sensor = calloc(1, sizeof(*sensor));
	if (!sensor)
		return err_set(err, -ENOMEM, "no memory for a load sensor");
	sensor->base.driver = &driver_load_stream;
	sensor->host = open->host;
	sensor->wanted_hz = open->rate_hz;
	int status = dialogue_open(&speech, sensor, open, now_ns, &sensor->dialogue, err);
	if (status) {
		free(sensor);
		return status;
	}
	open_step(sensor, LS_HELLO, 0);
	*ret = &sensor->base;
	return 0;
}

static void sensor_close(struct device *device)
{
	static const struct dialogue_request stop = {.what = LS_STOP};
	struct sensor *sensor = sensor_of(device);

	if (!sensor)
		return;
	bool streams =
		dialogue_state(sensor->dialogue) == DIALOGUE_READY && (sensor->streaming || awaits(sensor, LS_START));
	dialogue_close(sensor->dialogue, streams ? &stop : NULL);
	free(sensor);
}

static const struct device_identity *sensor_identity(const struct device *device)
{
	return &sensor_of_const(device)->identity;
}

static const struct channel *sensor_channels(const struct device *device, unsigned *ret_count)
{
	const struct sensor *sensor = sensor_of_const(device);

	*ret_count = sensor->channels_count;
	return sensor->channels;
}

static void sensor_counters(const struct device *device, struct device_counters *ret)
{
	const struct sensor *sensor = sensor_of_const(device);

	*ret = (struct device_counters){
		.frames = sensor->decoder.frames,
		.crc_errors = sensor->decoder.crc_errors,
		.resyncs = sensor->decoder.resyncs,
		.lost_samples = sensor->seen.samples,
	};
	dialogue_counters(sensor->dialogue, ret);
	ret->odd_replies += sensor->seen.backwards + sensor->seen.malformed;
}

static const struct link *sensor_link(const struct device *device)
{
	return dialogue_link(sensor_of_const(device)->dialogue);
}

const struct driver driver_load_stream = {
	.name = "load-stream",
	.description = "load sensor that streams checked binary frames, over USB bulk or serial",
	.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER),
	.wants = {.usb_class = LS_USB_CLASS,
		  .usb_subclass = LS_USB_SUBCLASS,
		  .usb_protocol = LS_USB_PROTOCOL,
		  .binary = true,
		  .serial = {.baud = LS_BAUD}},
	.match = sensor_match,
	.open = sensor_open,
	.close = sensor_close,
	.on_tick = sensor_on_tick,
	.identity = sensor_identity,
	.channels = sensor_channels,
	.counters = sensor_counters,
	.link = sensor_link,
	.stream = &verbs,
};
