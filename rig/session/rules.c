/* See rules.h. */
#include "rig/session/rules.h"

#include <stdio.h>

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))
#define NOT_SHOWN    "the load signal did not show the pen run, so it cannot show it stop"
#define POWERED      "the needles keep still, as those of a jammed motor do that has power"
#define CREPT        "the force went on drifting after the stop, as from needles that creep"

/* ---- does it stand still? -------------------------------------------------------------------------------------- */

/* clang-format off */
static const struct stop_rule stop_rules[] = {
	/* what holds                                              what does not  ruling             text */
	{FACT_TOLD,                                                FACT_MOVED,    RULING_PROVEN,     "the pen was never told to run", NULL},
	{FACT_TOLD | FACT_ANSWERED | FACT_LASTS,                   0,             RULING_AS_BEFORE,  NULL, NULL},
	{FACT_ABANDONED | FACT_ANSWERED,                           0,             RULING_AS_BEFORE,  NULL, NULL},
	{FACT_ABANDONED,                                           0,             RULING_UNVERIFIED, NULL,
		"the pen was ordered to stop and nothing shows that it did"},
	{FACT_TOLD | FACT_STILL | FACT_SEEN | FACT_SHOWN | FACT_NO_POWER,
		                                                   FACT_CREPT,    RULING_PROVEN,     NULL, NULL},
	{FACT_OFF | FACT_STILL | FACT_SEEN | FACT_COASTED,         FACT_SHOWN,    RULING_UNVERIFIED, NOT_SHOWN, NULL},
	{FACT_OVERDUE | FACT_SENSOR_LOST,                          0,             RULING_UNVERIFIED, "the load sensor is gone", NULL},
	{FACT_OVERDUE | FACT_CREPT,                                0,             RULING_UNVERIFIED, CREPT, NULL},
	{FACT_OVERDUE | FACT_STILL | FACT_SHOWN | FACT_RAN_ON,     FACT_NO_POWER, RULING_UNVERIFIED, "the needles keep still now, and ran on after such a word", NULL},
	{FACT_OVERDUE | FACT_STILL | FACT_SHOWN,                   FACT_NO_POWER, RULING_UNVERIFIED, POWERED,
		"its power supply has not said that it is off"},
	{FACT_OVERDUE | FACT_STILL,                                0,             RULING_UNVERIFIED, NOT_SHOWN, NULL},
	{FACT_OVERDUE,                                             0,             RULING_UNVERIFIED, NULL, NULL},
	{0,                                                        0,             RULING_WAIT,       NULL, NULL},
};
/* clang-format on */

/* What the pen's word adds, to a stop that is shown and to one that is not. */
static const struct {
	const char *proven, *unverified;
} words[] = {
	[PEN_OWES_AN_ANSWER] = {"", "the pen has not confirmed the stop"},
	[PEN_IS_OFF] = {"", "the pen says that its motor is off"},
	[PEN_IS_OFF_OR_SO] = {", though the pen itself makes no sense", "the pen says that its motor is off"},
	[PEN_WAS_TOLD] = {"; what switches its power was told, and cannot say",
			  "what switches its power was told to switch off, and cannot say that it did"},
	[PEN_MAKES_NO_SENSE] = {", though the pen itself makes no sense", "the pen has not confirmed the stop"},
	[PEN_IS_GONE] = {", though the pen itself is gone", "the pen does not answer"},
	[PEN_NEVER_CAME] = {"", "the pen has not confirmed the stop"},
};

const struct stop_rule *stop_rule_for(const struct evidence *evidence)
{
	const struct stop_rule *rule = stop_rules;
	while ((evidence->facts & rule->holds) != rule->holds || (evidence->facts & rule->lacks))
		rule++;
	return rule;
}

static const char *unverified_words(const struct evidence *evidence, const struct known *known)
{
	if (known->pen.of_parts && evidence->pen == PEN_IS_OFF)
		return "its power supply says that it is off: the output has stuck, or something else feeds the pen";
	return words[evidence->pen].unverified;
}

void stop_text(const struct stop_rule *rule, const struct evidence *evidence, const struct known *known,
	       const char *why, char *ret, size_t size)
{
	const char *signal = why ? why : rule->text ? rule->text : watch_verdict_text(evidence->signal);
	if (rule->ruling == RULING_UNVERIFIED)
		snprintf(ret, size, "%.80s; %s. Take the pen's power away before you touch it", signal,
			 rule->pen ? rule->pen : unverified_words(evidence, known));
	else if (rule->text)
		snprintf(ret, size, "%s", rule->text);
	else
		snprintf(ret, size, "stopped: no stroke for %.2f s with a live %s signal%s", evidence->quiet_s,
			 known->signals.free_run ? "displacement" : "load", words[evidence->pen].proven);
}

/* clang-format off */
static const struct {
	uint32_t holds; /* enum fact */
	const char *text;
} ran_on[] = {
	{FACT_OFF | FACT_OUTRAN,  "the pen confirmed the stop and ran on, longer than any coast-down that the bench allows"},
	{FACT_OFF | FACT_TRIPPED, "the pen confirmed the stop and ran on: its dead-man, which trips only under a running motor, has tripped since"},
};
/* clang-format on */

const char *stop_blame(const struct evidence *evidence)
{
	if (evidence->pen != PEN_IS_OFF)
		return NULL;
	for (unsigned i = 0; i < COUNT(ran_on); i++)
		if ((evidence->facts & ran_on[i].holds) == ran_on[i].holds)
			return ran_on[i].text;
	return NULL;
}

/* ---- whose doing is it? ---------------------------------------------------------------------------------------- */

/* A supply that goes low or off may have met its limit: by a pen that jams. */
static const struct {
	uint32_t bit;
	enum blame blame;
	const char *text;
	const char *cause; /* of the rig; NULL: the pen's, or nobody knows */
} conditions[] = {
	{PEN_OVER_TEMPERATURE, BLAME_PEN, "over-temperature", NULL},
	{PEN_UNDERVOLTAGE, BLAME_PEN, "undervoltage", NULL},
	{PEN_STALL, BLAME_PEN, "motor stall", NULL},
	{PEN_DEADMAN_TRIPPED, BLAME_BENCH, "dead-man tripped", NULL},
	{PEN_CARTRIDGE_MISSING, BLAME_BENCH, "cartridge missing", NULL},
	{PEN_REBOOTED, BLAME_PEN, "restarted by itself", NULL},
	{PEN_POWER_LOST, BLAME_BENCH, "that its power supply went off unasked", NULL},
	{PEN_POWER_LOW, BLAME_BENCH, "that its power supply does not hold its voltage", NULL},
	{PEN_TIMER_OFF, BLAME_BENCH, "that the timer of its power supply is not armed any more", "device"},
	{PEN_DIAL_LOST, BLAME_BENCH, "that where its dial stands is not known any more", "device"},
};

/* Strokes that are too hard saturate a sensor and overload it. */
static const char *const sickness[] = {
	[WATCH_NO_DATA] = "device",
	[WATCH_STALE] = "device",
	[WATCH_STUCK] = "device",
	[WATCH_MOVING] = NULL, /* and all between: the last row */
};

const char *sickness_cause(enum watch_verdict verdict)
{
	return verdict < COUNT(sickness) ? sickness[verdict] : NULL;
}

const char *sensor_cause(uint32_t condition)
{
	const uint32_t own = SENSOR_HOT | SENSOR_FAULTY;

	return condition && !(condition & ~own) ? "device" : NULL;
}

const char *condition_cause(uint32_t condition)
{
	const char *cause = NULL;

	for (unsigned i = 0; i < COUNT(conditions); i++) {
		if (!(condition & conditions[i].bit) || !conditions[i].cause)
			continue;
		cause = conditions[i].cause;
		condition &= ~conditions[i].bit;
	}
	return condition ? NULL : cause;
}

void condition_text(uint32_t condition, char *text, size_t size)
{
	size_t n = (size_t)snprintf(text, size, "the pen reports");
	for (unsigned i = 0; i < COUNT(conditions); i++)
		if ((condition & conditions[i].bit) && n < size)
			n += (size_t)snprintf(text + n, size - n, " %s", conditions[i].text);
}

/* The heaviest blame of all that is reported; a bit that is in no row is the bench's doing, as nobody knows it. */
static enum blame blame_of(uint32_t condition, char *text, size_t size)
{
	enum blame blame = BLAME_BENCH;
	for (unsigned i = 0; i < COUNT(conditions); i++)
		if ((condition & conditions[i].bit) && conditions[i].blame > blame)
			blame = conditions[i].blame;
	condition_text(condition, text, size);
	return blame;
}

enum blame report_blame(const struct report *report, uint32_t *ret_condition, char *text, size_t size)
{
	uint32_t condition = report->condition;
	if (report->deadman_expected || !report->should_run) /* the trip stays latched until the next start */
		condition &= ~(uint32_t)PEN_DEADMAN_TRIPPED;
	if (condition) {
		*ret_condition = condition;
		return blame_of(condition, text, size);
	}
	if (!report->should_run || report->running)
		return BLAME_NOBODY;
	*ret_condition = PEN_STALL;
	snprintf(text, size, "the pen switched its motor off by itself");
	return BLAME_PEN;
}
