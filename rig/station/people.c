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

	if (!limit_ns || !b->state.person[0] || b->child || b->helper || b->elsewhere.waits ||
	    loop_now_ns(b->station->loop) - b->ordered_ns < limit_ns)
		return;
	people_sign_out(b);
	tell_bench(b);
}

/* ---- decisions ------------------------------------------------------------------------------------------------- */

static void clean(void *ctx, uint64_t now_ns)
{
	struct decisions *d = ctx;

	(void)now_ns;
	helper_free(d->ended);
	d->ended = NULL;
}

void people_release(struct bench *at, const char *serial)
{
	struct station *s = at->station;
	const struct unit_past past = past_of(at, serial);

	for (unsigned i = 0; i < s->config->benches; i++) {
		struct bench *b = &s->bench[i];
		const bool shown = b->state.view == VIEW_VERDICT && b->state.word == WORD_HELD &&
				   strcmp(b->state.unit.serial, serial) == 0;

		if (past.rejected && b == at)
			state_refuse(&b->state, "rejected", serial); /* also what another bench's history says */
		else if (past.passed && !past.rejected && !past.open && (shown || b == at))
			state_released(&b->state, serial);
		else if (!past.passed && !past.held && (shown || (b == at && b->state.view == VIEW_READY)))
			state_set_aside(&b->state);
		else if (past.held && past.accepted && b == at) /* something stands against it, or did not say */
			state_refuse(&b->state, past.unknown ? "held_unasked" : "held_elsewhere", serial);
		else
			continue;
		tell_bench(b);
	}
}

static void next_run(struct decisions *d);

static void on_disposed(void *ctx, const struct helper_end *end)
{
	struct decisions *d = ctx;
	struct station *s = d->bench->station;

	if (end->exit_code != 0 || units_disposed(s->units, &d->now, loop_wall_ns(s->loop), NULL) < 0)
		d->failed = true;
	d->ended = d->helper;
	d->helper = NULL;
	loop_timer_at(s->loop, &d->clean, 0);
	next_run(d);
}

static bool compose(const struct station_config *c, const struct decisions *d, struct helper_command *command)
{
	char path[FILE_PATH_MAX + 160], history[FILE_PATH_MAX + 16], by[STATION_TEXT + 8], reason[ACCOUNT_REASON + 16];
	const char *const words[] = {own_program(), "dispose", path, "--decision", verdict_word_name(d->now.word), by,
				     reason};
	bool ok = true;

	snprintf(path, sizeof(path), "%s/%s.penrig", c->output, d->run);
	snprintf(by, sizeof(by), "--by=%s", d->by);
	snprintf(reason, sizeof(reason), "--reason=%s", d->reason);
	snprintf(history, sizeof(history), "--history=%s", c->history);
	for (size_t i = 0; ok && i < sizeof(words) / sizeof(words[0]); i++)
		ok = helper_word(command, words[i], NULL);
	return ok && (!c->history[0] || helper_word(command, history, NULL));
}

/* The file of units may grow, and move, while one is written. */
static bool take_pending(struct decisions *d)
{
	struct unit_pending p;

	if (!units_pending(d->bench->station->units, d->serial, &d->at, &p))
		return false;
	snprintf(d->unit, sizeof(d->unit), "%s", p.serial);
	snprintf(d->run, sizeof(d->run), "%s", p.name);
	snprintf(d->by, sizeof(d->by), "%s", p.by);
	snprintf(d->reason, sizeof(d->reason), "%s", p.reason);
	d->now = (struct unit_pending){d->unit, d->run, d->by, d->reason, p.word};
	return true;
}

static void next_run(struct decisions *d)
{
	struct station *s = d->bench->station;
	const struct helper_host host = {.ctx = d, .ended = on_disposed};

	while (take_pending(d)) {
		struct helper_command command = {.count = 0};

		if (compose(s->config, d, &command) &&
		    helper_start(s->loop, &command, 60, &host, &d->helper, NULL) == 0)
			return;
		d->failed = true;
	}
	d->busy = false;
	if (d->serial[0] && !d->failed)
		elsewhere_release(d->bench, d->serial);
	else if (d->serial[0])
		people_release(d->bench, d->serial);
	if (d->failed)
		state_refuse(&d->bench->state, "not_disposed", d->unit);
	tell_bench(d->bench);
}

static void dispose(struct bench *b, const char *serial)
{
	struct decisions *d = &b->station->decisions;

	if (d->bench)
		loop_timer_cancel(b->station->loop, &d->clean); /* it stands in what is written over */
	clean(d, 0);
	*d = (struct decisions){.busy = true, .bench = b, .clean = {.fn = clean, .ctx = d}};
	snprintf(d->serial, sizeof(d->serial), "%s", serial);
	next_run(d);
}

void people_resume(struct station *s)
{
	struct unit_pending p;
	size_t at = 0;

	if (units_pending(s->units, "", &at, &p))
		dispose(&s->bench[0], "");
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
static int keep(struct bench *b, const struct order_text *o, const char *by)
{
	struct station *s = b->station;
	char text[2 * ACCOUNT_TEXT];
	struct unit_row row = {.word = o->decision, .wall_ns = loop_wall_ns(s->loop)};
	const struct account_entry entry = {
		.event = ACCOUNT_DECIDE, .name = by, .by = by, .text = text, .reason = o->reason};
	int rc;

	snprintf(text, sizeof(text), "%s %.*s", verdict_word_name(o->decision), STATION_TEXT - 1, o->serial);
	snprintf(row.serial, sizeof(row.serial), "%s", o->serial);
	snprintf(row.bench, sizeof(row.bench), "%s", b->label);
	rc = accounts_tell(s->accounts, &entry, row.wall_ns, NULL);
	return rc < 0 ? rc : units_decide(s->units, &row, by, o->reason, NULL);
}

static const char *hindrance(struct bench *b, const struct order_text *o)
{
	const struct unit_past past = past_of(b, o->serial);

	if (!b->station->accounts)
		return "no_accounts";
	if (b->station->decisions.busy || past.elsewhere || state_busy(&b->state) || b->helper)
		return "busy";
	if (strlen(o->reason) < REASON_MIN || strlen(o->reason) >= ACCOUNT_REASON)
		return "no_reason";
	if (strlen(o->serial) >= STATION_TEXT || (!past.open && !past.held && !past.rejected))
		return "nothing_to_decide";
	return NULL;
}

void people_decide(struct bench *b, const struct order_text *o)
{
	const char *why = hindrance(b, o);
	char by[STATION_TEXT];

	b->state.refused[0] = '\0';
	if (why) {
		state_refuse(&b->state, why, o->serial);
		return;
	}
	if (!is_supervisor(b, o, by))
		return;
	if (keep(b, o, by) < 0)
		state_refuse(&b->state, "not_kept", "");
	else
		dispose(b, o->serial);
}

void people_close(struct station *s)
{
	if (s->decisions.bench)
		loop_timer_cancel(s->loop, &s->decisions.clean);
	helper_free(s->decisions.helper);
	helper_free(s->decisions.ended);
	accounts_close(s->accounts);
}
