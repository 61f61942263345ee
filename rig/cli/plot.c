/* `penrig plot`: derives a run again and draws, for each point, the template, what the fit leaves by phase, the depths
 * and the intervals. Changes nothing in the run file. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "reports/draw/plot.h"
#include "rig/cli/kit/command.h"
#include "rig/estimate/estimator.h"
#include "rig/offline/reopen.h"
#include "rig/offline/replay.h"

struct plot_options {
	const char *point, *output;
};

static const struct cli_option plot_table[] = {
	{.name = "point",
	 .letter = 'p',
	 .kind = OPTION_TEXT,
	 .arg = "N",
	 .offset = offsetof(struct plot_options, point),
	 .help = "Only this point, numbered from 1 as in the report. Default: all."},
	{.name = "output",
	 .letter = 'o',
	 .kind = OPTION_TEXT,
	 .arg = "FILE.svg",
	 .offset = offsetof(struct plot_options, output),
	 .help = "Where to. Of several points each gets its number: FILE.point03.svg. Default: as the run file."},
	{.name = NULL},
};

struct plotting {
	const struct plot_options *options;
	const char *path;
	struct runfile_reader *reader;
	struct record *record;
	struct replay_inputs inputs;
	bool *wanted; /* of each row of the record */
	double fs_hz;
	struct plot_data *data;
	bool open; /* the point under way is wanted */
	struct err *err;
};

/* ---- which ----------------------------------------------------------------------------------------------------- */

static int point_number(const char *text, unsigned *ret)
{
	char *end;
	unsigned long n = strtoul(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end || n < 1 || n > UINT_MAX)
		return -EINVAL;
	*ret = (unsigned)n;
	return 0;
}

/* Of each setpoint the attempt that counts; where none does, the last one that was closed. */
static int choose(struct plotting *p, unsigned only)
{
	const struct record *record = p->record;
	unsigned found = 0;

	p->wanted = calloc(record->points + 1, sizeof(*p->wanted));
	if (!p->wanted)
		return err_set(p->err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < record->points; i++) {
		const struct record_point *point = &record->point[i];

		if (point->session || (only && point->plan.number + 1 != only) ||
		    point->mark[MARK_CLOSE].host_ns == UINT64_MAX)
			continue;
		p->wanted[i] = true;
		found++;
		for (unsigned k = 0; k < i; k++) {
			if (!p->wanted[k] || record->point[k].plan.number != point->plan.number)
				continue;
			p->wanted[record->point[k].counts ? i : k] = false;
			found--;
			break;
		}
	}
	if (found)
		return 0;
	for (unsigned i = 0; only && i < record->points; i++)
		if (record->point[i].session && record->point[i].plan.number + 1 == only)
			return err_set(
				p->err, -EINVAL,
				"--point %u: it was measured in an earlier session, whose samples are in %s.penrig: "
				"plot that run",
				only, record->session[record->point[i].session - 1].name);
	if (only)
		return err_set(p->err, -EINVAL,
			       "--point %u: this run has no such point that ended; \"penrig show %s\" "
			       "lists them",
			       only, p->path);
	return err_set(p->err, -EINVAL, "no point of this run ended: there is nothing to plot");
}

static int find_rate(struct plotting *p)
{
	for (unsigned i = 0; i < p->record->devices; i++) {
		const struct record_device *device = &p->record->device[i];
		int force = estimator_find_channel(device->channel, device->channels, QUANTITY_FORCE, NULL);

		if (force < 0 || !(device->channel[force].rate_hz > 0.0))
			continue;
		p->fs_hz = device->channel[force].rate_hz;
		return 0;
	}
	return err_set(p->err, -EBADMSG, "the run file names no force channel");
}

/* ---- one page -------------------------------------------------------------------------------------------------- */

static int page_path(const struct plotting *p, const struct record_point *point, char *ret, size_t size)
{
	const char *from = p->options->output ? p->options->output : p->path;
	const char *suffix = p->options->output ? ".svg" : ".penrig";
	size_t len = strlen(from), end = strlen(suffix);
	bool named = len > end && strcmp(from + len - end, suffix) == 0;
	int n;

	if (p->options->output && p->options->point)
		n = snprintf(ret, size, "%s", from);
	else
		n = snprintf(ret, size, "%.*s.point%02u.svg", (int)(named ? len - end : len), from,
			     point->plan.number + 1);
	return n < 0 || (size_t)n >= size ? err_set(p->err, -ENAMETOOLONG,
						    "the name of a plot is too long: give "
						    "--output")
					  : 0;
}

static int write_page(const struct plotting *p, const struct record_point *point, const char *path)
{
	char title[200], subtitle[400];
	FILE *out = fopen(path, "we");

	if (!out)
		return err_set(p->err, -errno, "cannot create %s: %s", path, strerror(errno));
	snprintf(title, sizeof(title), "Point %u: %.6g mm, %.6g Hz", point->plan.number + 1, point->plan.depth_mm,
		 point->plan.rate_hz);
	int n = snprintf(subtitle, sizeof(subtitle), "%s, DUT %s, attempt %u", p->record->name, p->record->dut,
			 point->attempt);
	if (p->record->origin.path[0] && n < (int)sizeof(subtitle))
		snprintf(subtitle + n, sizeof(subtitle) - (size_t)n, ", a recording%s%.60s",
			 p->record->origin.witness[0] ? " on the statement of " : "", p->record->origin.witness);
	plot_page(out, p->data, title, subtitle);
	int failed = ferror(out) ? EIO : 0;

	if (fclose(out) != 0 && !failed)
		failed = errno;
	return failed ? err_set(p->err, -failed, "cannot write %s: %s", path, strerror(failed)) : 0;
}

static void print_page(const struct plotting *p, const struct record_point *point, const char *path)
{
	void (*const say[])(const struct plot_data *, char *) = {plot_say_template, plot_say_own, plot_say_early,
								 plot_say_depth, plot_say_interval};
	static const char *const name[] = {"template", "residual", "early", "depth", "interval"};
	char text[PLOT_TEXT_MAX];

	printf("point %u, attempt %u: %.6g mm, %.6g Hz\n", point->plan.number + 1, point->attempt, point->plan.depth_mm,
	       point->plan.rate_hz);
	for (unsigned i = 0; i < sizeof(say) / sizeof(say[0]); i++) {
		say[i](p->data, text);
		if (text[0])
			printf("  %-9s %s\n", name[i], text);
	}
	for (unsigned i = 0; i < p->data->checks; i++) {
		plot_say_check(&p->data->check[i], text);
		printf("  %-9s %s\n", "check", text);
	}
	if (p->data->checks == 0)
		printf("  %-9s %s\n", "check", "none stands in the record of this point");
	fputs("  plot      ", stdout);
	print_clean(stdout, path);
	putchar('\n');
}

static void on_begin(void *ctx, const struct record_point *point, struct point *estimators)
{
	struct plotting *p = ctx;

	p->open = p->wanted[point - p->record->point];
	if (!p->open)
		return;
	plot_data_reset(p->data, p->fs_hz);
	point_on_residual(estimators, plot_data_residual, p->data);
}

static void on_stroke(void *ctx, const struct stroke *stroke)
{
	struct plotting *p = ctx;

	if (p->open)
		plot_data_stroke(p->data, stroke);
}

static int on_end(void *ctx, const struct record_point *point)
{
	struct plotting *p = ctx;
	char path[FILE_PATH_MAX];
	int rc;

	if (!p->open)
		return 0;
	p->open = false;
	if (p->data->pulse_n.strokes == 0) {
		printf("point %u, attempt %u: no stroke of its window was fitted, so there is nothing to plot\n",
		       point->plan.number + 1, point->attempt);
		return 0;
	}
	p->data->check = point->check;
	p->data->checks = point->checks;
	rc = plot_data_prepare(p->data);
	if (rc < 0)
		return err_set(p->err, rc, "out of memory");
	rc = page_path(p, point, path, sizeof(path));
	if (rc == 0)
		rc = write_page(p, point, path);
	if (rc == 0)
		print_page(p, point, path);
	return rc;
}

/* ---- the command ----------------------------------------------------------------------------------------------- */

/* A name that ends like a kind of picture that this is not. */
static bool is_another_kind(const char *output)
{
	static const char *const kinds[] = {".pdf", ".png", ".jpg", ".jpeg", ".eps", ".ps", ".html", ".gif", ".webp"};
	const char *dot = output ? strrchr(output, '.') : NULL;

	for (unsigned i = 0; dot && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (strcasecmp(dot, kinds[i]) == 0)
			return true;
	return false;
}

static int execute(struct plotting *p)
{
	const struct replay_observer observer = {.ctx = p, .begin = on_begin, .stroke = on_stroke, .end = on_end};
	struct replay_summary summary = {.points = 0};
	unsigned only = 0;
	int rc;

	if (is_another_kind(p->options->output))
		return err_set(
			p->err, -EINVAL,
			"--output %s: plots are SVG; name it .svg and convert it, or print \"penrig report --format "
			"html\"",
			p->options->output);
	if (p->options->point && point_number(p->options->point, &only) < 0)
		return err_set(p->err, -EINVAL, "--point %s: must be the number of a point, from 1", p->options->point);
	rc = reopen_sound(p->path, &p->reader, &p->record, p->err);
	if (rc == 0)
		rc = choose(p, only);
	if (rc == 0)
		rc = find_rate(p);
	if (rc == 0)
		rc = replay_inputs_read(p->record, &p->inputs, p->err);
	if (rc == 0)
		rc = runfile_verify_begin(p->reader, p->err);
	if (rc == 0)
		rc = replay_observed(p->reader, p->record, &p->inputs, &observer, &summary, p->err);
	if (rc == 0)
		rc = runfile_verify_end(p->reader, p->err);
	if (rc == 0 && summary.differences)
		cli_error(0,
			  "this penrig derives other results than the run file stores (%u differences), and plots "
			  "its own; \"penrig analyze\" lists them",
			  summary.differences);
	return rc;
}

static int plot_command(const struct cli_tables *tables, const void *options, const char *const *operands,
			unsigned count)
{
	struct err err = {0};
	struct plotting p = {.options = options, .path = operands[0], .err = &err};
	int rc;

	(void)tables, (void)count;
	p.data = calloc(1, sizeof(*p.data));
	rc = p.data ? execute(&p) : err_set(&err, -ENOMEM, "out of memory");
	if (p.data)
		plot_data_release(p.data);
	free(p.data);
	free(p.wanted);
	runfile_reader_free(p.reader);
	record_free(p.record);
	replay_inputs_free(&p.inputs);
	if (rc == 0)
		return EXIT_PASS;
	return cli_error(cli_exit_code(rc), "%s", err.text);
}

const struct command command_plot = {
	.name = "plot",
	.operands = "RUNFILE",
	.operands_min = 1,
	.operands_max = 1,
	.summary = "Draw what the estimators leave over, point by point",
	.description =
		"Derives the run again from its raw samples and writes one SVG per point, NAME.point01.svg, "
		"NAME.point02.svg ... "
		"beside the run file, with four panels: the pulse template over the folded data; the mean residual by "
		"phase "
		"with two standard errors; depth per stroke with its trend and autocorrelation; intervals with their "
		"distribution. Of each point the attempt that counts.\n\n"
		"Under each panel, and on the terminal, stands a number: the p value is the chance of at least this "
		"much structure where there is none; of depths and intervals it is called structure below 0.001. The "
		"model "
		"checks beneath are those that the verdict rests on, with its figures: state, statistic against "
		"threshold, and "
		"the line that they leave in the budget of depth. How to read them: docs/plots.md.\n\n"
		"Files that are there already are replaced. The exit code is 0 done (also where there is structure), 2 "
		"wrong "
		"usage or no such file or point, 6 not a run file, damaged, or a plot could not be written.",
	.example = "  penrig plot RUN.penrig\n  penrig plot RUN.penrig --point 3 --output point3.svg\n",
	.options = plot_table,
	.options_size = sizeof(struct plot_options),
	.run = plot_command,
};
