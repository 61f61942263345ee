/* Prints what the light pass finds in every point of a run. */
#include "rig/cli/analyze_light.h"

#include <inttypes.h>
#include <math.h>

#include "rig/offline/quick.h"

struct sheet {
	FILE *out;
	bool json;
	uint64_t samples, strokes;
};

static void print_member(FILE *out, const char *name, double value)
{
	if (isfinite(value))
		fprintf(out, ",\"%s\":%.9g", name, value);
	else
		fprintf(out, ",\"%s\":null", name);
}

static void print_json(FILE *out, const struct quick_point *q)
{
	const struct light_summary *s = &q->light;

	fprintf(out,
		"{\"point\":%u,\"attempt\":%u,\"samples\":%" PRIu64 ",\"strokes\":%" PRIu64 ",\"unfitted\":%" PRIu64
		",\"gaps\":%" PRIu64,
		q->point->plan.number + 1, q->point->attempt, s->samples, s->strokes, s->unfitted, s->gaps);
	print_member(out, "depth_set_mm", q->point->plan.depth_mm);
	print_member(out, "rate_set_hz", q->point->plan.rate_hz);
	print_member(out, "rate_hz", s->rate_hz);
	print_member(out, "peak_n", s->peak_n);
	print_member(out, "height_n", s->height_n);
	print_member(out, "height_sd_n", s->height_sd_n);
	print_member(out, "height_max_n", s->height_max_n);
	print_member(out, "depth_mm", q->depth_mm);
	fputs(",\"checked\":false}\n", out);
}

static void print_number(FILE *out, int width, int digits, double value)
{
	if (isfinite(value))
		fprintf(out, " %*.*f", width, digits, value);
	else
		fprintf(out, " %*s", width, "-");
}

static void print_row(FILE *out, const struct quick_point *q)
{
	const struct light_summary *s = &q->light;

	fprintf(out, "%5u %3u", q->point->plan.number + 1, q->point->attempt);
	print_number(out, 8, 3, q->point->plan.depth_mm);
	print_number(out, 8, 2, q->point->plan.rate_hz);
	fprintf(out, " %9" PRIu64, s->strokes);
	print_number(out, 11, 4, s->rate_hz);
	print_number(out, 9, 4, s->height_n);
	print_number(out, 8, 4, s->height_sd_n);
	print_number(out, 8, 3, q->depth_mm);
	if (s->unfitted)
		fprintf(out, "  %" PRIu64 " without a clear cap", s->unfitted);
	if (s->gaps)
		fprintf(out, "  %" PRIu64 " gaps", s->gaps);
	fputc('\n', out);
}

static void on_point(void *ctx, const struct quick_point *point)
{
	struct sheet *sheet = ctx;

	sheet->samples += point->light.samples;
	sheet->strokes += point->light.strokes;
	if (sheet->json)
		print_json(sheet->out, point);
	else
		print_row(sheet->out, point);
}

int analyze_light(struct runfile_reader *reader, const struct record *record, const struct replay_inputs *inputs,
		  FILE *out, bool json, struct err *err)
{
	struct sheet sheet = {.out = out, .json = json};

	if (!json)
		fputs("point att   set mm   set Hz   strokes    rate Hz  force N    sd N   depth mm\n", out);
	int rc = quick_look(reader, record, inputs, on_point, &sheet, err);

	if (rc == 0 && !json)
		fprintf(out,
			"light pass over %" PRIu64 " samples, %" PRIu64
			" strokes: a quick look, without uncertainty; the signal was not checked, and nothing here is "
			"judged\n",
			sheet.samples, sheet.strokes);
	return rc;
}
