/* What is the same at every point, told once: measurands with method and unit, limits, the names of budget lines and of
 * what budgets are made of. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/json/json.h"

/* ---- collecting ------------------------------------------------------------------------------------------------- */

static bool same_real(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

/* Most that are not the same differ in their first letter. */
static bool same_text(const char *a, const char *b)
{
	return a[0] == b[0] && strcmp(a, b) == 0;
}

static bool same_measurand(const void *a, const void *b)
{
	const struct result *x = &((const struct finding *)a)->result, *y = &((const struct finding *)b)->result;

	/* of a row of the table, name and unit are the row's */
	return x->id == y->id && same_text(x->method, y->method) &&
	       (x->id != MEASURAND_NONE || (same_text(x->name, y->name) && same_text(x->unit, y->unit)));
}

static bool same_limit(const void *a, const void *b)
{
	const struct limit *x = &((const struct finding *)a)->limit, *y = &((const struct finding *)b)->limit;

	return x->has_lower == y->has_lower && x->has_upper == y->has_upper &&
	       (!x->has_lower || same_real(x->lower, y->lower)) && (!x->has_upper || same_real(x->upper, y->upper)) &&
	       same_real(x->guard_r, y->guard_r) && x->required == y->required &&
	       x->accept_conditional == y->accept_conditional && same_text(x->unit, y->unit);
}

static bool same_line(const void *a, const void *b)
{
	return same_text(((const struct budget_line *)a)->name, ((const struct budget_line *)b)->name);
}

static bool same_input(const void *a, const void *b)
{
	const struct budget_input *x = a, *y = b;

	return same_text(x->name, y->name) && same_text(x->unit, y->unit) && x->assumed == y->assumed;
}

static unsigned search(struct json_table *t, const void *item)
{
	for (unsigned i = 0, at = t->next; i < t->count; i++, at++) {
		at = at >= t->count ? 0 : at;
		if (t->same(t->item[at], item))
			return at;
	}
	return t->count;
}

/* Points name the same things in the same order: what stood here in the last one is looked at first. */
static unsigned find(struct json_table *t, const void *item)
{
	unsigned place = t->at < JSON_ORDER_MAX ? t->order[t->at] : t->count;

	if (place >= t->count || !t->same(t->item[place], item))
		place = search(t, item);
	if (t->at < JSON_ORDER_MAX)
		t->order[t->at++] = (unsigned short)place;
	t->next = place + 1;
	return place;
}

void json_tables_rewind(struct json_tables *t)
{
	t->measurands.at = t->limits.at = t->lines.at = t->inputs.at = 0;
}

unsigned json_table_place(struct json_table *table, const void *item)
{
	return find(table, item);
}

static int add(struct json_table *t, const void *item)
{
	if (find(t, item) < t->count)
		return 0;
	if (t->count == t->room) {
		unsigned room = t->room ? 2 * t->room : 64;
		const void **more = reallocarray(t->item, room, sizeof(*more));

		if (!more)
			return -ENOMEM;
		t->item = more;
		t->room = room;
	}
	t->item[t->count++] = item;
	return 0;
}

static int add_results(struct json_tables *t, const struct finding *results, unsigned count)
{
	int rc = 0;

	for (unsigned i = 0; i < count && rc == 0; i++) {
		rc = add(&t->measurands, &results[i]);
		if (rc == 0 && results[i].has_limit)
			rc = add(&t->limits, &results[i]);
		for (unsigned k = 0; k < results[i].result.budget_lines && rc == 0; k++)
			rc = add(&t->lines, &results[i].result.budget[k]);
	}
	return rc;
}

int json_tables_collect(struct json_tables *t, const struct record *record)
{
	int rc = 0;

	*t = (struct json_tables){.measurands.same = same_measurand,
				  .limits.same = same_limit,
				  .lines.same = same_line,
				  .inputs.same = same_input};
	for (unsigned i = 0; i < record->points && rc == 0; i++) {
		const struct record_point *point = &record->point[i];

		json_tables_rewind(t);
		rc = add_results(t, point->result, point->results);
		for (unsigned k = 0; k < point->inputs && rc == 0; k++)
			rc = add(&t->inputs, &point->input[k]);
	}
	for (unsigned i = 0; i < record->sweeps && rc == 0; i++) {
		json_tables_rewind(t);
		rc = add_results(t, record->sweep[i].result, record->sweep[i].results);
	}
	return rc;
}

void json_tables_free(struct json_tables *t)
{
	free(t->measurands.item);
	free(t->limits.item);
	free(t->lines.item);
	free(t->inputs.item);
}

/* ---- telling ---------------------------------------------------------------------------------------------------- */

static void put_columns(struct json_stream *out, const char *key, const char *const *names)
{
	json_array(out, key, JSON_LINE);
	for (; *names; names++)
		json_put_string(out, NULL, *names);
	json_end(out);
}

/* In the order in which points.c writes them. */
static void put_all_columns(struct json_stream *out)
{
	static const char *const results[] = {"measurand",
					      "value",
					      "expanded_uncertainty",
					      "coverage_factor",
					      "standard_uncertainty",
					      "degrees_of_freedom",
					      "n",
					      "trusted",
					      "budget",
					      "limits",
					      "outcome",
					      "margin",
					      "false_accept_risk",
					      "reason",
					      "process",
					      "monte_carlo",
					      "correlations",
					      NULL};
	static const char *const budget[] = {"line", "standard_uncertainty", "degrees_of_freedom", "correlation", NULL};
	static const char *const measurands[] = {"measurand", "method", "unit", NULL};
	static const char *const inputs[] = {"name", "unit", "assumed", NULL};
	static const char *const checks[] = {
		"name", "state", "statistic", "threshold", "n", "standard_uncertainty_mm", "effect_mm", "reason", NULL};

	json_object(out, "columns", JSON_LINES);
	put_columns(out, "measurands", measurands);
	put_columns(out, "results", results);
	put_columns(out, "budget", budget);
	put_columns(out, "budget_inputs", inputs);
	put_columns(out, "model_checks", checks);
	json_end(out);
}

static void put_limit(struct json_stream *out, const struct limit *limit)
{
	json_object(out, NULL, JSON_LINE);
	put_real(out, "lower", limit->has_lower ? limit->lower : NAN, EXACT);
	put_real(out, "upper", limit->has_upper ? limit->upper : NAN, EXACT);
	put_text(out, "unit", limit->unit);
	put_real(out, "guard_r", limit->guard_r, EXACT);
	json_put_bool(out, "conditional_pass_accepted", limit->accept_conditional);
	json_put_bool(out, "required", limit->required);
	json_end(out);
}

static void put_measurands(struct json_stream *out, const struct json_table *t)
{
	json_array(out, "measurands", JSON_LINES);
	for (unsigned i = 0; i < t->count; i++) {
		const struct result *r = &((const struct finding *)t->item[i])->result;

		json_array(out, NULL, JSON_LINE);
		put_text(out, NULL, r->name);
		put_text(out, NULL, r->method);
		put_text(out, NULL, r->unit);
		json_end(out);
	}
	json_end(out);
}

static void put_inputs(struct json_stream *out, const struct json_table *t)
{
	json_array(out, "budget_inputs", JSON_LINES);
	for (unsigned i = 0; i < t->count; i++) {
		const struct budget_input *input = t->item[i];

		json_array(out, NULL, JSON_LINE);
		put_text(out, NULL, input->name);
		put_text(out, NULL, input->unit);
		json_put_bool(out, NULL, input->assumed);
		json_end(out);
	}
	json_end(out);
}

void json_put_tables(struct json_stream *out, const struct json_tables *t)
{
	put_all_columns(out);
	put_measurands(out, &t->measurands);
	json_put_string(out, "rule", "guard_band = guard_r * expanded_uncertainty (JCGM 106, ILAC-G8)");
	json_array(out, "limits", JSON_LINES);
	for (unsigned i = 0; i < t->limits.count; i++)
		put_limit(out, &((const struct finding *)t->limits.item[i])->limit);
	json_end(out);
	json_array(out, "budget_lines", JSON_LINE);
	for (unsigned i = 0; i < t->lines.count; i++)
		put_text(out, NULL, ((const struct budget_line *)t->lines.item[i])->name);
	json_end(out);
	put_inputs(out, &t->inputs);
}
