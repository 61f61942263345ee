/* The life of a converter behind an iiod: what there is, its rate set and read back, its scales, before each start again.
 * Two connections: attributes are asked for on one, samples come on the other, opened anew for each stream, as a request for
 * samples is not to be taken back. */
#include "drivers/iio/device.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/iio/wire.h"
#include "rig/driver/dialogue.h"

#define GAPS_TOLD    20
#define OWED_MAX     16                 /* answers that are under way; beyond it nothing is asked */
#define BLOCK_S      5e-3               /* of samples; what is late comes so late */
#define BUFFERS      32                 /* blocks that the device keeps where nobody takes them */
#define BLOCKS_ASKED 256                /* by one request */
#define BUSY_NS      (50 * NS_PER_MS)   /* until a device that is in use is tried again */
#define BEGIN_NS     (2500 * NS_PER_MS) /* so long a stream may take to begin */
#define ANSWER_NS    (1000 * NS_PER_MS) /* iiod reads an attribute from the driver's hardware */
#define RATE_WITHIN  100e-6

/* Requests, as they follow each other while it opens. value of SCALE and OFFSET: of which input. QUIET sets nothing new. */
enum what { PRINT, QUIET, BUFFER, RATE, SET_RATE, SCALE, OFFSET };

struct iio {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct daq_setup setup;
	struct iio_context context;
	struct iio_xml *xml; /* while it comes */
	struct iio_layout layout;
	struct device_identity identity;
	struct channel channel[CHANNELS_MAX];
	double rate_hz;
	bool rate_set;

	/* answers come in the order of the requests, also of those that were given up */
	struct iio_answer answer;
	unsigned owed;
	bool owed_text[OWED_MAX];

	/* the stream's connection */
	const struct link_ops *const *links;
	struct loop *loop;
	char uri[LINK_NAME_MAX];
	struct link *samples; /* NULL: there is none */
	unsigned opened;      /* how often it was */
	struct iio_answer open_answer;
	enum { STREAM_ASKED, STREAM_BUSY, STREAM_RUNS } state;
	uint64_t again_ns;
	struct iio_stream stream;
	struct daq_streams streams;
	uint64_t blocks;
	unsigned gaps_told;
	int32_t counts[IIO_COUNTS_MAX];
};

static struct iio *iio_of(struct device *device)
{
	return (struct iio *)device;
}

static const struct iio *iio_of_const(const struct device *device)
{
	return (const struct iio *)device;
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

/* An attribute of an input, or of the device itself. */
static int say_attribute(const struct iio *iio, const char *verb, const char *name, unsigned input, bool own, char *ret,
			 size_t size)
{
	const struct iio_device *d = &iio->context.device;
	const char *channel = d->channel[iio->layout.input[input].channel].id;

	return snprintf(ret, size, "%s %s %s%s%s%s", verb, d->id, own ? "" : "INPUT ", own ? "" : channel,
			own ? "" : " ", name);
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct iio *iio = device;
	const struct iio_device *d = &iio->context.device;
	char *text = (char *)buffer, number[32];
	unsigned i = (unsigned)request->value;
	int len = 0;

	(void)asked;
	if (iio->owed == OWED_MAX)
		return (size_t)snprintf(text, size, "\n"); /* which is answered by nothing */
	bool text_comes = request->what != QUIET && request->what != BUFFER && request->what != SET_RATE;
	if (iio->owed == 0)
		iio->answer = (struct iio_answer){.has_text = text_comes};
	iio->owed_text[iio->owed++] = text_comes;
	switch ((enum what)request->what) {
	case PRINT: len = snprintf(text, size, "PRINT"); break;
	case QUIET: len = snprintf(text, size, "TIMEOUT 2500"); break;
	case BUFFER: len = snprintf(text, size, "SET %s BUFFERS_COUNT %d", d->id, BUFFERS); break;
	case RATE: len = say_attribute(iio, "READ", "sampling_frequency", 0, d->rate, text, size); break;
	case SCALE: len = say_attribute(iio, "READ", "scale", i, false, text, size); break;
	case OFFSET: len = say_attribute(iio, "READ", "offset", i, false, text, size); break;
	case SET_RATE:
		snprintf(number, sizeof(number), "%.10g", iio->setup.rate_hz);
		len = say_attribute(iio, "WRITE", "sampling_frequency", 0, d->rate, text, size);
		len += snprintf(text + len, size - (size_t)len, " %zu\n%s", strlen(number) + 1, number);
		return (size_t)len + 1; /* its value ends with a NUL */
	}
	text[len] = '\n';
	return (size_t)len + 1;
}

static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	const struct iio *iio = device;

	*ret = (struct dialogue_pace){.reply_ns = request->what == PRINT ? 2 * ANSWER_NS : ANSWER_NS,
				      .between_ns = iio->samples && iio->state != STREAM_RUNS ? DRIVER_TICK_NS : 0};
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static void identify(struct iio *iio)
{
	const struct iio_context *c = &iio->context;
	struct device_identity *id = &iio->identity;

	snprintf(id->maker, sizeof(id->maker), "%s", c->vendor);
	snprintf(id->model, sizeof(id->model), "%s", c->device.name);
	snprintf(id->serial, sizeof(id->serial), "%s", c->serial);
	snprintf(id->firmware, sizeof(id->firmware), "%s", c->firmware[0] ? c->firmware : c->version);
	if (!iio->layout.stamped)
		snprintf(id->loss, sizeof(id->loss), "its samples carry neither number nor time");
}

static int take_context(struct iio *iio, struct err *err)
{
	struct iio_context *c = &iio->context;
	int status = iio->xml ? iio_xml_feed(iio->xml, NULL, 0, true, err)
			      : err_set(err, -EPROTO, "it says nothing of itself");

	if (status)
		return status;
	if (c->found != 1)
		return err_set(
			err, -EINVAL,
			"%u of its devices %s%s: write \"daq\": {\"device\": ...} with the name that iio_info shows",
			c->found, c->wanted[0] ? "are named " : "sample volts", c->wanted);
	status = iio_layout(&c->device, &iio->setup, &iio->layout, err);
	if (status)
		return status;
	if (!c->device.rate && !c->device.channel[iio->layout.input[0].channel].rate)
		return err_set(err, -EINVAL,
			       "%s has no \"sampling_frequency\": what triggers it, and how often, is not known",
			       c->device.name);
	identify(iio);
	return 0;
}

/* Set once; what it reads then is what it has. */
static int take_rate(struct iio *iio, double hz, struct err *err)
{
	bool near = fabs(hz - iio->setup.rate_hz) <= RATE_WITHIN * iio->setup.rate_hz;

	if (near && (iio->rate_hz == 0 || hz == iio->rate_hz))
		iio->rate_hz = hz;
	else if (iio->rate_hz > 0 || iio->rate_set)
		return err_set(err, -EREMOTEIO,
			       "it samples at %.10g Hz, and not at %.10g: write \"sample_rate_hz\" as it can have it, "
			       "and let no other program set it",
			       hz, iio->setup.rate_hz);
	return 0;
}

/* While it opens it is taken, and must be the same ever after. */
static int take_value(struct iio *iio, double *kept, double value, struct err *err)
{
	if (dialogue_state(iio->dialogue) == DIALOGUE_OPENING)
		*kept = value;
	if (*kept == value)
		return 0;
	return err_set(err, -EREMOTEIO,
		       "a scale or an offset was %g when it was opened and is %g: another program sets it up", *kept,
		       value);
}

static int take_answer(struct iio *iio, const struct dialogue_request *request, struct err *err)
{
	const struct iio_answer *a = &iio->answer;
	struct iio_place *place = &iio->layout.input[(unsigned)request->value];
	bool text = request->what == RATE || request->what == SCALE || request->what == OFFSET;
	double value = 0;

	if (request->what == QUIET || request->what == BUFFER)
		return 0; /* not every server can */
	if (a->number < 0)
		return err_set(err, -EREMOTEIO, "it refuses to tell or to set what it has: %s (%ld)",
			       strerror((int)-a->number), a->number);
	if (text && !iio_value(a, &value))
		return err_set(err, -EPROTO, "what it tells as its rate, a scale or an offset is no number");
	switch ((enum what)request->what) {
	case PRINT: return take_context(iio, err);
	case RATE: return take_rate(iio, value, err);
	case SCALE: return take_value(iio, &place->scale_mv, value, err);
	case OFFSET: return take_value(iio, &place->offset, value, err);
	default: iio->rate_set = true; return 0;
	}
}

static void become_ready(struct iio *iio)
{
	double per_count, at_0;
	struct err err;

	daq_streams_init(&iio->streams, &iio->setup, iio->rate_hz);
	for (unsigned i = 0; i < iio->setup.inputs; i++) {
		const struct iio_place *place = &iio->layout.input[i];
		uint8_t bits = place->format.bits;
		int status = iio_volts(place, &iio->setup.input[i], &per_count, &at_0, &err);
		if (status) {
			dialogue_lose(iio->dialogue, status, &err);
			return;
		}
		daq_channel(&iio->streams, &iio->setup, i, iio->rate_hz, per_count, at_0,
			    bits <= 16   ? 16
			    : bits <= 24 ? 24
					 : 32,
			    &iio->channel[i]);
	}
	dialogue_ready(iio->dialogue);
}

/* What follows a request, while it opens and before each start alike: false, nothing more. */
static bool follows(const struct iio *iio, int *what, unsigned *input)
{
	const struct iio_device *d = &iio->context.device;

	if (*what == RATE && iio->rate_hz == 0) {
		*what = SET_RATE;
	} else if (*what == SET_RATE) {
		*what = RATE;
	} else if (*what == SCALE && d->channel[iio->layout.input[*input].channel].offset) {
		*what = OFFSET;
	} else if (*what >= SCALE) {
		*what = SCALE;
		return ++*input < iio->setup.inputs;
	} else {
		*what = *what == RATE ? SCALE : *what + 1;
	}
	return true;
}

static void conclude(struct iio *iio)
{
	const struct dialogue_request *awaited = dialogue_awaits(iio->dialogue);
	struct err err;

	iio->owed--;
	memmove(iio->owed_text, iio->owed_text + 1, iio->owed);
	if (!awaited || iio->owed > 0)
		return; /* to what was asked before, or was given up */
	const struct dialogue_request request = *awaited;
	int what = request.what, status = take_answer(iio, &request, &err);
	unsigned input = (unsigned)request.value;
	if (status)
		dialogue_reject(iio->dialogue, what == PRINT || what == SET_RATE ? 1 : DIALOGUE_ASKED_MAX, status,
				&err);
	else if (dialogue_state(iio->dialogue) == DIALOGUE_READY)
		dialogue_answered(iio->dialogue);
	else if (follows(iio, &what, &input))
		dialogue_ask(iio->dialogue, what, input);
	else
		become_ready(iio);
}

/* A context is read as it comes, each time anew. */
static int take_text(struct iio *iio, enum iio_fed fed, const uint8_t *data, size_t len, struct err *err)
{
	const struct dialogue_request *awaited = dialogue_awaits(iio->dialogue);

	if (dialogue_state(iio->dialogue) != DIALOGUE_OPENING || !awaited || awaited->what != PRINT)
		return 0;
	if (fed == IIO_TEXT)
		return iio_xml_feed(iio->xml, data, len, false, err);
	iio_xml_free(iio->xml);
	iio->context.found = 0;
	iio->xml = iio_xml_new(&iio->context);
	return iio->xml ? 0 : err_set(err, -ENOMEM, "no memory for what it says of itself");
}

static void on_answers(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct iio *iio = device;
	struct err err;

	(void)host_ns;
	for (size_t used; len > 0 && dialogue_state(iio->dialogue) != DIALOGUE_LOST; data += used, len -= used) {
		int status = 0;
		enum iio_fed fed = iio->owed ? iio_answer_feed(&iio->answer, data, len, &used) : IIO_NONSENSE;
		if (fed == IIO_NONSENSE)
			status = err_set(&err, -EPROTO, "what it answers is not iiod's: is this its port?");
		else if (fed == IIO_HEAD || fed == IIO_TEXT)
			status = take_text(iio, fed, data, used, &err);
		else if (fed == IIO_DONE)
			conclude(iio);
		if (fed == IIO_DONE)
			iio->answer = (struct iio_answer){.has_text = iio->owed_text[0]};
		if (status) {
			dialogue_lose(iio->dialogue, status, &err);
			return;
		}
	}
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

static unsigned in_block(const struct iio *iio)
{
	return (unsigned)fmax(1, round(iio->rate_hz * BLOCK_S));
}

static void say(struct iio *iio, const char *text)
{
	(void)iio->samples->ops->write(iio->samples, (const uint8_t *)text, strlen(text),
				       dialogue_now_ns(iio->dialogue) + BEGIN_NS, NULL, NULL);
}

static void ask_open(struct iio *iio)
{
	char text[sizeof("OPEN  4294967295 \n") + IIO_NAME_MAX + IIO_MASK_MAX];

	snprintf(text, sizeof(text), "OPEN %s %u %s\n", iio->context.device.id, in_block(iio), iio->layout.mask);
	iio->open_answer = (struct iio_answer){.len = 0};
	iio->state = STREAM_ASKED;
	say(iio, text);
}

static void ask_samples(struct iio *iio)
{
	char text[sizeof("READBUF  4294967295\n") + IIO_NAME_MAX];
	unsigned bytes = in_block(iio) * iio->layout.bytes * BLOCKS_ASKED;

	snprintf(text, sizeof(text), "READBUF %s %u\n", iio->context.device.id, bytes);
	iio->stream.asked = bytes;
	iio->state = STREAM_RUNS;
	say(iio, text);
}

static void tell_gap(struct iio *iio, const struct sample_block *block)
{
	char text[96];

	if (!(block->flags & SAMPLE_GAP) || iio->gaps_told++ >= GAPS_TOLD)
		return;
	snprintf(text, sizeof(text), "%llu samples of each input are missing before %llu",
		 (unsigned long long)iio->stream.missing, (unsigned long long)block->first_index);
	iio->host.event(iio->host.ctx, 0, text);
}

/* 0, or an error that the device is lost with. */
static int take_open(struct iio *iio, const uint8_t *data, size_t len, size_t *used, struct err *err)
{
	enum iio_fed fed = iio_answer_feed(&iio->open_answer, data, len, used);
	long code = iio->open_answer.number;

	if (fed == IIO_MORE)
		return 0;
	if (iio->state != STREAM_ASKED || fed == IIO_NONSENSE)
		return err_set(err, -EPROTO, "what it answers where samples are asked for is not iiod's");
	if (code >= 0) {
		ask_samples(iio);
	} else if (code == -EBUSY) {
		iio->state = STREAM_BUSY;
		iio->again_ns = dialogue_now_ns(iio->dialogue) + BUSY_NS;
	} else {
		return err_set(err, -EREMOTEIO, "it does not stream these inputs: %s (%ld)", strerror((int)-code),
			       code);
	}
	return 0;
}

static int take_samples(struct iio *iio, const uint8_t *data, size_t len, size_t *used, uint64_t host_ns,
			bool *ret_more, struct err *err)
{
	struct sample_block block;
	enum iio_samples got = iio_stream_take(&iio->stream, data, len, used, &block, iio->counts, err);

	*ret_more = got != IIO_ALL;
	if (got == IIO_BROKEN)
		return -EPROTO;
	if (got == IIO_SPENT)
		ask_samples(iio);
	if (got != IIO_BLOCK)
		return 0;
	block.host_ns = host_ns;
	iio->blocks++;
	tell_gap(iio, &block);
	daq_streams_take(&iio->streams, &block, iio->counts, iio->host.block, iio->host.ctx);
	return 0;
}

static void on_samples(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct iio *iio = ctx;
	bool more = true;
	struct err err;

	(void)end;
	for (size_t used; (len > 0 || more) && iio->samples && dialogue_state(iio->dialogue) != DIALOGUE_LOST;
	     data += used, len -= used) {
		more = false;
		int status = iio->state == STREAM_RUNS ? take_samples(iio, data, len, &used, host_ns, &more, &err)
						       : take_open(iio, data, len, &used, &err);
		if (status) {
			dialogue_lose(iio->dialogue, status, &err);
			return;
		}
	}
}

static void on_samples_gone(void *ctx, const struct err *why)
{
	dialogue_lose(((struct iio *)ctx)->dialogue, -ENODEV, why);
}

static void close_samples(struct iio *iio)
{
	link_close(iio->samples);
	iio->samples = NULL;
}

static int open_samples(struct iio *iio, struct err *err)
{
	const struct link_opening opening = {.table = iio->links,
					     .loop = iio->loop,
					     .uri = iio->uri,
					     .wants = driver_iio.wants,
					     .sink = {.ctx = iio, .bytes = on_samples, .gone = on_samples_gone}};

	close_samples(iio);
	iio->opened++;
	iio->stream = (struct iio_stream){.layout = &iio->layout, .rate_hz = iio->rate_hz, .lost = iio->stream.lost};
	daq_streams_init(&iio->streams, &iio->setup, iio->rate_hz);
	int status = link_open(&opening, &iio->samples, err);
	if (status == 0)
		ask_open(iio);
	return status;
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */

/* A start, request by request. Allocated for its life. */
struct job {
	struct iio *iio;
	int what;
	unsigned input;
	unsigned opened; /* the connection that it is about; 0: none yet */
	uint64_t begun_ns;
	device_done_fn done;
	void *ctx;
};

static void job_done(void *ctx, int status, const struct err *err);

static void job_ask(struct job *job)
{
	dialogue_submit(
		job->iio->dialogue,
		&(const struct dialogue_request){.what = job->what, .value = job->input, .done = job_done, .ctx = job});
}

/* Behind the checks: 0, and whether it streams. */
static int job_begin(struct job *job, bool *ret_streams, struct err *err)
{
	struct iio *iio = job->iio;
	uint64_t now_ns = dialogue_now_ns(iio->dialogue);

	if (job->opened == 0) {
		int status = open_samples(iio, err);
		job->opened = iio->opened;
		job->begun_ns = now_ns;
		return status;
	}
	*ret_streams = iio->samples && job->opened == iio->opened && iio->state == STREAM_RUNS;
	if (*ret_streams)
		return 0;
	if (!iio->samples || job->opened != iio->opened)
		return err_set(err, -ENODEV, "the connection for its samples is closed");
	if (now_ns > job->begun_ns + BEGIN_NS)
		return iio->state == STREAM_BUSY ? err_set(err, -EBUSY, "it is in use: another program has it stream")
						 : err_set(err, -EREMOTEIO, "its stream does not begin");
	if (iio->state == STREAM_BUSY && now_ns >= iio->again_ns)
		ask_open(iio);
	return 0;
}

static void job_done(void *ctx, int status, const struct err *err)
{
	struct job *job = ctx;
	bool checked = job->what == QUIET, streams = false;
	struct err own;

	if (status == 0 && !checked && !follows(job->iio, &job->what, &job->input)) {
		job->what = QUIET;
		job->input = 0;
		checked = true;
	}
	if (status == 0 && checked && (status = job_begin(job, &streams, &own)) != 0)
		err = &own;
	if (status == 0 && !streams) {
		job_ask(job);
		return;
	}
	if (status && job->opened == job->iio->opened)
		close_samples(job->iio);
	if (job->done)
		job->done(job->ctx, status, err);
	free(job);
}

static void stream_start(struct device *device, device_done_fn done, void *ctx)
{
	struct job *job = calloc(1, sizeof(*job));
	struct iio *iio = iio_of(device);

	if (!job) { /* nothing streams, and its silence says so */
		dialogue_submit(iio->dialogue,
				&(const struct dialogue_request){.what = QUIET, .done = done, .ctx = ctx});
		return;
	}
	*job = (struct job){.iio = iio, .what = RATE, .done = done, .ctx = ctx};
	job_ask(job);
}

static void stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	close_samples(iio_of(device));
	dialogue_stop(iio_of(device)->dialogue,
		      &(const struct dialogue_request){.what = QUIET, .done = done, .ctx = ctx});
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static const struct dialogue_ops speech = {
	.driver = &driver_iio,
	.name = "IIO converter",
	.waiting_max = 8,
	.encode = encode,
	.bytes = on_answers,
	.pace = pace,
};

static int iio_match(const struct link_identity *id)
{
	(void)id;
	return 0; /* nothing on a network is listed: a bench file names it */
}

static int iio_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct iio *iio;

	if (!open->daq)
		return err_set(err, -EINVAL, "the driver \"iio\" needs the bench file's \"daq\"");
	iio = calloc(1, sizeof(*iio));
	if (!iio)
		return err_set(err, -ENOMEM, "no memory for an IIO converter");
	iio->base.driver = &driver_iio;
	iio->host = open->host;
	iio->setup = *open->daq;
	iio->links = open->links;
	iio->loop = open->loop;
	memcpy(iio->context.wanted, open->daq->device, sizeof(iio->context.wanted));
	snprintf(iio->uri, sizeof(iio->uri), "%s", open->uri);
	int status = dialogue_open(&speech, iio, open, now_ns, &iio->dialogue, err);
	if (status) {
		free(iio);
		return status;
	}
	dialogue_ask(iio->dialogue, PRINT, 0);
	*ret = &iio->base;
	return 0;
}

static void iio_close(struct device *device)
{
	struct iio *iio = iio_of(device);

	if (!iio)
		return;
	close_samples(iio);
	dialogue_close(iio->dialogue, NULL);
	iio_xml_free(iio->xml);
	free(iio);
}

static void iio_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(iio_of(device)->dialogue, now_ns);
}

static const struct device_identity *iio_identity(const struct device *device)
{
	return &iio_of_const(device)->identity;
}

static const struct channel *iio_channels(const struct device *device, unsigned *ret_count)
{
	*ret_count = iio_of_const(device)->setup.inputs;
	return iio_of_const(device)->channel;
}

static void iio_counters(const struct device *device, struct device_counters *ret)
{
	const struct iio *iio = iio_of_const(device);

	*ret = (struct device_counters){.frames = iio->blocks, .lost_samples = iio->stream.lost};
	dialogue_counters(iio->dialogue, ret);
}

static const struct link *iio_link(const struct device *device)
{
	return dialogue_link(iio_of_const(device)->dialogue);
}

static const struct stream_verbs verbs = {.start = stream_start, .stop = stream_stop};

const struct driver driver_iio = {
	.name = "iio",
	.description = "converter of Linux' industrial I/O that an iiod serves on the network, whose inputs the bench "
		       "file maps",
	.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER),
	.wants = {.binary = true, .tcp_port = IIO_PORT},
	.mapped = true,
	.match = iio_match,
	.open = iio_open,
	.close = iio_close,
	.on_tick = iio_on_tick,
	.identity = iio_identity,
	.channels = iio_channels,
	.counters = iio_counters,
	.link = iio_link,
	.stream = &verbs,
};
