/* What the page shows of one bench. Pure: scans, orders, events of the run and its end go in; a view, and what is to be done,
 * come out. No clock, no file, no process.
 *
 * A verdict is one unit's: it stands with its serial number until the next code is taken, a pass or a held one until the next
 * unit's code is read at all, and is formed only where the run's last event and its exit agree. */
#ifndef PENRIG_STATION_STATE_H
#define PENRIG_STATION_STATE_H

#include <stdint.h>

#include "rig/base/json.h"
#include "rig/station/accounts.h"
#include "rig/station/config.h"

enum bench_view {
	VIEW_READY,   /* waits for a code */
	VIEW_ARMED,   /* a unit is known, and waits for the order to start */
	VIEW_RUNNING, /* also while it ends */
	VIEW_PROMPT,  /* the run asks for something */
	VIEW_VERDICT,
};

enum verdict_word {
	WORD_NONE,
	WORD_PASS,
	WORD_FAIL,
	WORD_NOT_TESTED,
	WORD_STOP_UNVERIFIED,
	WORD_HELD, /* passed, but failed somewhere before: a supervisor decides whether it is green */
	/* what a supervisor decided about a unit that failed: words of the file of units, never of a bench */
	WORD_RETEST,  /* the failure is set aside: a new test decides */
	WORD_ACCEPT,  /* the unit is used as it is */
	WORD_REJECT,  /* it is not used */
	WORD_DISPOSED /* its decision stands in the run's file: a word of the file of units as well */
};
const char *
verdict_word_name(enum verdict_word word); /* "pass", "fail", "not_tested", "stop_unverified", "held", "retest" ... */
enum verdict_word verdict_word_find(const char *name); /* WORD_NONE for any other */

/* What is to be done now. */
enum state_act { ACT_NOTHING, ACT_START, ACT_STOP, ACT_DONE, ACT_GIVE_UP, ACT_TELL };

struct unit {
	char serial[STATION_TEXT], lot[SCAN_LOT], gtin[SCAN_GTIN], cartridge[STATION_TEXT];
	bool lot_coded;   /* the lot stood in the unit's code */
	unsigned checked; /* of its product's checklist */
	int product;      /* in the configuration; -1: none */
	unsigned attempt; /* from 1 */
};

struct live_figure { /* NaN: not known */
	double value, lower, upper;
};

struct bench_live {
	char stage[16];
	unsigned point, points;
	double remaining_s, force_n, handle_c, depth_set_mm, rate_set_hz;
	struct live_figure rate, depth;
};

struct bench_prompt {
	int64_t id;
	char question[32], phantom[64], material[96], position[48];
	double depth_mm;         /* of a dial; NaN: of none */
	char read[STATION_TEXT]; /* ACT_TELL: what was read from the pen, for the run */
};

/* As the run's last event told it. */
struct bench_end {
	bool told, stop_unverified;
	int exit_code;
	char run_status[24], dut_verdict[24], dut[STATION_TEXT], reason[320];
	/* the result that decided; measurand "": none did */
	char measurand[32], unit[8];
	double value, lower, upper, margin;
	unsigned point;
};

/* What was ordered of a unit about which the server is being asked: done once it has said, or its time is over. Any other order
 * takes its place. */
struct state_asking {
	char serial[STATION_TEXT]; /* "": nothing waits */
	char code[SCAN_MAX];
	size_t len; /* of the code; 0: the unit is armed */
	bool start; /* ordered as well */
};

struct bench_state {
	enum bench_view view;
	struct unit unit;
	unsigned reads;             /* counts the units that were ready to start, and who came behind their checklist */
	char name[128];             /* of its run; "" */
	char person[STATION_TEXT];  /* who is signed in; "" */
	char signing[STATION_TEXT]; /* whose badge was read, and whose PIN is not known yet; "" */
	struct state_asking asking;
	bool fleet_gone;     /* of the unit that was last looked at the server did not say */
	bool history_gone;   /* nor could the history be read */
	char hook[32];       /* the hook that runs before the test; "" */
	bool may_have_moved; /* the run told more than that it began */
	bool stopping;       /* the order to stop was given */
	struct bench_live live;
	struct bench_prompt prompt;
	struct bench_end end;
	enum verdict_word word;
	bool unasked; /* a pass, and whether the unit failed elsewhere is not known: the history or the server did not say */
	char why[32]; /* of NOT TESTED and STOP UNVERIFIED where the run itself does not say: a key of the page's words */
	char refused[32], refused_detail[STATION_TEXT + 16]; /* why the last code was not taken: a key; "": it was */
	unsigned refusals;                                   /* counts them, so that the same one twice is seen twice */
};

/* What is known of units that were tested before. */
struct unit_past {
	bool passed;
	unsigned failed;
	bool elsewhere; /* runs at another bench now */
	bool held;      /* waits for a supervisor */
	bool open;      /* failed, here or where the history knows of, and nobody has decided about it */
	bool rejected;  /* by a supervisor */
	bool accepted;  /* by one, since its last test: what was held is released */
	bool unknown; /* the history, or the server, has not said: `open` and `rejected` are what is known without it */
	bool asked;   /* the server is being asked: nothing is decided before it has said */
};

/* What stands behind a decision: lent for one call. */
struct state_known {
	const struct station_config *config;
	int year;                                                /* the current one, for the century of dates */
	struct unit_past (*past)(void *ctx, const char *serial); /* asked for a unit */
	/* An account by name or badge, NULL: nobody's. Itself NULL where the station has no accounts. */
	const struct account *(*account)(void *ctx, const char *who);
	void *ctx;
};

void state_begin(struct bench_state *state);

enum state_order { ORDERED_START, ORDERED_STOP, ORDERED_DONE, ORDERED_GIVE_UP, ORDERED_NEXT, ORDERED_RETEST };
struct state_card { /* a code that is an order */
	const char *code;
	enum state_order order;
	const char *help;
};
extern const struct state_card state_cards[]; /* ends with NULL */

/* A code: one of state_cards, a badge, or a unit; while a unit's lot or cartridge is asked for, that; while the run asks which
 * pen is in the clamp, what stands on it. Without what its scanner puts around it. id: of the question that was on the page when it was read, 0 for none: an answer to
 * another is refused. */
enum state_act state_scan(struct bench_state *state, const struct state_known *known, const char *code, size_t len,
			  int64_t id);
/* Orders of the page. id: of the question that was on the page, of the run or of the checklist. A start asks for the unit's past again, as it may have become
 * another since the scan, at another bench: what is refused then is no longer ready to start. */
enum state_act state_start(struct bench_state *state, const struct state_known *known);
enum state_act state_stop(struct bench_state *state);
/* Of the unit that was asked about everything is known now, as far as it can be: what waited for that is done. */
enum state_act state_told(struct bench_state *state, const struct state_known *known);
/* Another order was given: nothing waits any more. */
void state_drop(struct bench_state *state);
/* Whose PIN was right is signed in; answer: what accounts_ask() said, account: where known. */
void state_signed_in(struct bench_state *state, enum account_answer answer, const struct account *account);
/* False: not while a test runs. */
bool state_sign_out(struct bench_state *state);
/* A hook before its test, the test or one of its questions: the unit is at this bench. */
bool state_busy(const struct bench_state *state);
/* The number of what is asked now, by the run or by the checklist; 0: nothing is. */
int64_t state_question(const struct bench_state *state, const struct station_config *config);
/* An order was not taken: why is a key of the page's words. */
void state_refuse(struct bench_state *state, const char *why, const char *detail);
enum state_act state_answer(struct bench_state *state, const struct state_known *known, int64_t id, bool done);

/* Its run has begun; then each line that it told; then its end. exit_code: -1 where it is not known (somebody else's child),
 * 256 where it was killed. */
void state_run(struct bench_state *state, const char *name, const struct unit *unit);
void state_event(struct bench_state *state, const struct json *event);
/* past: of the unit; a pass of one that failed before, and about which nobody has decided, is held. */
void state_ended(struct bench_state *state, int exit_code, const struct unit_past *past);
/* The run that ended proved that this unit fails, whatever the bench shows of it: STOP UNVERIFIED, or NOT TESTED where its exit
 * says otherwise. */
bool state_proved_fail(const struct bench_state *state);
/* A supervisor accepted the unit whose pass was held: it is green. No old screen becomes a pass for it: whose hand which pen is
 * in by now is not known. It is said, as a refusal is, and the unit's own code shows the rest. */
void state_released(struct bench_state *state, const char *serial);
/* A supervisor wants it tested again: the bench waits for its code. */
void state_set_aside(struct bench_state *state);
/* It could not be started, or not heard: why is a key of the page's words. */
void state_failed(struct bench_state *state, const char *why);
/* Something that was ordered or formed did not arrive where it has to: said as a refusal is; nobody is told "stopping". */
void state_unheard(struct bench_state *state, const char *why);

/* The whole of it as members of `out`. */
void state_print(const struct bench_state *state, const struct station_config *config, struct json_out *out);

#endif
