/* NAME.report.txt: what `penrig show` prints of a record, for a reader without penrig. Plain UTF-8 of one width
 * everywhere, so that the same record gives the same bytes. */
#include <errno.h>
#include <string.h>

#include "reports/control.h"
#include "reports/render.h"
#include "reports/report.h"
#include "rig/base/text_clean.h"

#define WIDTH 100

static void put_judged(FILE *out, const struct record_judged *judged)
{
	char words[CONTROL_WORDS_MAX];

	fprintf(out, "judged anew, number %u, %s, by ", judged->number, judged->utc);
	print_clean(out, judged->limits_name);
	fprintf(out, " (SHA-256 %s)\n", judged->limits_sha256);
	if (control_words(&judged->control, judged->approvals, words, sizeof(words))) {
		print_clean(out, words);
		fputc('\n', out);
	}
}

static int write_text(const struct record *record, FILE *out, struct err *err)
{
	static const struct style style = {.utf8 = true, .width = WIDTH};

	fprintf(out, "run        %s\n", record->name);
	render_record(out, &style, record);
	if (record->judged.number)
		put_judged(out, &record->judged);
	if (record->journal_head[0])
		fprintf(out, "run file: %s.penrig, journal head %s\n", record->name, record->journal_head);
	return ferror(out) ? err_set(err, -EIO, "the text report cannot be written: %s", strerror(EIO)) : 0;
}

const struct report_writer report_text = {
	.id = "text",
	.extension = ".report.txt",
	.description = "for people: what penrig show prints, as a file",
	.write = write_text,
};
