/* NAME.dcc.xml: the results of a run as measurement data of a Digital Calibration Certificate, PTB's schema 3.2.1 with units and
 * uncertainties as D-SI 2.1 has them. It is no certificate: nobody signed it, and what penrig does not know (laboratory, customer,
 * country) is what attributes of the run say, else it stands there as not stated. A result is a quantity with U, k and 95 %; what
 * it was judged is its conformity, and as JSON, with every digit, its declaration. The schema has no "inconclusive": it is noPass. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"
#include "reports/xml.h"

#define NOT_STATED "not stated"

static const char *const conformities[GRADES] = {
	[GRADE_PASS] = "pass", [GRADE_FAIL] = "fail", [GRADE_ERROR] = "noPass", [GRADE_ABORTED] = "noPass"};

/* The units of measurands, and what D-SI calls them. */
static const struct {
	const char *ours, *theirs;
} units[] = {
	{"mm", "\\milli\\metre"},    {"Hz", "\\hertz"},         {"%", "\\percent"}, {"N", "\\newton"},
	{"N s", "\\newton\\second"}, {"ms", "\\milli\\second"}, {"s", "\\second"},  {"degC", "\\degreecelsius"},
	{"K", "\\kelvin"},           {"V", "\\volt"},           {"1", "\\one"},     {"", "\\one"},
};

struct sheet {
	FILE *out;
	unsigned results;
	bool out_of_memory;
};

static const char *unit_of(const char *ours)
{
	for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(units[i].ours, ours) == 0)
			return units[i].theirs;
	return NULL;
}

/* An element with text that may not be empty, nor begin or end with a blank. */
static void put_element(FILE *out, const char *element, const char *text)
{
	char kept[XML_TEXT_MAX];
	size_t from = strspn(text, " \t\n"), len;

	snprintf(kept, sizeof(kept), "%s", text + from);
	for (len = strlen(kept); len && strchr(" \t\n", kept[len - 1]);)
		kept[--len] = '\0';
	fprintf(out, "<dcc:%s>", element);
	xml_put_text(out, len ? kept : NOT_STATED);
	fprintf(out, "</dcc:%s>", element);
}

static void put_content(FILE *out, const char *element, const char *text)
{
	fprintf(out, "<dcc:%s>", element);
	put_element(out, "content", text);
	fprintf(out, "</dcc:%s>\n", element);
}

/* ---- results ------------------------------------------------------------------------------------------------------ */

static void put_si(FILE *out, const char *element, double value)
{
	char text[DIGITS_TEXT_MAX];

	digits_text(value, DIGITS_EXACT, text);
	fprintf(out, "<si:%s>%s</si:%s>", element, text, element);
}

static void put_real(FILE *out, const struct result *r)
{
	fputs("<si:real>", out);
	put_si(out, "value", r->value);
	fputs("<si:unit>", out);
	xml_put_text(out, unit_of(r->unit));
	fputs("</si:unit>", out);
	if (r->expanded_u > 0 && r->k >= 1) {
		fputs("<si:expandedUnc>", out);
		put_si(out, "uncertainty", r->expanded_u);
		put_si(out, "coverageFactor", r->k);
		fputs("<si:coverageProbability>0.95</si:coverageProbability></si:expandedUnc>", out);
	}
	fputs("</si:real>\n", out);
}

/* No figure conforms in an attempt that does not count, or where something is not known that no figure tells. */
static enum grade grade_in(const struct foreign_group *g, const struct finding *f)
{
	enum grade own = grade_of_finding(f);
	bool counts = !g->point || g->point->counts;

	if (own != GRADE_PASS || (counts && (g->grade == GRADE_PASS || g->grade == GRADE_FAIL)))
		return own;
	return counts ? GRADE_ERROR : GRADE_NONE;
}

/* A figure that is not there, or whose unit the schema's units do not have, is no number there. */
static void put_finding(struct sheet *sheet, const struct foreign_group *g, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX], *text = foreign_judgement(f);
	enum grade grade = grade_in(g, f);
	FILE *out = sheet->out;

	foreign_name(f, name);
	fputs("<dcc:quantity>\n", out);
	put_content(out, "name", name);
	if (f->result.valid && unit_of(f->result.unit))
		put_real(out, &f->result);
	else
		put_content(out, "noQuantity", f->result.valid ? f->result.unit : f->result.reason);
	fputs("<dcc:measurementMetaData><dcc:metaData>\n", out);
	put_content(out, "declaration", text ? text : "");
	if (conformities[grade])
		put_element(out, "conformity", conformities[grade]);
	fputs("</dcc:metaData></dcc:measurementMetaData>\n</dcc:quantity>\n", out);
	sheet->out_of_memory |= !text;
	free(text);
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct sheet *sheet = ctx;

	if (!g->results)
		return;
	sheet->results++;
	fputs("<dcc:result>\n", sheet->out);
	put_content(sheet->out, "name", g->name);
	put_content(sheet->out, "description",
		    g->point && !g->point->counts ? "superseded: a later attempt counts" : g->reason);
	fputs("<dcc:data>\n", sheet->out);
	for (unsigned i = 0; i < g->results; i++)
		put_finding(sheet, g, &g->result[i]);
	fputs("</dcc:data>\n</dcc:result>\n", sheet->out);
}

static void put_check(void *ctx, const struct foreign_check *check)
{
	struct sheet *sheet = ctx;

	sheet->results++;
	fputs("<dcc:result>\n", sheet->out);
	put_content(sheet->out, "name", check->name);
	put_content(sheet->out, "description", conformities[check->grade] ? conformities[check->grade] : "no weight");
	fputs("<dcc:data>", sheet->out);
	put_content(sheet->out, "text", check->text);
	fputs("</dcc:data>\n</dcc:result>\n", sheet->out);
}

static void put_equipment(FILE *out, const struct record *record)
{
	if (record->devices < 2)
		return;
	fputs("<dcc:measuringEquipments>\n", out);
	for (unsigned i = 0; i < record->devices; i++) {
		const struct record_device *d = &record->device[i];
		char text[300];

		if (d == foreign_pen(record)) /* it is the item */
			continue;
		fputs("<dcc:measuringEquipment>\n", out);
		put_content(out, "name", d->role);
		snprintf(text, sizeof(text), "certificate %s of %s, %s, due %s", d->calibration.certificate,
			 d->calibration.laboratory, d->calibration.date, d->calibration.due);
		if (d->calibration.certificate[0])
			put_content(out, "description", text);
		put_element(out, "model", d->identity.model);
		fputs("<dcc:identifications><dcc:identification><dcc:issuer>manufacturer</dcc:issuer>", out);
		put_element(out, "value", d->identity.serial);
		fputs("</dcc:identification></dcc:identifications>\n</dcc:measuringEquipment>\n", out);
	}
	fputs("</dcc:measuringEquipments>\n", out);
}

static void put_results(struct sheet *sheet, const struct record *record)
{
	FILE *out = sheet->out;
	char text[80];

	fputs("<dcc:measurementResults><dcc:measurementResult>\n", out);
	put_content(out, "name", record->plan_name);
	snprintf(text, sizeof(text), "method %u of penrig", record->method);
	fputs("<dcc:usedMethods><dcc:usedMethod>", out);
	put_content(out, "name", text);
	fputs("</dcc:usedMethod></dcc:usedMethods>\n", out);
	put_equipment(out, record);
	fputs("<dcc:results>\n", out);
	foreign_each_group(record, put_group, sheet);
	foreign_each_check(record, put_check, sheet);
	fputs("</dcc:results>\n</dcc:measurementResult></dcc:measurementResults>\n", out);
}

/* ---- who and when ------------------------------------------------------------------------------------------------- */

static void put_contact(FILE *out, const struct record *record, const char *element, const char *attribute)
{
	fprintf(out, "<dcc:%s>", element);
	put_content(out, "name", foreign_attribute(record, attribute, NOT_STATED));
	fputs("<dcc:location>", out);
	put_content(out, "further", NOT_STATED);
	fprintf(out, "</dcc:location></dcc:%s>\n", element);
}

static void put_day(FILE *out, const char *element, const char *utc)
{
	char day[11];

	snprintf(day, sizeof(day), "%.10s", utc);
	put_element(out, element, strlen(day) == 10 ? day : "1970-01-01");
}

static void put_core(FILE *out, const struct record *record)
{
	const char *country = foreign_attribute(record, "country", "ZZ"); /* of ISO 3166: for users, here of nobody's */
	char uuid[FOREIGN_UUID_MAX];

	foreign_uuid(record, uuid);
	fputs("<dcc:coreData>\n", out);
	put_element(out, "countryCodeISO3166_1",
		    strlen(country) == 2 && strspn(country, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == 2 ? country : "ZZ");
	put_element(out, "usedLangCodeISO639_1", "en");
	put_element(out, "mandatoryLangCodeISO639_1", "en");
	put_element(out, "uniqueIdentifier", uuid);
	put_day(out, "beginPerformanceDate", record->started_utc);
	put_day(out, "endPerformanceDate", record->ended_utc[0] ? record->ended_utc : record->started_utc);
	put_element(out, "performanceLocation", "other");
	fputs("</dcc:coreData>\n", out);
}

static void put_item(FILE *out, const struct record *record)
{
	const struct record_device *pen = foreign_pen(record);

	fputs("<dcc:items><dcc:item>\n", out);
	put_content(out, "name", "microneedling pen");
	if (pen)
		put_element(out, "model", pen->identity.model);
	fputs("<dcc:identifications><dcc:identification><dcc:issuer>manufacturer</dcc:issuer>", out);
	put_element(out, "value", record->dut);
	fputs("</dcc:identification></dcc:identifications>\n</dcc:item></dcc:items>\n", out);
}

static void put_statements(FILE *out, const struct record *record)
{
	char verdict[FOREIGN_VERDICT_MAX];

	fputs("<dcc:statements><dcc:statement>\n", out);
	put_content(out, "declaration", "Measurement data of one run of penrig. No certificate: nobody signed it.");
	fputs("</dcc:statement>\n<dcc:statement>\n", out);
	put_content(out, "name", "verdict");
	put_content(out, "declaration", foreign_verdict(record, verdict));
	put_element(out, "conformity", conformities[grade_of_run(record)]);
	fputs("</dcc:statement></dcc:statements>\n", out);
}

static void put_administrative(FILE *out, const struct record *record)
{
	fputs("<dcc:administrativeData>\n<dcc:dccSoftware><dcc:software>", out);
	put_content(out, "name", "penrig");
	put_element(out, "release", record->software_version);
	fputs("</dcc:software></dcc:dccSoftware>\n", out);
	put_core(out, record);
	put_item(out, record);
	fputs("<dcc:calibrationLaboratory>", out);
	put_contact(out, record, "contact", "laboratory");
	fputs("</dcc:calibrationLaboratory>\n<dcc:respPersons><dcc:respPerson><dcc:person>", out);
	put_content(out, "name", record->operator_name);
	fputs("</dcc:person><dcc:role>operator</dcc:role></dcc:respPerson></dcc:respPersons>\n", out);
	put_contact(out, record, "customer", "customer");
	put_statements(out, record);
	fputs("</dcc:administrativeData>\n", out);
}

static int write_dcc(const struct record *record, FILE *out, struct err *err)
{
	struct sheet sheet = {.out = out};

	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<dcc:digitalCalibrationCertificate "
	      "xmlns:dcc=\"https://ptb.de/dcc\" xmlns:si=\"https://ptb.de/si\" "
	      "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" "
	      "xsi:schemaLocation=\"https://ptb.de/dcc https://ptb.de/dcc/v3.2.1/dcc.xsd\" schemaVersion=\"3.2.1\">\n",
	      out);
	put_administrative(out, record);
	put_results(&sheet, record);
	fputs("</dcc:digitalCalibrationCertificate>\n", out);
	if (sheet.out_of_memory)
		return err_set(err, -ENOMEM, "out of memory");
	return ferror(out) ? err_set(err, -EIO, "the certificate's data cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_dcc = {
	.id = "dcc",
	.extension = ".dcc.xml",
	.description = "measurement data as PTB's Digital Calibration Certificate has them",
	.write = write_dcc,
};
