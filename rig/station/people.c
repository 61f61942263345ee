/* Who signs in at a bench, and what a supervisor decides. A decision is a person's word: it is given with that person's PIN each
 * time, whoever is signed in, and neither a badge nor a bench's key stands for it. */
#include <stdio.h>
#include <string.h>

#include "rig/station/inside.h"

#define REASON_MIN 4 /* characters */

int people_open(struct station *s, struct err *err)
{
	int rc;

	if (!s->config->accounts[0])
		return 0;
	rc = accounts_open(s->config->accounts, false, &s->accounts, err);
	if (rc < 0) {
		err_prefix(err, "accounts (penrig account add makes the first one)");
		return rc;
	}
	return 0;
}

/* The file is looked at each time: who was disabled a moment ago is. Where it cannot be read nobody is known. */
const struct account *account_of(void *ctx, const char *who)
{
	struct station *s = ((struct bench *)ctx)->station;

	return accounts_refresh(s->accounts, NULL) < 0 ? NULL : accounts_find(s->accounts, who);
}

static int note(struct station *s, enum account_event event, const char *name)
{
	const struct account_entry entry = {.event = event, .name = name, .by = name};

	return accounts_tell(s->accounts, &entry, loop_wall_ns(s->loop), NULL);
}

void people_sign_in(struct bench *b, const struct order_text *o)
{
	struct station *s = b->station;
	const struct account *account = NULL;
	enum account_answer answer;

	if (!s->accounts) {
		state_refuse(&b->state, "no_accounts", "");
		return;
	}
	answer =
		accounts_ask(s->accounts, *o->who ? o->who : b->state.signing, o->pin, loop_wall_ns(s->loop), &account);
	if (answer == ACCOUNT_KNOWN && note(s, ACCOUNT_SIGN_IN, account->name) < 0)
		answer = ACCOUNT_UNTOLD;
	state_signed_in(&b->state, answer, account);
}

void people_sign_out(struct bench *b)
{
	char person[STATION_TEXT];

	snprintf(person, sizeof(person), "%s", b->state.person);
	if (state_sign_out(&b->state) && person[0] && b->station->accounts)
		(void)note(b->station, ACCOUNT_SIGN_OUT, person);
}

void people_idle(struct bench *b)
{
	const uint64_t limit_ns = (uint64_t)b->station->config->sign_out_min * 60 * NS_PER_S;

	if (!limit_ns || !b->state.person[0] || b->child || b->helper ||
	    loop_now_ns(b->station->loop) - b->ordered_ns < limit_ns)
		return;
	people_sign_out(b);
	tell_bench(b);
}

/* ---- decisions ------------------------------------------------------------------------------------------------- */

static void add_run(void *ctx, const char *name)
{
	struct decision *d = ctx;

	if (d->runs < DECIDED_RUNS)
		snprintf(d->run[d->runs++], sizeof(d->run[0]), "%s", name);
	else
		d->failed = true;
}

static void clean(void *ctx, uint64_t now_ns)
{
	struct decision *d = ctx;

	(void)now_ns;
	helper_free(d->ended);
	d->ended = NULL;
}

static void release(struct station *s, const struct decision *d)
{
	const struct unit_past past = past_of(d->bench, d->serial);

	for (unsigned i = 0; i < s->config->benches; i++) {
		struct bench *b = &s->bench[i];
		const bool shown = b->state.view == VIEW_VERDICT && b->state.word == WORD_HELD &&
				   strcmp(b->state.unit.serial, d->serial) == 0;

		if (past.passed && (shown || b == d->bench))
			state_released(&b->state, d->serial);
		else if (!past.passed && !past.held && (shown || (b == d->bench && b->state.view == VIEW_READY)))
			state_set_aside(&b->state);
		else
			continue;
		tell_bench(b);
	}
}

static void next_run(struct decision *d);

static void on_disposed(void *ctx, const struct helper_end *end)
{
	struct decision *d = ctx;

	d->failed = d->failed || end->exit_code != 0;
	d->ended = d->helper;
	d->helper = NULL;
	loop_timer_at(d->bench->station->loop, &d->clean, 0);
	next_run(d);
}

static bool compose(const struct station_config *c, const struct decision *d, struct helper_command *command)
{
	char path[FILE_PATH_MAX + 160], history[FILE_PATH_MAX + 16], by[STATION_TEXT + 8], reason[ACCOUNT_REASON + 16];
	const char *const words[] = {own_program(), "dispose", path, "--decision", verdict_word_name(d->word), by,
				     reason};
	bool ok = true;

	snprintf(path, sizeof(path), "%s/%s.penrig", c->output, d->run[d->at]);
	snprintf(by, sizeof(by), "--by=%s", d->by);
	snprintf(reason, sizeof(reason), "--reason=%s", d->reason);
	snprintf(history, sizeof(history), "--history=%s", c->history);
	for (size_t i = 0; ok && i < sizeof(words) / sizeof(words[0]); i++)
		ok = helper_word(command, words[i], NULL);
	return ok && (!c->history[0] || helper_word(command, history, NULL));
}

static void next_run(struct decision *d)
{
	struct station *s = d->bench->station;
	const struct helper_host host = {.ctx = d, .ended = on_disposed};

	for (; d->at < d->runs; d->at++) {
		struct helper_command command = {.count = 0};
		bool ok = compose(s->config, d, &command) &&
			  helper_start(s->loop, &command, 60, &host, &d->helper, NULL) == 0;

		if (ok) {
			d->at++;
			return;
		}
		d->failed = true;
	}
	release(s, d);
	if (d->failed)
		state_refuse(&d->bench->state, "not_disposed", d->serial);
	d->serial[0] = '\0';
	tell_bench(d->bench);
}

static bool is_supervisor(struct bench *b, const struct order_text *o, char ret_name[STATION_TEXT])
{
	struct station *s = b->station;
	const struct account *account = NULL;
	enum account_answer answer = accounts_ask(s->accounts, o->who, o->pin, loop_wall_ns(s->loop), &account);

	if (answer != ACCOUNT_KNOWN)
		state_refuse(&b->state, account_answer_name(answer), "");
	else if (account->role != ROLE_SUPERVISOR)
		state_refuse(&b->state, "no_supervisor", account->name);
	else
		snprintf(ret_name, STATION_TEXT, "%s", account->name);
	return answer == ACCOUNT_KNOWN && account->role == ROLE_SUPERVISOR;
}

/* Into the trail first: what stands nowhere was not decided. */
static int keep(struct bench *b, const struct decision *d)
{
	struct station *s = b->station;
	char text[2 * ACCOUNT_TEXT];
	struct unit_row row = {.word = d->word, .wall_ns = loop_wall_ns(s->loop)};
	const struct account_entry entry = {
		.event = ACCOUNT_DECIDE, .name = d->by, .by = d->by, .text = text, .reason = d->reason};
	int rc;

	snprintf(text, sizeof(text), "%s %s", verdict_word_name(d->word), d->serial);
	snprintf(row.serial, sizeof(row.serial), "%s", d->serial);
	snprintf(row.bench, sizeof(row.bench), "%s", b->label);
	rc = accounts_tell(s->accounts, &entry, row.wall_ns, NULL);
	return rc < 0 ? rc : units_decide(s->units, &row, d->by, d->reason, NULL);
}

static const char *hindrance(struct bench *b, const struct order_text *o)
{
	const struct unit_past past = past_of(b, o->serial);

	if (!b->station->accounts)
		return "no_accounts";
	if (b->station->decision.serial[0] || past.elsewhere || state_busy(&b->state) || b->helper)
		return "busy";
	if (strlen(o->reason) < REASON_MIN || strlen(o->reason) >= ACCOUNT_REASON)
		return "no_reason";
	if (strlen(o->serial) >= STATION_TEXT || (!past.open && !past.held && !past.rejected))
		return "nothing_to_decide";
	return NULL;
}

void people_decide(struct bench *b, const struct order_text *o)
{
	struct decision *d = &b->station->decision;
	const char *why = hindrance(b, o);
	char by[STATION_TEXT];

	b->state.refused[0] = '\0';
	if (why) {
		state_refuse(&b->state, why, o->serial);
		return;
	}
	if (!is_supervisor(b, o, by))
		return;
	*d = (struct decision){.word = o->decision, .bench = b, .clean = {.fn = clean, .ctx = d}};
	snprintf(d->serial, sizeof(d->serial), "%s", o->serial);
	snprintf(d->by, sizeof(d->by), "%s", by);
	snprintf(d->reason, sizeof(d->reason), "%s", o->reason);
	units_each_open(b->station->units, d->serial, add_run, d);
	if (keep(b, d) < 0) {
		state_refuse(&b->state, "not_kept", "");
		d->serial[0] = '\0';
		return;
	}
	next_run(d);
}

void people_close(struct station *s)
{
	if (s->decision.bench)
		loop_timer_cancel(s->loop, &s->decision.clean);
	helper_free(s->decision.helper);
	helper_free(s->decision.ended);
	accounts_close(s->accounts);
}
