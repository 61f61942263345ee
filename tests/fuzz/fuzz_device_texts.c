/* What devices and their USB descriptors call themselves, whatever it is, in every report and in a file's name: nothing that
 * steers a terminal, ends a string or begins an element, and what JSON says is what was said. An input is texts, each behind
 * its length. */
#include <math.h>

#include "drivers/scpi-pen/wire.h"
#include "reports/report.h"
#include "rig/base/json.h"
#include "rig/base/text_clean.h"
#include "tests/fuzz/standalone.h"

static const uint8_t *input;
static size_t left;

/* The next text of the input; no zero byte stands in it. */
static void next(char *ret, size_t size)
{
	size_t len = left ? input[0] : 0;

	if (left) {
		input++;
		left--;
	}
	len = len < left ? len : left;
	size_t kept = len < size ? len : size - 1;
	for (size_t i = 0; i < kept; i++)
		ret[i] = input[i] ? (char)input[i] : ' ';
	ret[kept] = '\0';
	input += len;
	left -= len;
}

static void call_itself(struct record_device *device)
{
	struct device_identity *id = &device->identity;
	struct link_identity *link = &device->link;

	next(id->maker, sizeof(id->maker));
	next(id->model, sizeof(id->model));
	next(id->serial, sizeof(id->serial));
	next(id->firmware, sizeof(id->firmware));
	next(id->calibration_id, sizeof(id->calibration_id));
	next(id->cartridge, sizeof(id->cartridge));
	next(id->loss, sizeof(id->loss));
	next(link->serial, sizeof(link->serial));
	next(link->maker, sizeof(link->maker));
	next(link->product, sizeof(link->product));
	next(link->uri, sizeof(link->uri));
	next(device->channel[0].name, sizeof(device->channel[0].name));
	next(device->channel[0].unit, sizeof(device->channel[0].unit));
}

/* As every surface that a terminal shows. Control characters of one byte, and those that UTF-8 has beyond. */
static void is_clean(const char *text)
{
	for (const unsigned char *c = (const unsigned char *)text; *c; c++) {
		FUZZ_CHECK(*c >= 0x20 || strchr("\n\t\r", *c));
		FUZZ_CHECK(*c != 0x7f);
		FUZZ_CHECK(!(c[0] == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0));                  /* C1: CSI among them */
		FUZZ_CHECK(!(c[0] == 0xe2 && c[1] == 0x80 && c[2] >= 0xaa && c[2] <= 0xae)); /* turns the text around */
	}
}

static void in_report(const struct report_writer *writer, const struct record *record)
{
	char *text = NULL;
	struct err err = {""};
	struct json_doc *doc = NULL;

	if (report_string(writer, record, &text, &err))
		return; /* one that cannot be made says so */
	is_clean(text);
	if (strstr("html junit atml dcc", writer->id))
		FUZZ_CHECK(!strstr(text, "<fuzz"));
	if (strcmp(writer->id, "json") == 0) {
		FUZZ_CHECK(json_parse("report", text, strlen(text), &doc, &err) == 0);
		json_doc_free(doc);
	}
	free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct record *record = record_new();
	char answer[256], clean[256];
	struct scpi_identity said;

	FUZZ_CHECK(record);
	input = data;
	left = size;
	record->devices = 3;
	for (unsigned i = 0; i < record->devices; i++) {
		struct record_device *device = &record->device[i];
		snprintf(device->role, sizeof(device->role), "%s",
			 i == 0   ? "load_sensor"
			 : i == 1 ? "pen"
				  : "thermometer");
		device->channels = 1;
		call_itself(device);
	}
	next(record->dut, sizeof(record->dut));
	next(record->status_reason, sizeof(record->status_reason));
	next(record->stop_text, sizeof(record->stop_text));
	record->conditions = 1;
	next(record->condition[0].text, sizeof(record->condition[0].text));
	for (unsigned i = 0; report_table[i]; i++)
		in_report(report_table[i], record);
	next(answer, sizeof(answer));
	is_clean(text_clean(answer, clean, sizeof(clean)));
	if (scpi_read_identity(answer, &said))
		is_clean(said.maker), is_clean(said.model), is_clean(said.serial), is_clean(said.firmware);
	record_free(record);
	return 0;
}

#ifndef PENRIG_LIBFUZZER
int main(int argc, char **argv)
{
	static const char *const bad[] = {"\x1b[2J\x1b]0;x\x07",
					  "<fuzz a=\"b\">&amp;]]>",
					  "\xc2\x9b"
					  "2J",
					  "\xff\xfe\x80",
					  "\",\"x\":\"",
					  "../../etc/passwd",
					  "=cmd|' /C calc'!A0",
					  "\xe2\x80\xae"
					  "gnp",
					  "%s%n%1000000d",
					  "\r\n#EOF\n"};
	uint64_t state = 1;

	for (int i = 1; i < argc; i++)
		fuzz_file(argv[i]);
	for (unsigned run = 0; argc == 1 && run < 60; run++) {
		uint8_t data[3000];
		size_t len = 0;
		for (unsigned i = 0; i < 46; i++) {
			const char *text = bad[fuzz_random(&state) % (sizeof(bad) / sizeof(bad[0]))];
			size_t n = strlen(text);
			data[len++] = (uint8_t)n;
			memcpy(data + len, text, n);
			if (fuzz_random(&state) % 4 == 0)
				data[len + fuzz_random(&state) % n] = (uint8_t)fuzz_random(&state);
			len += n;
		}
		fuzz_run(data, len);
	}
	return 0;
}
#endif
