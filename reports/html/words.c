/* Words of the page: escaped, with units and signs. */
#include <math.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/html/html.h"
#include "rig/base/text_clean.h"
#include "rig/judge/verdict.h"

#define PIECE 600 /* a text is cleaned and escaped so much at a time */

static void put_escaped(FILE *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '&': fputs("&amp;", out); break;
		case '<': fputs("&lt;", out); break;
		case '>': fputs("&gt;", out); break;
		case '"': fputs("&quot;", out); break;
		default: fputc(*text, out);
		}
	}
}

void html_text(FILE *out, const char *text)
{
	char clean[PIECE];

	put_escaped(out, text_clean(text, clean, sizeof(clean)));
}

void html_row(FILE *out, const char *name, const char *text)
{
	if (!*text)
		return;
	fputs("<tr><th>", out);
	html_text(out, name);
	fputs("<td>", out);
	html_text(out, text);
	fputs("\n", out);
}

enum html_sign html_sign_of(enum outcome outcome)
{
	switch (outcome) {
	case OUTCOME_PASS: return SIGN_DISC;
	case OUTCOME_CONDITIONAL_PASS: return SIGN_TRIANGLE;
	case OUTCOME_INCONCLUSIVE: return SIGN_SQUARE;
	case OUTCOME_CONDITIONAL_FAIL:
	case OUTCOME_FAIL: break;
	}
	return SIGN_CROSS;
}

static void signed_name(FILE *out, const char *class, enum html_sign sign, const char *name)
{
	static const char *const signs[] = {[SIGN_DISC] = "&#9679;",
					    [SIGN_TRIANGLE] = "&#9650;",
					    [SIGN_SQUARE] = "&#9633;",
					    [SIGN_CROSS] = "&#10005;"};

	fprintf(out, "<span class=\"%s\">%s ", class, signs[sign]);
	for (; *name; name++)
		fputc(*name == '_' ? ' ' : *name, out);
	fputs("</span>", out);
}

void html_outcome(FILE *out, enum outcome outcome)
{
	signed_name(out, outcome_name(outcome), html_sign_of(outcome), outcome_name(outcome));
}

/* A pass on a statement looks as one within a guard band: good, if somebody answers for it. */
static void put_verdict(FILE *out, enum outcome outcome, bool on_statement)
{
	enum outcome as = on_statement ? OUTCOME_CONDITIONAL_PASS : outcome;

	signed_name(out, outcome_name(as), html_sign_of(as), verdict_row(outcome, on_statement)->name);
}

void html_verdict(FILE *out, const struct record *record)
{
	put_verdict(out, record->dut_verdict, record->on_statement);
}

void html_judged(FILE *out, const struct record_judged *judged)
{
	put_verdict(out, judged->dut_verdict, judged->on_statement);
}

static const char *shown_unit(const char *unit)
{
	static const char *const shown[][2] = {{"1", ""},
					       {"degC", "\xc2\xb0"
							"C"},
					       {"um", "\xc2\xb5m"}};

	for (unsigned i = 0; i < sizeof(shown) / sizeof(shown[0]); i++)
		if (strcmp(unit, shown[i][0]) == 0)
			return shown[i][1];
	return unit;
}

void html_value(FILE *out, const struct finding *finding)
{
	const struct result *r = &finding->result;
	char pair[64];

	if (!r->valid) {
		fputs("not known", out);
		return;
	}
	digits_pair(r->value, r->expanded_u, "\xc2\xb1", pair, sizeof(pair));
	fprintf(out, "%s ", pair);
	html_text(out, shown_unit(r->unit));
}

void html_limit(FILE *out, const struct finding *finding)
{
	const struct limit *l = &finding->limit;

	if (!finding->has_limit)
		return;
	if (l->has_lower && l->has_upper)
		fprintf(out, "%.9g to %.9g", l->lower, l->upper);
	else
		fprintf(out, "%s %.9g", l->has_lower ? "&#8805;" : "&#8804;", l->has_lower ? l->lower : l->upper);
	fputc(' ', out);
	html_text(out, shown_unit(l->unit));
	if (!l->required)
		fputs(" (informative)", out);
}

const char *html_reason(const struct finding *finding)
{
	if (finding->has_limit && finding->judgement.reason[0])
		return finding->judgement.reason;
	return finding->result.reason;
}
