/* A power supply that speaks SCPI, over a serial line or USBTMC. Which dialect it speaks follows from its *IDN?. Its answers
 * carry no tag, so one that comes late may stand where another was expected: whatever switches the output off is confirmed
 * twice, and a value counts only where it is what was set.
 * Leaves out what the output feeds. */
#include "drivers/scpi-power/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/scpi-power/wire.h"
#include "rig/driver/dialogue.h"
#include "rig/driver/lines.h"

#define OFF_ASKED_MAX 5 /* two that agree, behind the answers to what the stop overtook */
#define OFF_AGREE     2
#define SHOWN_MAX     64
#define OFF_BLINDLY   POWER_LINES /* as a request: POWER_OFF without its question */

static_assert(POWER_LINE_MAX <= DIALOGUE_MESSAGE_MAX, "a supply's lines fit");

struct supply {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct lines lines;
	const struct power_dialect *dialect; /* NULL until it is known: from before, or from its identity */
	bool off;                            /* the output was confirmed off, and not ordered on since */
	uint64_t stops;
	unsigned output;
	double volts_max_v, amps_max_a; /* that it will be set to */
	struct device_identity identity;
	bool torn; /* half a line stood when the request under way was asked again: the next one may have it in front */
	unsigned agreed; /* answers in a row that say off, to the stop under way */
	double timer_s;  /* as armed; 0: it is not */
	struct {
		bool known, on;
		double s;
	} found;                  /* the timer, before it was armed */
	bool timer_on;            /* as it said last */
	struct power_state state; /* as it is being read */
	uint64_t answers;
};

/* A verb of several lines, one after the other. Allocated for its life. */
#define STEPS_MAX 4
struct job {
	struct supply *supply;
	unsigned steps, at;
	struct {
		enum power_line line;
		double value;
	} step[STEPS_MAX];
	bool tells;    /* host->power at its end */
	bool amps;     /* among what it tells */
	bool releases; /* the timer is not ours any more at its end */
	device_done_fn done;
	void *ctx;
};

static struct supply *supply_of(struct device *device)
{
	return (struct supply *)device;
}

static const struct supply *supply_of_const(const struct device *device)
{
	return (const struct supply *)device;
}

static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	struct supply *supply = device;

	if (asked == 0)
		supply->agreed = 0;
	supply->torn = asked > 0 && supply->lines.len > 0;
	if (request->what == POWER_ON || (request->what == POWER_OFF && asked == 0))
		supply->off = false;
	supply->stops += request->what == POWER_OFF || request->what == OFF_BLINDLY;
	if (request->what == OFF_BLINDLY)
		return power_encode_unasked(supply->dialect, POWER_OFF, supply->output, 0, (char *)buffer, size);
	return power_encode(supply->dialect, (enum power_line)request->what, supply->output, request->value,
			    (char *)buffer, size);
}

/* A supply whose answers do not arrive may hear all the same: until it has identified itself, each question comes behind an
 * order. */
static size_t encode_ahead(void *device, const struct dialogue_request *request, uint8_t *buffer, size_t size)
{
	const struct dialogue_request off = {.what = OFF_BLINDLY};
	const struct supply *supply = device;

	return request->what == POWER_IDENTIFY && supply->dialect ? encode(device, &off, 1, buffer, size) : 0;
}

static void off_blindly(void *device)
{
	const struct supply *supply = device;

	if (supply->dialect)
		dialogue_tell(supply->dialogue, &(const struct dialogue_request){.what = OFF_BLINDLY});
}

/* ---- answers, one reader per kind of line ---------------------------------------------------------------------- */

/* What a reader says beside 0 and -errno. */
enum { ANSWER_GOOD = 0, ANSWER_FIRST = 1 };

/* Whether it can be what the bench file says. */
static int check_model(const struct supply *supply, const struct power_model *model, struct err *err)
{
	if (supply->output > model->outputs)
		return err_set(err, -ENOTSUP,
			       "the power supply %s has %u output%s that may feed a pen, and the bench file names "
			       "output %u: hang the pen on one of them, and say which",
			       model->name, model->outputs, model->outputs == 1 ? "" : "s", supply->output);
	const struct power_rating *most = &model->output[supply->output - 1];
	if (supply->volts_max_v > most->volts_v || supply->amps_max_a > most->amps_a)
		return err_set(
			err, -ENOTSUP,
			"output %u of the power supply %s makes up to %g V and %g A, and the bench file wants %g V "
			"and %g A: name another output or supply, or want less",
			supply->output, model->name, most->volts_v, most->amps_a, supply->volts_max_v,
			supply->amps_max_a);
	return 0;
}

static int read_identity(struct supply *supply, const char *line, struct err *err)
{
	struct power_identity said;
	struct device_identity *identity = &supply->identity;
	const struct power_model *model = NULL;

	if (!power_read_identity(line, &said))
		return -EPROTO;
	if (said.cut)
		return err_set(
			err, -ENOTSUP,
			"the power supply tells a name or serial number of more than %d characters, which penrig "
			"cannot keep: \"%.120s\"",
			POWER_TEXT_MAX - 1, line);
	const struct power_dialect *dialect = power_dialect_of(&said, &model);
	if (!dialect)
		return err_set(
			err, -ENOTSUP,
			"the power supply is a \"%s\" by \"%s\", of which penrig does not know how it is spoken to: "
			"docs/protocols/scpi-power.md lists the models that it knows, and says how one is added",
			said.model, said.maker);
	int status = check_model(supply, model, err);
	if (status)
		return status;
	supply->dialect = dialect;
	snprintf(identity->dialect, sizeof(identity->dialect), "%s", dialect->name);
	memcpy(identity->maker, said.maker, sizeof(identity->maker));
	memcpy(identity->model, said.model, sizeof(identity->model));
	memcpy(identity->serial, said.serial, sizeof(identity->serial));
	memcpy(identity->firmware, said.firmware, sizeof(identity->firmware));
	return ANSWER_GOOD;
}

/* What says nothing of the output. */
static int no_output(const struct supply *supply, const char *line, struct err *err)
{
	if (!power_read_coupled(supply->dialect, line))
		return -EPROTO;
	return err_set(
		err, -EREMOTEIO,
		"the power supply's outputs are coupled, in series or parallel, so that none can be switched for "
		"certain: set them to independent at its front panel");
}

static int read_output(struct supply *supply, const char *line, bool wanted, struct err *err)
{
	bool on;

	if (!power_read_output(supply->dialect, supply->output, line, &on))
		return no_output(supply, line, err);
	if (on == wanted)
		return ANSWER_GOOD;
	supply->agreed = 0;
	supply->off = false;
	return err_set(err, -EREMOTEIO, "the power supply was told to switch output %u %s and says that it is %s",
		       supply->output, wanted ? "on" : "off", on ? "on" : "off");
}

static int read_off(struct supply *supply, const char *line, struct err *err)
{
	int status = read_output(supply, line, false, err);

	if (status)
		return status;
	supply->off = ++supply->agreed >= OFF_AGREE;
	return supply->off ? ANSWER_GOOD : ANSWER_FIRST;
}

static int read_refusal(const char *line, const char *what, double value, const char *unit, struct err *err)
{
	char text[POWER_TEXT_MAX];
	int code;

	if (!power_read_error(line, &code, text))
		return -EPROTO;
	if (code == 0)
		return ANSWER_GOOD;
	return err_set(err, -ERANGE, "the power supply refused %s of %.6g %s: %d \"%s\"", what, value, unit, code,
		       text);
}

/* Within half a step of what was sent. */
static int read_set(const struct supply *supply, const char *line, enum power_line set, const char *what,
		    const char *unit, struct err *err)
{
	double said, sent = power_as_sent(supply->dialect, set, dialogue_awaits(supply->dialogue)->value);
	double near = 0.501 * power_step(supply->dialect, set);

	if (!power_read_number(line, &said))
		return -EPROTO;
	if (fabs(said - sent) <= near)
		return ANSWER_GOOD;
	return err_set(err, -EREMOTEIO, "the power supply was set to %s of %.6g %s and reads back %.6g", what, sent,
		       unit, said);
}

/* What is wanted of the timer, as the request's value. */
enum { TIMER_EITHER, TIMER_ARMED };

static int read_timer(struct supply *supply, const char *line, int wanted, struct err *err)
{
	if (!power_read_switch(line, &supply->timer_on))
		return -EPROTO;
	supply->state.timer_off = !supply->timer_on;
	if (wanted == TIMER_ARMED && !supply->timer_on)
		return err_set(err, -EREMOTEIO, "the power supply's timer was armed and says that it is off");
	return ANSWER_GOOD;
}

/* A run that was killed has left it as it was armed, and as it is armed again. */
static int read_found(struct supply *supply, const char *line)
{
	double half_step = 0.501 * power_step(supply->dialect, POWER_SET_TIMER);

	if (!power_read_number(line, &supply->found.s))
		return -EPROTO;
	supply->found.known = true;
	supply->found.on = supply->timer_on && fabs(supply->found.s - supply->timer_s) > half_step;
	return ANSWER_GOOD;
}

static int read_disarmed(struct supply *supply, const char *line, struct err *err)
{
	if (!power_read_switch(line, &supply->timer_on))
		return -EPROTO;
	return supply->timer_on
		       ? err_set(err, -EREMOTEIO, "the power supply's timer was disarmed and says that it is armed")
		       : ANSWER_GOOD;
}

static int read_state(struct supply *supply, const char *line, struct err *err)
{
	supply->state.timer_off = false; /* not asked */
	if (!power_read_output(supply->dialect, supply->output, line, &supply->state.on))
		return no_output(supply, line, err);
	supply->off &= !supply->state.on;
	return ANSWER_GOOD;
}

static int read_value(const char *line, double *ret)
{
	return power_read_number(line, ret) ? ANSWER_GOOD : -EPROTO;
}

static int read_answer(struct supply *supply, const char *said, struct err *err)
{
	const struct dialogue_request *request = dialogue_awaits(supply->dialogue);
	const char *line = power_answer(supply->dialect, (enum power_line)request->what, supply->output, said);

	if (!line)
		return -EPROTO;
	switch ((enum power_line)request->what) {
	case POWER_IDENTIFY: return read_identity(supply, line, err);
	case POWER_OFF: return read_off(supply, line, err);
	case POWER_ON: return read_output(supply, line, true, err);
	case POWER_OUTPUT: return read_state(supply, line, err);
	case POWER_SET_VOLTS: return read_refusal(line, "a voltage", request->value, "V", err);
	case POWER_CHECK_VOLTS: return read_set(supply, line, POWER_SET_VOLTS, "a voltage", "V", err);
	case POWER_SET_AMPS: return read_refusal(line, "a current limit", request->value, "A", err);
	case POWER_CHECK_AMPS: return read_set(supply, line, POWER_SET_AMPS, "a current limit", "A", err);
	case POWER_VOLTS: return read_value(line, &supply->state.volts_v);
	case POWER_AMPS: return read_value(line, &supply->state.current_a);
	case POWER_SET_TIMER:
	case POWER_FEED: return read_set(supply, line, POWER_SET_TIMER, "a timer", "s", err);
	case POWER_TIMER: return read_timer(supply, line, (int)request->value, err);
	case POWER_TIMER_TIME: return read_found(supply, line);
	case POWER_TIMER_OFF: return read_disarmed(supply, line, err);
	case POWER_LINES: break;
	}
	return -EPROTO;
}

/* ---- lines ----------------------------------------------------------------------------------------------------- */

static unsigned asked_max(const struct supply *supply)
{
	const struct dialogue_request *request = dialogue_awaits(supply->dialogue);

	return (request && request->what == POWER_OFF ? OFF_ASKED_MAX : DIALOGUE_ASKED_MAX) + supply->torn;
}

static void odd_line(struct supply *supply)
{
	struct err err;
	char shown[SHOWN_MAX];

	lines_show(&supply->lines, shown, sizeof(shown));
	err_set(&err, -EPROTO,
		"the power supply's answer makes no sense: \"%s\"; check the cable and, on a serial line, the baud "
		"rate, and that it speaks SCPI",
		shown);
	dialogue_reject(supply->dialogue, asked_max(supply), -EPROTO, &err);
}

/* A good answer; while opening, the output is switched off before anything else. */
static void settle(struct supply *supply)
{
	if (dialogue_state(supply->dialogue) != DIALOGUE_OPENING)
		dialogue_answered(supply->dialogue);
	else if (dialogue_awaits(supply->dialogue)->what == POWER_IDENTIFY)
		dialogue_ask(supply->dialogue, POWER_OFF, 0);
	else
		dialogue_ready(supply->dialogue);
}

static void take_line(struct supply *supply, uint64_t host_ns)
{
	struct err err = {""};

	if (!dialogue_awaits(supply->dialogue)) /* to what was given up */
		return;
	supply->answers++;
	supply->state.host_ns = host_ns;
	int status = read_answer(supply, supply->lines.text, &err);
	if (status == ANSWER_GOOD)
		settle(supply);
	else if (status == ANSWER_FIRST)
		dialogue_confirm(supply->dialogue);
	else if (status == -ENOTSUP)
		dialogue_lose(supply->dialogue, status, &err);
	else if (err.text[0])
		dialogue_reject(supply->dialogue, asked_max(supply), status, &err);
	else
		odd_line(supply);
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct supply *supply = device;

	while (len > 0 && dialogue_state(supply->dialogue) != DIALOGUE_LOST) {
		size_t used = len;
		enum lines_fed fed = lines_feed(&supply->lines, data, len, &used);

		data += used;
		len -= used;
		if (fed == LINES_LINE)
			take_line(supply, host_ns);
		else if (fed == LINES_DROPPED)
			odd_line(supply);
	}
}

static bool switches_on(const struct dialogue_request *request)
{
	return request->what == POWER_ON;
}

static const struct dialogue_ops speech = {
	.driver = &driver_scpi_power,
	.name = "power supply",
	.waiting_max = DIALOGUE_WAITING_MAX,
	.encode = encode,
	.ahead = encode_ahead,
	.lost = off_blindly,
	.bytes = on_bytes,
	.switches_on = switches_on,
};

/* ---- verbs of several lines ------------------------------------------------------------------------------------ */

static void ask_step(struct job *job);

static void tell_state(const struct job *job)
{
	const struct supply *supply = job->supply;
	struct power_state state = supply->state;

	if (!job->amps)
		state.current_a = NAN;
	supply->host.power(supply->host.ctx, &state);
}

static void step_done(void *ctx, int status, const struct err *err)
{
	struct job *job = ctx;

	if (status == 0 && ++job->at < job->steps) {
		ask_step(job);
		return;
	}
	if (status == 0 && job->tells)
		tell_state(job);
	if (status == 0 && job->releases)
		job->supply->timer_s = 0;
	if (status == 0 && job->releases)
		job->supply->found.known = false;
	if (job->done)
		job->done(job->ctx, status, err);
	free(job);
}

static void ask_step(struct job *job)
{
	dialogue_submit(job->supply->dialogue, &(const struct dialogue_request){.what = job->step[job->at].line,
										.value = job->step[job->at].value,
										.done = step_done,
										.ctx = job});
}

static void add_step(struct job *job, enum power_line line, double value)
{
	assert(job->steps < STEPS_MAX);
	job->step[job->steps].line = line;
	job->step[job->steps++].value = value;
}

static struct job *new_job(struct device *device, device_done_fn done, void *ctx)
{
	struct job *job = calloc(1, sizeof(*job));

	assert(job); /* a done that is lost is worse: somebody would wait for it for ever */
	job->supply = supply_of(device);
	job->done = done;
	job->ctx = ctx;
	return job;
}

static void power_set(struct device *device, double volts_v, double current_a, device_done_fn done, void *ctx)
{
	struct job *job = new_job(device, done, ctx);

	add_step(job, POWER_SET_AMPS, current_a);
	add_step(job, POWER_CHECK_AMPS, current_a);
	add_step(job, POWER_SET_VOLTS, volts_v);
	add_step(job, POWER_CHECK_VOLTS, volts_v);
	ask_step(job);
}

static void power_on(struct device *device, device_done_fn done, void *ctx)
{
	struct job *job = new_job(device, done, ctx);

	if (job->supply->timer_s > 0)
		add_step(job, POWER_TIMER, TIMER_ARMED);
	add_step(job, POWER_ON, 0);
	ask_step(job);
}

static void power_off(struct device *device, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);

	supply->off = false; /* until it says so again */
	if (dialogue_state(supply->dialogue) == DIALOGUE_LOST)
		off_blindly(supply);
	dialogue_stop(supply->dialogue, &(const struct dialogue_request){.what = POWER_OFF, .done = done, .ctx = ctx});
}

static bool has_timer(const struct supply *supply, double timer_s)
{
	const struct power_dialect *dialect = supply->dialect;

	return dialect && dialect->timer_max_s > 0 && timer_s >= dialect->timer_min_s &&
	       timer_s <= dialect->timer_max_s;
}

static void power_read(struct device *device, unsigned also, device_done_fn done, void *ctx)
{
	struct job *job = new_job(device, done, ctx);

	if (also & POWER_READ_FEED)
		add_step(job, POWER_FEED, job->supply->timer_s);
	add_step(job, POWER_OUTPUT, 0);
	add_step(job, POWER_VOLTS, 0);
	job->amps = !(also & POWER_READ_TIMER);
	if (job->amps)
		add_step(job, POWER_AMPS, 0);
	else
		add_step(job, POWER_TIMER, TIMER_EITHER);
	job->tells = true;
	ask_step(job);
}

/* Refused from the loop, as every answer comes: behind a question that every supply answers. */
struct refusal {
	struct supply *supply;
	device_done_fn done;
	void *ctx;
};

static void refuse_timer(void *ctx, int status, const struct err *err)
{
	struct refusal *refusal = ctx;
	const struct supply *supply = refusal->supply;
	struct err why;

	if (status == 0) {
		err_set(&why, -ERANGE, "the power supply %s has no timer for this", supply->identity.model);
		err = &why;
		status = -ERANGE;
	}
	if (refusal->done)
		refusal->done(refusal->ctx, status, err);
	free(refusal);
}

static void power_timer(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx)
{
	struct supply *supply = supply_of(device);
	double timer_s = timeout_ms * 1e-3;

	if (!has_timer(supply, timer_s)) {
		struct refusal *refusal = calloc(1, sizeof(*refusal));
		assert(refusal);
		*refusal = (struct refusal){.supply = supply, .done = done, .ctx = ctx};
		power_read(device, 0, refuse_timer, refusal);
		return;
	}
	struct job *job = new_job(device, done, ctx);
	supply->timer_s = timer_s;
	if (!supply->found.known) {
		add_step(job, POWER_TIMER, TIMER_EITHER);
		add_step(job, POWER_TIMER_TIME, 0);
	}
	add_step(job, POWER_SET_TIMER, timer_s);
	add_step(job, POWER_TIMER, TIMER_ARMED);
	ask_step(job);
}

/* Where nothing was armed, any answer will do. */
static void power_release(struct device *device, device_done_fn done, void *ctx)
{
	struct job *job = new_job(device, done, ctx);
	const struct supply *supply = job->supply;

	job->releases = true;
	if (!supply->found.known)
		add_step(job, POWER_OUTPUT, 0);
	else
		add_step(job, POWER_FEED, supply->found.s);
	if (supply->found.known && !supply->found.on)
		add_step(job, POWER_TIMER_OFF, 0);
	ask_step(job);
}

static const struct power_verbs verbs = {
	.set = power_set,
	.on = power_on,
	.off = power_off,
	.timer = power_timer,
	.release = power_release,
	.read = power_read,
};

/* ---- the driver ------------------------------------------------------------------------------------------------ */

static int supply_match(const struct link_identity *id)
{
	if (id->vid == POWER_RIGOL_VID && id->pid == POWER_RIGOL_PID)
		return 2;
	return id->usb_class == POWER_USB_CLASS && id->usb_subclass == POWER_USB_SUBCLASS;
}

static int supply_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct supply *supply = calloc(1, sizeof(*supply));

	if (!supply)
		return err_set(err, -ENOMEM, "no memory for a power supply");
	supply->base.driver = &driver_scpi_power;
	supply->host = open->host;
	supply->output = open->output ? open->output : 1;
	supply->volts_max_v = open->volts_max_v;
	supply->amps_max_a = open->amps_max_a;
	supply->dialect = open->dialect ? power_dialect_named(open->dialect) : NULL;
	int status = dialogue_open(&speech, supply, open, now_ns, &supply->dialogue, err);
	if (status) {
		free(supply);
		return status;
	}
	dialogue_ask(supply->dialogue, POWER_IDENTIFY, 0);
	*ret = &supply->base;
	return 0;
}

static void supply_close(struct device *device)
{
	static const struct dialogue_request off = {.what = OFF_BLINDLY};
	struct supply *supply = supply_of(device);

	if (!supply)
		return;
	bool unsure = supply->dialect && !supply->off;
	dialogue_close(supply->dialogue, unsure ? &off : NULL);
	free(supply);
}

static void supply_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(supply_of(device)->dialogue, now_ns);
}

static const struct device_identity *supply_identity(const struct device *device)
{
	return &supply_of_const(device)->identity;
}

static void supply_counters(const struct device *device, struct device_counters *ret)
{
	const struct supply *supply = supply_of_const(device);

	*ret = (struct device_counters){
		.frames = supply->answers, .resyncs = supply->lines.dropped, .stops = supply->stops};
	dialogue_counters(supply->dialogue, ret);
}

static const struct link *supply_link(const struct device *device)
{
	return dialogue_link(supply_of_const(device)->dialogue);
}

const struct driver driver_scpi_power = {
	.name = "scpi-power",
	.description =
		"power supply that speaks SCPI: Rigol DP700 and DP800, Keysight E36300, Siglent SPD3303, Keithley 2200",
	.roles = ROLE_BIT(ROLE_POWER),
	.wants = {.usb_class = POWER_USB_CLASS,
		  .usb_subclass = POWER_USB_SUBCLASS,
		  .usb_protocol = -1,
		  .usbtmc = true,
		  .serial = {.baud = POWER_BAUD}},
	.match = supply_match,
	.open = supply_open,
	.close = supply_close,
	.on_tick = supply_on_tick,
	.identity = supply_identity,
	.channels = driver_no_channels,
	.counters = supply_counters,
	.link = supply_link,
	.power = &verbs,
};
