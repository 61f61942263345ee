/* The way of a unit at a bench. */
#include "rig/station/state.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define DIGITS 7

static const char *const word_names[] = {
	[WORD_NONE] = "",
	[WORD_PASS] = "pass",
	[WORD_FAIL] = "fail",
	[WORD_NOT_TESTED] = "not_tested",
	[WORD_STOP_UNVERIFIED] = "stop_unverified",
	[WORD_HELD] = "held",
	[WORD_RETEST] = "retest",
	[WORD_ACCEPT] = "accept",
	[WORD_REJECT] = "reject",
	[WORD_DISPOSED] = "disposed",
};

const char *verdict_word_name(enum verdict_word word)
{
	return word_names[word];
}

enum verdict_word verdict_word_find(const char *name)
{
	for (int i = WORD_PASS; i <= WORD_DISPOSED; i++)
		if (strcmp(word_names[i], name) == 0)
			return (enum verdict_word)i;
	return WORD_NONE;
}

static const struct bench_live no_figures = {
	.remaining_s = NAN,
	.force_n = NAN,
	.handle_c = NAN,
	.depth_set_mm = NAN,
	.rate_set_hz = NAN,
	.rate = {NAN, NAN, NAN},
	.depth = {NAN, NAN, NAN},
};

void state_begin(struct bench_state *s)
{
	*s = (struct bench_state){.unit = {.product = -1}, .live = no_figures};
}

/* ---- codes and orders ------------------------------------------------------------------------------------------ */

static enum state_act refuse(struct bench_state *s, const char *why, const char *detail)
{
	snprintf(s->refused, sizeof(s->refused), "%s", why);
	snprintf(s->refused_detail, sizeof(s->refused_detail), "%.*s", (int)sizeof(s->refused_detail) - 1, detail);
	s->refusals++;
	return ACT_NOTHING;
}

bool state_busy(const struct bench_state *s)
{
	return s->view == VIEW_RUNNING || s->view == VIEW_PROMPT;
}

/* Neither a unit nor a verdict is shown any more. */
static void forget(struct bench_state *s)
{
	s->view = VIEW_READY;
	s->unit = (struct unit){.product = -1};
	s->word = WORD_NONE;
	s->name[0] = s->why[0] = '\0';
}

static bool shows_green(const struct bench_state *s)
{
	return s->view == VIEW_VERDICT && (s->word == WORD_PASS || s->word == WORD_HELD);
}

/* Another pen is in somebody's hand by now: neither may a green be read as that one's, nor the one before be started. */
static enum state_act await(struct bench_state *s, const char *serial)
{
	if (shows_green(s) || (s->view == VIEW_ARMED && strcmp(s->unit.serial, serial) != 0))
		forget(s);
	snprintf(s->asking.serial, sizeof(s->asking.serial), "%s", serial);
	return ACT_NOTHING;
}

void state_drop(struct bench_state *s)
{
	s->asking = (struct state_asking){.len = 0};
}

/* The one that is looked up, or else that is shown. */
static const char *newest_unit(const struct bench_state *s)
{
	return s->asking.serial[0] ? s->asking.serial : s->unit.serial;
}

/* ---- what is asked for before a test --------------------------------------------------------------------------- */

enum want { WANT_NOTHING, WANT_LOT, WANT_CARTRIDGE, WANT_CHECK };
static const char *const want_names[] = {"", "lot", "cartridge", "check"};

/* In this order, one after the other. */
static enum want wanted(const struct bench_state *s, const struct station_config *c)
{
	const struct station_product *p = s->view == VIEW_ARMED ? &c->product[s->unit.product] : NULL;

	if (!p)
		return WANT_NOTHING;
	if (p->lot.expression[0] && !s->unit.lot[0])
		return WANT_LOT;
	if (p->cartridge.expression[0] && !s->unit.cartridge[0])
		return WANT_CARTRIDGE;
	return s->unit.checked < p->checks ? WANT_CHECK : WANT_NOTHING;
}

/* What one person has ordered or confirmed is no other's word: nothing waits any more, and the list begins anew, with questions that
 * are not those that were answered. */
static void take_person(struct bench_state *s, const char *name)
{
	if (strcmp(s->person, name) == 0)
		return;
	state_drop(s);
	if (s->view == VIEW_ARMED) {
		s->unit.checked = 0;
		s->reads++;
	}
	snprintf(s->person, sizeof(s->person), "%s", name);
}

/* Something that was asked for is there: where nothing more is, a product that starts with its code starts. */
static enum state_act go_on(struct bench_state *s, const struct state_known *known)
{
	return known->config->product[s->unit.product].at_once && wanted(s, known->config) == WANT_NOTHING
		       ? state_start(s, known)
		       : ACT_NOTHING;
}

static bool is_settled(struct bench_state *s, const struct station_product *product, const char *serial,
		       const struct unit_past *past)
{
	if (past->elsewhere)
		refuse(s, "elsewhere", serial);
	else if (past->rejected)
		refuse(s, "rejected", serial);
	else if (past->held)
		refuse(s, "held", serial);
	else if (past->passed)
		refuse(s, "passed_already", serial);
	else if (past->failed >= (unsigned)product->attempts)
		refuse(s, "no_more_attempts", serial);
	else
		return false;
	return true;
}

/* Whoever tests is known now, not only when the badge was read. */
static bool may_test(struct bench_state *s, const struct state_known *known, int product)
{
	char plan[STATION_TEXT];
	const struct account *account;

	if (!known->account && (!known->config->operators || s->person[0]))
		return true;
	account = known->account && s->person[0] ? known->account(known->ctx, s->person) : NULL;
	station_plan_of(known->config, product, plan, sizeof(plan));
	if (!account)
		refuse(s, "sign_in", "");
	else if (account->disabled)
		refuse(s, "account_disabled", s->person);
	else if (account_locked(account))
		refuse(s, "account_locked", s->person);
	else if (!account_trained(account, plan))
		refuse(s, "not_trained", s->person);
	else
		return true;
	return false;
}

enum state_act state_start(struct bench_state *s, const struct state_known *known)
{
	struct unit_past past;

	if (s->asking.serial[0]) {
		s->asking.start = true;
		return ACT_NOTHING;
	}
	if (s->view != VIEW_ARMED)
		return refuse(s, state_busy(s) ? "busy" : "nothing_to_start", state_busy(s) ? s->unit.serial : "");
	s->refused[0] = '\0';
	if (!may_test(s, known, s->unit.product))
		return ACT_NOTHING;
	if (wanted(s, known->config) != WANT_NOTHING)
		return refuse(s, "needs", s->unit.serial);
	past = known->past(known->ctx, s->unit.serial);
	if (past.asked) {
		s->asking.start = true;
		return await(s, s->unit.serial);
	}
	if (is_settled(s, &known->config->product[s->unit.product], s->unit.serial, &past)) {
		forget(s);
		return ACT_NOTHING;
	}
	s->unit.attempt = past.failed + 1;
	return ACT_START;
}

enum state_act state_stop(struct bench_state *s)
{
	state_drop(s);
	if (s->view == VIEW_ARMED)
		forget(s);
	if (!state_busy(s))
		return ACT_NOTHING;
	s->stopping = true;
	return ACT_STOP;
}

/* The one question that is answered by a code. */
static bool asks_for_code(const struct bench_state *s)
{
	return s->view == VIEW_PROMPT && strcmp(s->prompt.question, "scan_pen") == 0;
}

static enum state_act take_read(struct bench_state *s, const struct scan *scan, int64_t id)
{
	const char *serial = scan->gs1 ? scan->serial : scan->text;

	if (id != s->prompt.id || s->stopping)
		return refuse(s, "late", "");
	if (strlen(serial) >= sizeof(s->prompt.read))
		return refuse(s, "scan_too_long", "");
	snprintf(s->prompt.read, sizeof(s->prompt.read), "%.63s", serial);
	return ACT_TELL;
}

/* Of this unit and no other, and of no run: another page may have read the next unit while somebody looked at this one. */
static int64_t check_id(const struct bench_state *s)
{
	return 1000 * (int64_t)(s->reads % 1000000) + s->unit.checked + 1;
}

int64_t state_question(const struct bench_state *s, const struct station_config *c)
{
	if (s->view == VIEW_PROMPT)
		return s->prompt.id;
	return wanted(s, c) == WANT_CHECK ? check_id(s) : 0;
}

/* One of the checklist: what cannot be confirmed is not tested. */
static enum state_act answer_check(struct bench_state *s, const struct state_known *known, int64_t id, bool done)
{
	if (id != check_id(s))
		return refuse(s, "late", "");
	if (!done) {
		forget(s);
		return ACT_NOTHING;
	}
	s->unit.checked++;
	return go_on(s, known);
}

enum state_act state_answer(struct bench_state *s, const struct state_known *known, int64_t id, bool done)
{
	s->refused[0] = '\0';
	if (wanted(s, known->config) == WANT_CHECK)
		return answer_check(s, known, id, done);
	if (s->view != VIEW_PROMPT || id != s->prompt.id || s->stopping)
		return refuse(s, "late", ""); /* of an earlier question */
	if (done && asks_for_code(s))
		return refuse(s, "read_pen", "");
	return done ? ACT_DONE : ACT_GIVE_UP;
}

const struct state_card state_cards[] = {
	{"%START", ORDERED_START, "starts the test of the unit that was scanned"},
	{"%STOP", ORDERED_STOP, "stops the test; no emergency stop: that is a switch at the bench"},
	{"%DONE", ORDERED_DONE, "what the page asks for is done"},
	{"%GIVEUP", ORDERED_GIVE_UP, "what the page asks for cannot be done: the test ends"},
	{"%NEXT", ORDERED_NEXT, "puts away the verdict, or the unit that was to be tested"},
	{"%RETEST", ORDERED_RETEST, "the unit whose verdict stands is to be tested again"},
	{NULL, ORDERED_START, NULL},
};

static enum state_act put_away(struct bench_state *s)
{
	s->refused[0] = '\0';
	state_drop(s);
	if (state_busy(s))
		return refuse(s, "busy", s->unit.serial);
	forget(s);
	return ACT_NOTHING;
}

/* The code of the unit, as a scanner would send it. */
static size_t code_of(const struct unit *unit, char ret[SCAN_MAX])
{
	char gtin[SCAN_GTIN + 2] = "", lot[SCAN_LOT + 3] = "";
	int n;

	if (unit->gtin[0])
		snprintf(gtin, sizeof(gtin), "01%s", unit->gtin);
	if (unit->lot_coded)
		snprintf(lot, sizeof(lot),
			 "\x1d"
			 "10%s",
			 unit->lot);
	n = unit->gtin[0] || unit->lot_coded ? snprintf(ret, SCAN_MAX, "]d2%s21%s%s", gtin, unit->serial, lot)
					     : snprintf(ret, SCAN_MAX, "%s", unit->serial);
	return (size_t)n;
}

static enum state_act take_whole_code(struct bench_state *s, const struct state_known *known, const char *code,
				      size_t len, int64_t id);

static enum state_act retest(struct bench_state *s, const struct state_known *known)
{
	char code[SCAN_MAX];

	s->refused[0] = '\0';
	if (state_busy(s))
		return refuse(s, "busy", s->unit.serial);
	if (s->view != VIEW_VERDICT || s->unit.product < 0)
		return refuse(s, "nothing_to_retest", "");
	return take_whole_code(s, known, code, code_of(&s->unit, code), 0);
}

static enum state_act obey(struct bench_state *s, const struct state_known *known, enum state_order order, int64_t id)
{
	switch (order) {
	case ORDERED_START: return state_start(s, known);
	case ORDERED_STOP: return state_stop(s);
	case ORDERED_DONE:
	case ORDERED_GIVE_UP: return state_answer(s, known, id, order == ORDERED_DONE);
	case ORDERED_NEXT: return put_away(s);
	default: return retest(s, known);
	}
}

static bool is_command(struct bench_state *s, const struct state_known *known, const char *code, size_t len, int64_t id,
		       enum state_act *ret)
{
	for (const struct state_card *card = state_cards; card->code; card++) {
		if (len != strlen(card->code) || memcmp(code, card->code, len) != 0)
			continue;
		*ret = obey(s, known, card->order, id);
		return true;
	}
	return false;
}

static bool is_account_badge(struct bench_state *s, const struct state_known *known, const struct scan *scan)
{
	const struct account *account = scan->gs1 ? NULL : known->account(known->ctx, scan->text);

	if (!account || strcmp(account->badge, scan->text) != 0)
		return false;
	if (state_busy(s)) {
		refuse(s, "busy", s->unit.serial); /* a run has one operator */
		return true;
	}
	if (strcmp(account->name, s->person) != 0)
		take_person(s, "");
	if (account->disabled)
		refuse(s, "account_disabled", account->name);
	else if (account_locked(account))
		refuse(s, "account_locked", account->name);
	else
		snprintf(s->signing, sizeof(s->signing), "%s", account->name);
	return true;
}

void state_signed_in(struct bench_state *s, enum account_answer answer, const struct account *account)
{
	s->refused[0] = '\0';
	if (answer == ACCOUNT_LOCKED || answer == ACCOUNT_DISABLED)
		s->signing[0] = '\0';
	if (state_busy(s))
		refuse(s, "busy", s->unit.serial);
	else if (answer != ACCOUNT_KNOWN)
		refuse(s, account_answer_name(answer), "");
	else {
		take_person(s, account->name);
		s->signing[0] = '\0';
	}
}

bool state_sign_out(struct bench_state *s)
{
	s->refused[0] = '\0';
	if (state_busy(s)) {
		refuse(s, "busy", s->unit.serial);
		return false;
	}
	s->person[0] = s->signing[0] = '\0';
	state_drop(s);
	if (s->view == VIEW_ARMED)
		forget(s);
	return true;
}

void state_refuse(struct bench_state *s, const char *why, const char *detail)
{
	(void)refuse(s, why, detail);
}

static bool is_badge(struct bench_state *s, const struct state_known *known, const struct scan *scan)
{
	const struct station_config *c = known->config;

	s->signing[0] = '\0'; /* another code: nobody is about to type a PIN */
	if (known->account)
		return is_account_badge(s, known, scan);
	for (unsigned i = 0; i < c->operators; i++) {
		if (scan->gs1 || strcmp(c->person[i].badge, scan->text) != 0)
			continue;
		if (state_busy(s))
			refuse(s, "busy", s->unit.serial); /* a run has one operator */
		else
			take_person(s, c->person[i].name);
		return true;
	}
	return false;
}

static enum state_act take_unit(struct bench_state *s, const struct station_config *c, const struct scan *scan,
				int product, const struct unit_past *past)
{
	const char *serial = scan->gs1 ? scan->serial : scan->text;

	if (is_settled(s, &c->product[product], serial, past))
		return ACT_NOTHING;
	if (scan->lot[0] && c->product[product].lot.expression[0] &&
	    !station_need_fits(&c->product[product].lot, scan->lot))
		return refuse(s, "wrong_lot", scan->lot);
	s->unit = (struct unit){.product = product, .attempt = past->failed + 1};
	snprintf(s->unit.serial, sizeof(s->unit.serial), "%.63s", serial);
	snprintf(s->unit.lot, sizeof(s->unit.lot), "%s", scan->lot);
	s->unit.lot_coded = scan->lot[0];
	snprintf(s->unit.gtin, sizeof(s->unit.gtin), "%s", scan->gtin);
	s->view = VIEW_ARMED;
	s->reads++;
	s->word = WORD_NONE;
	s->name[0] = s->why[0] = '\0';
	return c->product[product].at_once && wanted(s, c) == WANT_NOTHING ? ACT_START : ACT_NOTHING;
}

/* A hook's program would take it for one of its options. */
static bool is_option(const char *word)
{
	return word[0] == '-';
}

/* The lot or the cartridge that is asked for; false: the code is something else. */
static bool take_wanted(struct bench_state *s, const struct state_known *known, const struct scan *scan,
			enum state_act *ret)
{
	const struct station_config *c = known->config;
	const enum want want = wanted(s, c);
	const struct station_product *p = want == WANT_NOTHING ? NULL : &c->product[s->unit.product];
	char *to = want == WANT_LOT ? s->unit.lot : s->unit.cartridge;
	const size_t room = want == WANT_LOT ? sizeof(s->unit.lot) : sizeof(s->unit.cartridge);

	*ret = ACT_NOTHING;
	if ((want != WANT_LOT && want != WANT_CARTRIDGE) || scan->gs1 ||
	    !station_need_fits(want == WANT_LOT ? &p->lot : &p->cartridge, scan->text))
		return false;
	if (station_product_of(c, scan) != STATION_NO_PRODUCT)
		refuse(s, "two_meanings", "");
	else if (strlen(scan->text) >= room)
		refuse(s, "scan_too_long", "");
	else {
		memcpy(to, scan->text, strlen(scan->text) + 1);
		*ret = go_on(s, known);
	}
	return true;
}

/* What was read is none of this station's: what it waits for is said. */
static enum state_act refuse_unknown(struct bench_state *s, const struct station_config *c)
{
	const enum want want = wanted(s, c);

	return refuse(s, want == WANT_LOT ? "want_lot" : want == WANT_CARTRIDGE ? "want_cartridge" : "unknown", "");
}

static enum state_act take_code(struct bench_state *s, const struct state_known *known, const char *code, size_t len,
				int64_t id)
{
	const struct station_config *c = known->config;
	enum state_act act;
	struct scan_refusal refusal;
	const char *serial;
	struct unit_past past;
	struct scan scan;
	int product;

	if (!scan_read(code, len, known->year, &scan, &refusal)) {
		char why[32];

		snprintf(why, sizeof(why), "scan_%s", scan_fault_name(refusal.fault));
		return refuse(s, why, refusal.ai);
	}
	if (is_badge(s, known, &scan))
		return ACT_NOTHING;
	if (asks_for_code(s))
		return take_read(s, &scan, id);
	if (state_busy(s))
		return refuse(s, "busy", s->unit.serial);
	if (is_option(scan.gs1 ? scan.serial : scan.text) || is_option(scan.lot))
		return refuse(s, "scan_character", "");
	if (take_wanted(s, known, &scan, &act))
		return act;
	product = station_product_of(c, &scan);
	if (product == STATION_SEVERAL_PRODUCTS)
		return refuse(s, "several_products", "");
	if (product == STATION_AMBIGUOUS)
		return refuse(s, "scan_two_readings", "");
	if (product < 0 || strlen(scan.gs1 ? scan.serial : scan.text) >= sizeof(s->unit.serial))
		return refuse_unknown(s, c);
	if (!may_test(s, known, product))
		return ACT_NOTHING;
	serial = scan.gs1 ? scan.serial : scan.text;
	past = known->past(known->ctx, serial);
	if (!past.asked)
		return take_unit(s, c, &scan, product, &past);
	memcpy(s->asking.code, code, len);
	s->asking.len = len;
	return await(s, serial);
}

static enum state_act take_whole_code(struct bench_state *s, const struct state_known *known, const char *code,
				      size_t len, int64_t id)
{
	const struct state_asking before = s->asking;
	enum state_act act;

	state_drop(s);
	act = take_code(s, known, code, len, id);
	/* Two codes in one moment: whose pen is not tested hears of it. */
	if (before.len && !s->refused[0] && strcmp(before.serial, newest_unit(s)) != 0)
		refuse(s, "replaced", before.serial);
	/* What is held may become a pass. */
	if (s->refused[0] && shows_green(s))
		forget(s);
	return act;
}

enum state_act state_scan(struct bench_state *s, const struct state_known *known, const char *code, size_t len,
			  int64_t id)
{
	enum state_act act;

	s->refused[0] = '\0';
	if (is_command(s, known, code, len, id, &act))
		return act;
	return take_whole_code(s, known, code, len, id);
}

enum state_act state_told(struct bench_state *s, const struct state_known *known)
{
	const struct state_asking a = s->asking;
	enum state_act act = ACT_NOTHING;

	state_drop(s);
	if (!a.serial[0])
		return act;
	if (a.len)
		act = take_whole_code(s, known, a.code, a.len, 0);
	return a.start && act == ACT_NOTHING && s->view == VIEW_ARMED && strcmp(s->unit.serial, a.serial) == 0
		       ? state_start(s, known)
		       : act;
}

/* ---- the run --------------------------------------------------------------------------------------------------- */

void state_run(struct bench_state *s, const char *name, const struct unit *unit)
{
	s->unit = *unit;
	snprintf(s->name, sizeof(s->name), "%s", name);
	s->view = VIEW_RUNNING;
	s->may_have_moved = s->stopping = false;
	s->hook[0] = s->signing[0] = '\0';
	state_drop(s);
	s->live = no_figures;
	s->prompt = (struct bench_prompt){.id = 0};
	s->end = (struct bench_end){.told = false};
	s->unasked = false;
	s->word = WORD_NONE;
	s->why[0] = '\0';
}

static void text(const struct json *event, const char *key, char *ret, size_t size)
{
	const struct json *node = json_get(event, key);

	snprintf(ret, size, "%s", node && json_kind(node) == JSON_STRING ? json_string(node) : "");
}

static double number(const struct json *event, const char *key)
{
	const struct json *node = json_get(event, key);

	return node && json_kind(node) == JSON_NUMBER ? json_number(node) : NAN;
}

static unsigned whole(const struct json *event, const char *key)
{
	double value = number(event, key);

	return value >= 0 && value < 1e6 ? (unsigned)value : 0;
}

static bool flag(const struct json *event, const char *key)
{
	const struct json *node = json_get(event, key);

	return node && json_kind(node) == JSON_BOOL && json_bool(node);
}

static void take_setpoint(struct bench_state *s, const struct json *event)
{
	const struct json *limits = json_get(event, "limits");
	const struct json *rate = limits ? json_get(limits, "rate_hz") : NULL;
	const struct json *depth = limits ? json_get(limits, "depth_mm") : NULL;

	s->live.rate.lower = rate ? number(rate, "lower") : NAN;
	s->live.rate.upper = rate ? number(rate, "upper") : NAN;
	s->live.depth.lower = depth ? number(depth, "lower") : NAN;
	s->live.depth.upper = depth ? number(depth, "upper") : NAN;
	s->live.depth_set_mm = number(event, "depth_set_mm");
	s->live.rate_set_hz = number(event, "rate_set_hz");
	s->live.point = whole(event, "point");
	s->live.points = whole(event, "points");
}

static void take_progress(struct bench_state *s, const struct json *event)
{
	text(event, "stage", s->live.stage, sizeof(s->live.stage));
	s->live.point = whole(event, "point");
	s->live.points = whole(event, "points");
	s->live.remaining_s = number(event, "remaining_s");
	s->live.force_n = number(event, "force_n");
	s->live.handle_c = number(event, "handle_c");
	s->live.rate.value = number(event, "rate_hz");
	s->live.depth.value = number(event, "depth_mm");
	s->may_have_moved = true;
	if (s->view == VIEW_PROMPT && strcmp(s->live.stage, "prompt") != 0)
		s->view = VIEW_RUNNING;
}

static void take_prompt(struct bench_state *s, const struct json *event)
{
	s->prompt.id = whole(event, "id");
	text(event, "question", s->prompt.question, sizeof(s->prompt.question));
	text(event, "phantom", s->prompt.phantom, sizeof(s->prompt.phantom));
	text(event, "material", s->prompt.material, sizeof(s->prompt.material));
	text(event, "position", s->prompt.position, sizeof(s->prompt.position));
	s->prompt.depth_mm = number(event, "depth_mm");
	s->prompt.read[0] = '\0';
	s->view = VIEW_PROMPT;
}

static void take_end(struct bench_state *s, const struct json *event)
{
	const struct json *decided = json_get(event, "decided");
	double code = number(event, "exit_code");

	s->end = (struct bench_end){.told = true, .stop_unverified = flag(event, "stop_unverified")};
	s->end.exit_code = isfinite(code) ? (int)code : -1;
	text(event, "run_status", s->end.run_status, sizeof(s->end.run_status));
	text(event, "dut_verdict", s->end.dut_verdict, sizeof(s->end.dut_verdict));
	text(event, "dut", s->end.dut, sizeof(s->end.dut));
	text(event, "reason", s->end.reason, sizeof(s->end.reason));
	if (!decided)
		return;
	text(decided, "measurand", s->end.measurand, sizeof(s->end.measurand));
	text(decided, "unit", s->end.unit, sizeof(s->end.unit));
	s->end.value = number(decided, "value");
	s->end.lower = number(decided, "lower");
	s->end.upper = number(decided, "upper");
	s->end.margin = number(decided, "margin");
	s->end.point = whole(decided, "point");
}

void state_event(struct bench_state *s, const struct json *event)
{
	char kind[16];

	if (!state_busy(s))
		return;
	text(event, "event", kind, sizeof(kind));
	if (strcmp(kind, "setpoint") == 0)
		take_setpoint(s, event);
	else if (strcmp(kind, "prompt") == 0)
		take_prompt(s, event);
	else if (strcmp(kind, "end") == 0)
		take_end(s, event);
	else if (strcmp(kind, "progress") == 0 || strcmp(kind, "point") == 0 || strcmp(kind, "message") == 0 ||
		 strcmp(kind, "alarm") == 0)
		take_progress(s, event);
}

/* ---- its end --------------------------------------------------------------------------------------------------- */

static enum verdict_word because(struct bench_state *s, enum verdict_word word, const char *why)
{
	snprintf(s->why, sizeof(s->why), "%s", why);
	return word;
}

static bool is_one_of(const char *text, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(text, *names) == 0)
			return true;
	return false;
}

bool state_proved_fail(const struct bench_state *s)
{
	static const char *const fails[] = {"fail", "conditional_fail", NULL};

	return s->end.told && strcmp(s->end.dut, s->unit.serial) == 0 && is_one_of(s->end.dut_verdict, fails);
}

/* What a run proved, by its own last word and its exit together: a pass only where both say so, of this unit. */
static enum verdict_word word_of(struct bench_state *s, int exit_code)
{
	static const char *const passes[] = {"pass", "conditional_pass", NULL};
	const struct bench_end *end = &s->end;

	if (!end->told)
		return s->may_have_moved ? because(s, WORD_STOP_UNVERIFIED, "died")
					 : because(s, WORD_NOT_TESTED, "did_not_begin");
	if (end->stop_unverified)
		return WORD_STOP_UNVERIFIED;
	if (exit_code >= 0 && exit_code != end->exit_code)
		return because(s, WORD_NOT_TESTED, "disagree");
	if (strcmp(end->dut, s->unit.serial) != 0)
		return because(s, WORD_NOT_TESTED, "other_unit");
	if (state_proved_fail(s))
		return WORD_FAIL;
	if (end->exit_code == 0 && is_one_of(end->dut_verdict, passes) && strcmp(end->run_status, "complete") == 0)
		return WORD_PASS;
	if (strcmp(end->run_status, "interrupted") == 0)
		return because(s, WORD_NOT_TESTED, "stopped");
	return WORD_NOT_TESTED;
}

void state_ended(struct bench_state *s, int exit_code, const struct unit_past *past)
{
	s->word = word_of(s, exit_code);
	if (s->word == WORD_PASS && (past->open || past->rejected))
		s->word = because(s, WORD_HELD, "failed_before");
	s->unasked = s->word == WORD_PASS && past->unknown;
	s->view = VIEW_VERDICT;
	s->stopping = false;
}

void state_released(struct bench_state *s, const char *serial)
{
	if (s->view == VIEW_VERDICT && s->word == WORD_HELD && strcmp(s->unit.serial, serial) == 0)
		forget(s);
	refuse(s, "released", serial);
}

void state_set_aside(struct bench_state *s)
{
	forget(s);
}

void state_unheard(struct bench_state *s, const char *why)
{
	refuse(s, why, s->unit.serial);
	s->stopping = false;
}

void state_failed(struct bench_state *s, const char *why)
{
	s->word = because(s, WORD_NOT_TESTED, why);
	s->end = (struct bench_end){.told = false};
	s->view = VIEW_VERDICT;
	s->stopping = false;
}

/* ---- for the page ---------------------------------------------------------------------------------------------- */

static void put(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, DIGITS);
}

static void put_figure(struct json_out *out, const char *key, const struct live_figure *figure)
{
	struct json_out *o = json_out_add_object(out, key);

	put(o, "value", figure->value);
	put(o, "lower", figure->lower);
	put(o, "upper", figure->upper);
}

static void put_live(struct json_out *out, const struct bench_live *live)
{
	struct json_out *o = json_out_add_object(out, "live");

	json_out_string(o, "stage", live->stage);
	json_out_int(o, "point", live->point);
	json_out_int(o, "points", live->points);
	put(o, "remaining_s", live->remaining_s);
	put(o, "force_n", live->force_n);
	put(o, "handle_c", live->handle_c);
	put_figure(o, "rate", &live->rate);
	put_figure(o, "depth", &live->depth);
}

static void put_picture(struct json_out *out, int picture)
{
	char path[32];

	if (picture < 0)
		return;
	snprintf(path, sizeof(path), "pictures/%d", picture);
	json_out_string(out, "picture", path);
}

static void put_prompt(struct json_out *out, const struct bench_prompt *prompt, const struct station_config *c)
{
	struct json_out *o = json_out_add_object(out, "prompt");

	json_out_int(o, "id", prompt->id);
	json_out_string(o, "question", prompt->question);
	json_out_string(o, "phantom", prompt->phantom);
	json_out_string(o, "material", prompt->material);
	json_out_string(o, "position", prompt->position);
	put(o, "depth_mm", prompt->depth_mm);
	put_picture(o, station_picture_of(c, prompt->phantom));
}

static void put_check(struct json_out *out, const struct bench_state *s, const struct station_config *c)
{
	const struct station_product *p = &c->product[s->unit.product];
	struct json_out *o = json_out_add_object(out, "check");

	json_out_int(o, "id", check_id(s));
	json_out_int(o, "number", s->unit.checked + 1);
	json_out_int(o, "of", p->checks);
	json_out_string(o, "text", p->check[s->unit.checked].text);
	put_picture(o, p->check[s->unit.checked].picture);
}

static void put_verdict(struct json_out *out, const struct bench_state *s, const struct station_config *c)
{
	struct json_out *o = json_out_add_object(out, "verdict");

	json_out_string(o, "word", verdict_word_name(s->word));
	json_out_string(o, "why", s->why);
	json_out_string(o, "reason", s->end.reason);
	json_out_bool(o, "unasked", s->unasked);
	if (s->unit.product >= 0 && s->word == WORD_FAIL)
		json_out_string(o, "fail_to", c->product[s->unit.product].fail_to);
	if (s->unit.product >= 0)
		json_out_bool(o, "again", s->unit.attempt < (unsigned)c->product[s->unit.product].attempts);
	if (!s->end.measurand[0])
		return;
	json_out_string(o, "measurand", s->end.measurand);
	json_out_string(o, "unit", s->end.unit);
	put(o, "value", s->end.value);
	put(o, "lower", s->end.lower);
	put(o, "upper", s->end.upper);
	put(o, "margin", s->end.margin);
	json_out_int(o, "point", s->end.point);
}

void state_print(const struct bench_state *s, const struct station_config *c, struct json_out *out)
{
	static const char *const views[] = {
		[VIEW_READY] = "ready",   [VIEW_ARMED] = "armed",     [VIEW_RUNNING] = "running",
		[VIEW_PROMPT] = "prompt", [VIEW_VERDICT] = "verdict",
	};

	json_out_string(out, "view", views[s->view]);
	json_out_string(out, "serial", s->unit.serial);
	json_out_string(out, "lot", s->unit.lot);
	json_out_string(out, "cartridge", s->unit.cartridge);
	json_out_string(out, "wants", want_names[wanted(s, c)]);
	if (wanted(s, c) == WANT_CHECK)
		put_check(out, s, c);
	json_out_int(out, "attempt", s->unit.attempt);
	json_out_string(out, "product", s->unit.product >= 0 ? c->product[s->unit.product].name : "");
	json_out_string(out, "operator", s->person);
	json_out_string(out, "signing", s->signing);
	json_out_string(out, "hook", s->hook);
	json_out_string(out, "asking", s->asking.serial);
	json_out_bool(out, "history_gone", s->history_gone);
	json_out_bool(out, "fleet_gone", s->fleet_gone);
	json_out_string(out, "name", s->name);
	json_out_bool(out, "stopping", s->stopping);
	json_out_string(out, "refused", s->refused);
	json_out_string(out, "refused_detail", s->refused_detail);
	json_out_int(out, "refusals", s->refusals);
	if (state_busy(s))
		put_live(out, &s->live);
	if (s->view == VIEW_PROMPT)
		put_prompt(out, &s->prompt, c);
	if (s->view == VIEW_VERDICT)
		put_verdict(out, s, c);
}
