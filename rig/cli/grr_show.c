/* A gauge study for people, as JSON, CSV and a picture. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "reports/draw/grr_picture.h"
#include "rig/base/json.h"
#include "rig/cli/grr.h"
#include "rig/cli/kit/format.h"

void grr_title(const struct grr_row *r, char *ret, size_t size)
{
	char at[80];

	if (r->sweep)
		snprintf(at, sizeof(at), "sweeps, %.6g Hz", r->rate_hz);
	else
		snprintf(at, sizeof(at), "%.6g mm, %.6g Hz", r->depth_mm, r->rate_hz);
	snprintf(ret, size, "%s%s%s%s at %s%s%s", measurand_row(r->id)->name, *r->method ? " (" : "", r->method,
		 *r->method ? ")" : "", at, *r->phantom ? ", phantom " : "", r->phantom);
}

/* The figures of one study, in the order in which they are told. */
struct figure {
	const char *key, *name;
	struct interval sd;
};

#define FIGURES 5
static void figures_of(const struct grr *g, struct figure ret[FIGURES])
{
	const struct figure all[FIGURES] = {{"ev", "repeatability, EV", g->ev},
					    {"av", "appraisers, AV", g->av},
					    {"grr", "gauge, GRR", g->grr},
					    {"pv", "pens, PV", g->pv},
					    {"tv", "total, TV", g->tv}};
	memcpy(ret, all, sizeof(all));
}

static double percent_tolerance(const struct grr_row *r, double sd)
{
	return isfinite(r->percent_tolerance) ? 100.0 * 6.0 * sd / (r->upper - r->lower) : NAN;
}

/* ---- words --------------------------------------------------------------------------------------------------------- */

/* The manual's own words about %GRR. */
static const char *rating(double percent)
{
	return percent < 10.0    ? "under 10 %: generally acceptable"
	       : percent <= 30.0 ? "10 to 30 %: may be acceptable for some uses"
				 : "over 30 %: not acceptable";
}

static void print_anova(const struct grr *g)
{
	const struct {
		const char *name;
		const struct anova_row *row;
	} table[] = {{g->nested ? "pens in appraisers" : "pens", &g->anova.a},
		     {"appraisers", &g->anova.b},
		     {"pens x appraisers", &g->anova.interaction},
		     {"repeats", &g->anova.repeat}};

	printf("  %-20s %5s %12s %9s %8s\n", "analysis of variance", "dof", "mean square", "F", "p");
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		const struct anova_row *a = table[i].row;
		if (!(a->dof > 0.0))
			continue;
		printf("  %-20s %5.0f %12.5g", table[i].name, a->dof, a->mean);
		if (isfinite(a->f))
			printf(" %9.4g %8.2g", a->f, a->p);
		putchar('\n');
	}
	if (!g->nested)
		printf("  the interaction is %s (p %s %g)\n", g->pooled ? "pooled into repeatability" : "kept apart",
		       g->pooled ? ">=" : "<", GRR_POOL_P);
}

static void print_figures(const struct grr_row *r)
{
	const struct grr *g = &r->grr;
	struct figure figure[FIGURES];
	const char *unit = measurand_row(r->id)->unit;

	figures_of(g, figure);
	printf("  %-18s %10s %24s %8s %10s\n", "standard deviation", unit, "95 %", "% study", "% tolerance");
	for (unsigned i = 0; i < FIGURES; i++) {
		const struct interval *sd = &figure[i].sd;
		char interval[40] = "", tolerance[16] = "-";

		if (isfinite(sd->lo))
			snprintf(interval, sizeof(interval), "[%.4g, %.4g]", sd->lo, sd->hi);
		if (isfinite(r->percent_tolerance))
			snprintf(tolerance, sizeof(tolerance), "%.2f", percent_tolerance(r, sd->value));
		printf("  %-18s %10.4g %24s %8.2f %10s\n", figure[i].name, sd->value, interval,
		       100.0 * sd->value / g->tv.value, tolerance);
	}
	if (isfinite(g->ndc))
		printf("  %.0f distinct categories (ndc)%s; ", g->ndc, g->ndc < 5.0 ? ", fewer than 5" : "");
	else
		printf("  distinct categories (ndc) without bound: GRR is 0; ");
	printf("%%study %s\n", rating(g->percent_study));
	if (isfinite(r->percent_tolerance))
		printf("  %%tolerance of %.6g to %.6g %s\n", r->lower, r->upper, rating(r->percent_tolerance));
	else if (r->limits_differ)
		printf("  no %%tolerance: the runs met different limits\n");
	else
		printf("  no %%tolerance: there is no limit on both sides\n");
}

static void print_names(const struct grr_study *s)
{
	printf("%u runs: %u pens, %u appraisers (", s->runs, s->parts, s->appraisers);
	print_clean(stdout, s->by);
	putchar(':');
	for (unsigned i = 0; i < s->appraisers; i++) {
		fputs(i ? ", " : " ", stdout);
		print_clean(stdout, s->appraiser_name[i]);
	}
	printf("), %s, by %s\n", s->nested ? "nested: each pen has one appraiser" : "crossed",
	       s->by_range ? "average and range" : "analysis of variance");
}

void grr_print(const struct grr_study *s)
{
	char title[200];

	print_names(s);
	for (unsigned i = 0; i < s->rows; i++) {
		const struct grr_row *r = &s->row[i];

		grr_title(r, title, sizeof(title));
		putchar('\n');
		print_clean(stdout, title);
		putchar('\n');
		if (*r->why_not) {
			fputs("  CANNOT BE EVALUATED: ", stdout);
			print_clean(stdout, r->why_not);
			fputc('\n', stdout);
			continue;
		}
		if (!s->by_range)
			print_anova(&r->grr);
		print_figures(r);
	}
	if (s->rows == 0)
		printf("nothing that a limit is for, or that was asked for, was measured\n");
}

/* ---- JSON ---------------------------------------------------------------------------------------------------------- */

static void add_real(struct json_out *node, const char *key, double value)
{
	if (isfinite(value))
		json_out_number(node, key, value, 17);
	else
		json_out_null(node, key);
}

static void add_figures(struct json_out *node, const struct grr_row *r)
{
	struct figure figure[FIGURES];

	figures_of(&r->grr, figure);
	for (unsigned i = 0; i < FIGURES; i++) {
		struct json_out *of = json_out_add_object(node, figure[i].key);
		add_real(of, "sd", figure[i].sd.value);
		add_real(of, "lower", figure[i].sd.lo);
		add_real(of, "upper", figure[i].sd.hi);
		add_real(of, "percent_study", 100.0 * figure[i].sd.value / r->grr.tv.value);
		add_real(of, "percent_tolerance", percent_tolerance(r, figure[i].sd.value));
	}
	if (isfinite(r->grr.ndc))
		json_out_int(node, "ndc", (int64_t)r->grr.ndc);
	else
		json_out_null(node, "ndc");
	if (r->grr.method != GRR_ANOVA)
		return;
	json_out_bool(node, "pooled", r->grr.pooled);
	add_real(node, "interaction_sd", r->grr.interaction);
	add_real(node, "interaction_p", r->grr.nested ? NAN : r->grr.anova.interaction.p);
}

static void add_row(struct json_out *list, const struct grr_row *r)
{
	struct json_out *node = json_out_add_object(list, NULL);

	json_out_string(node, "measurand", measurand_row(r->id)->name);
	json_out_string(node, "method", *r->method ? r->method : NULL);
	json_out_string(node, "unit", measurand_row(r->id)->unit);
	json_out_string(node, "phantom", *r->phantom ? r->phantom : NULL);
	json_out_bool(node, "sweep", r->sweep);
	add_real(node, "depth_mm", r->depth_mm);
	add_real(node, "rate_hz", r->rate_hz);
	json_out_string(node, "why_not", *r->why_not ? r->why_not : NULL);
	if (*r->why_not)
		return;
	json_out_int(node, "pens", r->grr.parts);
	json_out_int(node, "trials", r->grr.trials);
	add_real(node, "lower_limit", r->limits_differ ? NAN : r->lower);
	add_real(node, "upper_limit", r->limits_differ ? NAN : r->upper);
	add_figures(node, r);
}

int grr_print_json(const struct grr_study *s, struct err *err)
{
	struct json_out *root = json_out_object();
	char *text = NULL;

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "design", s->nested ? "nested" : "crossed");
	json_out_string(root, "by", s->by_range ? "range" : "anova");
	json_out_number(root, "confidence", GRR_CONFIDENCE, 17);
	json_out_int(root, "runs", s->runs);
	json_out_string(root, "appraiser", s->by);
	struct json_out *names = json_out_add_array(root, "appraisers");
	for (unsigned i = 0; i < s->appraisers; i++)
		json_out_string(names, NULL, s->appraiser_name[i]);
	names = json_out_add_array(root, "pens");
	for (unsigned i = 0; i < s->parts; i++)
		json_out_string(names, NULL, s->part[i]);
	struct json_out *list = json_out_add_array(root, "studies");
	for (unsigned i = 0; i < s->rows; i++)
		add_row(list, &s->row[i]);
	int rc = json_out_print(root, true, &text, err);
	json_out_free(root);
	if (!rc)
		fputs(text, stdout);
	free(text);
	return rc;
}

/* ---- CSV ----------------------------------------------------------------------------------------------------------- */

static void csv_real(double value)
{
	if (isfinite(value))
		printf(",%.17g", value);
	else
		putchar(',');
}

void grr_print_csv(const struct grr_study *s)
{
	struct figure figure[FIGURES];

	fputs("measurand,method,phantom,depth_mm,rate_hz,component,sd,lower,upper,percent_study,percent_tolerance,ndc,"
	      "why_not\r\n",
	      stdout);
	for (unsigned i = 0; i < s->rows; i++) {
		const struct grr_row *r = &s->row[i];

		figures_of(&r->grr, figure);
		for (unsigned k = 0; k < (*r->why_not ? 1 : FIGURES); k++) {
			printf("%s,%s,", measurand_row(r->id)->name, r->method);
			print_csv(stdout, r->phantom);
			csv_real(r->depth_mm);
			csv_real(r->rate_hz);
			printf(",%s", *r->why_not ? "" : figure[k].key);
			csv_real(*r->why_not ? NAN : figure[k].sd.value);
			csv_real(*r->why_not ? NAN : figure[k].sd.lo);
			csv_real(*r->why_not ? NAN : figure[k].sd.hi);
			csv_real(*r->why_not ? NAN : 100.0 * figure[k].sd.value / r->grr.tv.value);
			csv_real(*r->why_not ? NAN : percent_tolerance(r, figure[k].sd.value));
			csv_real(*r->why_not ? NAN : r->grr.ndc);
			putchar(',');
			print_csv(stdout, r->why_not);
			fputs("\r\n", stdout);
		}
	}
}

/* ---- a picture ----------------------------------------------------------------------------------------------------- */

struct means {
	char (*label)[24];
	double *mean; /* [appraiser * parts + part], NaN: none */
};

static void means_of(const struct grr_study *s, const struct grr_row *r, const struct means *m)
{
	for (unsigned p = 0; p < s->parts; p++) {
		snprintf(m->label[p], sizeof(m->label[p]), "%.23s", s->part[p]);
		for (unsigned a = 0; a < s->appraisers; a++) {
			double sum = 0.0;
			unsigned n = 0;
			for (unsigned i = 0; i < r->n; i++)
				if (r->value[i].part == p && r->value[i].appraiser == a) {
					sum += r->value[i].value;
					n++;
				}
			m->mean[a * s->parts + p] = n ? sum / n : NAN;
		}
	}
}

static int draw_row(FILE *out, const struct grr_study *s, const struct grr_row *r, unsigned number)
{
	const struct means m = {calloc(s->parts, sizeof(*m.label)), calloc(s->parts * s->appraisers, sizeof(*m.mean))};
	const char **names = calloc(s->appraisers, sizeof(*names));
	struct figure figure[FIGURES];
	char title[200], unit[64];
	int rc = m.label && m.mean && names ? 0 : -ENOMEM;

	if (!rc) {
		struct grr_picture picture = {.title = title,
					      .value_label = unit,
					      .parts = s->parts,
					      .appraisers = s->appraisers,
					      .part = (const char(*)[24])m.label,
					      .appraiser = names,
					      .mean = m.mean};
		figures_of(&r->grr, figure);
		for (unsigned i = 0; i < FIGURES - 1; i++) {
			picture.percent_study[i] = 100.0 * figure[i].sd.value / r->grr.tv.value;
			picture.percent_tolerance[i] = percent_tolerance(r, figure[i].sd.value);
		}
		for (unsigned i = 0; i < s->appraisers; i++)
			names[i] = s->appraiser_name[i];
		means_of(s, r, &m);
		grr_title(r, title, sizeof(title));
		snprintf(unit, sizeof(unit), "%s / %s", measurand_row(r->id)->name, measurand_row(r->id)->unit);
		grr_picture_draw(out, &picture, number);
	}
	free(m.label);
	free(m.mean);
	free(names);
	return rc;
}

int grr_draw(const char *path, const struct grr_study *s, struct err *err)
{
	unsigned count = 0, number = 0;
	FILE *out = fopen(path, "we");
	int rc = out ? 0 : -errno;

	if (!out)
		return err_set(err, rc, "cannot create %s: %s", path, strerror(-rc));
	for (unsigned i = 0; i < s->rows; i++)
		count += !*s->row[i].why_not;
	grr_page_begin(out, count);
	for (unsigned i = 0; i < s->rows && !rc; i++)
		if (!*s->row[i].why_not)
			rc = draw_row(out, s, &s->row[i], number++);
	grr_page_end(out);
	if (!rc && ferror(out))
		rc = -EIO;
	if (fclose(out) != 0 && !rc)
		rc = -errno;
	return rc ? err_set(err, rc, "cannot write %s: %s", path, strerror(-rc)) : 0;
}
