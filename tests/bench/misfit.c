/* The misfit table: what the estimators make of signals that their model does not fit, family by family from harmless to
 * gross, and of good ones. Not a test: it prints and judges nothing. misfit --help says what it takes. */
#include <getopt.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/method.h"
#include "tests/bench/misfit_cells.h"

static const char usage[] =
	"usage: misfit [--family WORD]... [--severity X] [--trials N] [--first TRIAL] [--processes N] [--claim "
	"NAME]... "
	"[--errors]\n"
	"       misfit --good N [--first TRIAL] [--claim NAME]...\n"
	"       misfit --family NAME --severity X --one TRIAL [--counts]\n"
	"       misfit --good 1 --one TRIAL [--counts]\n"
	"       misfit --list\n"
	"--family takes the family of that name, or else every one that has WORD in it; default: all that are misfits. "
	"--trials: 60 of each "
	"severity;\n"
	"even ones are of the nominal pen (120 Hz, 1 mm, duty 0.4, 40 dB), odd ones of others. --good: false alarms "
	"over N\n"
	"good recordings, by class, then those that are untrusted or outside. --claim: depth (default), depth_process, "
	"rate,\n"
	"depth_sd, depth_sd_process, depth_max, jitter, jitter_process, tolerance, all. --errors: a line for each "
	"trial.\n"
	"--one: all checks and results of that trial, with reasons and budgets; --counts: its samples instead, a line "
	"each,\n"
	"behind the phases' first samples. --fields: counts and sums, between tabs, behind a line with the method's "
	"version.\n"
	"The same trial is the same recording whatever else is run; --first begins with a later one.\n";

struct options {
	const char *family[16];
	unsigned families, trials, processes, good, first;
	double severity;
	int one;
	bool claims[CLAIMS];
	enum misfit_claim shown; /* of --errors: the first of them */
	bool errors, counts, fields;
};

/* ---- a row */

static void print_head(void)
{
	printf("shares in %%: outside U (of the trusted), untrusted, false accepts (of all: either side, the worse "
	       "side), "
	       "wrong counts of strokes\n%-42s %6s | %9s %9s %7s | %6s %6s %6s %6s %6s | %s\n",
	       "family, severity: claim", "trials", "bias", "median U", "worst/U", "outs.", "untr.", "false", "worse",
	       "counts", "named");
}

static double percent(double part, double whole)
{
	return whole > 0.0 ? 100.0 * part / whole : NAN;
}

/* um for depths. */
static double scale_of(enum misfit_claim claim)
{
	return claim == CLAIM_RATE || claim == CLAIM_JITTER || claim == CLAIM_JITTER_PROCESS || claim == CLAIM_TOLERANCE
		       ? 1.0
		       : 1000.0;
}

static void print_row(const char *name, const struct misfit_row *row, enum misfit_claim claim)
{
	double scale = scale_of(claim), n = row->trials, trusted = row->trusted;
	char what[96];

	snprintf(what, sizeof(what), "%s: %s", name, misfit_claim_name(claim));
	printf("%-42s %6u | %+9.4g %9.4g %7.2f | %6.1f %6.1f %6.1f %6.1f %6.1f | ", what, row->trials,
	       scale * row->error / trusted, scale * row->median_u, row->worst, percent(row->outside.sum, trusted),
	       percent(n - trusted, n), percent(row->accept.sum, n), percent(fmax(row->upper, row->lower), n),
	       percent(row->miscounted, n));
	misfit_print_reasons(&row->reasons);
	printf("\n");
	fflush(stdout);
}

/* For programs: what can be added to what other trials came to. Reasons are the depth's. */
static void print_fields(const char *kind, const char *name, const struct misfit_row *row, enum misfit_claim claim,
			 const struct misfit_mark *mark)
{
	double scale = scale_of(claim);

	printf("%s\t%s\t%s\t%.9g\t%.9g\t%.9g\t%u\t%u\t%.9g\t%.9g\t%.9g\t%.9g\t%.6g\t%.9g\t%.9g\t%.9g\t%.9g\t%.9g\t%."
	       "9g\t%u\t",
	       kind, name, misfit_claim_name(claim), mark->rms_n, mark->depth_mm, mark->expanded_u_mm, row->trials,
	       row->trusted, scale * row->error, 100.0 * row->error_rel, 1e4 * row->error_rel2, scale * row->u,
	       row->worst, row->outside.sum, row->outside.squares, row->accept.sum, row->accept.squares, row->upper,
	       row->lower, row->miscounted);
	if (claim == CLAIM_DEPTH)
		misfit_print_reasons(&row->reasons);
	printf("\n");
	fflush(stdout);
}

static void print_claims(const char *kind, const char *name, const struct misfit_outcome *all, unsigned trials,
			 const struct misfit_mark *mark, const struct options *o)
{
	for (unsigned i = 0; i < CLAIMS; i++) {
		enum misfit_claim claim = (enum misfit_claim)i;
		struct misfit_row row;

		if (!o->claims[i] && !o->fields)
			continue;
		row = misfit_row_of(all, trials, claim);
		if (o->fields)
			print_fields(kind, name, &row, claim, mark);
		else
			print_row(name, &row, claim);
	}
}

static void print_errors(const struct misfit_cell *cell, const struct misfit_outcome *all, unsigned trials,
			 enum misfit_claim claim)
{
	for (unsigned k = 0; k < trials; k++) {
		struct recording r = misfit_cell_recording(cell, k);
		const struct claim_outcome *c = &all[k].claim[claim];

		printf("  trial %4u: %5.1f Hz, %.2f mm, duty %.2f, %2.0f dB, %2u bit: %.6g, error %+.4g, U %.4g, %u of "
		       "%u "
		       "strokes%s %s\n",
		       cell->first + k, r.rate_hz, r.depth_mm, r.duty, r.snr_db, r.bits, c->value, c->error,
		       c->expanded_u, all[k].strokes, all[k].strokes_made, all[k].miscounted ? ", WRONG COUNTS" : "",
		       c->trusted ? fabs(c->error) > c->expanded_u ? "OUTSIDE" : "" : c->reason);
	}
}

/* ---- one trial in full */

static void print_checks(const struct misfit_results *found)
{
	for (unsigned i = 0; i < found->checks; i++) {
		const struct check_result *c = &found->check[i];

		printf("check %-18s %-9s statistic %-10.4g threshold %-10.4g effect %-10.4g mm line %-10.4g mm n %lu "
		       "%s\n",
		       c->name, check_state_name(c->state), c->statistic, c->threshold, c->effect_mm, c->u_mm,
		       (unsigned long)c->n, c->reason);
	}
}

static void print_results(const struct recording *r, const struct take *take)
{
	static struct misfit_results found;

	misfit_measure(r, take, &found);
	printf("truth: depth %.6f mm, sd %.6f, maximum %.6f, rate %.6f Hz, jitter %.4f %%, %u strokes; %.1f Hz, duty "
	       "%.3f, "
	       "%.1f dB, %u bit, %.0f S/s\n",
	       take->truth.depth_mm, take->truth.depth_sd_mm, take->truth.depth_max_mm, take->truth.rate_hz,
	       take->truth.jitter_pct, take->truth.strokes, r->rate_hz, r->duty, r->snr_db, r->bits, r->fs_hz);
	print_checks(&found);
	for (unsigned i = 0; i < found.count; i++) {
		const struct result *x = &found.result[i];

		printf("%-24s %-24s %12.6g %-4s U %-10.4g %s%s\n", x->name, x->method, x->value, x->unit, x->expanded_u,
		       x->valid && x->trusted ? "" : "UNTRUSTED: ", x->reason);
		for (unsigned k = 0; k < x->budget_lines; k++)
			printf("%40s %-20s %.4g\n", "", x->budget[k].name, x->budget[k].u);
	}
}

static void print_counts(const struct take *take)
{
	printf("spin_up %lu measure %lu coast %lu rest %lu samples %lu lsb_n %.9g\n", (unsigned long)take->spin_up,
	       (unsigned long)take->measure, (unsigned long)take->coast, (unsigned long)take->rest,
	       (unsigned long)take->samples, take->lsb_n);
	for (uint64_t i = 0; i < take->samples; i++)
		printf("%d\n", take->counts[i]);
}

static void print_one(const struct misfit_cell *cell, const struct options *o)
{
	struct recording r = misfit_cell_recording(cell, (unsigned)o->one);
	struct take take;

	recording_make(&r, &take);
	if (o->counts)
		print_counts(&take);
	else
		print_results(&r, &take);
	take_free(&take);
}

/* ---- what is asked */

static bool is_family(const char *name)
{
	for (unsigned i = 0; i < misfit_family_count; i++) {
		if (strcmp(misfit_families[i].name, name) == 0)
			return true;
	}
	return false;
}

static bool wanted(const struct options *o, const char *name)
{
	for (unsigned i = 0; i < o->families; i++) {
		const char *word = o->family[i];

		if (is_family(word) ? strcmp(name, word) == 0 : strstr(name, word) != NULL)
			return true;
	}
	return false;
}

static const char *kind_of(const struct misfit_family *family)
{
	return family->fits ? "fits" : family->depth_wrong ? "misfit*" : "misfit";
}

static void print_family(const struct misfit_family *family, const struct options *o)
{
	for (unsigned i = 0; i < misfit_severities(family); i++) {
		struct misfit_cell cell = {family, family->severity[i], o->first};
		struct misfit_mark mark = {0};
		struct misfit_outcome *all;
		char name[64];

		if (isfinite(o->severity) && fabs(o->severity - cell.severity) > 1e-9)
			continue;
		if (o->one >= 0) {
			print_one(&cell, o);
			return;
		}
		if (o->fields)
			mark = misfit_cell_mark(&cell);
		all = misfit_cell_run(&cell, o->trials, o->processes);
		snprintf(name, sizeof(name), o->fields ? "%s\t%g\t%s" : "%s %g %s", family->name, cell.severity,
			 o->fields             ? family->unit
			 : family->depth_wrong ? "*"
					       : "");
		print_claims(kind_of(family), name, all, o->trials, &mark, o);
		if (o->errors)
			print_errors(&cell, all, o->trials, o->shown);
		free(all);
	}
}

struct class_of_good {
	const char *name;
	bool (*holds)(const struct recording *r);
};

static bool any(const struct recording *r)
{
	(void)r;
	return true;
}

static bool usual_duty(const struct recording *r)
{
	return r->duty <= 0.85;
}

static bool long_duty(const struct recording *r)
{
	return r->duty > 0.85;
}

static bool noisy(const struct recording *r)
{
	return r->snr_db < 30.0;
}

static bool quiet(const struct recording *r)
{
	return r->snr_db > 45.0;
}

static bool fast(const struct recording *r)
{
	return r->rate_hz > 200.0;
}

static bool with_cell(const struct recording *r)
{
	return r->cell_hz > 0.0;
}

static bool coarse(const struct recording *r)
{
	return r->bits < 24;
}

/* How often each check was not well. */
static void print_trips(const struct misfit_outcome *all, unsigned trials)
{
	for (unsigned c = 0; c < MODEL_CHECKS; c++) {
		unsigned n[CHECK_NOT_MADE + 1] = {0};

		for (unsigned k = 0; k < trials; k++)
			n[all[k].state[c]]++;
		if (n[CHECK_ABSENT] < trials)
			printf("  check %-18s absent %u, passed %u, tripped %u, not made %u\n",
			       model_check_row((enum model_check)c)->name, n[CHECK_ABSENT], n[CHECK_PASSED],
			       n[CHECK_TRIPPED], n[CHECK_NOT_MADE]);
	}
}

static void print_class(const struct class_of_good *class, const struct misfit_cell *cell,
			const struct misfit_outcome *all, const struct misfit_mark *mark, const struct options *o)
{
	struct misfit_outcome *some = calloc(o->good, sizeof(*some));
	char name[64];
	unsigned n = 0;

	if (some == NULL)
		abort();
	for (unsigned k = 0; k < o->good; k++) {
		struct recording r = misfit_cell_recording(cell, k);

		if (class->holds(&r))
			some[n++] = all[k];
	}
	snprintf(name, sizeof(name), o->fields ? "%s\t\t" : "good, %s", class->name);
	if (n > 0)
		print_claims("good", name, some, n, mark, o);
	free(some);
}

static void print_good(const struct options *o)
{
	static const struct class_of_good classes[] = {
		{"all", any},
		{"duty <= 0.85", usual_duty},
		{"duty > 0.85", long_duty},
		{"below 30 dB", noisy},
		{"above 45 dB", quiet},
		{"above 200 Hz", fast},
		{"cell declared", with_cell},
		{"12 to 16 bits", coarse},
	};
	struct misfit_cell cell = {.first = o->first};
	struct misfit_outcome *all = misfit_cell_run(&cell, o->good, o->processes);
	struct misfit_mark mark = o->fields ? misfit_cell_mark(&cell) : (struct misfit_mark){0};

	for (unsigned c = 0; c < sizeof(classes) / sizeof(classes[0]); c++)
		print_class(&classes[c], &cell, all, &mark, o);
	if (!o->fields)
		print_trips(all, o->good);
	for (unsigned k = 0; !o->fields && k < o->good; k++) {
		const struct claim_outcome *c = &all[k].claim[o->shown];
		struct misfit_cell one = {.first = o->first + k};

		if (o->errors || !c->trusted || fabs(c->error) > c->expanded_u || all[k].miscounted)
			print_errors(&one, &all[k], 1, o->shown);
	}
	free(all);
}

/* A line for each: kind, name, unit, severities, between tabs. */
static void list(void)
{
	for (unsigned i = 0; i < misfit_family_count; i++) {
		const struct misfit_family *f = &misfit_families[i];

		printf("%s\t%s\t%s\t", kind_of(f), f->name, f->unit);
		for (unsigned k = 0; k < misfit_severities(f); k++)
			printf(k > 0 ? " %g" : "%g", f->severity[k]);
		printf("\n");
	}
}

static void take_claim(struct options *o, const char *name)
{
	bool known = false;

	for (unsigned i = 0; i < CLAIMS; i++) {
		bool one = strcmp(misfit_claim_name((enum misfit_claim)i), name) == 0;

		o->shown = one ? (enum misfit_claim)i : o->shown;
		o->claims[i] |= one || strcmp(name, "all") == 0;
		known |= o->claims[i];
	}
	if (!known) {
		fprintf(stderr, "misfit: no claim '%s'\n", name);
		exit(2);
	}
}

static void take_option(struct options *o, int option, const char *text)
{
	switch (option) {
	case 'f':
		if (o->families < sizeof(o->family) / sizeof(o->family[0]))
			o->family[o->families++] = text;
		break;
	case 's': o->severity = atof(text); break;
	case 't': o->trials = (unsigned)atoi(text); break;
	case 'p': o->processes = (unsigned)atoi(text); break;
	case 'g': o->good = (unsigned)atoi(text); break;
	case 'k': o->first = (unsigned)atoi(text); break;
	case 'o': o->one = atoi(text); break;
	case 'c': take_claim(o, text); break;
	case 'x': o->fields = true; break;
	case 'e': o->errors = true; break;
	case 'n': o->counts = true; break;
	case 'l': list(); exit(0);
	default: fputs(usage, option == 'h' ? stdout : stderr); exit(option == 'h' ? 0 : 2);
	}
}

int main(int argc, char **argv)
{
	static const struct option known[] = {
		{"family", required_argument, NULL, 'f'}, {"severity", required_argument, NULL, 's'},
		{"trials", required_argument, NULL, 't'}, {"processes", required_argument, NULL, 'p'},
		{"good", required_argument, NULL, 'g'},   {"first", required_argument, NULL, 'k'},
		{"one", required_argument, NULL, 'o'},    {"claim", required_argument, NULL, 'c'},
		{"fields", no_argument, NULL, 'x'},       {"errors", no_argument, NULL, 'e'},
		{"counts", no_argument, NULL, 'n'},       {"list", no_argument, NULL, 'l'},
		{"help", no_argument, NULL, 'h'},         {NULL, 0, NULL, 0}};
	struct options o = {.trials = 60, .processes = 2, .severity = NAN, .one = -1};

	for (int option; (option = getopt_long(argc, argv, "", known, NULL)) >= 0;)
		take_option(&o, option, optarg);
	if (!o.claims[o.shown])
		take_claim(&o, "depth");
	if (o.good > 0 && o.one >= 0) {
		print_one(&(struct misfit_cell){.first = 0}, &o);
		return 0;
	}
	if (o.fields)
		printf("method\t%u\n", METHOD_VERSION);
	else if (o.one < 0)
		print_head();
	if (o.good > 0) {
		print_good(&o);
		return 0;
	}
	for (unsigned i = 0; i < misfit_family_count; i++) {
		if (o.families > 0 ? wanted(&o, misfit_families[i].name) : !misfit_families[i].fits)
			print_family(&misfit_families[i], &o);
	}
	return 0;
}
