/* NAME.dfq: a Q-DAS file (ASCII transfer format; ISO/TR 11462-5) for statistical process control. One part, a characteristic
 * for each judged figure, its expanded uncertainty as the next one, and one value of each. A value counts only where the
 * run showed something, passed or failed, by an attempt that counts: what was lost, aborted, superseded or left in doubt is
 * told by the value's attribute, never by a number that counts. The last characteristic is how the run as a whole came out. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"
#include "rig/base/text_clean.h"

#define TEXT_MAX 420

/* K0002. */
enum attribute { VALUE_COUNTS = 0, VALUE_INVALID = 129, VALUE_MISSING = 255 };

struct characteristic {
	char name[TEXT_MAX], unit[16];
	double value, lower, upper; /* NaN: none */
	int decimals;
	enum attribute attribute;
	uint64_t ms;
};

struct sheet {
	const struct record *record;
	enum grade grade; /* of the run */
	FILE *out;
	bool values; /* else what they are */
	unsigned number;
};

/* ASCII: readers take these files for the code page of their computer. */
static void put_line(const struct sheet *sheet, const char *key, const char *text)
{
	char clean[TEXT_MAX];

	if (!*text)
		return;
	fprintf(sheet->out, "%s", key);
	if (sheet->number)
		fprintf(sheet->out, "/%u", sheet->number);
	fputc(' ', sheet->out);
	for (const char *c = text_clean(text, clean, sizeof(clean)); *c; c++)
		fputc(*c < ' ' || *c > '~' ? '?' : *c, sheet->out);
	fputs("\r\n", sheet->out);
}

static void put_real(const struct sheet *sheet, const char *key, double value)
{
	char text[DIGITS_TEXT_MAX];

	if (!isfinite(value))
		return;
	digits_text(value, DIGITS_EXACT, text);
	put_line(sheet, key, text);
}

static void put_whole(const struct sheet *sheet, const char *key, int value)
{
	char text[16];

	snprintf(text, sizeof(text), "%d", value);
	put_line(sheet, key, text);
}

static void put_what(const struct sheet *sheet, const struct characteristic *c)
{
	put_whole(sheet, "K2001", (int)sheet->number);
	put_line(sheet, "K2002", c->name);
	put_line(sheet, "K2004", "0");
	put_whole(sheet, "K2022", c->decimals);
	put_real(sheet, "K2110", c->lower);
	put_real(sheet, "K2111", c->upper);
	put_line(sheet, "K2142", c->unit);
}

static void put_value(const struct sheet *sheet, const struct characteristic *c)
{
	const struct record *r = sheet->record;
	char utc[FOREIGN_UTC_MAX], when[32];

	foreign_utc_text(c->ms, utc);
	snprintf(when, sizeof(when), "%.2s.%.2s.%.4s/%.8s", utc + 8, utc + 5, utc, utc + 11);
	put_real(sheet, "K0001", c->value);
	put_whole(sheet, "K0002", (int)c->attribute);
	put_line(sheet, "K0004", when);
	put_line(sheet, "K0006", r->lot);
	put_line(sheet, "K0014", r->dut);
}

static void put(struct sheet *sheet, const struct characteristic *c)
{
	sheet->number++;
	if (!sheet->out)
		return; /* counts only */
	if (sheet->values)
		put_value(sheet, c);
	else
		put_what(sheet, c);
}

static bool is_superseded(const struct foreign_group *g)
{
	return g->point && !g->point->counts;
}

/* Decimals of the uncertainty's third digit: what a person is shown. */
static int decimals_of(const struct result *r)
{
	if (!(r->valid && r->expanded_u > 0))
		return strcmp(r->unit, "1") == 0 ? 0 : 3;
	double at = 2 - floor(log10(r->expanded_u));
	return at < 0 ? 0 : at > 15 ? 15 : (int)at;
}

static enum attribute attribute_of(const struct sheet *sheet, const struct foreign_group *g, const struct result *r)
{
	bool decided = sheet->grade == GRADE_PASS || sheet->grade == GRADE_FAIL;

	if (!r->valid)
		return VALUE_MISSING;
	return decided && r->trusted && sheet->record->run_status == RUN_COMPLETE && !is_superseded(g) ? VALUE_COUNTS
												       : VALUE_INVALID;
}

static void put_finding(struct sheet *sheet, const struct foreign_group *g, const struct finding *f)
{
	const struct result *r = &f->result;
	const char *place = is_superseded(g) ? g->name : g->place;
	char name[FOREIGN_NAME_MAX], guard[DIGITS_TEXT_MAX];
	struct characteristic c = {.value = r->valid ? r->value : NAN,
				   .lower = f->limit.has_lower ? f->limit.lower : NAN,
				   .upper = f->limit.has_upper ? f->limit.upper : NAN,
				   .decimals = decimals_of(r),
				   .attribute = attribute_of(sheet, g, r),
				   .ms = g->begin_ms};

	foreign_name(f, name);
	snprintf(c.unit, sizeof(c.unit), "%s", r->unit);
	snprintf(c.name, sizeof(c.name), "%s, %s%s%s", name, place, is_superseded(g) ? " (superseded)" : "",
		 f->limit.required ? "" : " (informative)");
	put(sheet, &c);
	digits_text(f->limit.guard_r, DIGITS_EXACT, guard);
	snprintf(c.name, sizeof(c.name), "U of %s, %s; guard band %s U%s%s", name, place, guard,
		 f->limit.accept_conditional ? ", a value within it is accepted" : "",
		 r->valid && !r->trusted ? "; not trusted" : "");
	c.value = r->valid ? r->expanded_u : NAN;
	c.lower = c.upper = NAN;
	put(sheet, &c);
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct sheet *sheet = ctx;

	for (unsigned i = 0; i < g->results; i++)
		if (g->result[i].has_limit)
			put_finding(sheet, g, &g->result[i]);
}

static void count_bad(void *ctx, const struct foreign_check *check)
{
	if (check->grade != GRADE_PASS)
		++*(unsigned *)ctx;
}

/* A run that was cut short has fewer figures, none of them wrong: this one is, then. */
static void put_checks(struct sheet *sheet)
{
	unsigned bad = 0;

	foreign_each_check(sheet->record, count_bad, &bad);
	struct characteristic c = {.name = "checks and points that were not shown or not run",
				   .unit = "1",
				   .value = bad,
				   .lower = NAN,
				   .upper = 0,
				   .attribute = VALUE_COUNTS,
				   .ms = foreign_utc_ms(sheet->record->started_utc)};
	put(sheet, &c);
}

/* Nothing of what stands above it need look bad in a run that showed nothing. Below 0: within the limit as a pass, and none. */
static void put_verdict(struct sheet *sheet)
{
	static const double number[GRADES] = {
		[GRADE_NONE] = 2, [GRADE_PASS] = 0, [GRADE_FAIL] = 1, [GRADE_ERROR] = 2, [GRADE_ABORTED] = 2};
	bool stated = sheet->grade == GRADE_PASS && sheet->record->on_statement;
	struct characteristic c = {.name = "the run: 0 pass, -1 pass on statement, 1 fail, 2 neither was shown",
				   .unit = "1",
				   .value = stated ? -1 : number[sheet->grade],
				   .lower = NAN,
				   .upper = 0,
				   .attribute = VALUE_COUNTS,
				   .ms = foreign_utc_ms(sheet->record->started_utc)};
	put(sheet, &c);
}

static void put_all(struct sheet *sheet)
{
	sheet->number = 0;
	foreign_each_group(sheet->record, put_group, sheet);
	put_checks(sheet);
	put_verdict(sheet);
}

static void put_part(struct sheet *sheet)
{
	const struct record *r = sheet->record;
	const struct record_device *pen = foreign_pen(r);
	const struct record_file *plan = record_file_of(r, "plan");

	put_line(sheet, "K1001", foreign_attribute(r, "part_number", pen ? pen->identity.model : r->plan_name));
	put_line(sheet, "K1002", r->plan_description[0] ? r->plan_description : r->plan_name);
	put_line(sheet, "K1004", plan ? plan->control.revision : "");
	put_line(sheet, "K1081", r->bench_name);
	put_line(sheet, "K1086", r->plan_name);
}

static int write_dfq(const struct record *record, FILE *out, struct err *err)
{
	struct sheet sheet = {.record = record, .grade = grade_of_run(record)};

	put_all(&sheet);
	unsigned characteristics = sheet.number;
	sheet.out = out;
	sheet.number = 0;
	put_whole(&sheet, "K0100", (int)characteristics);
	put_part(&sheet);
	put_all(&sheet);
	sheet.values = true;
	put_all(&sheet);
	return ferror(out) ? err_set(err, -EIO, "the Q-DAS file cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_dfq = {
	.id = "dfq",
	.extension = ".dfq",
	.description = "a Q-DAS file (ISO/TR 11462-5), for statistical process control",
	.write = write_dfq,
};
