/* `penrig equivalence`: do several benches measure the same pens alike? */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/interval_picture.h"
#include "rig/base/json.h"
#include "rig/cli/history_options.h"
#include "rig/cli/kit/format.h"
#include "rig/cli/kit/indexing.h"
#include "rig/cli/kit/rows.h"
#include "rig/cli/kit/table.h"
#include "rig/measure/measurand.h"
#include "rig/study/equivalence.h"

struct equivalence_options {
	struct choice choice;
	const char *reference, *svg;
	bool json, csv;
};

#define AT(member) offsetof(struct equivalence_options, member)
static const struct cli_option equivalence_table[] = {
	CHOICE_ROWS(AT(choice)),
	{.name = "reference",
	 .kind = OPTION_TEXT,
	 .arg = "BENCH",
	 .offset = AT(reference),
	 .group = "What is done",
	 .help = "Hold the benches against this one. Default: each against the mean of the others."},
	{.name = "svg",
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(svg),
	 .group = "Output",
	 .help = "Draw each bench's difference with what both uncertainties allow. Overwrites."},
	{.name = "json", .kind = OPTION_FLAG, .offset = AT(json), .help = TABLE_JSON_HELP},
	CSV_ROW(AT(csv)),
	{.name = NULL},
};

/* Values of one setpoint. */
struct setpoint {
	char method[32], unit[8];
	double depth_mm, rate_hz;
	bool sweep;
};

struct cell { /* one pen on one bench at one setpoint: sums of its runs */
	unsigned setpoint, pen, bench, n;
	double sum, largest_u;
};

struct gathering {
	unsigned setpoints, pens, benches, cells, setpoint_room, pen_room, cell_room;
	struct setpoint *setpoint;
	char (*pen)[64];
	char bench[EQUIVALENCE_BENCHES_MAX][64];
	struct cell *cell;
	struct err *err;
};

/* ---- values -------------------------------------------------------------------------------------------------------- */

static void *grow(void **list, unsigned count, unsigned *room, size_t size)
{
	if (count == *room) {
		unsigned more = *room ? 2 * *room : 32;
		void *moved = realloc(*list, more * size);

		if (!moved)
			return NULL;
		*list = moved;
		*room = more;
	}
	return (char *)*list + count * size;
}

static bool same(double a, double b)
{
	return a == b || (isnan(a) && isnan(b));
}

static int setpoint_of(struct gathering *g, const struct history_result *r)
{
	for (unsigned i = 0; i < g->setpoints; i++) {
		const struct setpoint *s = &g->setpoint[i];
		if (strcmp(s->method, r->method) == 0 && same(s->depth_mm, r->depth_mm) &&
		    same(s->rate_hz, r->rate_hz) && s->sweep == r->sweep)
			return (int)i;
	}
	struct setpoint *s = grow((void **)&g->setpoint, g->setpoints, &g->setpoint_room, sizeof(*s));
	if (!s)
		return -ENOMEM;
	*s = (struct setpoint){.depth_mm = r->depth_mm, .rate_hz = r->rate_hz, .sweep = r->sweep};
	snprintf(s->method, sizeof(s->method), "%s", r->method);
	snprintf(s->unit, sizeof(s->unit), "%s", r->unit);
	return (int)g->setpoints++;
}

static int pen_of(struct gathering *g, const char *dut)
{
	for (unsigned i = 0; i < g->pens; i++)
		if (strcmp(g->pen[i], dut) == 0)
			return (int)i;
	char *pen = grow((void **)&g->pen, g->pens, &g->pen_room, sizeof(*g->pen));
	if (!pen)
		return -ENOMEM;
	snprintf(pen, sizeof(*g->pen), "%s", dut);
	return (int)g->pens++;
}

static int bench_of(struct gathering *g, const char *bench)
{
	for (unsigned i = 0; i < g->benches; i++)
		if (strcmp(g->bench[i], bench) == 0)
			return (int)i;
	if (g->benches == EQUIVALENCE_BENCHES_MAX)
		return -E2BIG;
	snprintf(g->bench[g->benches], sizeof(g->bench[0]), "%s", bench);
	return (int)g->benches++;
}

static struct cell *cell_of(struct gathering *g, unsigned setpoint, unsigned pen, unsigned bench)
{
	for (unsigned i = 0; i < g->cells; i++)
		if (g->cell[i].setpoint == setpoint && g->cell[i].pen == pen && g->cell[i].bench == bench)
			return &g->cell[i];
	struct cell *cell = grow((void **)&g->cell, g->cells, &g->cell_room, sizeof(*cell));
	if (cell) {
		*cell = (struct cell){.setpoint = setpoint, .pen = pen, .bench = bench};
		g->cells++;
	}
	return cell;
}

static int on_result(void *ctx, const struct history_result *r)
{
	struct gathering *g = ctx;

	if (isnan(r->value))
		return 0;
	int setpoint = setpoint_of(g, r), pen = pen_of(g, r->dut), bench = bench_of(g, r->bench);
	if (bench == -E2BIG)
		return err_set(g->err, -E2BIG, "more than %d benches: choose some with --bench",
			       EQUIVALENCE_BENCHES_MAX);
	struct cell *cell =
		setpoint < 0 || pen < 0 ? NULL : cell_of(g, (unsigned)setpoint, (unsigned)pen, (unsigned)bench);
	if (!cell)
		return err_set(g->err, -ENOMEM, "out of memory");
	cell->n++;
	cell->sum += r->value;
	cell->largest_u = fmax(cell->largest_u, r->expanded_u);
	return 0;
}

static void gathering_free(struct gathering *g)
{
	free(g->setpoint);
	free(g->pen);
	free(g->cell);
}

static struct equivalence_value *table_of(const struct gathering *g, unsigned setpoint)
{
	size_t count = (size_t)g->pens * g->benches;
	struct equivalence_value *x = malloc((count + 1) * sizeof(*x));

	for (size_t i = 0; x && i < count; i++)
		x[i] = (struct equivalence_value){NAN, NAN};
	for (unsigned i = 0; x && i < g->cells; i++) {
		const struct cell *c = &g->cell[i];
		if (c->setpoint == setpoint)
			x[(size_t)c->pen * g->benches + c->bench] =
				(struct equivalence_value){c->sum / c->n, c->largest_u};
	}
	return x;
}

/* ---- what is told -------------------------------------------------------------------------------------------------- */

enum equivalence_state { AGREES, DIFFERS, SCATTERS /* by the pen */, NOT_COMPARED, STATES };
static const struct {
	const char *shown, *name;
} states[] = {{"agrees", "agrees"},
	      {"DIFFERS", "differs"},
	      {"DIFFERS BY PEN", "differs_by_pen"},
	      {"not compared", "not compared"}};

static enum equivalence_state state_of(const struct equivalence *e)
{
	return isnan(e->en)                  ? NOT_COMPARED
	       : fabs(e->en) > 1.0           ? DIFFERS
	       : e->scatter > e->scatter_max ? SCATTERS
					     : AGREES;
}

struct telling {
	const struct gathering *g;
	const char *measurand;
	int reference;
	struct json_out *list; /* NULL: for people */
	unsigned of[STATES];
};

static void print_bench(const struct telling *t, const struct setpoint *s, unsigned bench, const struct equivalence *e)
{
	printf("  %-20s ", t->g->bench[bench]);
	if ((int)bench == t->reference) {
		printf("the reference\n");
		return;
	}
	if (state_of(e) == NOT_COMPARED) {
		printf("not compared: %s\n", e->pens ? "nothing is stated to be uncertain" : "no pen in common");
		return;
	}
	printf("%4u %+10.4g %8.2g %8.2g %7.2f %8.2g %8.2g %-4s %s\n", e->pens, e->difference, e->u, e->u_ref, e->en,
	       e->scatter, e->found_offset, s->unit, states[state_of(e)].shown);
}

static void put_number(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, 17);
	else
		json_out_null(out, key);
}

static void put_bench(const struct telling *t, const struct setpoint *s, unsigned bench, const struct equivalence *e)
{
	struct json_out *out = json_out_add_object(t->list, NULL);

	json_out_string(out, "measurand", t->measurand);
	json_out_string(out, "method", *s->method ? s->method : NULL);
	put_number(out, "depth_mm", s->depth_mm);
	put_number(out, "rate_hz", s->rate_hz);
	json_out_string(out, "unit", s->unit);
	json_out_string(out, "bench", t->g->bench[bench]);
	json_out_string(out, "reference", t->reference >= 0 ? t->g->bench[t->reference] : NULL);
	json_out_string(out, "state", (int)bench == t->reference ? "reference" : states[state_of(e)].name);
	json_out_int(out, "pens", e->pens);
	put_number(out, "difference", e->difference);
	put_number(out, "expanded_u", e->u);
	put_number(out, "reference_expanded_u", e->u_ref);
	put_number(out, "en", e->en);
	put_number(out, "scatter_of_pens", e->scatter);
	put_number(out, "scatter_explained", e->scatter_max);
	put_number(out, "offset_found_with_80_percent", e->found_offset);
}

static void setpoint_title(const char *measurand, const struct setpoint *s, char *ret, size_t size)
{
	char depth[32] = "sweeps";

	if (!isnan(s->depth_mm))
		snprintf(depth, sizeof(depth), "%g mm", s->depth_mm);
	snprintf(ret, size, "%s%s%s%s at %s, %g Hz", measurand, *s->method ? " (" : "", s->method,
		 *s->method ? ")" : "", depth, s->rate_hz);
}

static int tell_setpoint(struct telling *t, unsigned setpoint)
{
	const struct setpoint *s = &t->g->setpoint[setpoint];
	struct equivalence_value *x = table_of(t->g, setpoint);
	char title[160];

	if (!x)
		return -ENOMEM;
	if (!t->list) {
		setpoint_title(t->measurand, s, title, sizeof(title));
		puts(title);
		printf("  %-20s %4s %10s %8s %8s %7s %8s %8s\n", "bench", "pens", "difference", "U", "U of ref", "E_n",
		       "sd pens", "found 80%");
	}
	for (unsigned b = 0; b < t->g->benches; b++) {
		struct equivalence e;
		equivalence_of(x, t->g->pens, t->g->benches, b, t->reference, &e);
		if ((int)b != t->reference)
			t->of[state_of(&e)]++;
		if (t->list)
			put_bench(t, s, b, &e);
		else
			print_bench(t, s, b, &e);
	}
	free(x);
	return 0;
}

/* ---- drawn --------------------------------------------------------------------------------------------------------- */

static void lane_of(const struct telling *t, unsigned bench, const struct equivalence *e, struct interval_row *ret)
{
	const double allowed = hypot(e->u, e->u_ref);
	const enum equivalence_state state = state_of(e);
	const bool compared = state != NOT_COMPARED && (int)bench != t->reference;

	*ret = (struct interval_row){.value = compared ? e->difference : NAN,
				     .lo = e->difference - allowed,
				     .hi = e->difference + allowed,
				     .near_lo = NAN,
				     .near_hi = NAN,
				     .beyond = state == DIFFERS || state == SCATTERS};
	snprintf(ret->title, sizeof(ret->title), "%s", t->g->bench[bench]);
	if (compared)
		snprintf(ret->words, sizeof(ret->words), "%s: E_n %.2f, %u pens", states[state].shown, e->en, e->pens);
	else
		snprintf(ret->words, sizeof(ret->words), "%s",
			 (int)bench == t->reference ? "the reference" : states[state].shown);
}

static int draw_setpoint(FILE *out, const struct telling *t, unsigned setpoint)
{
	const struct setpoint *s = &t->g->setpoint[setpoint];
	struct equivalence_value *x = table_of(t->g, setpoint);
	struct interval_row row[EQUIVALENCE_BENCHES_MAX];
	char title[160], label[80], words[160];

	if (!x)
		return -ENOMEM;
	for (unsigned b = 0; b < t->g->benches; b++) {
		struct equivalence e;
		equivalence_of(x, t->g->pens, t->g->benches, b, t->reference, &e);
		lane_of(t, b, &e, &row[b]);
	}
	free(x);
	setpoint_title(t->measurand, s, title, sizeof(title));
	snprintf(words, sizeof(words), "each from %s%s; an interval is what both expanded uncertainties allow",
		 t->reference >= 0 ? "" : "the mean of the others", t->reference >= 0 ? t->g->bench[t->reference] : "");
	snprintf(label, sizeof(label), "difference, %s", s->unit);
	const struct interval_picture picture = {
		.title = title, .words = words, .x_label = label, .band = NAN, .rows = t->g->benches, .row = row};
	interval_picture_draw(out, &picture, setpoint * interval_picture_height(t->g->benches));
	return 0;
}

static int draw(const char *path, const struct telling *t, struct err *err)
{
	FILE *out = fopen(path, "we");
	int rc = out ? 0 : -errno;

	if (out)
		interval_page_begin(out, t->g->setpoints * interval_picture_height(t->g->benches));
	for (unsigned i = 0; i < t->g->setpoints && !rc; i++)
		rc = draw_setpoint(out, t, i);
	if (out)
		interval_page_end(out);
	if (out && ferror(out) && !rc)
		rc = -EIO;
	if (out && fclose(out) != 0 && !rc)
		rc = -errno;
	return rc ? err_set(err, rc, "%.300s cannot be written: %s", path, strerror(-rc)) : 0;
}

static int find_reference(const struct gathering *g, const char *name, int *ret, struct err *err)
{
	*ret = -1;
	for (unsigned i = 0; name && i < g->benches; i++)
		if (strcmp(g->bench[i], name) == 0)
			*ret = (int)i;
	if (name && *ret < 0)
		return err_set(err, -EINVAL, "--reference %s: no run that was chosen is of that bench", name);
	return 0;
}

static const struct table_column columns[] = {
	{"measurand", TABLE_STRING, NULL},
	{"method", TABLE_STRING, NULL},
	{"depth_mm", TABLE_NUMBER, "mm"},
	{"rate_hz", TABLE_NUMBER, "Hz"},
	{"unit", TABLE_STRING, NULL},
	{"bench", TABLE_STRING, NULL},
	{"reference", TABLE_STRING, NULL},
	{"state", TABLE_STRING, NULL},
	{"pens", TABLE_INTEGER, NULL},
	{"difference", TABLE_NUMBER, NULL},
	{"expanded_u", TABLE_NUMBER, NULL},
	{"reference_expanded_u", TABLE_NUMBER, NULL},
	{"en", TABLE_NUMBER, "1"},
	{"scatter_of_pens", TABLE_NUMBER, NULL},
	{"scatter_explained", TABLE_NUMBER, NULL},
	{"offset_found_with_80_percent", TABLE_NUMBER, NULL},
	{.path = NULL},
};
const struct table table_equivalence = {"equivalence", "", columns};

static int tell(const struct equivalence_options *o, const struct gathering *g, const char *measurand, int reference)
{
	struct telling t = {.g = g, .measurand = measurand, .reference = reference};
	struct err err = {""};
	int rc = 0;

	if (o->svg && draw(o->svg, &t, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	if ((o->json || o->csv) && !(t.list = json_out_array()))
		return cli_error(EXIT_INTERNAL, "out of memory");
	for (unsigned i = 0; i < g->setpoints && !rc; i++)
		rc = tell_setpoint(&t, i);
	if (rc)
		err_set(&err, rc, "out of memory");
	else if (t.list)
		rc = table_print(t.list, &table_equivalence, o->csv, &err);
	else
		printf("%s%u agree, %u differ, %u not compared\n", g->setpoints ? "\n" : "", t.of[AGREES],
		       t.of[DIFFERS] + t.of[SCATTERS], t.of[NOT_COMPARED]);
	if (rc)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	if (t.of[DIFFERS] + t.of[SCATTERS])
		return EXIT_FAIL;
	return t.of[NOT_COMPARED] || !t.of[AGREES] ? EXIT_INCONCLUSIVE : EXIT_PASS;
}

static bool is_kept(const char *name)
{
	for (unsigned id = MEASURAND_NONE + 1; id < MEASURANDS; id++)
		if (strcmp(measurand_row((enum measurand)id)->name, name) == 0)
			return measurand_is_judged((enum measurand)id);
	return false;
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static int equivalence_run(const struct cli_tables *tables, const void *options, const char *const *operands,
			   unsigned count)
{
	const struct equivalence_options *o = options;
	const struct indexing where = {.history = o->choice.history, .state = o->choice.state};
	struct err err = {""};
	struct gathering g = {.err = &err};
	struct history_filter filter;
	struct history *history = NULL;
	int reference, code;

	(void)tables, (void)count;
	if (!is_kept(operands[0]))
		return cli_error(EXIT_USAGE, "%s is no measurand: penrig help measurands lists them", operands[0]);
	if (choice_filter(&o->choice, &filter, &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	int rc = indexing_ask(&where, &history, &err);
	if (!rc)
		rc = history_each_result(history, &filter, operands[0], NULL, false, on_result, &g, &err);
	history_close(history);
	if (rc)
		code = cli_error(rc == -E2BIG ? EXIT_USAGE : cli_exit_code(rc), "%s", err.text);
	else if (find_reference(&g, o->reference, &reference, &err) < 0)
		code = cli_error(EXIT_USAGE, "%s", err.text);
	else
		code = tell(o, &g, operands[0], reference);
	gathering_free(&g);
	return code;
}

const struct command command_equivalence = {
	.name = "equivalence",
	.operands = "MEASURAND",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Show whether benches measure the same pens alike",
	.description =
		"Pens that were measured on several benches: at each setpoint each bench's difference from "
		"--reference, or "
		"from the mean of the other benches, over the uncertainties of both (E_n of ISO 13528). Beyond 1 they "
		"do "
		"not explain it. Nor do they where the differences scatter from pen to pen by more than they allow (sd "
		"pens; chi-square, 99 %): that bench DIFFERS BY PEN. The last figure is the offset that would be "
		"flagged with a chance of 80 %.\n\n"
		"The exit code is 0 all benches agree; 1 one differs; 3 nothing differs, and a bench could not be "
		"compared; 2 wrong usage; 6 the history cannot be read.",
	.example = "  penrig equivalence depth_mm --plan round --since 2026-03-01\n"
		   "  penrig equivalence depth_mm --plan round --reference bench-1\n"
		   "  penrig equivalence depth_mm --plan round --svg benches.svg\n",
	.options = equivalence_table,
	.options_size = sizeof(struct equivalence_options),
	.run = equivalence_run,
};
