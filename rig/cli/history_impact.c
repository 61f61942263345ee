/* Runs by a corrected calibration, one after the other. */
#include "rig/cli/history_impact.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/csv.h"
#include "rig/base/json.h"
#include "rig/cli/kit/command.h"
#include "rig/cli/kit/format.h"
#include "rig/offline/impact.h"

enum state { STATE_SAME, STATE_CHANGES, STATE_NOT_JUDGED, STATES };

static const struct {
	const char *name;
	int code;
} states[STATES] = {
	[STATE_SAME] = {"same", EXIT_PASS},
	[STATE_CHANGES] = {"changes", EXIT_OTHER_METHOD},
	[STATE_NOT_JUDGED] = {"not_judged", EXIT_STORAGE},
};

#define TURNED_SHOWN 20

struct side {       /* of a value that is judged otherwise */
	bool there; /* else there is no such result */
	double value, expanded_u;
	const char *outcome; /* NULL: no limit was for it */
};

struct turned {
	char where[96], measurand[32], method[32], unit[8];
	struct side was, now;
};

struct verdicts {
	unsigned number;
	char limits[64], was[32], now[32], was_reason[240], now_reason[240];
};

struct row { /* one run */
	enum state state;
	char run[128], path[FILE_PATH_MAX], dut[64], plan[64], started[32], why[ERR_TEXT_MAX];
	struct impact impact;
	unsigned turned, turned_room, verdicts, verdict_room;
	struct turned *turned_at;
	struct verdicts *verdict; /* the run's own first */
};

struct known { /* of the devices and phantoms of a history */
	char serial[48], certificate[64];
};

struct impact_walk {
	const struct impact_request *request;
	struct correction *correction;
	struct known *known;
	unsigned known_count, known_room;
	struct row *row;
	unsigned rows, room, of[STATES];
	struct err *err;
};

/* ---- which runs ---------------------------------------------------------------------------------------------------- */

/* Room for one more of a list that grows; NULL: there is none. */
static void *grow(void **list, unsigned count, unsigned *room, size_t size)
{
	if (count == *room) {
		unsigned more = *room ? 2 * *room : 16;
		void *moved = realloc(*list, more * size);

		if (!moved)
			return NULL;
		*list = moved;
		*room = more;
	}
	return (char *)*list + count * size;
}

static int on_run(void *ctx, const struct history_run *run)
{
	struct impact_walk *w = ctx;
	struct row *row = grow((void **)&w->row, w->rows, &w->room, sizeof(*row));

	if (!row)
		return err_set(w->err, -ENOMEM, "out of memory");
	w->rows++;
	*row = (struct row){.state = STATE_SAME};
	snprintf(row->run, sizeof(row->run), "%s", run->name);
	snprintf(row->path, sizeof(row->path), "%s", run->path);
	snprintf(row->dut, sizeof(row->dut), "%s", run->dut);
	snprintf(row->plan, sizeof(row->plan), "%s", run->plan);
	snprintf(row->started, sizeof(row->started), "%s", run->started);
	return 0;
}

static int on_device(void *ctx, const struct history_device *device)
{
	struct impact_walk *w = ctx;
	struct known *known;

	for (unsigned i = 0; i < w->known_count; i++)
		if (strcmp(w->known[i].serial, device->serial) == 0 &&
		    strcmp(w->known[i].certificate, device->certificate) == 0)
			return 0;
	known = grow((void **)&w->known, w->known_count, &w->known_room, sizeof(*known));
	if (!known)
		return err_set(w->err, -ENOMEM, "out of memory");
	w->known_count++;
	snprintf(known->serial, sizeof(known->serial), "%s", device->serial);
	snprintf(known->certificate, sizeof(known->certificate), "%s", device->certificate);
	if (strcmp(device->serial, w->correction->serial) == 0 && *device->certificate &&
	    correction_add_earlier(w->correction, device->certificate) < 0)
		return err_set(w->err, -ENOMEM, "out of memory");
	return 0;
}

/* ---- one run ------------------------------------------------------------------------------------------------------- */

struct at { /* the row at hand */
	struct row *row;
	struct err *err;
};

static struct side side_of(const struct finding *finding)
{
	if (!finding)
		return (struct side){.there = false, .value = NAN, .expanded_u = NAN};
	return (struct side){.there = true,
			     .value = finding->result.valid ? finding->result.value : NAN,
			     .expanded_u = finding->result.valid ? finding->result.expanded_u : NAN,
			     .outcome = finding->has_limit ? outcome_name(finding->judgement.outcome) : NULL};
}

static int on_turned(void *ctx, const char *where, const struct finding *was, const struct finding *now)
{
	const struct at *at = ctx;
	struct row *row = at->row;
	const struct result *any = was ? &was->result : &now->result;
	struct turned *t = grow((void **)&row->turned_at, row->turned, &row->turned_room, sizeof(*t));

	if (!t)
		return err_set(at->err, -ENOMEM, "out of memory");
	row->turned++;
	*t = (struct turned){.was = side_of(was), .now = side_of(now)};
	snprintf(t->where, sizeof(t->where), "%s", where);
	snprintf(t->measurand, sizeof(t->measurand), "%s", any->name);
	snprintf(t->method, sizeof(t->method), "%s", any->method);
	snprintf(t->unit, sizeof(t->unit), "%s", any->unit);
	return 0;
}

static int on_verdict(void *ctx, const struct impact_verdict *told)
{
	const struct at *at = ctx;
	struct row *row = at->row;
	struct verdicts *v = grow((void **)&row->verdict, row->verdicts, &row->verdict_room, sizeof(*v));

	if (!v)
		return err_set(at->err, -ENOMEM, "out of memory");
	row->verdicts++;
	*v = (struct verdicts){.number = told->number};
	snprintf(v->limits, sizeof(v->limits), "%s", told->limits);
	snprintf(v->was, sizeof(v->was), "%s", told->was);
	snprintf(v->now, sizeof(v->now), "%s", told->now);
	snprintf(v->was_reason, sizeof(v->was_reason), "%s", told->was_reason);
	snprintf(v->now_reason, sizeof(v->now_reason), "%s", told->now_reason);
	if (told->changes)
		row->state = STATE_CHANGES;
	return 0;
}

static void judge_again(const struct impact_walk *w, struct row *row)
{
	struct err why = {""};
	struct at at = {.row = row, .err = &why};
	const struct impact_listener listener = {.ctx = &at, .turned = on_turned, .verdict = on_verdict};

	row->impact = (struct impact){.concerned = true, .largest = NAN};
	if (impact_run(row->path, w->correction, &listener, &row->impact, &why) < 0) {
		row->state = STATE_NOT_JUDGED;
		row->impact.concerned = true; /* nobody knows */
		snprintf(row->why, sizeof(row->why), "%s", why.text);
	}
}

/* ---- for people ---------------------------------------------------------------------------------------------------- */

static void print_side(const struct turned *t, const struct side *side)
{
	if (!side->there)
		fputs("nothing", stdout);
	else if (isnan(side->value))
		fputs("no value", stdout);
	else
		printf("%.5g +- %.2g %s", side->value, side->expanded_u, t->unit);
	printf(" (%s)", side->outcome ? side->outcome : "not judged");
}

static void print_turned(const struct row *row)
{
	for (unsigned i = 0; i < row->turned && i < TURNED_SHOWN; i++) {
		const struct turned *t = &row->turned_at[i];
		printf("    %s at %s: ", t->measurand, t->where);
		print_side(t, &t->was);
		fputs(" -> ", stdout);
		print_side(t, &t->now);
		putchar('\n');
	}
	if (row->turned > TURNED_SHOWN)
		printf("    ... and %u more\n", row->turned - TURNED_SHOWN);
}

static void print_verdict(const struct row *row, const struct verdicts *v)
{
	printf("%-18s -> %-18s ", v->was, v->now);
	print_clean(stdout, row->dut);
	fputs("  ", stdout);
	print_clean(stdout, row->run);
	if (v->number) {
		fputs(", by the limits ", stdout);
		print_clean(stdout, v->limits);
	}
	fputs("\n    was: ", stdout);
	print_clean(stdout, *v->was_reason ? v->was_reason : "-");
	fputs("\n    is:  ", stdout);
	print_clean(stdout, *v->now_reason ? v->now_reason : "-");
	putchar('\n');
}

static void print_row(const struct row *row)
{
	if (row->state == STATE_NOT_JUDGED) {
		fputs("NOT JUDGED         ", stdout);
		print_clean(stdout, row->run);
		fputs(": ", stdout);
		print_clean(stdout, row->why);
		putchar('\n');
		return;
	}
	if (row->state != STATE_CHANGES)
		return;
	for (unsigned i = 0; i < row->verdicts; i++)
		if (strcmp(row->verdict[i].was, row->verdict[i].now) != 0)
			print_verdict(row, &row->verdict[i]);
	print_turned(row);
	fflush(stdout);
}

static void print_head(const struct correction *c)
{
	printf("certificate ");
	print_clean(stdout, c->calibration.certificate);
	fputs(" of ", stdout);
	print_clean(stdout, c->serial);
	if (*c->replaces) {
		fputs(", in the place of ", stdout);
		print_clean(stdout, c->replaces);
	}
	if (c->of_phantom)
		fputs(": its curves", stdout);
	if (c->force.there)
		printf(": forces are %.6g of what was read, u %.3g %%", c->force.gain, 100.0 * c->force.u);
	if (c->displacement.there)
		printf(": displacements are %.6g of what was read, u %.3g mm", c->displacement.gain, c->displacement.u);
	if (c->temperature.there)
		printf(": temperatures are %+.3g K, u %.3g K", c->temperature.offset_k, c->temperature.u_k);
	fputs("\n\n", stdout);
}

static void print_totals(const struct impact_walk *w)
{
	unsigned runs = w->of[STATE_SAME] + w->of[STATE_CHANGES] + w->of[STATE_NOT_JUDGED];
	double largest = NAN;

	for (unsigned i = 0; i < w->rows; i++)
		largest = fmax(largest, w->row[i].impact.largest);
	printf("%s%u run%s rest on it: %u with another verdict, %u as before", w->of[STATE_CHANGES] ? "\n" : "", runs,
	       runs == 1 ? "" : "s", w->of[STATE_CHANGES], w->of[STATE_SAME]);
	if (w->of[STATE_NOT_JUDGED])
		printf(", %u NOT JUDGED AGAIN", w->of[STATE_NOT_JUDGED]);
	if (!isnan(largest))
		printf("; no value moves by more than %.2g of its U", largest);
	fputs("\nnothing was written: penrig dispose puts a decision on record\n", stdout);
}

/* ---- for programs -------------------------------------------------------------------------------------------------- */

static void put_number(struct json_out *out, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(out, key, value, 17);
	else
		json_out_null(out, key);
}

static void put_side(struct json_out *out, const char *key, const struct side *side)
{
	struct json_out *node;

	if (!side->there) {
		json_out_null(out, key);
		return;
	}
	node = json_out_add_object(out, key);
	put_number(node, "value", side->value);
	put_number(node, "expanded_u", side->expanded_u);
	json_out_string(node, "outcome", side->outcome);
}

static void put_verdicts(struct json_out *out, const struct row *row)
{
	struct json_out *list = json_out_add_array(out, "verdicts");

	for (unsigned i = 0; i < row->verdicts; i++) {
		const struct verdicts *v = &row->verdict[i];
		struct json_out *node = json_out_add_object(list, NULL);
		json_out_int(node, "number", v->number);
		json_out_string(node, "limits", v->number ? v->limits : NULL);
		json_out_string(node, "was", v->was);
		json_out_string(node, "is", v->now);
		json_out_string(node, "was_reason", *v->was_reason ? v->was_reason : NULL);
		json_out_string(node, "is_reason", *v->now_reason ? v->now_reason : NULL);
	}
}

static void put_row(struct json_out *list, const struct row *row)
{
	struct json_out *out = json_out_add_object(list, NULL);

	json_out_string(out, "run", row->run);
	json_out_string(out, "path", row->path);
	json_out_string(out, "dut", row->dut);
	json_out_string(out, "plan", row->plan);
	json_out_string(out, "started", row->started);
	json_out_string(out, "state", states[row->state].name);
	json_out_string(out, "reason", *row->why ? row->why : NULL);
	put_number(out, "largest_share_of_u", row->impact.largest);
	put_verdicts(out, row);
	struct json_out *turned = json_out_add_array(out, "turned");
	for (unsigned i = 0; i < row->turned; i++) {
		const struct turned *t = &row->turned_at[i];
		struct json_out *node = json_out_add_object(turned, NULL);
		json_out_string(node, "where", t->where);
		json_out_string(node, "measurand", t->measurand);
		json_out_string(node, "method", *t->method ? t->method : NULL);
		json_out_string(node, "unit", t->unit);
		put_side(node, "was", &t->was);
		put_side(node, "is", &t->now);
	}
}

static int print_json(const struct impact_walk *w, struct err *err)
{
	struct json_out *out = json_out_object();
	char *text = NULL;

	if (!out)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(out, "serial", w->correction->serial);
	json_out_string(out, "certificate", w->correction->calibration.certificate);
	json_out_string(out, "replaces", *w->correction->replaces ? w->correction->replaces : NULL);
	for (unsigned i = 0; i < STATES; i++)
		json_out_int(out, states[i].name, w->of[i]);
	struct json_out *list = json_out_add_array(out, "runs");
	for (unsigned i = 0; i < w->rows; i++)
		if (w->row[i].impact.concerned)
			put_row(list, &w->row[i]);
	int rc = json_out_print(out, true, &text, err);
	json_out_free(out);
	if (!rc)
		fputs(text, stdout);
	free(text);
	return rc;
}

static void print_rows(const struct impact_walk *w)
{
	fputs("run,path,dut,plan,started,state,reason,was,is,was_reason,is_reason,judgements_changed,largest_share_of_u"
	      "\r\n",
	      stdout);
	for (unsigned i = 0; i < w->rows; i++) {
		const struct row *row = &w->row[i];
		const struct verdicts none = {.number = 0}, *v = row->verdicts ? row->verdict : &none;
		struct csv_row cells = {.out = stdout};
		const char *const texts[] = {
			row->run, row->path, row->dut, row->plan,     row->started, states[row->state].name,
			row->why, v->was,    v->now,   v->was_reason, v->now_reason};
		if (!row->impact.concerned)
			continue;
		for (unsigned t = 0; t < sizeof(texts) / sizeof(texts[0]); t++)
			csv_put_text(&cells, texts[t]);
		csv_put_count(&cells, row->turned);
		csv_put_real(&cells, row->impact.largest);
		csv_end(&cells);
	}
}

/* ---- the command --------------------------------------------------------------------------------------------------- */

static void go_through(struct impact_walk *w)
{
	bool people = !w->request->json && !w->request->csv;

	for (unsigned i = 0; i < w->rows; i++) {
		struct row *row = &w->row[i];
		judge_again(w, row);
		if (!row->impact.concerned)
			continue;
		w->of[row->state]++;
		if (people)
			print_row(row);
	}
}

static int look(struct history *history, struct impact_walk *w, struct err *err)
{
	const struct history_filter every = {.count = 0};
	struct history_filter filter = w->request->filter;

	if (filter.count + 2 > HISTORY_FILTERS_MAX)
		return err_set(err, -E2BIG, "more than %d conditions at once", HISTORY_FILTERS_MAX - 2);
	filter.item[filter.count].field = BY_SENSOR;
	filter.item[filter.count++].value = w->correction->serial;
	if (*w->correction->replaces) {
		filter.item[filter.count].field = BY_SENSOR;
		filter.item[filter.count++].value = w->correction->replaces;
	}
	int rc = history_each_device(history, &every, on_device, w, err);
	return rc ? rc : history_each_run(history, &filter, ORDER_TIME, on_run, w, err);
}

/* A serial number or certificate that is written otherwise there looks like one on which nothing rests. */
static int nothing_rests(const struct impact_walk *w)
{
	cli_error(0, "no run that was asked for rests on %s%s%s: nothing was judged again. The history knows:",
		  w->correction->serial, *w->correction->replaces ? " by certificate " : "", w->correction->replaces);
	for (unsigned i = 0; i < w->known_count; i++)
		if (*w->known[i].serial || *w->known[i].certificate)
			cli_error(0, "  %s, certificate %s", *w->known[i].serial ? w->known[i].serial : "-",
				  *w->known[i].certificate ? w->known[i].certificate : "-");
	return EXIT_INCONCLUSIVE;
}

static int answer(struct impact_walk *w)
{
	struct err err = {""};
	bool people = !w->request->json && !w->request->csv;
	unsigned concerned = 0;
	int code = EXIT_PASS;

	if (people)
		print_head(w->correction);
	go_through(w);
	if (people)
		print_totals(w);
	else if (w->request->csv)
		print_rows(w);
	else if (print_json(w, &err) < 0)
		return cli_error(EXIT_INTERNAL, "%s", err.text);
	for (unsigned i = 0; i < STATES; i++) /* the last one weighs most: then not all is known */
		if (w->of[i]) {
			code = states[i].code;
			concerned += w->of[i];
		}
	return concerned ? code : nothing_rests(w);
}

int history_impact(struct history *history, const struct impact_request *request)
{
	struct err err = {""};
	struct correction *correction = NULL;
	struct impact_walk w = {.request = request, .err = &err};
	int rc = correction_read(request->file, &correction, &err), code;

	w.correction = correction;
	if (rc)
		code = cli_error(EXIT_USAGE, "%s", err.text);
	else
		code = look(history, &w, &err) ? cli_error(EXIT_STORAGE, "%s", err.text) : answer(&w);
	for (unsigned i = 0; i < w.rows; i++) {
		free(w.row[i].turned_at);
		free(w.row[i].verdict);
	}
	free(w.row);
	free(w.known);
	correction_free(correction);
	return code;
}
