/* `penrig sheet`: the codes that a station's scanner reads, on paper. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "reports/html/html.h"
#include "rig/cli/kit/command.h"
#include "rig/station/accounts.h"
#include "rig/station/code128.h"
#include "rig/station/config.h"
#include "rig/station/state.h"

#define MODULE_MM 0.33 /* a scanner of any kind reads it from a hand's breadth */
#define WIDE_MM   180  /* of a page; a longer code is drawn finer, at most 0.23 mm */

struct sheet_options {
	const char *output;
	struct option_list unit;
};

#define AT(member) offsetof(struct sheet_options, member)
static const struct cli_option sheet_table[] = {
	{.name = "unit",
	 .kind = OPTION_LIST,
	 .arg = "SERIAL",
	 .offset = AT(unit),
	 .help = "A unit's code as well; may be repeated. One of the station's products must have such serial "
		 "numbers."},
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "FILE",
	 .offset = AT(output),
	 .help = "Where the page goes. Default: standard output."},
	{.name = NULL},
};

struct sheet {
	FILE *out;
	struct err *err;
	const char *last; /* heading */
	int status;
};

static void put_bars(FILE *out, const struct code128 *code)
{
	const unsigned wide = code->modules + 2 * CODE128_QUIET;
	const double mm = wide * MODULE_MM < WIDE_MM ? wide * MODULE_MM : WIDE_MM;
	unsigned x = CODE128_QUIET;

	fprintf(out,
		"<svg width=\"%.2fmm\" height=\"16mm\" viewBox=\"0 0 %u 50\" preserveAspectRatio=\"none\" "
		"shape-rendering=\"crispEdges\"><path d=\"",
		mm, wide);
	for (unsigned i = 0; i < code->widths; x += code->width[i++])
		if (i % 2 == 0)
			fprintf(out, "M%u 0h%uv50h-%uz", x, code->width[i], code->width[i]);
	fputs("\"/></svg>", out);
}

static void put_code(struct sheet *sheet, const char *heading, const char *text, const char *help)
{
	struct code128 code;

	if (sheet->status)
		return;
	if (!code128_encode(text, &code)) {
		sheet->status = err_set(sheet->err, -EINVAL,
					"the code \"%.80s\" cannot be printed: it must be 1 to %d characters of ASCII",
					text, CODE128_TEXT_MAX);
		return;
	}
	if (sheet->last != heading)
		fprintf(sheet->out, "<h2>%s</h2>\n", heading);
	sheet->last = heading;
	fputs("<figure>", sheet->out);
	put_bars(sheet->out, &code);
	fputs("<figcaption><b>", sheet->out);
	html_text(sheet->out, text);
	fputs("</b> ", sheet->out);
	html_text(sheet->out, help);
	fputs("</figcaption></figure>\n", sheet->out);
}

static void put_people(struct sheet *sheet, const struct station_config *config)
{
	struct accounts *accounts = NULL;

	for (unsigned i = 0; i < config->operators; i++)
		put_code(sheet, "Badges", config->person[i].badge, config->person[i].name);
	if (!config->accounts[0])
		return;
	sheet->status = accounts_open(config->accounts, false, &accounts, sheet->err);
	for (unsigned i = 0; sheet->status == 0 && i < accounts_count(accounts); i++) {
		const struct account *account = accounts_at(accounts, i);

		if (account->badge[0] && !account->disabled)
			put_code(sheet, "Badges", account->badge, account->name);
	}
	accounts_close(accounts);
}

/* As the page would take it. */
static void put_unit(struct sheet *sheet, const struct station_config *config, const char *serial)
{
	struct scan scan = {.gs1 = false};
	struct scan_refusal refusal;
	int product = scan_read(serial, strlen(serial), 2000, &scan, &refusal) ? station_product_of(config, &scan)
									       : STATION_NO_PRODUCT;

	if (product >= 0)
		put_code(sheet, "Units", serial, config->product[product].name);
	else if (!sheet->status)
		sheet->status = err_set(sheet->err, -EINVAL, "--unit %s: %s of %s has such serial numbers", serial,
					product == STATION_NO_PRODUCT ? "no product"
					: product == STATION_AMBIGUOUS
						? "as a GS1 code that lost its FNC1 it would be another one; a product"
						: "more than one product",
					config->path);
}

static int put_sheet(FILE *out, const struct station_config *config, const struct option_list *units, struct err *err)
{
	struct sheet sheet = {.out = out, .err = err};

	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>Codes: ", out);
	html_text(out, config->name);
	fprintf(out, "</title><style>%s%s</style></head><body>\n<h1 class=\"sheet\">", html_style,
		"h1.sheet{font-size:28px}figure{display:inline-block;vertical-align:top;min-width:80mm;margin:4mm 8mm "
		"8mm 0;"
		"break-inside:avoid}figcaption{max-width:80mm;font-size:13px;overflow-wrap:anywhere}"
		"figcaption b{font-family:monospace;font-size:16px;margin-right:8px}");
	html_text(out, config->name);
	fputs("</h1>\n", out);
	put_people(&sheet, config);
	for (const struct state_card *card = state_cards; card->code; card++)
		put_code(&sheet, "Orders", card->code, card->help);
	for (unsigned i = 0; i < units->count; i++)
		put_unit(&sheet, config, units->item[i]);
	fputs("</body></html>\n", out);
	return sheet.status;
}

static int write_sheet(const struct station_config *config, const struct sheet_options *o, struct err *err)
{
	char *page = NULL;
	size_t len = 0;
	FILE *memory = open_memstream(&page, &len), *out = stdout;
	int rc = memory ? put_sheet(memory, config, &o->unit, err) : err_set(err, -ENOMEM, "no memory");

	if (memory && fclose(memory) != 0 && rc == 0)
		rc = err_set(err, -ENOMEM, "no memory");
	if (rc == 0 && o->output && !(out = fopen(o->output, "we")))
		rc = err_set(err, -errno, "cannot create %s: %s", o->output, strerror(errno));
	bool written = rc == 0 && fwrite(page, 1, len, out) == len;

	free(page);
	if (rc == 0 && out != stdout && (fclose(out) != 0 || !written))
		rc = err_set(err, -errno, "cannot write %s: %s", o->output, strerror(errno));
	return rc;
}

static int sheet_run(const struct cli_tables *tables, const void *options, const char *const *operands, unsigned count)
{
	struct station_config *config = NULL;
	struct err err = {""};
	int rc = station_config_read(operands[0], &config, &err);

	(void)tables, (void)count;
	if (rc == 0)
		rc = write_sheet(config, options, &err);
	station_config_free(config);
	return rc < 0 ? cli_error(cli_exit_code(rc), "%s", err.text) : EXIT_PASS;
}

const struct command command_sheet = {
	.name = "sheet",
	.operands = "STATION",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Print the codes that a station reads: badges, orders, units",
	.description =
		"Writes one page of HTML that prints on A4: the badges of the people that STATION, a station file, "
		"knows (of accounts those that are not disabled), its orders (%START, %STOP, %DONE, %GIVEUP, %NEXT, "
		"%RETEST) and the units of --unit, as bar codes of Code 128. A badge alone starts nothing where "
		"accounts have a PIN; "
		"where they have none, keep the sheet as you keep badges.\n\n"
		"The exit code is 0, 2 for a wrong station file or a unit that none of its products has, 6 storage.",
	.example = "  penrig sheet line-3.json --unit SN-0417 -o codes.html\n",
	.options = sheet_table,
	.options_size = sizeof(struct sheet_options),
	.run = sheet_run,
};
