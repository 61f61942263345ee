/* The options by which every command chooses runs of the history, and what they mean. */
#ifndef PENRIG_CLI_HISTORY_OPTIONS_H
#define PENRIG_CLI_HISTORY_OPTIONS_H

#include "rig/cli/kit/rows.h"
#include "rig/history/history.h"

struct choice {
	struct option_list dut, lot, plan, bench, by_operator, device, certificate, verdict, status, attr;
	const char *since, *until, *history, *state, *db;
};

/* Rows of an option table for a `struct choice` that stands at `base` in the command's options. */
#define CHOICE_ROW(base, member, word, argument, words_, text)                                                         \
	{                                                                                                              \
		.name = word, .kind = OPTION_LIST, .arg = argument,                                                    \
		.offset = (base) + offsetof(struct choice, member), .words = words_, .help = text                      \
	}
#define CHOICE_ROWS(base)                                                                                              \
	{.name = "dut",                                                                                                \
	 .letter = 'd',                                                                                                \
	 .kind = OPTION_LIST,                                                                                          \
	 .arg = "SERIAL",                                                                                              \
	 .offset = (base) + offsetof(struct choice, dut),                                                              \
	 .group = "Which runs",                                                                                        \
	 .help = "Of this pen. Here and below * stands for any letters and ? for any one; given again, any of the "    \
		 "values will do."},                                                                                   \
		CHOICE_ROW(base, lot, "lot", "LOT", NULL, "Of pens of this lot."),                                     \
		CHOICE_ROW(base, plan, "plan", "NAME", NULL, "By the plan of this name."),                             \
		CHOICE_ROW(base, bench, "bench", "NAME", NULL, "On the bench of this name."),                          \
		CHOICE_ROW(base, by_operator, "operator", "NAME", NULL, "By this operator."),                          \
		CHOICE_ROW(base, device, "device", "SERIAL", NULL,                                                     \
			   "With the sensor, pen or phantom of this serial number."),                                  \
		CHOICE_ROW(base, certificate, "certificate", "ID", NULL,                                               \
			   "That rest on this calibration certificate, of a device or a phantom."),                    \
		CHOICE_ROW(base, verdict, "verdict", "VERDICT", history_verdict_words,                                 \
			   "With this verdict; none: the run was refused."),                                           \
		CHOICE_ROW(base, status, "status", "STATUS", history_status_words,                                     \
			   "That ended so: complete, interrupted, device_lost and so on."),                            \
		CHOICE_ROW(base, attr, "attr", "KEY=VALUE", NULL,                                                      \
			   "With this attribute; given again, all of them must hold."),                                \
		SINCE_ROW((base) + offsetof(struct choice, since), NULL),                                              \
		UNTIL_ROW((base) + offsetof(struct choice, until), NULL),                                              \
		HISTORY_ROW((base) + offsetof(struct choice, history), "Where"),                                       \
		{.name = "db",                                                                                         \
		 .kind = OPTION_TEXT,                                                                                  \
		 .arg = "CONNECTION",                                                                                  \
		 .offset = (base) + offsetof(struct choice, db),                                                       \
		 .help = "Ask the server of a fleet in its place, as libpq takes it (penrig help fleet): the runs of " \
			 "all benches that this login sees."},                                                         \
		STATE_ROW((base) + offsetof(struct choice, state), NULL)

extern const char *const history_verdict_words[], *const history_status_words[];

/* -EINVAL: a time that is none, an attribute without "=", a verdict or status that there is not. Values stay borrowed. */
int choice_filter(const struct choice *choice, struct history_filter *ret, struct err *err);

/* The bench's history, or what the server has of these runs, which is read then. units: and of all runs of their units. */
int choice_open(const struct choice *choice, const struct history_filter *filter, bool units, struct history **ret,
		struct err *err);
/* For what choice_open() returns. */
int choice_exit_code(const struct choice *choice, int rc);

#endif
