/* The life of a LabJack: what it is, its calibration, its stream set up and every setting read back, before each start again.
 * Two connections: settings are asked for on one, samples come on the other, opened anew for each stream, so that nothing
 * of the stream before is left in it. */
#include "drivers/labjack/device.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/labjack/wire.h"
#include "rig/driver/dialogue.h"
#include "rig/link/link.h"

#define GAPS_TOLD 20

/* A stream whose program has died ends by itself: its connection is closed, its buffer full after a fraction of a second. */
#define LEFT_NS       (250 * NS_PER_MS)
#define LEFT_ASKED    5

#define CAL_READS_MAX 3

_Static_assert(LJ_REQUEST_MAX <= DIALOGUE_MESSAGE_MAX, "a request fits");

/* Requests; value: of the plan's settings, which one. */
enum what {
	TEST,
	PRODUCT,
	FIRMWARE,
	SERIAL,
	FREE, /* it streams for nobody */
	CAL_POINTER,
	CAL_READ,
	DATATYPE,
	SET,
	CHECK,
	ENABLE,
	ENABLED,
	DISABLE,
	DISABLED
};

struct labjack {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct lj_frames answers;
	uint16_t transaction;
	struct daq_setup setup;
	const struct lj_model *model;
	struct device_identity identity;
	struct lj_write plan[LJ_WRITES_MAX];
	unsigned settings, samples_per_packet;
	double rate_hz; /* that it really has */
	struct lj_curve curve[CHANNELS_MAX];
	bool repoints; /* CAL_READ that is asked again writes the pointer first, which each read moves: then it is asked anew */
	unsigned cal_reads;
	struct channel channel[CHANNELS_MAX];

	/* the stream's connection */
	const struct link_ops *const *links;
	struct loop *loop;
	char uri[LINK_NAME_MAX];
	struct link *samples; /* NULL: there is none */
	unsigned opened;      /* how often it was */
	unsigned enables;     /* how often it was told to stream since it last said no; 0: no stream is ours to end */
	struct lj_frames packets;
	struct lj_stream stream;
	struct daq_streams streams;
	uint64_t frames, lost;
	unsigned gaps_told;
	int32_t counts[LJ_SAMPLES_MAX];
};

static struct labjack *labjack_of(struct device *device)
{
	return (struct labjack *)device;
}

static const struct labjack *labjack_of_const(const struct device *device)
{
	return (const struct labjack *)device;
}

/* ---- requests ------------------------------------------------------------------------------------------------------ */

/* What is written, or with words alone read. */
static struct lj_write request_of(const struct labjack *lj, const struct dialogue_request *request, bool *ret_writes)
{
	*ret_writes = (request->what == CAL_READ && lj->repoints) || request->what == DISABLE ||
		      request->what == CAL_POINTER || request->what == SET || request->what == DATATYPE ||
		      request->what == ENABLE;
	switch ((enum what)request->what) {
	case TEST: return (struct lj_write){.address = LJ_TEST, .words = 2};
	case PRODUCT: return (struct lj_write){.address = LJ_PRODUCT_ID, .words = 2};
	case FIRMWARE: return (struct lj_write){.address = LJ_FIRMWARE_VERSION, .words = 2};
	case SERIAL: return (struct lj_write){.address = LJ_SERIAL_NUMBER, .words = 2};
	case CAL_POINTER: return (struct lj_write){.address = LJ_FLASH_POINTER, .words = 2, .bits = LJ_CAL_ADDRESS};
	case CAL_READ:
		if (lj->repoints)
			return (struct lj_write){.address = LJ_FLASH_POINTER, .words = 2, .bits = LJ_CAL_ADDRESS};
		return (struct lj_write){.address = LJ_FLASH_READ, .words = 2 * LJ_CAL_WORDS};
	case DATATYPE: return (struct lj_write){.address = LJ_DATATYPE, .words = 2};
	case SET:
	case CHECK: return lj->plan[(unsigned)request->value];
	default: return (struct lj_write){.address = LJ_STREAM_ENABLE, .words = 2, .bits = request->what == ENABLE};
	}
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct labjack *lj = device;
	bool writes;

	(void)size;
	lj->repoints = request->what == CAL_READ && asked > 0;
	lj->cal_reads += request->what == CAL_READ && asked == 0;
	lj->enables += request->what == ENABLE;
	const struct lj_write what = request_of(lj, request, &writes);
	lj->transaction++; /* asked again, it has a number of its own: an answer that comes late is nobody's */
	return writes ? lj_encode_write(lj->transaction, &what, buffer)
		      : lj_encode_read(lj->transaction, what.address, what.words, buffer);
}

static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	(void)device;
	*ret = (struct dialogue_pace){.reply_ns = DRIVER_REPLY_NS, .rest_ns = request->what == FREE ? LEFT_NS : 0};
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static int take_product(struct labjack *lj, uint32_t bits, struct err *err)
{
	float product = lj_real(bits);

	lj->model = product >= 1 && product < 100 ? lj_model_find((unsigned)product) : NULL;
	if (!lj->model)
		return err_set(err, -ENOTSUP, "this is LabJack product %g: a T4 (4) or a T7 (7) is spoken to",
			       (double)product);
	snprintf(lj->identity.maker, sizeof(lj->identity.maker), "LabJack");
	snprintf(lj->identity.model, sizeof(lj->identity.model), "%s", lj->model->kind.name);
	return lj_plan(lj->model, &lj->setup, lj->plan, &lj->settings, &lj->samples_per_packet, err);
}

static int take_calibration(struct labjack *lj, const uint8_t *words, struct err *err)
{
	for (unsigned i = 0; i < lj->setup.inputs; i++)
		if (!lj_curve_read(lj->model, &lj->setup.input[i], words, &lj->curve[i]))
			return err_set(err, -EPROTO,
				       "the constants that its memory has for AIN%u at +-%g V are none: let the maker "
				       "calibrate it again",
				       lj->setup.input[i].channel.column, lj->setup.input[i].range_v);
	return 0;
}

static int check_setting(struct labjack *lj, unsigned i, const struct lj_answer *answer, struct err *err)
{
	const struct lj_write *set = &lj->plan[i];
	const struct lj_write has = {set->address, set->words, set->real,
				     set->words == 2 ? lj_word32(answer->data)
						     : lj_word32((uint8_t[]){0, 0, answer->data[0], answer->data[1]})};

	if (lj_confirms(set, has.bits, &lj->rate_hz))
		return 0;
	return err_set(err, -EREMOTEIO, "register %u was set to %.9g and reads %.9g: %s", set->address, lj_number(set),
		       lj_number(&has),
		       set->address == LJ_SCANRATE_HZ ? "write \"sample_rate_hz\" as it can have it"
						      : "another program sets it up, or it cannot do this");
}

/* Over a network nobody holds a device: that it streams is all that shows of another program. */
static int check_free(uint32_t has, struct err *err)
{
	if (!has)
		return 0;
	return err_set(err, -EBUSY,
		       "it is in use: it streams for another program, on this computer or another. Wait until that has "
		       "ended, or end it; where none is left, take the device's power away for a moment");
}

/* What an answer to a read says of the stream: 0, or -EREMOTEIO. */
static int check_enabled(bool wanted, uint32_t has, struct err *err)
{
	if (has == wanted)
		return 0;
	return err_set(err, -EREMOTEIO, "%s",
		       wanted ? "its stream does not begin: another program has it, or the rate is too high for it"
			      : "its stream does not end");
}

static int take_read(struct labjack *lj, const struct dialogue_request *request, const struct lj_answer *answer,
		     struct err *err)
{
	uint32_t bits = answer->words >= 2 ? lj_word32(answer->data) : 0;

	switch ((enum what)request->what) {
	case TEST:
		return bits == LJ_TEST_VALUE ? 0
					     : err_set(err, -EPROTO,
						       "its test register reads %08x: this is no "
						       "LabJack",
						       bits);
	case PRODUCT: return take_product(lj, bits, err);
	case FIRMWARE:
		snprintf(lj->identity.firmware, sizeof(lj->identity.firmware), "%.4f", (double)lj_real(bits));
		return 0;
	case SERIAL: snprintf(lj->identity.serial, sizeof(lj->identity.serial), "%u", bits); return 0;
	case CAL_READ: return take_calibration(lj, answer->data, err);
	case FREE: return check_free(bits, err);
	case CHECK: return check_setting(lj, (unsigned)request->value, answer, err);
	default: return check_enabled(request->what == ENABLED, bits, err);
	}
}

/* 0; or an error that the request ends with. One that begins or ends the stream counts by what is read behind it: asked
 * again it is refused, since it is done. One that begins it and is refused at once has begun nothing. The data type is no register of each firmware, and a packet's length shows it. */
static int take_answer(struct labjack *lj, const struct dialogue_request *request, const struct lj_answer *answer,
		       struct err *err)
{
	bool writes, counts_later = request->what == ENABLE || request->what == DISABLE || request->what == DATATYPE;
	const struct lj_write asked = request_of(lj, request, &writes);

	if (answer->exception && request->what == ENABLE && lj->enables == 1) {
		lj->enables = 0;
		return check_enabled(true, 0, err);
	}
	if (answer->exception && counts_later)
		return 0;
	if (answer->exception)
		return err_set(err, -EREMOTEIO, "it refuses to %s register %u (Modbus exception %u)",
			       writes ? "set" : "tell", asked.address, answer->exception);
	if (writes)
		return 0;
	if (answer->words != asked.words)
		return err_set(err, -EPROTO, "an answer of %u registers where %u were asked for", answer->words,
			       asked.words);
	return take_read(lj, request, answer, err);
}

/* While it opens: what is asked next. */
static void ask_next(struct labjack *lj, const struct dialogue_request *request)
{
	unsigned i = (unsigned)request->value;
	struct err err;

	if (request->what == CAL_READ && lj->repoints && lj->cal_reads < CAL_READS_MAX) {
		dialogue_ask(lj->dialogue, CAL_READ, 0);
	} else if (request->what == CAL_READ && lj->repoints) {
		err_set(&err, -ETIMEDOUT, "it does not tell its calibration");
		dialogue_lose(lj->dialogue, -ETIMEDOUT, &err);
	} else if (request->what < SET) {
		dialogue_ask(lj->dialogue, request->what + 1, 0);
	} else if (request->what == SET) {
		dialogue_ask(lj->dialogue, CHECK, i);
	} else if (i + 1 < lj->settings) {
		dialogue_ask(lj->dialogue, SET, i + 1);
	} else {
		daq_streams_init(&lj->streams, &lj->setup, lj->rate_hz);
		for (unsigned c = 0; c < lj->setup.inputs; c++)
			daq_channel(&lj->streams, &lj->setup, c, lj->rate_hz, 1 / lj->curve[c].counts_per_v, 0, 24,
				    &lj->channel[c]);
		dialogue_ready(lj->dialogue);
	}
}

static unsigned asked_most(const struct labjack *lj, const struct dialogue_request *request)
{
	if (request->what == CAL_READ && lj->cal_reads >= CAL_READS_MAX)
		return 1;
	return request->what == FREE ? LEFT_ASKED : request->what == ENABLE ? 1 : DIALOGUE_ASKED_MAX;
}

static void conclude(struct labjack *lj, const struct lj_answer *answer)
{
	const struct dialogue_request *awaited = dialogue_awaits(lj->dialogue);
	struct err err;

	if (!awaited || answer->transaction != lj->transaction)
		return; /* late */
	const struct dialogue_request request = *awaited;
	bool writes;
	request_of(lj, &request, &writes);
	if ((answer->function == 16) != writes)
		err_set(&err, -EPROTO, "an answer of another kind");
	else
		err.text[0] = '\0';
	int status = (answer->function == 16) != writes ? -EPROTO : take_answer(lj, &request, answer, &err);
	if (status)
		dialogue_reject(lj->dialogue, asked_most(lj, &request), status, &err);
	else if (dialogue_state(lj->dialogue) == DIALOGUE_READY)
		dialogue_answered(lj->dialogue);
	else
		ask_next(lj, &request);
}

static void on_answers(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct labjack *lj = device;
	struct lj_answer answer;
	struct err err;

	(void)host_ns;
	while (len > 0 && dialogue_state(lj->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		enum lj_fed fed = lj_feed(&lj->answers, data, len, &used);
		if (fed == LJ_NONSENSE || (fed == LJ_FRAME && !lj_read_answer(&lj->answers, &answer)))
			dialogue_lose(
				lj->dialogue, -EPROTO,
				(err_set(&err, -EPROTO, "what it answers is no Modbus: is this its port?"), &err));
		else if (fed == LJ_FRAME)
			conclude(lj, &answer);
		data += used;
		len -= used;
	}
}

/* ---- samples ------------------------------------------------------------------------------------------------------- */

static void tell_gap(struct labjack *lj, const struct sample_block *block, uint64_t lost)
{
	char text[96];

	if (!(block->flags & SAMPLE_GAP) || lj->gaps_told++ >= GAPS_TOLD)
		return;
	snprintf(text, sizeof(text), "%llu samples of each input are missing before %llu", (unsigned long long)lost,
		 (unsigned long long)block->first_index);
	lj->host.event(lj->host.ctx, 0, text);
}

static void on_samples(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	struct labjack *lj = ctx;
	struct sample_block block;
	struct err err;

	(void)end;
	while (len > 0 && lj->samples && dialogue_state(lj->dialogue) != DIALOGUE_LOST) {
		uint64_t lost = lj->stream.lost;
		size_t used = len;
		enum lj_fed fed = lj_feed(&lj->packets, data, len, &used);
		if (fed == LJ_NONSENSE) {
			err_set(&err, -EPROTO, "what its stream carries is no packet");
			dialogue_lose(lj->dialogue, -EPROTO, &err);
		} else if (fed == LJ_FRAME) {
			if (lj_stream_take(&lj->stream, &lj->packets, &block, lj->counts, &err) == LJ_BROKEN) {
				dialogue_lose(lj->dialogue, -EPROTO, &err);
				return;
			}
			block.host_ns = host_ns;
			tell_gap(lj, &block, lj->stream.lost - lost);
			daq_streams_take(&lj->streams, &block, lj->counts, lj->host.block, lj->host.ctx);
		}
		data += used;
		len -= used;
	}
}

static void on_samples_gone(void *ctx, const struct err *why)
{
	struct labjack *lj = ctx;

	dialogue_lose(lj->dialogue, -ENODEV, why);
}

static void close_samples(struct labjack *lj)
{
	lj->frames += lj->stream.packets;
	lj->lost += lj->stream.lost;
	lj->stream = (struct lj_stream){.channels = 0};
	link_close(lj->samples);
	lj->samples = NULL;
}

static int open_samples(struct labjack *lj, struct err *err)
{
	const struct link_opening opening = {.table = lj->links,
					     .loop = lj->loop,
					     .uri = lj->uri,
					     .wants = {.tcp_port = LJ_STREAM_PORT},
					     .sink = {.ctx = lj, .bytes = on_samples, .gone = on_samples_gone}};

	close_samples(lj);
	lj->opened++;
	lj->packets = (struct lj_frames){.samples = lj->samples_per_packet};
	daq_streams_init(&lj->streams, &lj->setup, lj->rate_hz);
	lj->stream = (struct lj_stream){
		.channels = lj->setup.inputs, .samples_per_packet = lj->samples_per_packet, .curve = lj->curve};
	return link_open(&opening, &lj->samples, err);
}

/* ---- verbs --------------------------------------------------------------------------------------------------------- */

/* A start or a stop, request by request. Allocated for its life. */
struct job {
	struct labjack *lj;
	int what;
	unsigned setting;
	unsigned opened; /* the connection that it is about */
	device_done_fn done;
	void *ctx;
};

static void job_done(void *ctx, int status, const struct err *err);

static void job_ask(struct job *job)
{
	dialogue_submit(job->lj->dialogue,
			&(const struct dialogue_request){
				.what = job->what, .value = job->setting, .done = job_done, .ctx = job});
}

static bool ends_stream(int what)
{
	return what == DISABLE || what == DISABLED || what == TEST;
}

static void job_end(struct job *job, int status, const struct err *err)
{
	if ((ends_stream(job->what) || status) && job->opened == job->lj->opened)
		close_samples(job->lj);
	if (job->what == DISABLED && status == 0)
		job->lj->enables = 0;
	if (job->done)
		job->done(job->ctx, status, err);
	free(job);
}

/* Settings are read until the samples' connection stands: only then the stream may begin. */
static void job_done(void *ctx, int status, const struct err *err)
{
	struct job *job = ctx;
	struct labjack *lj = job->lj;
	struct err lost;

	if (status == 0 && !lj->samples && !ends_stream(job->what)) {
		status = -ENODEV;
		err = (err_set(&lost, status, "the connection for its samples is closed"), &lost);
	}
	if (status || job->what == ENABLED || job->what == DISABLED || job->what == TEST) {
		job_end(job, status, err);
		return;
	}
	if (job->what != CHECK)
		job->what++;
	else if (job->setting + 1 < lj->settings)
		job->setting++;
	else if (!lj->samples->connecting)
		job->what = ENABLE;
	job_ask(job);
}

static struct job *new_job(struct device *device, int what, device_done_fn done, void *ctx)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		*job = (struct job){.lj = labjack_of(device),
				    .what = what,
				    .opened = labjack_of(device)->opened,
				    .done = done,
				    .ctx = ctx};
	return job;
}

/* Asked behind a question, so that no failure is told from inside the verb. */
static void stream_start(struct device *device, device_done_fn done, void *ctx)
{
	struct labjack *lj = labjack_of(device);
	struct err err;
	int status = open_samples(lj, &err);
	struct job *job = status ? NULL : new_job(device, CHECK, done, ctx);

	if (!job) {
		dialogue_submit(lj->dialogue,
				&(const struct dialogue_request){.what = ENABLED, .done = done, .ctx = ctx});
		return; /* it does not stream, and so says */
	}
	job_ask(job);
}

static void stream_stop(struct device *device, device_done_fn done, void *ctx)
{
	struct labjack *lj = labjack_of(device);
	int what = lj->enables ? DISABLE : TEST; /* a question that ends nobody's stream */
	struct job *job = new_job(device, what, done, ctx);
	const struct dialogue_request request = {.what = what, .done = job ? job_done : done, .ctx = job ? job : ctx};

	dialogue_stop(lj->dialogue, &request);
}

/* ---- opening ------------------------------------------------------------------------------------------------------- */

static const struct dialogue_ops speech = {
	.driver = &driver_labjack,
	.name = "LabJack",
	.waiting_max = 8,
	.encode = encode,
	.bytes = on_answers,
	.pace = pace,
};

/* The samples' port lies 200 above the settings', whatever stands between. */
static int sample_uri(struct labjack *lj, const char *uri, struct err *err)
{
	const char *port = strrchr(uri, ':'), *bracket = strchr(uri, ']');
	bool named = port && port != strchr(uri, ':') && (!bracket || port > bracket);

	if (strlen(uri) + 6 >= sizeof(lj->uri))
		return err_set(err, -EINVAL, "%s is no address of a LabJack", uri);
	if (!named)
		snprintf(lj->uri, sizeof(lj->uri), "%s", uri);
	else
		snprintf(lj->uri, sizeof(lj->uri), "%.*s:%d", (int)(port - uri), uri,
			 atoi(port + 1) + LJ_STREAM_PORT - LJ_PORT);
	return 0;
}

static int labjack_match(const struct link_identity *id)
{
	(void)id;
	return 0; /* nothing on a network is listed: a bench file names it */
}

static int labjack_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct labjack *lj;
	int status;

	if (!open->daq)
		return err_set(err, -EINVAL, "the driver \"labjack\" needs the bench file's \"daq\"");
	lj = calloc(1, sizeof(*lj));
	if (!lj)
		return err_set(err, -ENOMEM, "no memory for a LabJack");
	lj->base.driver = &driver_labjack;
	lj->host = open->host;
	lj->setup = *open->daq;
	lj->links = open->links;
	lj->loop = open->loop;
	status = sample_uri(lj, open->uri, err);
	if (status == 0)
		status = dialogue_open(&speech, lj, open, now_ns, &lj->dialogue, err);
	if (status) {
		free(lj);
		return status;
	}
	dialogue_ask(lj->dialogue, TEST, 0);
	*ret = &lj->base;
	return 0;
}

/* One that was left streaming would go on, and may lock up its network side. */
static void labjack_close(struct device *device)
{
	static const struct dialogue_request stop = {.what = DISABLE};
	struct labjack *lj = labjack_of(device);

	if (!lj)
		return;
	dialogue_close(lj->dialogue, lj->enables && dialogue_state(lj->dialogue) == DIALOGUE_READY ? &stop : NULL);
	close_samples(lj);
	free(lj);
}

static void labjack_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(labjack_of(device)->dialogue, now_ns);
}

static const struct device_identity *labjack_identity(const struct device *device)
{
	return &labjack_of_const(device)->identity;
}

static const struct channel *labjack_channels(const struct device *device, unsigned *ret_count)
{
	const struct labjack *lj = labjack_of_const(device);

	*ret_count = lj->setup.inputs;
	return lj->channel;
}

static void labjack_counters(const struct device *device, struct device_counters *ret)
{
	const struct labjack *lj = labjack_of_const(device);

	*ret = (struct device_counters){.frames = lj->frames + lj->stream.packets,
					.lost_samples = lj->lost + lj->stream.lost};
	dialogue_counters(lj->dialogue, ret);
}

static const struct link *labjack_link(const struct device *device)
{
	return dialogue_link(labjack_of_const(device)->dialogue);
}

static const struct stream_verbs verbs = {.start = stream_start, .stop = stream_stop};

const struct driver driver_labjack = {
	.name = "labjack",
	.description = "DAQ of LabJack's T series (T4, T7) on the network, whose inputs the bench file maps",
	.roles = ROLE_BIT(ROLE_LOAD_SENSOR) | ROLE_BIT(ROLE_DISPLACEMENT) | ROLE_BIT(ROLE_THERMOMETER),
	.wants = {.binary = true, .tcp_port = LJ_PORT},
	.mapped = true,
	.match = labjack_match,
	.open = labjack_open,
	.close = labjack_close,
	.on_tick = labjack_on_tick,
	.identity = labjack_identity,
	.channels = labjack_channels,
	.counters = labjack_counters,
	.link = labjack_link,
	.stream = &verbs,
};
