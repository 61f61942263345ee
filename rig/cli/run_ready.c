/* What is looked at before a run begins: its options, its files, and what of them can be checked without a device. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/cli/kit/format.h"
#include "rig/cli/kit/keys.h"
#include "rig/cli/run_inside.h"
#include "rig/cli/version.h"

#define REPLUG_MAX_S 3600.0

static int fill_record(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	struct record *r = run->record;
	char reason[160] = "";
	int rc = 0;

	version_record(r);
	if (!o->dut)
		return err_set(err, -EINVAL, "--dut is missing: --dut SERIAL names the pen under test");
	if ((rc = record_text("--dut", o->dut, r->dut, sizeof(r->dut), err)) < 0 ||
	    (rc = record_text("--operator", o->operator_name, r->operator_name, sizeof(r->operator_name), err)) < 0 ||
	    (rc = record_text("--lot", o->lot, r->lot, sizeof(r->lot), err)) < 0 ||
	    (rc = record_text("--cartridge", o->cartridge, r->cartridge, sizeof(r->cartridge), err)) < 0 ||
	    (rc = record_text("--output-dir", o->output_dir ? o->output_dir : ".", r->folder, sizeof(r->folder), err)) <
		    0)
		return rc;
	if (o->override && !o->operator_name)
		return err_set(err, -EINVAL, "--override needs --operator: who overrides stands in the record");
	if ((rc = record_text("--override", o->override, reason, sizeof(reason), err)) < 0)
		return rc;
	for (unsigned i = 0; i < o->attr.count && rc == 0; i++)
		rc = record_attribute(o->attr.item[i], r, err);
	if (rc == 0 && run->resuming)
		resuming_name(run->resuming, r);
	return rc;
}

static int want_reports(struct run *run, struct err *err)
{
	const struct option_list *wanted = &run->options->report;
	int rc = delivery_init(&run->delivery, run->tables->reports, wanted->item, wanted->count, err);

	run->delivery.complain = cli_complain;
	if (rc < 0)
		err_prefix(err, "--report");
	return rc;
}

static bool needs_operator(const struct run *run)
{
	for (unsigned i = run->resuming ? resuming_point(run->resuming) : 0; i < run->point_count; i++)
		if (run->points[i].phantom_change)
			return true;
	return false;
}

bool run_can_ask(const struct run *run)
{
	return !run->options->no_input && (run->options->answer_fd || isatty(STDIN_FILENO));
}

/* Before anything moves: a run that cannot be sealed in the end is not begun. */
static int load_key(struct run *run, struct err *err)
{
	const struct run_options *o = run->options;
	int rc = o->sign && !run->key ? keys_load(o->sign, o->password_file, &run->key, err) : 0;

	if (rc == 0 && o->sign && !run->bench_owner[0])
		rc = keys_signer(run->key, true, NULL, run->bench_owner, err);
	if (rc < 0)
		err_prefix(err, "--sign");
	return rc;
}

static int read_boot_s(const char *option, const char *text, double *ret_s, struct err *err)
{
	char *end = NULL;

	if (!text)
		return 0;
	*ret_s = strtod(text, &end);
	return end != text && !*end && *ret_s > 0 && *ret_s < 1e9
		       ? 0
		       : err_set(err, -EINVAL, "%s %.40s: must be seconds since this computer began, above zero",
				 option, text);
}

static int read_replug(struct run *run, struct err *err)
{
	const char *text = run->options->replug_timeout;

	if (!text || strcmp(text, "0") == 0)
		return 0;
	if (parse_duration(text, &run->replug_s) == 0 && run->replug_s <= REPLUG_MAX_S)
		return 0;
	return err_set(err, -EINVAL,
		       "--replug-timeout %.40s: must be 0, or a time up to an hour, for example 30s or 2m", text);
}

static bool has_inputs(const struct bench *bench)
{
	for (unsigned i = 0; i < bench->devices; i++)
		if (bench->device[i].inputs.there)
			return true;
	return false;
}

/* A pen that runs when it is back fails: one whose driver stops it unasked would not be found out. Nor would an emergency stop
 * that is pressed and released while nothing is read: it may be what took the pen's power. */
static int check_replug(const struct run *run, struct err *err)
{
	const struct bench_device *pen = bench_device(run->bench, ROLE_PEN);
	const struct driver *const *driver = run->tables->drivers;

	while (*driver && strcmp((*driver)->name, pen->driver) != 0)
		driver++;
	if (run->replug_s > 0 && has_inputs(run->bench))
		return err_set(
			err, -EINVAL,
			"--replug-timeout: this bench has safety inputs, which nobody reads while it is waited, and "
			"behind them no pen starts again by itself: leave it out, and go on by `penrig resume`");
	if (run->replug_s <= 0 || (*driver && (*driver)->says_it_ran))
		return 0;
	return err_set(
		err, -EINVAL,
		"--replug-timeout: with the driver \"%s\" nothing tells whether the pen ran when it is back: leave "
		"it out, and go on by `penrig resume`",
		pen->driver);
}

const char *run_bench_path(const struct run_options *options)
{
	return options->bench ? options->bench : getenv("PENRIG_BENCH");
}

int run_read_inputs(struct run *run, const char *plan_path, struct err *err)
{
	const char *bench = run_bench_path(run->options);
	int rc;

	if (run->options->start_within && parse_duration(run->options->start_within, &run->start_within_s) < 0)
		return err_set(err, -EINVAL, "--start-within %s: must be a time above zero, for example 90s or 15m",
			       run->options->start_within);
	if ((rc = read_boot_s("--start-by", run->options->start_by, &run->start_by_s, err)) < 0 ||
	    (rc = read_boot_s("--end-by", run->options->end_by, &run->end_by_s, err)) < 0 ||
	    (rc = read_replug(run, err)) < 0)
		return rc;
	if (!bench || !*bench)
		return err_set(err, -EINVAL, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if ((rc = fill_record(run, err)) < 0 || (rc = want_reports(run, err)) < 0 || (rc = load_key(run, err)) < 0 ||
	    (rc = plan_read(plan_path, &run->plan, err)) < 0 || (rc = bench_read(bench, &run->bench, err)) < 0 ||
	    (rc = bench_check_drivers(run->bench, run->tables->drivers, err)) < 0 ||
	    (rc = check_replug(run, err)) < 0 ||
	    (rc = plan_expand(run->plan, run->bench, &run->points, &run->point_count, err)) < 0 ||
	    (rc = plan_check_still(run->plan, run->bench, err)) < 0 ||
	    (rc = plan_check_power(run->plan, run->bench, err)) < 0)
		return rc;
	return 0;
}

int run_check_operator(const struct run *run, struct err *err)
{
	if (needs_operator(run) && !run_can_ask(run))
		return err_set(err, -EINVAL,
			       "%s changes phantoms or takes them away during the run, which needs an operator: run it "
			       "on a terminal%s, or with --answer-fd",
			       run->plan->path, run->options->no_input ? " without --no-input" : "");
	return 0;
}

/* Beside the earlier parts, and whatever else stands there under such a name. */
static int name_part(struct run *run, struct err *err)
{
	char name[sizeof(run->record->name)];
	int rc = -EEXIST;

	for (unsigned n = run->part; n < run->part + 100 && rc == -EEXIST; n++) {
		snprintf(name, sizeof(name), "%.*s-%u", (int)sizeof(name) - 12, run->options->name, n);
		rc = name_chosen(&run->delivery, run->record, name, err);
	}
	return rc;
}

int run_choose_name(struct run *run, struct err *err)
{
	if (run->options->name && run->part > 1)
		return name_part(run, err);
	if (run->options->name)
		return name_chosen(&run->delivery, run->record, run->options->name, err);
	return name_default(&run->delivery, run->record, run->plan->name, loop_wall_ns(run->loop), err);
}
