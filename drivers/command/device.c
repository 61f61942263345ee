/* The life of a device that only speaks: it is ready with its first sample, numbered here as samples arrive, and asked
 * nothing. What a program says on its standard error, its remarks and what is no sample go to the journal, escaped.
 * Leaves out what the bytes mean: that is wire.c. */
#include "drivers/command/device.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/command/wire.h"
#include "rig/driver/lines.h"

#define READY_NS      (2000 * NS_PER_MS)
#define REMARKS_MAX   100 /* lines in the journal of one run; what is beyond is counted and said once */
#define BANNER_MAX    50  /* lines before the first sample that are none */
#define ODD_MAX       20  /* lines in a row that are none, behind it: of no use */
#define SHOWN_MAX     160
#define PENDING_MAX   4
#define RATE_AFTER_NS (10 * NS_PER_S) /* how long a rate is looked at before it is judged */
#define RATE_OFF_NS   (5 * NS_PER_S)  /* and for how long it must be off: what a busy computer reads late comes */
#define RATE_LATE_S   0.5             /* arrivals lie around their samples; two periods, if longer */
#define BLOCK_MAX     4096            /* counts */

/* A verb for which nothing is sent: done at the next tick. */
struct pending {
	device_done_fn done;
	void *ctx;
};

struct program {
	struct device base;
	struct driver_host host;
	struct link *link;
	struct command_setup setup;
	struct command_decoder decoder;
	struct device_identity identity;
	struct channel channel[CHANNELS_MAX];
	uint64_t opened_ns, now_ns;
	bool ready, lost, running, torn; /* torn: what comes first may be the rest of a line */
	uint64_t index, next_index;      /* of the sample that is awaited; behind the one that was passed on last */
	bool watched;                    /* nobody but this driver holds its rate against the clock */
	uint64_t first_ns, first_index,
		off_ns; /* of the first block: arrival and last sample; since when the rate is off */
	unsigned odd_in_row, remarks;
	uint64_t samples, odd, missed;
	char said[SHOWN_MAX]; /* the last line on standard error, escaped */

	struct sample_block block;
	int32_t counts[BLOCK_MAX];

	unsigned pending_count;
	struct pending pending[PENDING_MAX];
};

static struct program *program_of(struct device *device)
{
	return (struct program *)device;
}

static const struct program *program_of_const(const struct device *device)
{
	return (const struct program *)device;
}

/* ---- what is told ------------------------------------------------------------------------------------------------ */

static void note(struct program *p, const char *what, const char *bytes, size_t len)
{
	char shown[SHOWN_MAX], text[SHOWN_MAX + 120];

	if (p->remarks > REMARKS_MAX)
		return;
	lines_show_bytes(bytes, len, shown, sizeof(shown));
	snprintf(text, sizeof(text), "%s: \"%s\"", what, shown);
	if (p->remarks++ == REMARKS_MAX)
		snprintf(text, sizeof(text), "it says more than %d lines: those that follow are not kept", REMARKS_MAX);
	p->host.event(p->host.ctx, 0, text);
}

static void lose(struct program *p, int status, const struct err *why)
{
	if (p->lost)
		return;
	p->lost = true;
	if (p->ready)
		p->host.lost(p->host.ctx, status, why);
	else
		p->host.ready(p->host.ctx, status, why);
}

static void become_ready(struct program *p)
{
	p->ready = true;
	p->host.ready(p->host.ctx, 0, NULL);
}

/* ---- samples ----------------------------------------------------------------------------------------------------- */

/* Of temperatures nobody else looks at the clock, and times that are wrong make a wrong steady one. */
static void watch_rate(struct program *p, uint64_t last, uint64_t host_ns)
{
	double periods_s = 2 / p->setup.rate_hz;
	struct err err;

	if (p->first_ns == 0) {
		p->first_ns = host_ns;
		p->first_index = last;
	}
	if (!p->watched || host_ns < p->first_ns + RATE_AFTER_NS)
		return;
	double measured_s = (double)(host_ns - p->first_ns) / 1e9;
	double told_s = (double)(last - p->first_index) / p->setup.rate_hz;
	double most_s = p->setup.rate_tolerance * measured_s + fmax(periods_s, RATE_LATE_S);
	if (fabs(measured_s - told_s) <= most_s) {
		p->off_ns = 0;
		return;
	}
	p->off_ns = p->off_ns ? p->off_ns : host_ns;
	if (host_ns < p->off_ns + RATE_OFF_NS)
		return;
	lose(p, -EPROTO,
	     (err_set(&err, -EPROTO, "it delivers %.4g samples a second, and the bench file says %.4g",
		      (double)(last - p->first_index) / measured_s, p->setup.rate_hz),
	      &err));
}

static void send_block(struct program *p, uint64_t host_ns)
{
	if (p->block.frames == 0)
		return;
	p->block.host_ns = host_ns;
	p->host.block(p->host.ctx, &p->block);
	watch_rate(p, p->block.first_index + p->block.frames - 1, host_ns);
	p->block.frames = 0;
}

static void begin_block(struct program *p)
{
	p->block = (struct sample_block){.channels = (uint8_t)p->setup.channels,
					 .flags = p->index != p->next_index ? SAMPLE_GAP : 0,
					 .first_index = p->index,
					 .counts = p->counts};
	p->missed += p->index - p->next_index;
}

static void take_sample(struct program *p, uint64_t host_ns)
{
	unsigned channels = p->setup.channels;

	p->odd_in_row = 0;
	if (!p->ready)
		become_ready(p);
	if (!p->running || p->lost)
		return;
	if (p->index != p->next_index || (p->block.frames + 1) * channels > BLOCK_MAX)
		send_block(p, host_ns);
	if (p->block.frames == 0)
		begin_block(p);
	memcpy(p->counts + (size_t)p->block.frames * channels, p->decoder.count, channels * sizeof(p->counts[0]));
	p->block.flags |= p->decoder.flags;
	p->block.frames++;
	p->samples++;
	p->next_index = ++p->index;
}

/* It stands in the place of a sample, so far as anybody knows: a gap follows. */
static void miss_sample(struct program *p, const char *what)
{
	if (p->odd_in_row == 0)
		note(p, what, p->decoder.line, p->decoder.shown);
	if (p->running)
		p->index++;
}

static void take_odd(struct program *p)
{
	char what[120], shown[SHOWN_MAX];
	unsigned most = p->ready ? ODD_MAX : BANNER_MAX;
	struct err err;

	snprintf(what, sizeof(what), "a line that is no sample (%s)", p->decoder.why);
	p->odd++;
	miss_sample(p, what);
	if (++p->odd_in_row <= most)
		return;
	lines_show_bytes(p->decoder.line, p->decoder.shown, shown, sizeof(shown));
	lose(p, -EPROTO,
	     (err_set(&err, -EPROTO, "%u lines in a row are no samples; the last is \"%s\": %s", p->odd_in_row, shown,
		      p->decoder.why),
	      &err));
}

static void take(struct program *p, enum command_fed fed, uint64_t host_ns)
{
	if (fed == COMMAND_SAMPLE)
		take_sample(p, host_ns);
	else if (fed == COMMAND_NOTHING)
		miss_sample(p, "a sample without a value");
	else if (fed == COMMAND_REMARK)
		note(p, "it remarks", p->decoder.line, p->decoder.shown);
	else if (fed == COMMAND_ODD)
		take_odd(p);
	if (fed == COMMAND_NOTHING)
		p->odd_in_row = p->odd_in_row ? p->odd_in_row : 1; /* told once, until one has a value again */
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct program *p = ctx;

	(void)end;
	while (len > 0 && !p->lost) {
		size_t used = len;
		enum command_fed fed = command_feed(&p->decoder, data, len, &used);
		if (fed != COMMAND_MORE && p->torn)
			p->torn = false;
		else
			take(p, fed, host_ns);
		data += used;
		len -= used;
	}
	if (!p->lost)
		send_block(p, host_ns);
}

static void on_gone(void *ctx, const struct err *why)
{
	struct program *p = ctx;
	struct err err = *why;

	if (p->said[0])
		err_set(&err, -ENODEV, "%.300s; the last it said is \"%s\"", why->text, p->said);
	lose(p, -ENODEV, &err);
}

static void on_said(void *ctx, const char *text, size_t len)
{
	struct program *p = ctx;

	lines_show_bytes(text, len, p->said, sizeof(p->said));
	note(p, "it says on its standard error", text, len);
}

/* ---- verbs ------------------------------------------------------------------------------------------------------- */

static void finish_later(struct program *p, device_done_fn done, void *ctx)
{
	struct err err;

	if (!done)
		return;
	if (p->pending_count == PENDING_MAX)
		done(ctx, -ENOBUFS, (err_set(&err, -ENOBUFS, "too many orders wait"), &err));
	else
		p->pending[p->pending_count++] = (struct pending){done, ctx};
}

static void finish_pending(struct program *p, int status)
{
	struct err err;

	while (p->pending_count > 0) {
		struct pending first = p->pending[0];
		p->pending_count--;
		memmove(p->pending, p->pending + 1, p->pending_count * sizeof(first));
		err_set(&err, status, "the program is gone");
		first.done(first.ctx, status, status ? &err : NULL);
	}
}

static void stream_start(struct device *device, device_done_fn done, void *ctx)
{
	struct program *p = program_of(device);

	p->running = true;
	p->index = p->next_index = 0;
	p->first_ns = p->off_ns = 0;
	p->block.frames = 0;
	finish_later(p, done, ctx);
}

static void stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	struct program *p = program_of(device);

	p->running = false;
	finish_later(p, done, ctx);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

/* Readings go through the file's words: what a column counts is a multiple of its resolution. */
static void describe_channel(const struct command_setup *setup, unsigned i, struct channel *ret)
{
	const struct command_channel *own = &setup->channel[i];

	*ret = (struct channel){.quantity = own->quantity,
				.position = (uint8_t)i,
				.bits = setup->format->bits,
				.rate_hz = setup->rate_hz,
				.scale = own->scale * own->resolution,
				.offset = own->offset,
				.range_lo = own->range_lo,
				.range_hi = own->range_hi,
				.noise_rms = own->noise_rms,
				.bandwidth_hz = own->bandwidth_hz};
	memcpy(ret->name, own->name, sizeof(ret->name));
	memcpy(ret->unit, own->unit, sizeof(ret->unit));
}

static void identify(struct program *p)
{
	struct link_identity link;

	p->link->ops->identity(p->link, &link);
	snprintf(p->identity.model, sizeof(p->identity.model), "%.47s", link.product);
	memcpy(p->identity.serial, p->setup.serial, sizeof(p->identity.serial));
	if (p->setup.sha256[0])
		snprintf(p->identity.firmware, sizeof(p->identity.firmware), "sha256:%.40s", p->setup.sha256);
	snprintf(p->identity.loss, sizeof(p->identity.loss), "its samples carry no number");
}

static int program_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct program *p;
	int status;

	if (!open->command)
		return err_set(err, -EINVAL, "the driver \"command\" needs the bench file's \"command\"");
	p = calloc(1, sizeof(*p));
	if (!p)
		return err_set(err, -ENOMEM, "no memory for a program's samples");
	p->base.driver = &driver_command;
	p->host = open->host;
	p->setup = *open->command;
	p->decoder.setup = &p->setup;
	p->opened_ns = p->now_ns = now_ns;
	p->watched = true;
	for (unsigned i = 0; i < p->setup.channels; i++) {
		describe_channel(&p->setup, i, &p->channel[i]);
		if (p->channel[i].quantity == QUANTITY_FORCE || p->channel[i].quantity == QUANTITY_DISPLACEMENT)
			p->watched = false;
	}
	const struct link_opening opening = {
		.table = open->links,
		.loop = open->loop,
		.uri = open->uri,
		.wants = {.source = true, .arguments = p->setup.argument},
		.settings = open->settings,
		.sink = {.ctx = p, .bytes = on_bytes, .gone = on_gone, .said = on_said},
	};
	status = link_open(&opening, &p->link, err);
	if (status) {
		free(p);
		return status;
	}
	p->torn = p->setup.format->bytes == 0 && p->link->ops->midway;
	identify(p);
	*ret = &p->base;
	return 0;
}

static void program_close(struct device *device)
{
	struct program *p = program_of(device);

	if (!p)
		return;
	link_close(p->link);
	finish_pending(p, -ECANCELED);
	free(p);
}

static void program_on_tick(struct device *device, uint64_t now_ns)
{
	struct program *p = program_of(device);
	struct err err;

	p->now_ns = now_ns;
	finish_pending(p, p->lost ? -ENODEV : 0);
	if (p->ready || p->lost || now_ns < p->opened_ns + READY_NS + p->setup.start_ns)
		return;
	err_set(&err, -ETIMEDOUT,
		"no sample came within %.1f s. Where it begins later, write \"start_ms\"; where it keeps its output "
		"back, let "
		"it write each line at once (stdbuf -oL PROGRAM, python3 -u)",
		(double)(READY_NS + p->setup.start_ns) / 1e9);
	lose(p, -ETIMEDOUT, &err);
}

/* ---- the driver -------------------------------------------------------------------------------------------------- */

static int program_match(const struct link_identity *id)
{
	(void)id;
	return 0; /* nothing that is plugged in: a bench file names it */
}

static const struct device_identity *program_identity(const struct device *device)
{
	return &program_of_const(device)->identity;
}

static const struct channel *program_channels(const struct device *device, unsigned *ret_count)
{
	const struct program *p = program_of_const(device);

	*ret_count = p->setup.channels;
	return p->channel;
}

static void program_counters(const struct device *device, struct device_counters *ret)
{
	const struct program *p = program_of_const(device);

	*ret = (struct device_counters){.frames = p->samples, .lost_samples = p->missed, .odd_replies = p->odd};
	p->link->ops->counters(p->link, &ret->link);
}

static const struct link *program_link(const struct device *device)
{
	return program_of_const(device)->link;
}

static const struct stream_verbs verbs = {.start = stream_start, .stop = stream_stop};

const struct driver driver_command = {
	.name = "command",
	.description = "samples of a program, a FIFO or a device of the kernel, as the bench file describes them",
	.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER),
	.wants = {.source = true},
	.described = true,
	.match = program_match,
	.open = program_open,
	.close = program_close,
	.on_tick = program_on_tick,
	.identity = program_identity,
	.channels = program_channels,
	.counters = program_counters,
	.link = program_link,
	.stream = &verbs,
};
