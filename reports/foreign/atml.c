/* NAME.atml.xml: test results as IEEE 1636.1 has them, with the namespaces of its 2011 edition. A test group for each attempt
 * at a point and each sweep, a test for each figure with its limits, and for each check. An outcome there is Passed, Failed,
 * Aborted, Done or NotStarted with a qualifier: what could not be shown is Aborted, qualified Inconclusive. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/digits.h"
#include "reports/foreign/foreign.h"
#include "reports/report.h"
#include "reports/xml.h"

static const struct {
	const char *value, *qualifier;
} outcomes[GRADES] = {
	[GRADE_NONE] = {"Done", ""},
	[GRADE_PASS] = {"Passed", ""},
	[GRADE_FAIL] = {"Failed", ""},
	[GRADE_ERROR] = {"Aborted", "Inconclusive"},
	[GRADE_ABORTED] = {"Aborted", "Terminated"},
};

struct sheet {
	FILE *out;
	unsigned id;
	bool out_of_memory;
};

static void put_outcome(FILE *out, enum grade grade)
{
	fputs("<tr:Outcome", out);
	xml_put_attribute(out, "value", outcomes[grade].value);
	if (outcomes[grade].qualifier[0])
		xml_put_attribute(out, "qualifier", outcomes[grade].qualifier);
	fputs("/>\n", out);
}

static void put_datum(FILE *out, double value, const char *unit)
{
	char text[DIGITS_TEXT_MAX];

	digits_text(value, DIGITS_EXACT, text);
	fputs("<c:Datum xsi:type=\"c:double\"", out);
	xml_put_attribute(out, "value", text);
	if (*unit)
		xml_put_attribute(out, "nonStandardUnit", unit);
	fputs("/>", out);
}

static void put_limit(FILE *out, const char *comparator, double value, const char *unit)
{
	fputs("<c:Limit", out);
	xml_put_attribute(out, "comparator", comparator);
	fputs(">", out);
	put_datum(out, value, unit);
	fputs("</c:Limit>", out);
}

static void put_limits(FILE *out, const struct finding *f)
{
	bool both = f->limit.has_lower && f->limit.has_upper;

	fputs("<tr:TestLimits><tr:Limits>", out);
	fputs(both ? "<c:LimitPair operator=\"AND\">" : "<c:SingleLimit comparator=\"", out);
	if (both) {
		put_limit(out, "GE", f->limit.lower, f->result.unit);
		put_limit(out, "LE", f->limit.upper, f->result.unit);
		fputs("</c:LimitPair>", out);
	} else {
		fputs(f->limit.has_lower ? "GE\">" : "LE\">", out);
		put_datum(out, f->limit.has_lower ? f->limit.lower : f->limit.upper, f->result.unit);
		fputs("</c:SingleLimit>", out);
	}
	fputs("</tr:Limits></tr:TestLimits>\n", out);
}

static void begin_test(struct sheet *sheet, const char *element, const char *name)
{
	char id[24];

	snprintf(id, sizeof(id), "ID%u", ++sheet->id);
	fprintf(sheet->out, "<tr:%s", element);
	xml_put_attribute(sheet->out, "ID", id);
	xml_put_attribute(sheet->out, "name", name);
}

/* What the standard has no member for, as text: a program reads it as JSON. */
static void put_description(FILE *out, const char *text)
{
	fputs("<tr:Description>", out);
	xml_put_text(out, text);
	fputs("</tr:Description>\n", out);
}

static void put_finding(struct sheet *sheet, const struct finding *f)
{
	char name[FOREIGN_NAME_MAX], *text = foreign_judgement(f);
	FILE *out = sheet->out;

	foreign_name(f, name);
	begin_test(sheet, "Test", name);
	fputs(">\n", out);
	put_description(out, text ? text : "");
	sheet->out_of_memory |= !text;
	free(text);
	put_outcome(out, grade_of_finding(f));
	if (f->result.valid) {
		begin_test(sheet, "TestResult", name);
		fputs(">\n", out);
		if (f->has_limit)
			put_limits(out, f);
		fputs("<tr:TestData>", out);
		put_datum(out, f->result.value, f->result.unit);
		fputs("</tr:TestData>\n</tr:TestResult>\n", out);
	}
	fputs("</tr:Test>\n", out);
}

static void put_times(FILE *out, uint64_t begin_ms, uint64_t end_ms)
{
	char utc[FOREIGN_UTC_MAX];

	foreign_utc_text(begin_ms, utc);
	xml_put_attribute(out, "startDateTime", utc);
	foreign_utc_text(end_ms, utc);
	xml_put_attribute(out, "endDateTime", utc);
}

static void put_group(void *ctx, const struct foreign_group *g)
{
	struct sheet *sheet = ctx;

	begin_test(sheet, "TestGroup", g->name);
	put_times(sheet->out, g->begin_ms, g->end_ms);
	fputs(">\n", sheet->out);
	put_description(sheet->out, g->point && !g->point->counts ? "superseded: a later attempt counts" : g->reason);
	put_outcome(sheet->out, g->grade);
	for (unsigned i = 0; i < g->results; i++)
		put_finding(sheet, &g->result[i]);
	fputs("</tr:TestGroup>\n", sheet->out);
}

static void put_check(void *ctx, const struct foreign_check *check)
{
	struct sheet *sheet = ctx;

	begin_test(sheet, "Test", check->name);
	fputs(">\n", sheet->out);
	put_description(sheet->out, check->text);
	put_outcome(sheet->out, check->grade);
	fputs("</tr:Test>\n", sheet->out);
}

static void put_head(FILE *out, const struct record *record)
{
	char uuid[FOREIGN_UUID_MAX];

	foreign_uuid(record, uuid);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
	      "<trc:TestResultsCollection xmlns:trc=\"urn:IEEE-1636.1:2011:01:TestResultsCollection\" "
	      "xmlns:tr=\"urn:IEEE-1636.1:2011:01:TestResults\" xmlns:c=\"urn:IEEE-1671:2010:Common\" "
	      "xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\n<trc:TestResults",
	      out);
	xml_put_attribute(out, "uuid", uuid);
	fputs(">\n<tr:Personnel><tr:SystemOperator ID=\"operator\"", out);
	xml_put_attribute(out, "name", record->operator_name);
	fputs("/></tr:Personnel>\n", out);
}

static void put_tail(FILE *out, const struct record *record)
{
	const struct record_device *pen = foreign_pen(record);

	fputs("<tr:TestProgram><tr:Definition", out);
	xml_put_attribute(out, "name", record->plan_name);
	xml_put_attribute(out, "version", record->software_version);
	fputs("/></tr:TestProgram>\n<tr:TestStation><c:SerialNumber>", out);
	xml_put_text(out, record->bench_name);
	fputs("</c:SerialNumber></tr:TestStation>\n<tr:UUT UutType=\"Hardware\"><c:SerialNumber>", out);
	xml_put_text(out, record->dut);
	fputs("</c:SerialNumber>", out);
	if (pen) {
		fputs("<c:Definition", out);
		xml_put_attribute(out, "name", pen->identity.model);
		xml_put_attribute(out, "version", pen->identity.firmware);
		fputs("/>", out);
	}
	fputs("</tr:UUT>\n</trc:TestResults>\n</trc:TestResultsCollection>\n", out);
}

static int write_atml(const struct record *record, FILE *out, struct err *err)
{
	struct sheet sheet = {.out = out};
	char verdict[FOREIGN_VERDICT_MAX];

	put_head(out, record);
	begin_test(&sheet, "ResultSet", record->name);
	put_times(out, foreign_utc_ms(record->started_utc), foreign_utc_ms(record->ended_utc));
	fputs(">\n", out);
	put_description(out, foreign_verdict(record, verdict));
	put_outcome(out, grade_of_run(record));
	foreign_each_group(record, put_group, &sheet);
	foreign_each_check(record, put_check, &sheet);
	fputs("</tr:ResultSet>\n", out);
	put_tail(out, record);
	if (sheet.out_of_memory)
		return err_set(err, -ENOMEM, "out of memory");
	return ferror(out) ? err_set(err, -EIO, "the test results cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_atml = {
	.id = "atml",
	.extension = ".atml.xml",
	.description = "test results as IEEE 1636.1 (ATML) has them",
	.write = write_atml,
};
