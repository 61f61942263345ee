/* The rule by which a unit stands. */
#include "rig/history/unit.h"

#include <stdio.h>
#include <string.h>

const char *unit_standing_name(enum unit_standing standing)
{
	static const char *const name[] = {
		[UNIT_UNKNOWN] = "unknown",           [UNIT_PASS] = "pass",
		[UNIT_CONCEDED] = "conceded",         [UNIT_CONDITIONAL] = "conditional",
		[UNIT_INCONCLUSIVE] = "inconclusive", [UNIT_FAIL] = "fail",
		[UNIT_REJECTED] = "rejected",
	};
	return name[standing];
}

enum effect { EFFECT_NONE, EFFECT_NEWEST /* holds until a newer one by the same plan */, EFFECT_STAYS };

/* What a verdict makes of a unit, as verdict_name() tells it. */
static const struct verdict_effect {
	const char *verdict;
	enum unit_standing standing;
	enum effect effect;
} verdict_table[] = {
	{"pass", UNIT_PASS, EFFECT_NEWEST},
	{"conditional_pass", UNIT_CONDITIONAL, EFFECT_NEWEST},
	{"pass_on_statement", UNIT_CONDITIONAL, EFFECT_NEWEST},
	{"inconclusive", UNIT_INCONCLUSIVE, EFFECT_NEWEST},
	{"conditional_fail", UNIT_FAIL, EFFECT_STAYS},
	{"fail", UNIT_FAIL, EFFECT_STAYS},
};

/* And what a supervisor makes of it. */
static const struct {
	enum unit_standing standing;
	enum effect effect;
} disposition_table[] = {
	[DISPOSITION_RETEST] = {UNIT_INCONCLUSIVE, EFFECT_NEWEST}, /* a newer run must decide */
	[DISPOSITION_ACCEPT] = {UNIT_CONCEDED, EFFECT_STAYS},
	[DISPOSITION_REJECT] = {UNIT_REJECTED, EFFECT_STAYS},
};

static const struct verdict_effect *effect_of(const char *verdict)
{
	static const struct verdict_effect none = {"", UNIT_UNKNOWN, EFFECT_NONE};

	for (unsigned i = 0; i < sizeof(verdict_table) / sizeof(verdict_table[0]); i++)
		if (strcmp(verdict, verdict_table[i].verdict) == 0)
			return &verdict_table[i];
	return &none;
}

enum unit_standing unit_standing_of(const char *verdict, const char *later)
{
	enum unit_standing own = effect_of(verdict)->standing, after = effect_of(later)->standing;

	return after > own ? after : own;
}

static void take(struct unit *unit, enum unit_standing standing, const char *by, const char *on, const char *why)
{
	unit->standing = standing;
	snprintf(unit->decided_by, sizeof(unit->decided_by), "%s", by);
	snprintf(unit->decided_on, sizeof(unit->decided_on), "%s", on);
	snprintf(unit->decided_why, sizeof(unit->decided_why), "%s", why);
}

void unit_end(struct unit *unit)
{
	if (unit->plan_standing > unit->standing)
		take(unit, unit->plan_standing, unit->plan_by, unit->plan_on, unit->plan_why);
	unit->plan_standing = UNIT_UNKNOWN;
}

static void count(struct unit *unit, const struct verdict_effect *effect)
{
	unit->runs++;
	unit->passes += effect->standing == UNIT_PASS;
	unit->failures += effect->standing == UNIT_FAIL;
	unit->others += effect->standing != UNIT_PASS && effect->standing != UNIT_FAIL;
}

void unit_add(struct unit *unit, const struct history_run *run)
{
	const struct verdict_effect *verdict = effect_of(run->verdict), *later = effect_of(run->later);
	bool later_decides = later->standing > verdict->standing;

	verdict = later_decides ? later : verdict;
	enum unit_standing standing = verdict->standing;
	enum effect effect = verdict->effect;
	char why[240];

	snprintf(unit->dut, sizeof(unit->dut), "%s", run->dut);
	snprintf(why, sizeof(why), "%s%s", later_decides ? "by a later verdict: " : "",
		 later_decides ? run->later_why : run->reason);
	if (strcmp(unit->plan, run->plan) != 0 || strcmp(unit->plan_sha256, run->plan_sha256) != 0)
		unit_end(unit);
	snprintf(unit->plan, sizeof(unit->plan), "%s", run->plan);
	snprintf(unit->plan_sha256, sizeof(unit->plan_sha256), "%s", run->plan_sha256);
	if (strcmp(run->started, unit->last) > 0)
		snprintf(unit->last, sizeof(unit->last), "%s", run->started);
	if (!run->again)
		count(unit, verdict);
	if (run->disposition != DISPOSITIONS) {
		standing = disposition_table[run->disposition].standing;
		effect = disposition_table[run->disposition].effect;
		unit->set_aside += run->disposition == DISPOSITION_RETEST;
		snprintf(why, sizeof(why), "%s: %s", run->disposed_by, run->disposed_why);
	}
	if (effect == EFFECT_STAYS && standing > unit->standing)
		take(unit, standing, run->name, run->started, why);
	if (effect != EFFECT_NEWEST || (run->again && standing < unit->plan_standing))
		return; /* the same recording once more is no new measurement: it makes nothing better */
	unit->plan_standing = standing;
	snprintf(unit->plan_by, sizeof(unit->plan_by), "%s", run->name);
	snprintf(unit->plan_on, sizeof(unit->plan_on), "%s", run->started);
	snprintf(unit->plan_why, sizeof(unit->plan_why), "%s", why);
}
