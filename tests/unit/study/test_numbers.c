/* The studies' numerics against figures that were published, to the digits that are given. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rig/measure/statistics.h"
#include "rig/study/anova.h"
#include "rig/study/capability.h"
#include "rig/study/control.h"
#include "rig/study/golden.h"
#include "rig/study/grr.h"
#include "rig/study/interval.h"

/* Equal when rounded to `digits` behind the point. */
static void expect(const char *what, double value, double wanted, int digits)
{
	if (!(fabs(value - wanted) <= 0.50001 * pow(10.0, -digits)))
		fail_msg("%s: %.17g, published %.17g", what, value, wanted);
}

static void expect_relative(const char *what, double value, double wanted, double tolerance)
{
	if (!(fabs(value - wanted) <= tolerance * fabs(wanted)))
		fail_msg("%s: %.17g, certified %.17g", what, value, wanted);
}

/* ---- NIST StRD, analysis of variance ------------------------------------------------------------------------------- */

#define STRD_MAX 256

struct strd {
	double x[STRD_MAX], between, within, f, r2, sd;
	unsigned group[STRD_MAX], n, groups;
};

static void read_strd(const char *name, struct strd *ret)
{
	char path[128], line[256];
	unsigned group, number = 0;
	double value, dof, mean;

	snprintf(path, sizeof(path), "tests/data/strd/%s.dat", name);
	FILE *in = fopen(path, "r");
	if (!in)
		fail_msg("%s is missing", path);
	*ret = (struct strd){.n = 0};
	while (fgets(line, sizeof(line), in)) {
		number++;
		const char *figures = line + strcspn(line, "0123456789");
		if (strncmp(line, "Between", 7) == 0)
			assert_int_equal(sscanf(figures, "%lf %lf %lf %lf", &dof, &ret->between, &mean, &ret->f), 4);
		else if (strncmp(line, "Within", 6) == 0)
			assert_int_equal(sscanf(figures, "%lf %lf", &dof, &ret->within), 2);
		else if (strstr(line, "Certified R-Squared"))
			ret->r2 = atof(figures);
		else if (strstr(line, "Standard Deviation") && number < 50)
			ret->sd = atof(figures);
		else if (number > 60 && sscanf(line, "%u %lf", &group, &value) == 2) {
			assert_true(ret->n < STRD_MAX);
			ret->group[ret->n] = group - 1;
			ret->x[ret->n++] = value;
			ret->groups = group > ret->groups ? group : ret->groups;
		}
	}
	fclose(in);
}

/* SmLs04 has 7 constant leading digits, SmLs07 13: of 1e12 + 0.4 a double keeps 1e-4, and no arithmetic gets it back. */
static void test_strd(void **state)
{
	static const struct {
		const char *name;
		double tolerance;
	} sets[] = {{"SiRstv", 1e-12}, {"AtmWtAg", 1e-9}, {"SmLs01", 1e-13}, {"SmLs04", 1e-8}, {"SmLs07", 1e-2}};
	(void)state;
	for (unsigned i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		struct strd s;
		struct anova_one_way a;
		read_strd(sets[i].name, &s);
		anova_one_way(s.x, s.group, s.n, s.groups, &a);
		expect_relative("between", a.between.squares, s.between, sets[i].tolerance);
		expect_relative("within", a.within.squares, s.within, sets[i].tolerance);
		expect_relative("F", a.between.f, s.f, sets[i].tolerance);
		expect_relative("R squared", a.r2, s.r2, sets[i].tolerance);
		expect_relative("residual sd", a.residual_sd, s.sd, sets[i].tolerance);
	}
}

/* ---- control charts ------------------------------------------------------------------------------------------------ */

/* Montgomery, Introduction to Statistical Quality Control, appendix VI; ASTM E2587, table 1. */
static void test_constants(void **state)
{
	static const struct {
		unsigned n;
		double d2, d3, c4;
	} table[] = {{2, 1.128, 0.853, 0.7979},  {3, 1.693, 0.888, 0.8862},  {4, 2.059, 0.880, 0.9213},
		     {5, 2.326, 0.864, 0.9400},  {7, 2.704, 0.833, 0.9594},  {10, 3.078, 0.797, 0.9727},
		     {15, 3.472, 0.756, 0.9823}, {20, 3.735, 0.729, 0.9869}, {25, 3.931, 0.708, 0.9896}};
	(void)state;
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		expect("d2", chart_d2(table[i].n), table[i].d2, 3);
		expect("d3", chart_d3(table[i].n), table[i].d3, 3);
		expect("c4", chart_c4(table[i].n), table[i].c4, 4);
	}
	expect("A2, n = 5", 3.0 / (chart_d2(5) * sqrt(5.0)), 0.577, 3);
	expect("D3, n = 7", 1.0 - 3.0 * chart_d3(7) / chart_d2(7), 0.076, 3);
	expect("D4, n = 5", 1.0 + 3.0 * chart_d3(5) / chart_d2(5), 2.114, 3);
	assert_true(fabs(chart_d2(2) - 2.0 / sqrt(M_PI)) < 1e-12);
	assert_true(fabs(chart_d3(2) - sqrt(2.0 - 4.0 / M_PI)) < 1e-9);
	assert_true(fabs(chart_c4(2) - sqrt(2.0 / M_PI)) < 1e-12);
}

/* e-Handbook 6.3.2.2: flow rates. It divides by 1.128, so the last digit may differ. */
static void test_individuals(void **state)
{
	const double x[] = {49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1};
	struct control_limits c;
	(void)state;
	chart_individuals(x, 10, &c);
	expect("mean", c.centre, 50.81, 2);
	expect("mean moving range", c.scatter_centre, 1.8778, 4);
	expect("upper", c.centre + 3.0 * c.scatter_centre / 1.128, 55.8041, 4);
	expect("lower", c.centre - 3.0 * c.scatter_centre / 1.128, 45.8159, 4);
	assert_true(fabs(c.upper - 55.8041) < 0.002 && fabs(c.lower - 45.8159) < 0.002);
	expect("upper range, D4 = 3.267", c.scatter_upper / c.scatter_centre, 3.267, 3);
	assert_true(c.scatter_lower == 0.0);
	expect("degrees of freedom, as 4 000 000 draws have them", c.within_dof, 5.64, 2);
}

/* e-Handbook 6.3.2.4: limits of the steady state 47.4115 and 52.5884, sigma 2.0539. */
static void test_ewma(void **state)
{
	const double x[] = {52.0, 47.0, 53.0, 49.3, 50.1, 47.0, 51.0, 50.1, 51.2, 50.5,
			    49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1};
	const double wanted[] = {50.60, 49.52, 50.56, 50.18, 50.16, 49.21, 49.75, 49.85, 50.26, 50.33,
				 50.11, 49.36, 49.52, 50.05, 49.38, 49.92, 50.73, 51.23, 51.94, 51.99};
	double z[20], limit[20];
	(void)state;
	chart_ewma(x, 20, 0.3, 50.0, 2.0539, z, limit);
	for (unsigned i = 0; i < 20; i++)
		assert_true(fabs(z[i] - wanted[i]) < 0.0101); /* each was rounded before the next */
	assert_true(fabs(50.0 + limit[19] - 52.5884) < 0.001);
	expect("the first", limit[0], 3.0 * 0.3 * 2.0539, 9);
}

static void test_means(void **state)
{
	const double x[] = {1, 2, 3, 5, 5, 8, 2, 4, 3};
	struct control_limits c;
	(void)state;
	chart_means(x, 3, 3, false, &c); /* ranges 2, 3, 2 */
	expect("R-bar", c.scatter_centre, 7.0 / 3.0, 12);
	expect("within", c.within, 7.0 / 3.0 / chart_d2(3), 12);
	expect("upper", c.upper, 33.0 / 9.0 + 1.023 * 7.0 / 3.0, 2); /* A2 = 1.023 */
	chart_means(x, 3, 3, true, &c);
	expect("s-bar", c.scatter_centre, (1.0 + sqrt(3.0) + 1.0) / 3.0, 12);
	expect("within", c.within, c.scatter_centre / 0.8862269, 6);
}

/* ---- run rules ------------------------------------------------------------------------------------------------------ */

#define EXPECT_BROKEN(set, rule, at, ...)                                                                              \
	do {                                                                                                           \
		const double x[] = {__VA_ARGS__};                                                                      \
		unsigned broken[64], n = sizeof(x) / sizeof(x[0]);                                                     \
		rules_apply(set, x, n, 0.0, 1.0, broken);                                                              \
		for (unsigned i = 0; i < n; i++)                                                                       \
			assert_int_equal((broken[i] & RULE_BIT(rule)) != 0, (int)i == (at));                           \
	} while (0)

static void test_rules(void **state)
{
	const struct rule_set *we = &rules_western_electric, *nelson = &rules_nelson;
	(void)state;
	EXPECT_BROKEN(we, RULE_BEYOND, 1, 3.0, 3.01, -2.9);
	EXPECT_BROKEN(we, RULE_BEYOND, 1, 0.0, -3.01, 0.0);
	EXPECT_BROKEN(we, RULE_SIDE, 7, .1, .2, .1, .2, .1, .2, .1, .2);
	EXPECT_BROKEN(nelson, RULE_SIDE, -1, .1, .2, .1, .2, .1, .2, .1, .2);
	EXPECT_BROKEN(nelson, RULE_SIDE, 8, -.1, -.2, -.1, -.2, -.1, -.2, -.1, -.2, -.1);
	EXPECT_BROKEN(nelson, RULE_SIDE, -1, -.1, -.2, -.1, -.2, 0.0, -.2, -.1, -.2, -.1);
	EXPECT_BROKEN(nelson, RULE_TREND, 5, 1, 2, 3, 4, 5, 6);
	EXPECT_BROKEN(nelson, RULE_TREND, -1, 1, 2, 3, 3, 5, 6);
	EXPECT_BROKEN(nelson, RULE_TREND, 5, 6, 5, 4, 3, 2, 1);
	EXPECT_BROKEN(nelson, RULE_ALTERNATE, 13, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0);
	EXPECT_BROKEN(nelson, RULE_ALTERNATE, -1, 1, 0, 1, 0, 1, 1, 1, 0, 1, 0, 1, 0, 1, 0);
	EXPECT_BROKEN(we, RULE_TWO_OF_3, 2, 2.1, 0.0, 2.1);
	EXPECT_BROKEN(we, RULE_TWO_OF_3, -1, 2.1, 0.0, -2.1);
	EXPECT_BROKEN(we, RULE_TWO_OF_3, 1, -2.1, -2.2, 0.0);
	EXPECT_BROKEN(we, RULE_FOUR_OF_5, 4, 1.1, 1.1, 0.0, 1.1, 1.1);
	EXPECT_BROKEN(we, RULE_FOUR_OF_5, -1, 1.1, 1.1, 0.0, 1.0, 1.1);
	EXPECT_BROKEN(nelson, RULE_HUGGING, 14, .9, .1, .1, -.1, .1, -.1, .1, .1, .1, -.1, .1, .1, -.1, .1, 1.0);
	EXPECT_BROKEN(nelson, RULE_HUGGING, -1, .9, .1, .1, -.1, .1, -.1, 1.1, .1, .1, -.1, .1, .1, -.1, .1, 1.0);
	EXPECT_BROKEN(nelson, RULE_AVOIDING, 7, 1.1, -1.1, 1.1, 1.2, -1.1, 1.1, -1.1, 1.1);
	EXPECT_BROKEN(nelson, RULE_AVOIDING, -1, 1.1, -1.1, 1.1, 1.0, -1.1, 1.1, -1.1, 1.1);
}

static void test_rules_over_many(void **state)
{
	double x[1000];
	unsigned broken[1000];
	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		x[i] = i % 2 ? 0.5 : -0.5;
	x[900] = 4.0;
	rules_apply(&(struct rule_set){.rules = RULE_BIT(RULE_BEYOND) | RULE_BIT(RULE_HUGGING), .run = 9}, x, 1000, 0.0,
		    1.0, broken);
	assert_int_equal(broken[900], RULE_BIT(RULE_BEYOND));
	assert_int_equal(broken[899], RULE_BIT(RULE_HUGGING));
	assert_int_equal(broken[914], 0);
	assert_int_equal(broken[915], RULE_BIT(RULE_HUGGING));
}

/* ---- capability ----------------------------------------------------------------------------------------------------- */

/* e-Handbook 6.1.6: USL 20, LSL 8, mean 16, s 2. */
static void test_capability(void **state)
{
	struct interval cp = capability_width(2.0, 99.0, 8.0, 20.0, 0.95);
	struct interval cpk = capability_nearer(16.0, 100, 2.0, 99.0, 8.0, 20.0, 0.95);
	(void)state;
	expect("Cp", cp.value, 1.0, 12);
	expect("Cpk", cpk.value, 0.6667, 4);
	/* chi-square of 99 degrees: 73.361 and 128.422 */
	expect("Cp, lower", cp.lo, sqrt(73.361 / 99.0), 5);
	expect("Cp, upper", cp.hi, sqrt(128.422 / 99.0), 5);
	/* the e-Handbook's approximation: Cpk -+ z sqrt(1 / (9 n) + Cpk^2 / (2 (n - 1))) */
	double reach = 1.96 * sqrt(1.0 / 900.0 + cpk.value * cpk.value / 198.0);
	assert_true(fabs(cpk.lo - (cpk.value - reach)) < 0.005 && fabs(cpk.hi - (cpk.value + reach)) < 0.005);
}

/* One limit: exact by the non-central t. Owen's one-sided tolerance factors, normal, 95 % confidence, n = 10: 2.911 for 95 % of
 * the content; so a mean 2.911 s below the limit says with 95 % confidence that Cpu >= z(0.95) / 3. */
static void test_one_limit(void **state)
{
	struct interval cpk = capability_nearer(0.0, 10, 1.0, 9.0, NAN, 2.911, 0.90);
	(void)state;
	expect("Cpk, lower", cpk.lo, 1.644854 / 3.0, 4);
	cpk = capability_nearer(0.0, 10, 1.0, 9.0, -2.911, NAN, 0.90);
	expect("Cpk, lower", cpk.lo, 1.644854 / 3.0, 4);
}

/* Far from both limits, where little of chi-square decides: quantiles of 4 000 000 draws of sigma and mean, 3.5760 and 7.4462. */
static void test_far_limits(void **state)
{
	struct interval cpk = capability_nearer(0.005638, 26, 0.008729, 15.3145, -0.15, 0.15, 0.95);
	(void)state;
	assert_true(fabs(cpk.lo - 3.5760) < 0.003 && fabs(cpk.hi - 7.4462) < 0.005);
	cpk = capability_nearer(5.0, 10, 1.0, 9.0, -4.0, 4.0, 0.95); /* the mean lies beyond */
	expect("Cpk", cpk.value, -1.0 / 3.0, 12);
	assert_true(cpk.lo < cpk.value && cpk.value < cpk.hi && cpk.hi < 0.0);
	/* of two limits the smaller end of either side's */
	cpk = capability_nearer(0.1, 5, 1.0, 4.0, -1.5, 1.5, 0.95);
	struct interval to_lower = capability_nearer(0.1, 5, 1.0, 4.0, -1.5, NAN, 0.95),
			to_upper = capability_nearer(0.1, 5, 1.0, 4.0, NAN, 1.5, 0.95);
	assert_true(cpk.lo == fmin(to_lower.lo, to_upper.lo) && cpk.hi == fmin(to_lower.hi, to_upper.hi));
	assert_true(to_upper.lo < to_lower.lo && to_upper.hi < to_lower.hi);
}

static void test_capability_names(void **state)
{
	double x[40];
	struct control_limits c;
	struct capability k;
	(void)state;
	for (unsigned i = 0; i < 40; i++) /* drifts: within is smaller than overall */
		x[i] = 10.0 + 0.1 * i + (i % 2 ? 0.1 : -0.1);
	chart_individuals(x, 40, &c);
	capability_of(x, 40, &c, 5.0, 20.0, 0.95, &k);
	assert_true(k.within < 0.5 * k.overall);
	assert_true(k.cp.value > 2.0 * k.pp.value && k.cpk.value > 2.0 * k.ppk.value);
	expect("Pp", k.pp.value, 15.0 / (6.0 * k.overall), 12);
	expect("Ppk", k.ppk.value, (k.mean - 5.0) / (3.0 * k.overall), 12);
	assert_true(k.cpk.lo < k.cpk.value && k.cpk.value < k.cpk.hi && k.cp.hi > k.cp.value);
	capability_of(x, 40, &c, NAN, 20.0, 0.95, &k);
	assert_true(isnan(k.cp.value) && isnan(k.pp.value) && isfinite(k.ppk.lo));
}

/* Newcombe, Statistics in Medicine 17, 1998, table I, method 3. */
static void test_wilson(void **state)
{
	static const struct {
		unsigned k, n;
		double lo, hi;
	} table[] = {
		{81, 263, 0.2553, 0.3662}, {15, 148, 0.0624, 0.1605}, {0, 20, 0.0, 0.1611}, {1, 29, 0.0061, 0.1718}};
	(void)state;
	for (unsigned i = 0; i < 4; i++) {
		struct interval p = wilson_interval(table[i].k, table[i].n, 0.95);
		expect("lower", p.lo, table[i].lo, 4);
		expect("upper", p.hi, table[i].hi, 4);
	}
	assert_true(wilson_interval(20, 20, 0.95).hi == 1.0);
	assert_true(isnan(wilson_interval(0, 0, 0.95).value));
}

/* ---- gauge R&R ------------------------------------------------------------------------------------------------------ */

static void read_aiag(double x[90])
{
	char line[80], appraiser;
	unsigned trial, part, count = 0;
	double value;
	FILE *in = fopen("tests/data/aiag/gage_rr.csv", "r");
	if (!in)
		fail_msg("tests/data/aiag/gage_rr.csv is missing");
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "%c,%u,%u,%lf", &appraiser, &trial, &part, &value) == 4) {
			x[((part - 1) * 3 + (unsigned)(appraiser - 'A')) * 3 + trial - 1] = value;
			count++;
		}
	fclose(in);
	assert_int_equal(count, 90);
}

static void test_aiag_ranges(void **state)
{
	double x[90];
	struct grr g;
	(void)state;
	read_aiag(x);
	grr_of(x, 10, 3, 3, GRR_RANGE, 0.95, &g);
	expect("EV", g.ev.value, 0.2019, 4);
	expect("AV", g.av.value, 0.2297, 4);
	expect("GRR", g.grr.value, 0.3058, 4);
	expect("PV", g.pv.value, 1.1046, 4);
	expect("TV", g.tv.value, 1.1461, 4);
	expect("%GRR", g.percent_study, 26.68, 2);
	assert_int_equal(g.ndc, 5);
	assert_true(isnan(g.grr.lo));
}

static void test_aiag_anova(void **state)
{
	double x[90];
	struct grr g;
	(void)state;
	read_aiag(x);
	grr_of(x, 10, 3, 3, GRR_ANOVA, 0.95, &g);
	assert_true(g.pooled);
	expect("F of the interaction", g.anova.interaction.f, 0.434, 3);
	expect("F of parts", g.anova.a.f, 492.291, 3);
	expect("F of appraisers", g.anova.b.f, 79.406, 3);
	expect("EV", g.ev.value, 0.199933, 6);
	expect("AV", g.av.value, 0.226838, 6);
	expect("GRR", g.grr.value, hypot(0.199933, 0.226838), 6); /* published as 0.302373, which its parts are not */
	assert_true(fabs(g.grr.value - 0.302373) < 2e-6);
	expect("PV", g.pv.value, 1.042327, 6);
	expect("TV", g.tv.value, 1.085300, 6);
	expect("%GRR", g.percent_study, 27.86, 2);
	assert_int_equal(g.ndc, 4);
	assert_true(g.grr.lo < g.grr.value && g.grr.value < g.grr.hi && g.pv.lo < g.pv.value && g.pv.value < g.pv.hi);
	/* by the mean squares: of 30 values to an appraiser */
	const struct anova_two_way *a = &g.anova;
	double dof = a->interaction.dof + a->repeat.dof, ms = (a->interaction.squares + a->repeat.squares) / dof;
	const struct mean_square sum[] = {{1.0 / 30.0, a->b.mean, 2.0}, {29.0 / 30.0, ms, dof}};
	struct interval grr = interval_root(sum_of_squares_interval(sum, 2, 0.95));
	expect("GRR, lower", g.grr.lo, grr.lo, 12);
	expect("GRR, upper", g.grr.hi, grr.hi, 12);
	/* chi-square of 78 degrees: 55.466 and 104.316 */
	expect("EV, lower", g.ev.lo, 0.199933 * sqrt(78.0 / 104.316), 5);
	expect("EV, upper", g.ev.hi, 0.199933 * sqrt(78.0 / 55.466), 5);
	expect("%tolerance", grr_percent_tolerance(&g, -4.0, 4.0), 100.0 * 6.0 * 0.302373 / 8.0, 2);
}

/* Where appraisers and parts go together, the interaction is no repeatability. */
static void test_interaction(void **state)
{
	double x[4 * 3 * 2];
	struct grr g;
	(void)state;
	for (unsigned p = 0; p < 4; p++)
		for (unsigned a = 0; a < 3; a++)
			for (unsigned t = 0; t < 2; t++)
				x[(p * 3 + a) * 2 + t] = p + (p == a ? 1.0 : 0.0) + (t ? 0.01 : -0.01);
	grr_of(x, 4, 3, 2, GRR_ANOVA, 0.95, &g);
	assert_false(g.pooled);
	assert_true(g.interaction > 0.3 && g.ev.value < 0.02 && g.av.value >= g.interaction);
}

/* Nested, what is between parts within appraisers is what is crossed between parts and in the interaction together. */
static void test_nested(void **state)
{
	double x[3 * 4 * 2];
	struct anova_two_way crossed;
	struct anova_nested nested;
	struct grr g;

	(void)state;
	for (unsigned i = 0; i < 24; i++)
		x[i] = 1e6 + 0.3 * (i / 8) + sin(7.0 * (i / 2)) + 0.1 * cos(3.0 * i);
	anova_two_way(x, 3, 4, 2, &crossed);
	anova_nested(x, 3, 4, 2, &nested);
	assert_true(fabs(nested.a.squares - crossed.a.squares) < 1e-9);
	assert_true(fabs(nested.b.squares - crossed.b.squares - crossed.interaction.squares) < 1e-9);
	assert_true(fabs(nested.repeat.squares - crossed.repeat.squares) < 1e-9);
	assert_true(nested.a.dof == 2 && nested.b.dof == 9 && nested.repeat.dof == 12);
	grr_nested_of(x, 4, 3, 2, 0.95, &g);
	assert_true(g.nested && fabs(g.ev.value - sqrt(nested.repeat.mean)) < 1e-12);
	assert_true(fabs(g.pv.value - sqrt((nested.b.mean - nested.repeat.mean) / 2)) < 1e-12);
	assert_true(fabs(g.tv.value - hypot(g.grr.value, g.pv.value)) < 1e-12);
	assert_true(g.pv.lo < g.pv.value && g.pv.value < g.pv.hi);
}

/* Pens that differ and a gauge that does not scatter, or next to not. */
static void test_categories(void **state)
{
	double x[3 * 2 * 2];
	struct grr g;

	(void)state;
	for (unsigned method = GRR_RANGE; method <= GRR_ANOVA; method++) {
		for (unsigned i = 0; i < 12; i++)
			x[i] = i / 4;
		grr_of(x, 3, 2, 2, method, 0.95, &g);
		assert_true(g.grr.value == 0.0 && g.pv.value > 0.0 && isinf(g.ndc));
		for (unsigned i = 0; i < 12; i++)
			x[i] = 1e9 * (i / 4) + (i % 2 ? 1e-3 : 0.0);
		grr_of(x, 3, 2, 2, method, 0.95, &g);
		assert_true(g.grr.value > 0.0 && g.ndc == GRR_NDC_MAX);
		for (unsigned i = 0; i < 12; i++)
			x[i] = 1.0;
		grr_of(x, 3, 2, 2, method, 0.95, &g);
		assert_true(g.ndc == 0.0);
	}
}

static int set_up(void **state)
{
	(void)state;
	statistics_begin();
	return 0;
}

/* Student's t of 0.995 and five degrees is 4.0321 [tables], the deviation of a new value about a mean of six sqrt(7/6). */
static void test_golden(void **state)
{
	(void)state;
	assert_true(fabs(golden_allowed(6, 2.0, 1) - 4.032143 * 2.0 * sqrt(7.0 / 6.0)) < 1e-5);
	assert_true(golden_allowed(6, 2.0, 10) > golden_allowed(6, 2.0, 1));
	assert_true(golden_allowed(600, 2.0, 1) < golden_allowed(6, 2.0, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nested),     cmocka_unit_test(test_categories),
		cmocka_unit_test(test_golden),     cmocka_unit_test(test_strd),
		cmocka_unit_test(test_constants),  cmocka_unit_test(test_individuals),
		cmocka_unit_test(test_ewma),       cmocka_unit_test(test_means),
		cmocka_unit_test(test_rules),      cmocka_unit_test(test_rules_over_many),
		cmocka_unit_test(test_capability), cmocka_unit_test(test_one_limit),
		cmocka_unit_test(test_far_limits), cmocka_unit_test(test_capability_names),
		cmocka_unit_test(test_wilson),     cmocka_unit_test(test_aiag_ranges),
		cmocka_unit_test(test_aiag_anova), cmocka_unit_test(test_interaction),
	};
	return cmocka_run_group_tests(tests, set_up, NULL);
}
