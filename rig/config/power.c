/* Reads "power" of a pen, and holds it against what else the bench file says of that pen. */
#include "rig/config/power.h"

#include <errno.h>
#include <math.h>
#include <string.h>

#include "rig/config/bench.h"
#include "rig/config/plan.h"

#define VOLTS_MAX   60.0 /* safe to touch, and more than any pen wants */
#define AMPS_MAX    10.0
#define RATE_MAX    1000.0
#define PROOF_H_MAX 744.0 /* a month */

static const struct deadman_row rows[DEADMAN_CLASSES] = {
	[DEADMAN_PEN] = {.name = "pen", .text = "the pen's own dead-man stops it", .timed = true},
	[DEADMAN_DEVICE] = {.name = "device",
			    .text = "a timer of its power supply switches it off when penrig does not feed it",
			    .timed = true,
			    .proven = true,
			    .of_parts = true},
	[DEADMAN_HOST] = {.name = "host",
			  .text = "only another process on this computer stops it: nothing does where the computer or "
				  "the cable fails; attended",
			  .attended = true,
			  .needs_stopper = true,
			  .of_parts = true},
	[DEADMAN_NONE] = {.name = "none",
			  .text = "NOTHING stops this pen when penrig cannot: the person who attends is its only "
				  "dead-man",
			  .attended = true,
			  .of_parts = true},
};

const char *const deadman_words[] = {"pen", "device", "host", "none", NULL};

const struct deadman_row *deadman_row(enum deadman_class class)
{
	return &rows[class];
}

const struct deadman_row *deadman_find(const char *name)
{
	for (unsigned i = 0; i < DEADMAN_CLASSES; i++)
		if (strcmp(rows[i].name, name) == 0)
			return &rows[i];
	return NULL;
}

/* ---- reading --------------------------------------------------------------------------------------------------- */

struct power_text {
	struct bench_power power;
	double volts_v; /* 0: not said */
	const struct json *table;
};

#define IN(member)   offsetof(struct power_text, member)
#define SIZE(member) sizeof(((struct bench_power *)0)->member)

static int read_pair(const struct json_doc *doc, const struct json *node, struct bench_power *power, struct err *err)
{
	const struct json *volts = json_kind(node) == JSON_ARRAY ? json_at(node, 0) : NULL;
	const struct json *rate = json_kind(node) == JSON_ARRAY ? json_at(node, 1) : NULL;
	unsigned i = power->points;

	if (!volts || !rate || json_size(node) != 2 || json_kind(volts) != JSON_NUMBER ||
	    json_kind(rate) != JSON_NUMBER)
		return json_error(doc, node, err, "a point of \"rate_by_volts\" is [V, Hz], for example [4.8, 120]");
	power->volts_v[i] = json_number(volts);
	power->rate_hz[i] = json_number(rate);
	if (!(power->volts_v[i] > 0 && power->volts_v[i] <= VOLTS_MAX && power->rate_hz[i] > 0 &&
	      power->rate_hz[i] <= RATE_MAX))
		return json_error(doc, node, err, "a point of \"rate_by_volts\" lies above 0, up to %g V and %g Hz",
				  VOLTS_MAX, RATE_MAX);
	if (i && !(power->volts_v[i] > power->volts_v[i - 1] && power->rate_hz[i] > power->rate_hz[i - 1]))
		return json_error(
			doc, node, err,
			"\"rate_by_volts\" rises from point to point, in V and in Hz: a rate that two voltages "
			"give is none that can be set");
	power->points++;
	return 0;
}

static int read_table(const struct json_doc *doc, const struct json *node, struct bench_power *power, struct err *err)
{
	int ret = 0;

	if (json_kind(node) != JSON_ARRAY || json_size(node) < 2 || json_size(node) > POWER_POINTS_MAX)
		return json_error(doc, node, err, "\"rate_by_volts\" is a list of 2 to %d measured points [V, Hz]",
				  POWER_POINTS_MAX);
	for (size_t i = 0; i < json_size(node) && ret == 0; i++)
		ret = read_pair(doc, json_at(node, i), power, err);
	return ret;
}

int bench_power_read(const struct json_doc *doc, const struct json *node, void *dst, struct err *err)
{
	static const struct json_field fields[] = {
		{.key = "driver",
		 .kind = FIELD_STRING,
		 .offset = IN(power.driver),
		 .size = SIZE(driver),
		 .required = true,
		 .lo = 1},
		{.key = "serial", .kind = FIELD_STRING, .offset = IN(power.serial), .size = SIZE(serial), .lo = 1},
		{.key = "output", .kind = FIELD_INT, .offset = IN(power.output), .lo = 1, .hi = 8},
		{.key = "address", .kind = FIELD_INT, .offset = IN(power.address), .lo = 1, .hi = 247},
		{.key = "current_max_a",
		 .kind = FIELD_NUMBER,
		 .offset = IN(power.current_max_a),
		 .lo = 0.01,
		 .hi = AMPS_MAX,
		 .unit = "A"},
		{.key = "timer_proof_h",
		 .kind = FIELD_NUMBER,
		 .offset = IN(power.timer_proof_h),
		 .lo = 0.1,
		 .hi = PROOF_H_MAX,
		 .unit = "h"},
		{.key = "volts", .kind = FIELD_NUMBER, .offset = IN(volts_v), .lo = 0.1, .hi = VOLTS_MAX, .unit = "V"},
		{.key = "rate_by_volts", .kind = FIELD_NODE, .offset = IN(table)},
		{.key = NULL},
	};
	struct power_text text = {.power = {.present = true, .output = 1}};
	int ret = json_read_object(doc, node, fields, &text, err);

	if (ret == 0 && text.table && text.volts_v > 0)
		return json_error(
			doc, node, err,
			"\"power\" says how the pen is driven by one of two: \"volts\", where its rate is its "
			"own, or \"rate_by_volts\", where it follows the voltage");
	if (ret == 0 && text.table)
		ret = read_table(doc, text.table, &text.power, err);
	if (ret)
		return ret;
	if (text.volts_v > 0) {
		text.power.volts_v[0] = text.volts_v;
		text.power.points = 1;
	}
	*(struct bench_power *)dst = text.power;
	return 0;
}

/* ---- checking -------------------------------------------------------------------------------------------------- */

static int check_class(const struct json_doc *doc, const struct json *node, const struct power_claim *claim,
		       struct err *err)
{
	const struct deadman_row *row = deadman_row(claim->class);
	const struct json *named = json_get(node, "dead_man"), *time = json_get(node, "dead_man_ms");

	if (row->of_parts != claim->power->present)
		return json_error(
			doc, named ? named : node, err,
			claim->power->present
				? "a pen with \"power\" has no dead-man of its own: write \"dead_man\": "
				  "\"device\" where its supply has a timer, \"host\" where only penrig's stopper "
				  "stops it, or \"none\""
				: "a pen without \"power\" is stopped by its own dead-man: leave \"dead_man\" "
				  "out, or write \"pen\"");
	if (!row->timed && time)
		return json_error(doc, time, err, "a dead-man of class \"%s\" has no time: leave \"dead_man_ms\" out",
				  row->name);
	if (row->needs_stopper && !claim->stopper_required)
		return json_error(
			doc, named, err,
			"a dead-man of class \"%s\" is the stopper: \"stopper\" must not say \"required\": false",
			row->name);
	return 0;
}

/* A proof is one device's: whose, must be known before it is relied on. */
static int check_proof(const struct json_doc *doc, const struct json *node, const struct power_claim *claim,
		       struct err *err)
{
	const struct json *power = json_get(node, "power"), *key = json_get(power, "timer_proof_h");
	const struct deadman_row *row = deadman_row(claim->class);

	if (!key)
		return 0;
	if (!row->proven)
		return json_error(doc, key, err,
				  "a dead-man of class \"%s\" has no timer to prove: leave \"timer_proof_h\" out",
				  row->name);
	if (!claim->power->serial[0])
		return json_error(doc, key, err,
				  "\"timer_proof_h\" lets a test of one supply's timer stand for later runs: name that "
				  "supply's \"serial\" beside it");
	return 0;
}

int bench_power_check(const struct json_doc *doc, const struct json *node, const struct power_claim *claim,
		      struct err *err)
{
	const struct bench_power *power = claim->power;
	int ret = check_class(doc, node, claim, err);

	if (ret == 0 && power->present)
		ret = check_proof(doc, node, claim, err);

	if (ret || !power->present)
		return ret;
	if (claim->carries_serial)
		return json_error(doc, json_get(node, "carries_serial"), err,
				  "a pen with \"power\" cannot tell its serial number: leave \"carries_serial\" out");
	if (strchr(json_string(json_get(node, "link")), '{'))
		return json_error(
			doc, json_get(node, "link"), err,
			"the link of a pen with \"power\" is its supply's: no {dut}, which is the pen's serial "
			"number");
	if (power->points > 1 &&
	    (claim->rate_lo_hz < power->rate_hz[0] || claim->rate_hi_hz > power->rate_hz[power->points - 1]))
		return json_error(
			doc, json_get(node, "rate_hz"), err,
			"\"rate_by_volts\" knows %.10g to %.10g Hz: measure further, or let \"rate_hz\" go no "
			"further",
			power->rate_hz[0], power->rate_hz[power->points - 1]);
	return 0;
}

int plan_check_power(const struct plan *plan, const struct bench *bench, struct err *err)
{
	const struct json *pen = bench_device(bench, ROLE_PEN)->node;
	const struct deadman_row *row = deadman_row(bench->pen.dead_man);

	if (!bench->pen.power.present)
		return 0;
	if (plan->test_refusal)
		return json_error(
			bench->doc, json_get(pen, "power"), err,
			"%s tests whether the pen refuses a depth out of its range, and this pen is told none: "
			"leave \"refusal\" out of the plan's \"tests\"",
			plan->path);
	if (plan->test_deadman && !row->timed)
		return json_error(
			bench->doc, json_get(pen, "dead_man"), err,
			"%s tests the pen's dead-man, and this bench has one of class \"%s\": leave \"dead_man\" "
			"out of the plan's \"tests\"",
			plan->path, row->name);
	return 0;
}

bool plan_lacks_proof(const struct plan *plan, const struct bench *bench)
{
	return deadman_row((enum deadman_class)bench->pen.dead_man)->proven && !plan->test_deadman;
}

double plan_proof_h(const struct plan *plan, const struct bench *bench)
{
	return plan_lacks_proof(plan, bench) ? bench->pen.power.timer_proof_h : 0;
}

/* ---- what follows ---------------------------------------------------------------------------------------------- */

const char *bench_depth_by(const struct bench *bench)
{
	return bench->pen.power.present && !bench->pen.dial.present ? "asked" : "set";
}

const char *bench_rate_by(const struct bench *bench)
{
	return !bench->pen.power.present ? "set" : bench->pen.power.points > 1 ? "volts" : "own";
}

/* What only switches is told no volts, and anything else must be. */
static int check_fit(const struct bench *bench, const struct driver *driver, struct err *err)
{
	const struct bench_power *power = &bench->pen.power;
	const struct power_verbs *verbs = driver->power;

	if (!verbs->set && (power->points || power->current_max_a > 0))
		return err_set(err, -EINVAL,
			       "the driver \"%s\" only switches, it sets no volts: leave \"volts\", "
			       "\"rate_by_volts\" and \"current_max_a\" out",
			       driver->name);
	if (verbs->set && !power->points)
		return err_set(err, -EINVAL,
			       "\"power\" says how the pen is driven by one of two: \"volts\", where its rate is its "
			       "own, or \"rate_by_volts\", where it follows the voltage");
	if (verbs->set && !(power->current_max_a > 0))
		return err_set(err, -EINVAL,
			       "\"current_max_a\" is missing: what the supply shall limit the pen's current to");
	if (!verbs->timer && deadman_row((enum deadman_class)bench->pen.dead_man)->timed)
		return err_set(
			err, -EINVAL,
			"nothing that the driver \"%s\" speaks to has a timer: write \"dead_man\": \"host\", where "
			"only penrig's stopper stops the pen, or \"none\"",
			driver->name);
	return 0;
}

int bench_power_setup(const struct bench *bench, const struct driver *const *table, struct power_setup *ret,
		      struct err *err)
{
	const struct bench_pen *pen = &bench->pen;
	const struct bench_power *power = &pen->power;

	*ret = (struct power_setup){
		.output = (unsigned)power->output,
		.address = (unsigned)power->address,
		.current_max_a = power->current_max_a,
		.fed = deadman_row(pen->dead_man)->timed,
		.limits = {.rate_min_hz = pen->rate_lo_hz,
			   .rate_max_hz = pen->rate_hi_hz,
			   .depth_min_mm = pen->depth_lo_mm,
			   .depth_max_mm = pen->depth_hi_mm},
		.points = power->points,
	};
	memcpy(ret->volts_v, power->volts_v, sizeof(ret->volts_v));
	memcpy(ret->rate_hz, power->rate_hz, sizeof(ret->rate_hz));
	int status = bench_dial_setup(&pen->dial, table, &ret->dial, err);
	if (status)
		return status;
	for (; *table; table++)
		if (strcmp((*table)->name, power->driver) == 0 && driver_serves(*table, ROLE_POWER))
			ret->driver = *table;
	if (!ret->driver)
		return err_set(err, -EINVAL,
			       "there is no driver of power supplies named \"%s\"; `penrig version` lists the drivers",
			       power->driver);
	return check_fit(bench, ret->driver, err);
}
