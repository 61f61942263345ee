/* What this program computes against figures that others published, to the digits that they give. */
#include <math.h>
#include <stdarg.h>
#include <string.h>

#include "rig/base/crc32c.h"
#include "rig/base/signature.h"
#include "rig/cli/qualify/qualify.h"
#include "rig/measure/decision.h"
#include "rig/measure/result.h"
#include "rig/measure/risk.h"
#include "rig/measure/statistics.h"
#include "rig/study/anova.h"
#include "rig/study/capability.h"
#include "rig/study/control.h"
#include "rig/study/grr.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

__attribute__((format(printf, 2, 3))) static const char *named(char *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, 64, fmt, ap);
	va_end(ap);
	return text;
}

/* JCGM 100:2008, table G.2, 95 %. */
void qualify_student(struct qualify *q, const void *argument)
{
	static const struct {
		double dof, k;
	} table[] = {{1, 12.71}, {2, 4.30},  {3, 3.18},  {4, 2.78}, {5, 2.57},
		     {10, 2.23}, {16, 2.12}, {20, 2.09}, {50, 2.01}};
	char name[64];

	(void)argument;
	for (size_t i = 0; i < COUNT(table); i++)
		evidence_digits(q, named(name, "k for %g degrees of freedom", table[i].dof), student_k(table[i].dof),
				table[i].k, 2);
	evidence_digits(q, "k for infinitely many", student_k(INFINITY), 1.960, 3);
}

/* ISO 16269-6:2014, annex F, m = 1, whose last digit is rounded up. */
void qualify_tolerance_factors(struct qualify *q, const void *argument)
{
	static const struct {
		double n, content, confidence, k;
	} table[] = {{2, 0.90, 0.90, 15.5124},  {16, 0.90, 0.90, 2.2537}, {10, 0.95, 0.95, 3.3935},
		     {26, 0.95, 0.95, 2.6188},  {40, 0.95, 0.99, 2.6836}, {500, 0.95, 0.99, 2.1175},
		     {1000, 0.99, 0.99, 2.7184}};
	char name[64];

	(void)argument;
	for (size_t i = 0; i < COUNT(table); i++)
		evidence_digits(q,
				named(name, "n %g, content %g, confidence %g", table[i].n, table[i].content,
				      table[i].confidence),
				ceil(tolerance_k_exact(table[i].n, table[i].content, table[i].confidence) * 1e4) / 1e4,
				table[i].k, 4);
}

/* JCGM 100:2008, H.1 (end gauge, nm; first order) and 5.2.2 (ten resistors from one standard). */
void qualify_budget(struct qualify *q, const void *argument)
{
	struct result gauge = {.value = 50.000838e6,
			       .budget_lines = 4,
			       .budget = {{.name = "standard", .u = 25.0, .dof = 18.0},
					  {.name = "difference", .u = 9.7, .dof = 25.6},
					  {.name = "expansion", .u = 2.9, .dof = 50.0},
					  {.name = "temperature", .u = 16.6, .dof = 2.0}}};
	struct result ohms = {.budget_lines = 10};

	(void)argument;
	result_combine(&gauge);
	evidence_digits(q, "H.1: combined, nm", gauge.u, 31.7, 1);
	evidence_digits(q, "H.1: effective degrees of freedom", gauge.dof, 16.0, 0);
	evidence_digits(q, "H.1: coverage factor", gauge.k, 2.12, 2);
	evidence_relative(q, "H.1: U = k u, nm", gauge.expanded_u, gauge.k * gauge.u, 1e-15);
	for (unsigned i = 0; i < 10; i++)
		ohms.budget[i] = (struct budget_line){.u = 0.1, .dof = INFINITY, .correlation = 1};
	result_combine(&ohms);
	evidence_digits(q, "5.2.2: fully correlated, ohm", ohms.u, 1.0, 12);
	for (unsigned i = 0; i < 10; i++)
		ohms.budget[i].correlation = 0;
	result_combine(&ohms);
	evidence_digits(q, "5.2.2: not correlated, ohm", ohms.u, 0.32, 2);
}

static struct judgement judged(double value, double r)
{
	struct result y = {.id = MEASURAND_DEPTH,
			   .unit = "mm",
			   .valid = true,
			   .trusted = true,
			   .value = value,
			   .u = 0.01,
			   .k = 2.0,
			   .expanded_u = 0.02,
			   .dof = INFINITY};
	struct limit limit = {.id = MEASURAND_DEPTH,
			      .measurand = "depth_mm",
			      .unit = "mm",
			      .has_upper = true,
			      .upper = 1.0,
			      .guard_r = r,
			      .required = true};
	struct judgement ret;

	result_name(&y, MEASURAND_DEPTH, "");
	decide(&y, &limit, &ret);
	return ret;
}

/* ILAC-G8:09/2019, 4.2 and table 2; JCGM 106:2012, 8.3.2. An upper limit of 1, U 0.02. */
void qualify_decision(struct qualify *q, const void *argument)
{
	static const struct {
		double value, r;
		enum outcome outcome;
	} table[] = {{0.979, 1.0, OUTCOME_PASS},
		     {0.981, 1.0, OUTCOME_CONDITIONAL_PASS},
		     {1.000, 1.0, OUTCOME_CONDITIONAL_PASS},
		     {1.019, 1.0, OUTCOME_CONDITIONAL_FAIL},
		     {1.021, 1.0, OUTCOME_FAIL},
		     {0.999, 0.0, OUTCOME_PASS},
		     {1.0001, 0.0, OUTCOME_FAIL}};
	static const struct {
		double r, risk;
		int digits;
	} risks[] = {{0.0, 0.5, 3}, {0.83, 0.05, 2}, {1.0, 0.023, 3}, {1.5, 0.0013, 3}};
	char name[64];

	(void)argument;
	for (size_t i = 0; i < COUNT(table); i++) {
		struct judgement j = judged(table[i].value, table[i].r);
		evidence_if(q, j.outcome == table[i].outcome,
			    named(name, "%g, guard band %g U", table[i].value, table[i].r),
			    outcome_name(table[i].outcome), "%s", outcome_name(j.outcome));
	}
	for (size_t i = 0; i < COUNT(risks); i++)
		evidence_digits(q, named(name, "risk on the acceptance limit, guard band %g U", risks[i].r),
				judged(1.0 - 0.02 * risks[i].r, risks[i].r).false_accept_risk, risks[i].risk,
				risks[i].digits);
}

/* JCGM 106:2012, 9.5.4: balls whose error of form is gamma(4, 4 per um), at most 2 um, measured with u 0.25 um. */
void qualify_risk(struct qualify *q, const void *argument)
{
	const struct prior prior = prior_gamma(4.0, 4.0);
	const struct band tolerance = {-INFINITY, 2.0};
	const struct measuring measuring = {0.25, INFINITY};
	struct global_risk risk;

	(void)argument;
	global_risk(&prior, &tolerance, &tolerance, &measuring, &risk);
	evidence_digits(q, "consumer's risk, %", 100.0 * risk.consumer, 0.80, 2);
	evidence_digits(q, "acceptance for a risk of 0.1 %, um",
			acceptance_for(&prior, &tolerance, &measuring, 0.001).upper, 1.672, 3);
}

static void alternating(struct qualify *q, double base, double share)
{
	struct moments m = {0};
	char name[64];

	moments_add(&m, base);
	for (unsigned i = 0; i < 500; i++) {
		moments_add(&m, base - 0.1);
		moments_add(&m, base + 0.1);
	}
	evidence_relative(q, named(name, "mean about %.1f", base), m.mean, base, 1e-14);
	evidence_relative(q, named(name, "standard deviation about %.1f", base), moments_sd(&m), 0.1, share);
	evidence_relative(q, named(name, "autocorrelation about %.1f", base), moments_lag1(&m), -0.999, share * 100.0);
}

/* NIST StRD, univariate: NumAcc1 to NumAcc4. */
void qualify_moments(struct qualify *q, const void *argument)
{
	struct moments m = {0};

	(void)argument;
	moments_add(&m, 10000001);
	moments_add(&m, 10000003);
	moments_add(&m, 10000002);
	evidence_relative(q, "NumAcc1: mean", m.mean, 10000002.0, 1e-15);
	evidence_relative(q, "NumAcc1: standard deviation", moments_sd(&m), 1.0, 1e-15);
	evidence_relative(q, "NumAcc1: autocorrelation", moments_lag1(&m), -0.5, 1e-14);
	alternating(q, 1.2, 1e-13);
	alternating(q, 1000000.2, 1e-9);
	alternating(q, 10000000.2, 1e-7);
}

/* NIST StRD, analysis of variance: SiRstv. */
void qualify_anova(struct qualify *q, const void *argument)
{
	static const double x[] = {196.3052, 196.1240, 196.1890, 196.2569, 196.3403, 196.3042, 196.3825,
				   196.1669, 196.3257, 196.0422, 196.1303, 196.2005, 196.2889, 196.0343,
				   196.1811, 196.2795, 196.1748, 196.1494, 196.1485, 195.9885, 196.2119,
				   196.1051, 196.1850, 196.0052, 196.2090};
	unsigned group[25];
	struct anova_one_way a;

	(void)argument;
	for (unsigned i = 0; i < 25; i++)
		group[i] = i / 5;
	anova_one_way(x, group, 25, 5, &a);
	evidence_relative(q, "sum of squares between", a.between.squares, 5.11462616000000E-02, 1e-11);
	evidence_relative(q, "sum of squares within", a.within.squares, 2.16636560000000E-01, 1e-11);
	evidence_relative(q, "F", a.between.f, 1.18046237440255E+00, 1e-11);
	evidence_relative(q, "R squared", a.r2, 1.90999039051129E-01, 1e-11);
	evidence_relative(q, "residual standard deviation", a.residual_sd, 1.04076068334656E-01, 1e-11);
}

/* ASTM E2587, table 1; NIST/SEMATECH e-Handbook 6.3.2.2 (flow rates). */
void qualify_charts(struct qualify *q, const void *argument)
{
	static const struct {
		unsigned n;
		double d2, d3, c4;
	} table[] = {{2, 1.128, 0.853, 0.7979},
		     {5, 2.326, 0.864, 0.9400},
		     {10, 3.078, 0.797, 0.9727},
		     {25, 3.931, 0.708, 0.9896}};
	const double flow[] = {49.6, 47.6, 49.9, 51.3, 47.8, 51.2, 52.6, 52.4, 53.6, 52.1};
	struct control_limits c;
	char name[64];

	(void)argument;
	for (size_t i = 0; i < COUNT(table); i++) {
		evidence_digits(q, named(name, "d2, n = %u", table[i].n), chart_d2(table[i].n), table[i].d2, 3);
		evidence_digits(q, named(name, "d3, n = %u", table[i].n), chart_d3(table[i].n), table[i].d3, 3);
		evidence_digits(q, named(name, "c4, n = %u", table[i].n), chart_c4(table[i].n), table[i].c4, 4);
	}
	chart_individuals(flow, 10, &c);
	evidence_digits(q, "flow rates: mean", c.centre, 50.81, 2);
	evidence_digits(q, "flow rates: mean moving range", c.scatter_centre, 1.8778, 4);
	evidence_digits(q, "flow rates: upper limit", c.upper, 55.80, 2);
}

/* NIST/SEMATECH e-Handbook 6.1.6: limits 8 and 20, mean 16, s 2. Owen's factor of one limit: 2.911 for n 10. */
void qualify_capability(struct qualify *q, const void *argument)
{
	(void)argument;
	evidence_digits(q, "Cp", capability_width(2.0, 99.0, 8.0, 20.0, 0.95).value, 1.0, 4);
	evidence_digits(q, "Cpk", capability_nearer(16.0, 100, 2.0, 99.0, 8.0, 20.0, 0.95).value, 0.6667, 4);
	evidence_digits(q, "lower bound of Cpk, one limit", capability_nearer(0.0, 10, 1.0, 9.0, NAN, 2.911, 0.90).lo,
			1.644854 / 3.0, 4);
}

/* AIAG, Measurement Systems Analysis, 4th edition, chapter III: [part][appraiser][trial]. */
static const double gauge[10][3][3] = {
	{{0.29, 0.41, 0.64}, {0.08, 0.25, 0.07}, {0.04, -0.11, -0.15}},
	{{-0.56, -0.68, -0.58}, {-0.47, -1.22, -0.68}, {-1.38, -1.13, -0.96}},
	{{1.34, 1.17, 1.27}, {1.19, 0.94, 1.34}, {0.88, 1.09, 0.67}},
	{{0.47, 0.50, 0.64}, {0.01, 1.03, 0.20}, {0.14, 0.20, 0.11}},
	{{-0.80, -0.92, -0.84}, {-0.56, -1.20, -1.28}, {-1.46, -1.07, -1.45}},
	{{0.02, -0.11, -0.21}, {-0.20, 0.22, 0.06}, {-0.29, -0.67, -0.49}},
	{{0.59, 0.75, 0.66}, {0.47, 0.55, 0.83}, {0.02, 0.01, 0.21}},
	{{-0.31, -0.20, -0.17}, {-0.63, 0.08, -0.34}, {-0.46, -0.56, -0.49}},
	{{2.26, 1.99, 2.01}, {1.80, 2.12, 2.19}, {1.77, 1.45, 1.87}},
	{{-1.36, -1.25, -1.31}, {-1.68, -1.62, -1.50}, {-1.49, -1.77, -2.16}},
};

void qualify_grr(struct qualify *q, const void *argument)
{
	struct grr g;

	(void)argument;
	grr_of(&gauge[0][0][0], 10, 3, 3, GRR_RANGE, 0.95, &g);
	evidence_digits(q, "average and range: EV", g.ev.value, 0.2019, 4);
	evidence_digits(q, "average and range: AV", g.av.value, 0.2297, 4);
	evidence_digits(q, "average and range: GRR", g.grr.value, 0.3058, 4);
	evidence_digits(q, "average and range: %GRR", g.percent_study, 26.68, 2);
	evidence_digits(q, "average and range: ndc", g.ndc, 5.0, 0);
	grr_of(&gauge[0][0][0], 10, 3, 3, GRR_ANOVA, 0.95, &g);
	evidence_digits(q, "analysis of variance: F of parts", g.anova.a.f, 492.291, 3);
	evidence_digits(q, "analysis of variance: F of appraisers", g.anova.b.f, 79.406, 3);
	evidence_digits(q, "analysis of variance: EV", g.ev.value, 0.199933, 6);
	evidence_digits(q, "analysis of variance: AV", g.av.value, 0.226838, 6);
	evidence_digits(q, "analysis of variance: %GRR", g.percent_study, 27.86, 2);
}

/* FIPS 180-2, appendix B (SHA-256); RFC 3720, B.4 (CRC-32C). */
void qualify_digests(struct qualify *q, const void *argument)
{
	static const struct {
		const char *text, *sha256;
	} table[] = {{"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
		     {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
		      "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"}};
	const uint8_t zeros[32] = {0};
	char hex[DIGEST_HEX];

	(void)argument;
	for (size_t i = 0; i < COUNT(table); i++) {
		digest_text(table[i].text, strlen(table[i].text), hex);
		evidence_if(q, strcmp(hex, table[i].sha256) == 0, table[i].text, table[i].sha256, "%s", hex);
	}
	evidence_if(q, crc32c(0, zeros, 32) == 0x8a9136aa, "CRC-32C of 32 zeros", "8a9136aa", "%08x",
		    crc32c(0, zeros, 32));
	evidence_if(q, crc32c(0, "123456789", 9) == 0xe3069283, "CRC-32C of 123456789", "e3069283", "%08x",
		    crc32c(0, "123456789", 9));
}

/* A key and a signature that minisign 0.11 made of "penrig reference\n". */
void qualify_signatures(struct qualify *q, const void *argument)
{
	static const char key_text[] = "RWSOfPs8V6i/WjpLk79VgjlFI13Sp6HZUL0bwIhCFyU3biNXuvQp0kPc";
	static const char text[] = "penrig reference\n";
	static const char signature_text[] = "untrusted comment: signature from minisign secret key\n"
					     "RUSOfPs8V6i/WoA9M6yQPwxcyr96xfPC4MJ/"
					     "YzmBzZ24U2u2jDBIyrFut7qtMHUW080GedY8zpPOLL/DDymRtsI8m545okHJvws=\n"
					     "trusted comment: reference of penrig qualify\n"
					     "GeFQKEuc+4lgS3c+JU8wr9+AUKAuwXct+"
					     "gyFB71zVc/9DnpRNqgqu5oqS4zhTb6u1TMs9imWcEBM8rQJ81MfCQ==\n";
	struct signature signature;
	struct public_key key;
	struct err err = {""};
	char altered[sizeof(text)];

	(void)argument;
	memcpy(altered, text, sizeof(text));
	altered[0] ^= 1;
	if (public_key_parse(key_text, strlen(key_text), &key, &err) != 0 ||
	    signature_parse(signature_text, strlen(signature_text), &signature, &err) != 0) {
		evidence(q, QUALIFIED_BROKEN, "a key and a signature of minisign", "can be read", "%s", err.text);
		return;
	}
	evidence_if(q, signature_holds(&signature, &key, text, strlen(text)), "a signature that minisign made", "holds",
		    "%s", signature_holds(&signature, &key, text, strlen(text)) ? "holds" : "does not hold");
	evidence_if(q, !signature_holds(&signature, &key, altered, strlen(altered)), "the same of one bit changed",
		    "does not hold", "%s",
		    signature_holds(&signature, &key, altered, strlen(altered)) ? "holds" : "does not hold");
}
