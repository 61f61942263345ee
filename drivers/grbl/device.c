/* The life of a GRBL controller: reset until it greets, its settings held against what a position means, homed before the
 * first move and after whatever loses its position; each move approached from the same side, waited for by polling, and its
 * position read back. Its answers carry no tag: a line is asked for only when the one before has its answer. */
#include "drivers/grbl/device.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/grbl/wire.h"
#include "rig/driver/dialogue.h"
#include "rig/driver/lines.h"

#define GREET_NS    (1500 * NS_PER_MS) /* from a reset to the banner: half a second, and a second where it starts anew */
#define HOMING_NS   (90 * NS_PER_S)    /* it answers nothing meanwhile */
#define ANSWER_NS   (2 * NS_PER_S)     /* of a line */
#define LOOK_NS     (75 * NS_PER_MS)   /* of a stage at rest: it answers in 10, and a stop waits for it */
#define POLL_NS     (200 * NS_PER_MS)  /* it wants to be asked at most five times a second */
#define AT_REST_S   5.0                /* beyond the time that a move takes at its feed */
#define SHOWN_MAX   64
#define SETTINGS    40
#define IN_INCHES   13
#define REPORT_MASK 10
#define HOMING_ON   22

/* Requests; value: of MOVE where to. LOOK is a STATUS that no move asks for. */
enum what { RESET, VERSION, ASK_SETTINGS, HOME, MOVE, STATUS, LOOK, HOLD };

struct grbl {
	struct device base;
	struct driver_host host;
	struct dialogue *dialogue;
	struct lines lines;
	struct stage_setup setup;
	struct device_identity identity;
	double setting[SETTINGS];
	bool known[SETTINGS];
	bool homed, restarts;  /* restarts: it was told to, and has not greeted yet */
	unsigned moves, halts; /* under way; how often it was halted */
	double at_mm;          /* where it stood last, as it said */
	double sent_mm;        /* where the last move that has ended well has left it */
	struct grbl_said report;
};

/* A move, leg by leg. Allocated for its life. */
struct move {
	struct grbl *grbl;
	int what;
	unsigned halts; /* that were when it began: one more, and it ends whatever is answered */
	double leg_mm[2];
	unsigned leg;
	uint64_t since_ns; /* since the leg was accepted */
	double takes_s;
	device_done_fn done;
	void *ctx;
};

static struct grbl *grbl_of(struct device *device)
{
	return (struct grbl *)device;
}

static const struct grbl *grbl_of_const(const struct device *device)
{
	return (const struct grbl *)device;
}

static bool is_halted(const struct move *move)
{
	return move->halts != move->grbl->halts;
}

static bool moves(const struct dialogue_request *request)
{
	return request->what == HOME || request->what == MOVE;
}

/* Of a move that was halted nothing is asked again that moves. */
static size_t encode(void *device, const struct dialogue_request *request, unsigned asked, uint8_t *buffer, size_t size)
{
	static const char *const lines[] = {[VERSION] = "$I\n", [ASK_SETTINGS] = "$$\n", [HOME] = "$H\n"};
	struct grbl *grbl = device;

	(void)asked, (void)size;
	switch (moves(request) && is_halted(request->ctx) ? STATUS : (enum what)request->what) {
	case RESET:
		buffer[0] = GRBL_RESET;
		grbl->restarts = true;
		return 1;
	case STATUS:
	case LOOK: buffer[0] = GRBL_STATUS; return 1;
	case HOLD: buffer[0] = GRBL_HOLD; return 1;
	case MOVE: return grbl_move(grbl->setup.axis, request->value, grbl->setup.feed_mm_min, (char *)buffer);
	default: break;
	}
	memcpy(buffer, lines[request->what], strlen(lines[request->what]));
	return strlen(lines[request->what]);
}

/* A stage that was silent is started anew before it moves again, and what it says late is said before its banner: only one
 * that does not even greet is lost. */
static void pace(const void *device, const struct dialogue_request *request, struct dialogue_pace *ret)
{
	bool asked_of_its_life = request->what == MOVE || request->what == STATUS || request->what == LOOK;

	(void)device;
	*ret = (struct dialogue_pace){.forgiven = asked_of_its_life,
				      .reply_ns = request->what == RESET  ? GREET_NS
						  : request->what == HOME ? HOMING_NS
						  : request->what == LOOK ? LOOK_NS
									  : ANSWER_NS,
				      .between_ns = request->what == STATUS ? POLL_NS : 0};
}

/* ---- answers ------------------------------------------------------------------------------------------------------- */

static void refuse(struct grbl *grbl, int status, const char *what, const char *why)
{
	struct err err;

	err_set(&err, status, "the stage %s: %s", what, why);
	dialogue_reject(grbl->dialogue, 1, status, &err);
}

/* Positions in mm, reported as the machine's, and a zero that it finds again. */
static int check_settings(const struct grbl *grbl, struct err *err)
{
	if (!grbl->known[IN_INCHES] || !grbl->known[REPORT_MASK] || !grbl->known[HOMING_ON])
		return err_set(err, -EPROTO, "the stage does not tell its settings $10, $13 and $22: is it GRBL 1.1?");
	if (grbl->setting[IN_INCHES] != 0)
		return err_set(err, -EINVAL, "the stage reports inches: set $13=0");
	if (!((unsigned)grbl->setting[REPORT_MASK] & 1))
		return err_set(err, -EINVAL, "the stage reports positions of the work piece: set $10=1");
	if (grbl->setting[HOMING_ON] == 0)
		return err_set(err, -EINVAL,
			       "the stage has no homing, so nobody knows where it stands: set $22=1, with a "
			       "limit switch on its axis");
	return 0;
}

static void opened(struct grbl *grbl, int what)
{
	struct err err;

	if (what == RESET || what == VERSION) {
		dialogue_ask(grbl->dialogue, what + 1, 0);
		return;
	}
	int status = check_settings(grbl, &err);
	if (status)
		dialogue_lose(grbl->dialogue, status, &err);
	else
		dialogue_ready(grbl->dialogue);
}

static void answered(struct grbl *grbl, int what)
{
	if (dialogue_state(grbl->dialogue) == DIALOGUE_READY)
		dialogue_answered(grbl->dialogue);
	else
		opened(grbl, what);
}

/* A stray "ok" follows a homing that has failed; nothing but the answer that is awaited counts. */
static void take_answer(struct grbl *grbl, int what, const struct grbl_said *said)
{
	bool asked_at_once = what == RESET || what == STATUS || what == LOOK;
	char text[96];

	if (said->kind == GRBL_ALARM) {
		snprintf(text, sizeof(text), "%s (ALARM:%u)", grbl_alarm(said->number), said->number);
		refuse(grbl, -EREMOTEIO, "has an alarm", text);
	} else if (said->kind == GRBL_ERROR && !asked_at_once) {
		snprintf(text, sizeof(text), "%s (error:%u)", grbl_error(said->number), said->number);
		refuse(grbl, -EREMOTEIO, "refuses", text);
	} else if (said->kind == GRBL_BANNER) {
		if (what == RESET)
			answered(grbl, what);
		else
			refuse(grbl, -EREMOTEIO, "has restarted", "its position is lost");
	} else if (said->kind == GRBL_OK && !asked_at_once) {
		answered(grbl, what);
	} else if (said->kind == GRBL_REPORT && (what == STATUS || what == LOOK)) {
		grbl->report = *said;
		answered(grbl, what);
	}
}

/* What it says by itself, between two moves. */
static void take_unasked(struct grbl *grbl, const struct grbl_said *said)
{
	char text[120];

	if (said->kind == GRBL_ALARM)
		snprintf(text, sizeof(text), "the stage has an alarm: %s (ALARM:%u)", grbl_alarm(said->number),
			 said->number);
	else
		snprintf(text, sizeof(text), "the stage has restarted by itself: its position is lost");
	grbl->host.event(grbl->host.ctx, STAGE_UNSURE, text);
}

static void take_line(struct grbl *grbl, const char *line)
{
	const struct grbl_said said = grbl_read(line);
	const struct dialogue_request *awaited = dialogue_awaits(grbl->dialogue);
	bool lost = said.kind == GRBL_ALARM || said.kind == GRBL_BANNER, told = grbl->restarts;

	if (lost)
		grbl->homed = false;
	if (said.kind == GRBL_BANNER) {
		grbl->restarts = false;
		snprintf(grbl->identity.firmware, sizeof(grbl->identity.firmware), "%.40s", said.text);
	}
	if (said.kind == GRBL_SETTING && said.number < SETTINGS) {
		grbl->setting[said.number] = said.value;
		grbl->known[said.number] = true;
	}
	if (awaited)
		take_answer(grbl, awaited->what, &said);
	else if (lost && !told)
		take_unasked(grbl, &said);
}

static void on_bytes(void *device, const uint8_t *data, size_t len, uint64_t host_ns)
{
	struct grbl *grbl = device;

	(void)host_ns;
	while (len > 0 && dialogue_state(grbl->dialogue) != DIALOGUE_LOST) {
		size_t used = len;

		if (lines_feed(&grbl->lines, data, len, &used) == LINES_LINE)
			take_line(grbl, grbl->lines.text);
		data += used;
		len -= used;
	}
}

/* ---- moving -------------------------------------------------------------------------------------------------------- */

static void step_done(void *ctx, int status, const struct err *err);

static void ask(struct move *move, int what)
{
	move->what = what;
	dialogue_submit(move->grbl->dialogue,
			&(const struct dialogue_request){
				.what = what, .value = move->leg_mm[move->leg], .done = step_done, .ctx = move});
}

/* One that did not answer may be on its way all the same: nobody else holds it, once this move is over. */
static void end(struct move *move, int status, const struct err *err)
{
	if (status == -ETIMEDOUT)
		dialogue_tell(move->grbl->dialogue, &(const struct dialogue_request){.what = HOLD});
	if (status)
		move->grbl->homed = false; /* whatever it was, where it stands is not known any more */
	move->grbl->moves--;
	if (move->done)
		move->done(move->ctx, status, err);
	free(move);
}

static void begin_leg(struct move *move)
{
	const struct grbl *grbl = move->grbl;

	move->takes_s = fabs(move->leg_mm[move->leg] - grbl->at_mm) / grbl->setup.feed_mm_min * 60 + AT_REST_S;
	ask(move, MOVE);
}

/* At rest: it must be where it was sent. */
static void arrive(struct move *move)
{
	struct grbl *grbl = move->grbl;
	double off_mm = grbl->at_mm - move->leg_mm[move->leg];
	struct err err;

	if (!grbl->report.has_position || !(fabs(off_mm) <= grbl->setup.tolerance_mm)) {
		int status = err_set(&err, -EREMOTEIO, "the stage was sent to %.3f mm and stands at %.3f mm",
				     move->leg_mm[move->leg], grbl->report.has_position ? grbl->at_mm : (double)NAN);
		end(move, status, &err);
	} else if (++move->leg < 2) {
		begin_leg(move);
	} else {
		grbl->sent_mm = move->leg_mm[1];
		end(move, 0, NULL);
	}
}

static void look(struct move *move)
{
	struct grbl *grbl = move->grbl;
	double since_s = (double)(dialogue_now_ns(grbl->dialogue) - move->since_ns) * 1e-9;
	const struct grbl_said *report = &grbl->report;
	struct err err;
	int status;

	if (report->has_position)
		grbl->at_mm = report->position_mm[grbl->setup.axis - 'X'];
	if (report->state == GRBL_IDLE) {
		arrive(move);
	} else if (report->state == GRBL_RUN && since_s <= move->takes_s) {
		ask(move, STATUS);
	} else {
		dialogue_tell(grbl->dialogue, &(const struct dialogue_request){.what = HOLD});
		status = err_set(&err, -EREMOTEIO, "%s",
				 report->state == GRBL_RUN
					 ? "the stage does not come to rest: it is held"
					 : "the stage has stopped on its way: it is held, locked, or its "
					   "door is open");
		end(move, status, &err);
	}
}

static void step_done(void *ctx, int status, const struct err *err)
{
	struct move *move = ctx;
	struct err halted;

	if (status == 0 && is_halted(move))
		err = (status = err_set(&halted, -EREMOTEIO, "the stage was halted on its way"), &halted);
	if (status) {
		end(move, status, err);
	} else if (move->what == RESET) {
		ask(move, HOME);
	} else if (move->what == HOME) {
		move->grbl->homed = true;
		move->grbl->at_mm = 0;
		begin_leg(move);
	} else if (move->what == MOVE) {
		move->since_ns = dialogue_now_ns(move->grbl->dialogue);
		ask(move, STATUS); /* not before its "ok": until then it may say Idle */
	} else {
		look(move);
	}
}

/* Beyond the target on the side from which it is approached, then to it: so the play of dial and screw is always on the same
 * side. */
static void stage_move(struct device *device, double position_mm, device_done_fn done, void *ctx)
{
	struct grbl *grbl = grbl_of(device);
	struct move *move = calloc(1, sizeof(*move));
	double play_mm = grbl->setup.from_above ? -grbl->setup.backlash_mm : grbl->setup.backlash_mm;

	if (!move) {
		dialogue_submit(grbl->dialogue,
				&(const struct dialogue_request){.what = HOLD, .done = done, .ctx = ctx});
		return; /* nobody answers it: it ends as silence */
	}
	*move = (struct move){.grbl = grbl,
			      .halts = grbl->halts,
			      .leg_mm = {position_mm - play_mm, position_mm},
			      .done = done,
			      .ctx = ctx};
	move->leg = play_mm == 0 ? 1 : 0;
	grbl->moves++;
	if (grbl->homed)
		begin_leg(move);
	else
		ask(move, RESET);
}

/* A homing heeds no hold. */
static int how_to_halt(const struct grbl *grbl)
{
	const struct dialogue_request *awaited = dialogue_awaits(grbl->dialogue);

	return awaited && awaited->what == HOME ? RESET : HOLD;
}

/* Homed again before the next move. */
static void stage_halt(struct device *device)
{
	struct grbl *grbl = grbl_of(device);

	if (grbl->moves == 0)
		return;
	int how = how_to_halt(grbl);
	grbl->homed = false;
	grbl->halts++;
	dialogue_tell(grbl->dialogue, &(const struct dialogue_request){.what = how});
}

/* Allocated for its life. */
struct glance {
	struct grbl *grbl;
	device_done_fn done;
	void *ctx;
};

static void looked(void *ctx, int status, const struct err *err)
{
	struct glance *glance = ctx;
	struct grbl *grbl = glance->grbl;
	const struct grbl_said *report = &grbl->report;
	double at_mm = report->has_position ? report->position_mm[grbl->setup.axis - 'X'] : (double)NAN;
	struct err moved;

	if (status == 0 && !grbl->homed)
		status = err_set(&moved, -EREMOTEIO, "the stage has lost its position");
	else if (status == 0 && report->state != GRBL_IDLE)
		status = err_set(&moved, -EREMOTEIO, "the stage is held, locked, or moves by itself");
	else if (status == 0 && !(fabs(at_mm - grbl->sent_mm) <= grbl->setup.tolerance_mm))
		status = err_set(&moved, -EREMOTEIO, "the stage was left at %.3f mm and stands at %.3f mm",
				 grbl->sent_mm, at_mm);
	else if (status)
		moved = *err;
	if (status)
		grbl->homed = false;
	glance->done(glance->ctx, status, status ? &moved : NULL);
	free(glance);
}

static void stage_look(struct device *device, device_done_fn done, void *ctx)
{
	struct grbl *grbl = grbl_of(device);
	struct glance *glance = malloc(sizeof(*glance));

	assert(glance); /* a done that is lost is worse: somebody would wait for it for ever */
	*glance = (struct glance){.grbl = grbl, .done = done, .ctx = ctx};
	dialogue_submit(grbl->dialogue, &(const struct dialogue_request){.what = LOOK, .done = looked, .ctx = glance});
}

/* ---- the driver ---------------------------------------------------------------------------------------------------- */

static const struct dialogue_ops speech = {
	.driver = &driver_grbl,
	.name = "stage",
	.waiting_max = 8,
	.encode = encode,
	.bytes = on_bytes,
	.pace = pace,
};

static int grbl_match(const struct link_identity *id)
{
	(void)id; /* its adapter is anybody's */
	return 0;
}

static int grbl_open(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err)
{
	struct grbl *grbl;
	int status;

	if (!open->stage)
		return err_set(err, -EINVAL,
			       "the driver \"grbl\" is of a pen's dial: the bench file names it in \"dial\"");
	grbl = calloc(1, sizeof(*grbl));
	if (!grbl)
		return err_set(err, -ENOMEM, "no memory for a stage");
	grbl->base.driver = &driver_grbl;
	grbl->host = open->host;
	grbl->setup = *open->stage;
	snprintf(grbl->identity.model, sizeof(grbl->identity.model), "Grbl");
	status = dialogue_open(&speech, grbl, open, now_ns, &grbl->dialogue, err);
	if (status) {
		free(grbl);
		return status;
	}
	dialogue_ask(grbl->dialogue, RESET, 0);
	*ret = &grbl->base;
	return 0;
}

static void grbl_close(struct device *device)
{
	struct grbl *grbl = grbl_of(device);

	if (!grbl)
		return;
	const struct dialogue_request halt = {.what = how_to_halt(grbl)};
	dialogue_close(grbl->dialogue, grbl->moves > 0 ? &halt : NULL);
	free(grbl);
}

static void grbl_on_tick(struct device *device, uint64_t now_ns)
{
	dialogue_tick(grbl_of(device)->dialogue, now_ns);
}

static const struct device_identity *grbl_identity(const struct device *device)
{
	return &grbl_of_const(device)->identity;
}

static void grbl_counters(const struct device *device, struct device_counters *ret)
{
	*ret = (struct device_counters){.frames = 0};
	dialogue_counters(grbl_of_const(device)->dialogue, ret);
}

static const struct link *grbl_link(const struct device *device)
{
	return dialogue_link(grbl_of_const(device)->dialogue);
}

static const struct stage_verbs verbs = {.move = stage_move, .halt = stage_halt, .look = stage_look};

const struct driver driver_grbl = {
	.name = "grbl",
	.description = "stage behind a GRBL 1.1 controller, which turns a pen's depth dial",
	.roles = ROLE_BIT(ROLE_STAGE),
	.wants = {.serial = {.baud = 115200}},
	.match = grbl_match,
	.open = grbl_open,
	.close = grbl_close,
	.on_tick = grbl_on_tick,
	.identity = grbl_identity,
	.channels = driver_no_channels,
	.counters = grbl_counters,
	.link = grbl_link,
	.stage = &verbs,
};
