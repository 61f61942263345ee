/* `penrig calibrate sensor`: opens the bench's load sensor, asks for loads, prints what belongs into the bench file and writes a
 * certificate. The pen is not spoken to. What the readings mean is rig/calibrate/sensor_calibration.h's. */
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/base/json.h"
#include "rig/calibrate/phantom_calibration.h"
#include "rig/calibrate/sensor_calibration.h"
#include "rig/cli/calibrate.h"
#include "rig/cli/kit/opening.h"
#include "rig/cli/kit/prompt.h"
#include "rig/record/record.h"
#include "rig/session/queue.h"

#define STREAM_NS   (10 * NS_PER_S) /* beyond its own length, for a window */
#define SETTLE_NS   (1 * NS_PER_S)  /* from Enter to the window */
#define CHECK_REL   0.005
#define GAIN_LEAST  0.5 /* what a certificate's file may hold */
#define GAIN_MOST   2.0
#define U_REL_LEAST 1e-6

enum step { OPENING, STARTING, ASKING, SETTLING, MEASURING, ENDED };

struct job {
	const struct cli_tables *tables;
	const struct calibrate_options *options;
	struct bench *bench;
	struct bench_lock *lock;           /* no run may begin, or go on, with this sensor */
	const struct bench_device *sensor; /* of the bench */
	const struct driver *driver;
	struct device *device;
	struct loop *loop;
	struct loop_timer timer;
	struct prompt prompt;
	bool terminal;
	enum step step;
	uint64_t until_ns; /* the step's end, or its limit */
	const struct channel *force;
	struct calibration certificate;
	char output[FILE_PATH_MAX], serial[48];
	double measure_s, shunt_wanted_n; /* 0: no check alone */
	struct sensor_calibration calibration;
	unsigned asked, questions; /* the points; behind them the shunt */
	struct sensor_sum sum;
	struct sensor_window shunt;
	int code;
};

/* ---- options --------------------------------------------------------------------------------------------------- */

static int read_loads(struct job *j, struct sensor_setup *s, struct err *err)
{
	static const struct list_rule rule = {"--loads", "1,2,5,9", 1e-6, 1e6, 1, SENSOR_LOADS_MAX};
	const struct calibrate_options *o = j->options;
	double repeats = 1;
	int rc;

	if (!o->load_u)
		return err_set(err, -EINVAL,
			       "--load-u is missing: the relative standard uncertainty of a load, from the weights' "
			       "certificate");
	if ((rc = calibrate_list(&rule, o->loads, s->load, &s->loads, err)) < 0 ||
	    (rc = calibrate_number("--load-u", o->load_u, 0, 0.1, &s->load_u_rel, err)) < 0 ||
	    (rc = calibrate_number("--repeats", o->repeats ? o->repeats : "1", 1, SENSOR_REPEATS_MAX, &repeats, err)) <
		    0)
		return rc;
	s->gravity_u_m_s2 = 0.0005;
	if (o->gravity && (rc = calibrate_number("--gravity", o->gravity, 9.76, 9.84, &s->gravity_m_s2, err)) < 0)
		return rc;
	if (o->gravity_u && (rc = calibrate_number("--gravity-u", o->gravity_u, 0, 0.1, &s->gravity_u_m_s2, err)) < 0)
		return rc;
	if (repeats != floor(repeats))
		return err_set(err, -EINVAL, "--repeats %s: must be a whole number", o->repeats);
	s->repeats = (unsigned)repeats;
	s->unload = o->unload;
	return calibrate_certificate(o, &j->certificate, err);
}

static int read_options(struct job *j, struct sensor_setup *s, struct err *err)
{
	const struct calibrate_options *o = j->options;
	int rc = calibrate_number("--measure", o->measure ? o->measure : "2", 0.5, 600, &j->measure_s, err);

	if (rc == 0 && o->shunt_check)
		return calibrate_number("--shunt-check", o->shunt_check, 1e-6, 1e6, &j->shunt_wanted_n, err);
	return rc ? rc : read_loads(j, s, err);
}

static int choose_output(struct job *j, struct err *err)
{
	char stem[160];

	if (j->shunt_wanted_n > 0)
		return 0;
	snprintf(stem, sizeof(stem), "%s-%s", j->sensor->serial[0] ? j->sensor->serial : "sensor",
		 j->certificate.certificate);
	for (char *p = stem; *p; p++)
		if (!strchr("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-", *p))
			*p = '-';
	if (j->options->output)
		snprintf(j->output, sizeof(j->output), "%s", j->options->output);
	else
		snprintf(j->output, sizeof(j->output), "%s/%s.json",
			 j->options->output_dir ? j->options->output_dir : ".", stem);
	if (access(j->output, F_OK) == 0)
		return err_set(err, -EINVAL, "%s stands already: name another file with --output", j->output);
	return 0;
}

static int read_bench(struct job *j, struct err *err)
{
	const char *path = j->options->bench ? j->options->bench : getenv("PENRIG_BENCH");
	int rc;

	if (!path || !*path)
		return err_set(err, -EINVAL, "--bench is missing: --bench FILE, or PENRIG_BENCH in the environment");
	if ((rc = bench_read(path, &j->bench, err)) < 0 ||
	    (rc = bench_check_drivers(j->bench, j->tables->drivers, err)) < 0)
		return rc;
	j->sensor = bench_device(j->bench, ROLE_LOAD_SENSOR);
	j->driver = opening_driver(j->tables, j->sensor->driver);
	if (j->terminal && j->options->no_input)
		return err_set(err, -EINVAL,
			       "a calibration asks for loads: leave --no-input away, or answer on standard input");
	return 0;
}

/* ---- the end --------------------------------------------------------------------------------------------------- */

static void end(struct job *j, int code)
{
	if (j->step == ENDED)
		return;
	j->step = ENDED;
	j->code = code;
	prompt_cancel(&j->prompt);
	loop_stop(j->loop);
}

static void fail(struct job *j, int status, const char *text)
{
	if (j->step != ENDED)
		end(j, cli_error(status == -EDOM ? EXIT_INCONCLUSIVE : EXIT_DEVICE_LOST, "%s", text));
}

/* ---- asking ---------------------------------------------------------------------------------------------------- */

static const char *unit_of(const struct job *j)
{
	return j->calibration.setup.gravity_m_s2 > 0 ? "g" : "N";
}

static bool asks_shunt(const struct job *j)
{
	return j->asked == j->calibration.count;
}

/* What a gauge read before, of a window that was refused, says nothing of the next one. */
static void ask(struct job *j)
{
	struct sensor_point *p = &j->calibration.point[j->asked];

	if (!asks_shunt(j))
		p->force_n = sensor_calibration_force_n(&j->calibration.setup, p->load);
	if (asks_shunt(j))
		fprintf(stderr, "Leave the load cell without load and close its shunt, then Enter.\n");
	else if (p->load > 0)
		fprintf(stderr, "Put %g %s on the load cell, then Enter, or type what a reference reads%s.\n", p->load,
			unit_of(j), p->falling ? " (coming down)" : "");
	else
		fprintf(stderr, "Take every load off the load cell, then Enter.\n");
	j->step = ASKING;
	if (prompt_ask(&j->prompt))
		end(j, cli_error(EXIT_INTERNAL, "cannot wait for an answer"));
}

static void on_answer(void *ctx, bool go_on)
{
	struct job *j = ctx;

	if (!go_on) {
		end(j, cli_error(EXIT_INCONCLUSIVE, "no calibration: given up"));
		return;
	}
	j->step = SETTLING;
	j->until_ns = loop_now_ns(j->loop) + SETTLE_NS;
}

/* What a gauge reads counts in the place of what was asked for, and lies near it. */
static int on_words(void *ctx, const char *line)
{
	struct job *j = ctx;
	struct sensor_point *p = &j->calibration.point[j->asked];
	char *stop;
	double value = strtod(line, &stop);

	if (stop != line && !*stop && !asks_shunt(j) && p->load > 0 && fabs(value - p->load) <= 0.2 * p->load) {
		p->force_n = sensor_calibration_force_n(&j->calibration.setup, value);
		return 1;
	}
	cli_error(0, "\"%s\" is no load near what was asked for", line);
	return j->terminal ? 0 : -1;
}

/* ---- measuring ------------------------------------------------------------------------------------------------- */

static void next(struct job *j)
{
	j->asked++;
	if (j->asked < j->questions)
		ask(j);
	else
		end(j, EXIT_PASS);
}

/* A shunt has no load that its reading could be held against. */
static int take(struct job *j, const struct sensor_window *window, struct err *err)
{
	if (!asks_shunt(j))
		return sensor_calibration_take(&j->calibration, j->asked, window, err);
	j->shunt = *window;
	return sensor_window_check(window, err);
}

static void window_full(struct job *j)
{
	struct sensor_window window;
	struct err err = {""};

	sensor_sum_end(&j->sum, &window);
	if (take(j, &window, &err) == 0) {
		if (!j->options->quiet)
			fprintf(stderr, "  reads %.6g, +- %.2g\n", window.mean, 2 * window.u);
		next(j);
	} else if (j->terminal) {
		cli_error(0, "%s; once more", err.text);
		ask(j);
	} else {
		fail(j, -EDOM, err.text);
	}
}

static void on_block(void *ctx, const struct sample_block *block)
{
	struct job *j = ctx;
	const struct channel *c = j->force;
	bool full = false;

	if (j->step != MEASURING || block->stream != c->stream)
		return;
	j->sum.flags |= block->flags;
	for (unsigned i = 0; i < block->frames && !full; i++)
		full = sensor_sum_add(&j->sum, c->offset + c->scale * block->counts[i * block->channels + c->position]);
	if (full)
		window_full(j);
}

static void on_started(void *ctx, int status, const struct err *err)
{
	struct job *j = ctx;

	if (status)
		fail(j, status, err->text);
	else
		ask(j);
}

static const struct channel *force_channel(const struct job *j)
{
	unsigned count;
	const struct channel *channel = j->driver->channels(j->device, &count);

	for (unsigned i = 0; i < count; i++)
		if (channel[i].quantity == QUANTITY_FORCE)
			return &channel[i];
	return NULL;
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	struct job *j = ctx;

	if (status) {
		fail(j, status, err->text);
		return;
	}
	const char *said = j->driver->identity(j->device)->serial;
	if (j->sensor->serial[0] && strcmp(said, j->sensor->serial) != 0) {
		end(j, cli_error(EXIT_REFUSED, "the load sensor says that it is \"%s\", the bench names \"%s\"", said,
				 j->sensor->serial));
		return;
	}
	snprintf(j->serial, sizeof(j->serial), "%s", *said ? said : "not told");
	j->force = force_channel(j);
	if (!j->force) {
		end(j, cli_error(EXIT_REFUSED, "the load sensor has no channel of force"));
		return;
	}
	j->calibration.setup.count_n = fabs(j->force->scale);
	j->step = STARTING;
	j->driver->stream->start(j->device, on_started, j);
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct job *j = ctx;

	(void)condition;
	if (!j->options->quiet)
		cli_error(0, "the load sensor: %s", text);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	fail(ctx, status, err->text);
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct job *j = ctx;

	if (j->device)
		j->driver->on_tick(j->device, now_ns);
	if (j->step == SETTLING && now_ns >= j->until_ns) {
		sensor_sum_begin(&j->sum, j->measure_s * j->force->rate_hz);
		j->step = MEASURING;
		j->until_ns = now_ns + (uint64_t)(j->measure_s * 1e9) + STREAM_NS;
	} else if ((j->step == MEASURING || j->step == OPENING || j->step == STARTING) && now_ns > j->until_ns) {
		fail(j, -ETIMEDOUT, "the load sensor says nothing: check its power and its cable");
	}
	loop_timer_at(j->loop, &j->timer, now_ns + DRIVER_TICK_NS);
}

static int open_sensor(struct job *j, struct err *err)
{
	const struct opening opening = {
		.tables = j->tables,
		.bench = j->bench,
		.device = j->sensor,
		.uri = j->sensor->link,
		.loop = j->loop,
		.host = {.ctx = j, .ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost},
	};
	return opening_open(&opening, &j->device, err);
}

static int drive(struct job *j)
{
	struct err err = {""};
	int rc = open_sensor(j, &err);

	if (rc < 0)
		return cli_error(rc == -EBUSY ? EXIT_BUSY : EXIT_DEVICE_LOST, "the load sensor: %s", err.text);
	j->until_ns = loop_now_ns(j->loop) + opening_patience_ns(j->sensor);
	j->timer = (struct loop_timer){.fn = on_tick, .ctx = j};
	j->prompt =
		(struct prompt){.loop = j->loop, .fd = STDIN_FILENO, .other = on_words, .answer = on_answer, .ctx = j};
	loop_timer_at(j->loop, &j->timer, loop_now_ns(j->loop) + DRIVER_TICK_NS);
	rc = j->step == ENDED ? 0 : loop_run(j->loop);
	loop_timer_cancel(j->loop, &j->timer);
	j->driver->close(j->device);
	return rc < 0 ? EXIT_INTERNAL : j->code;
}

/* ---- what came of it ------------------------------------------------------------------------------------------- */

/* Of a channel whose scale stands in the bench file. NULL: it is the sensor's own. */
static const struct command_channel *scaled_channel(const struct bench_device *d)
{
	unsigned count = d->daq.there ? d->daq.setup.inputs : d->command.there ? d->command.setup.channels : 0;

	for (unsigned i = 0; i < count; i++) {
		const struct command_channel *c =
			d->daq.there ? &d->daq.setup.input[i].channel : &d->command.setup.channel[i];
		if (strcmp(c->unit, "N") == 0)
			return c;
	}
	return NULL;
}

/* A scale that cannot be changed is wrong by what was found; GUM F.2.4.5. */
static double stated_u_rel(const struct job *j)
{
	const struct sensor_calibration *c = &j->calibration;
	double error = scaled_channel(j->sensor) ? 0 : fabs(c->gain - 1);

	return fmax(c->u_rel + error / 2, U_REL_LEAST);
}

static double last_zero(const struct job *j)
{
	return j->calibration.point[j->calibration.count - 1].window.mean;
}

static double shunt_lift(const struct job *j)
{
	return j->shunt.mean - last_zero(j);
}

static void print_points(const struct job *j)
{
	const struct sensor_calibration *c = &j->calibration;

	printf("  load %-4s   force N     reading    residual mN\n", unit_of(j));
	for (unsigned i = 0; i < c->count; i++) {
		const struct sensor_point *p = &c->point[i];
		printf("  %-9g %9.6g %11.6g", p->load, p->force_n, p->window.mean);
		p->load > 0 ? printf("  %13.3f\n", 1000 * p->residual_n) : printf("              -\n");
	}
	printf("\nforce = %.6f times what is read, +- %.3f %% (k = 2)\n", c->gain, 200 * c->u_rel);
	printf("  standard uncertainties: loads %.4f %%, gravity and air %.4f %%, repeatability %.4f %%, zero %.4f %%, "
	       "resolution %.5f %%, not straight %.4f %%\n",
	       100 * c->u_load_rel, 100 * c->u_gravity_rel, 100 * c->u_repeat_rel, 100 * c->u_zero_rel,
	       100 * c->u_resolution_rel, 100 * c->u_line_rel);
	if (isnan(c->lack_p))
		printf("  whether it is straight, three loads and more would show\n");
	else
		printf("  beside the line %.4f %% of the largest load at most: %s (p %.2g)\n", 100 * c->linearity_rel,
		       c->beside ? "MORE THAN CHANCE, it is not straight" : "no more than chance", c->lack_p);
	if (c->setup.unload)
		printf("  coming down and going up are %.4f %% of it apart\n", 100 * c->hysteresis_rel);
	if (j->options->shunt) /* which a scale that stays goes on to read as it does now */
		printf("  the shunt stands for %.6g N: penrig calibrate sensor --shunt-check %.6g\n",
		       c->gain * shunt_lift(j), (scaled_channel(j->sensor) ? c->gain : 1) * shunt_lift(j));
}

static void print_entry(const struct job *j)
{
	const struct sensor_calibration *c = &j->calibration;
	const struct command_channel *channel = scaled_channel(j->sensor);
	const struct calibration *own = &j->certificate;
	double most_n = c->point[c->setup.loads].force_n;

	printf("\nfor the load sensor in the bench file:\n");
	printf("  \"calibration\": { \"certificate\": \"%s\", \"laboratory\": \"%s\", \"date\": \"%s\", \"due\": "
	       "\"%s\" },\n",
	       own->certificate, own->laboratory, own->date, own->due);
	printf("  \"force\": { \"u_rel\": %.3g, \"range_n\": [%.6g, %.6g] }\n", stated_u_rel(j),
	       fmax(j->bench->sensor.force_range_lo_n, -most_n), fmin(j->bench->sensor.force_range_hi_n, most_n));
	if (channel)
		printf("and for its channel \"%s\":\n  \"scale\": %.9g, \"offset\": %.9g\n", channel->name,
		       channel->scale * c->gain, channel->offset * c->gain);
	else
		printf("its own scale stays as it is: the %+.3f %% by which it is off are in \"u_rel\"\n",
		       100 * (1 / c->gain - 1));
	if (c->setup.loads > 2)
		printf("and for \"uncertainty\":\n  \"cell_linearity_rel\": %.3g%s", c->linearity_rel,
		       c->setup.unload ? ", " : "\n");
	if (c->setup.loads > 2 && c->setup.unload)
		printf("\"cell_hysteresis_rel\": %.3g\n", c->hysteresis_rel);
}

static void put_points(struct json_out *root, const struct sensor_calibration *c)
{
	struct json_out *list = json_out_add_array(root, "points");

	for (unsigned i = 0; i < c->count; i++) {
		struct json_out *o = json_out_add_object(list, NULL);
		json_out_number(o, "force_n", c->point[i].force_n, 9);
		json_out_number(o, "reading", c->point[i].window.mean, 9);
	}
}

static int save(const struct job *j, struct err *err)
{
	const struct sensor_calibration *c = &j->calibration;
	struct json_out *root = json_out_object(), *o;
	char *text = NULL;

	json_out_string(root, "kind", "penrig/certificate/1");
	json_out_string(root, "serial", j->serial);
	if (j->sensor->calibration.certificate[0])
		json_out_string(root, "replaces", j->sensor->calibration.certificate);
	o = json_out_add_object(root, "calibration");
	json_out_string(o, "certificate", j->certificate.certificate);
	json_out_string(o, "laboratory", j->certificate.laboratory);
	json_out_string(o, "date", j->certificate.date);
	json_out_string(o, "due", j->certificate.due);
	o = json_out_add_object(root, "force");
	json_out_number(o, "gain", c->gain, 9);
	json_out_number(o, "u_rel", fmax(c->u_rel, U_REL_LEAST), 4);
	put_points(root, c);
	int rc = json_out_print(root, true, &text, err);
	if (rc == 0)
		rc = calibration_write_file(j->output, text, err);
	json_out_free(root);
	free(text);
	return rc;
}

static int conclude(struct job *j)
{
	struct err err = {""};

	if (sensor_calibration_fit(&j->calibration, &err) < 0)
		return cli_error(EXIT_INCONCLUSIVE, "%s", err.text);
	if (!j->options->quiet)
		print_points(j);
	print_entry(j);
	if (j->calibration.gain < GAIN_LEAST || j->calibration.gain > GAIN_MOST) {
		printf("no certificate's file: %g times what was read is no correction, but a scale that was never "
		       "set\n",
		       j->calibration.gain);
		return EXIT_PASS;
	}
	if (save(j, &err) < 0)
		return cli_error(EXIT_STORAGE, "%s", err.text);
	printf("certificate: %s\n", j->output);
	return EXIT_PASS;
}

static int conclude_check(const struct job *j)
{
	double reads_n = shunt_lift(j), off = reads_n / j->shunt_wanted_n - 1;
	bool good = fabs(off) <= CHECK_REL;

	printf("the shunt reads %.6g N, %+.3f %% from %.6g N: %s\n", reads_n, 100 * off, j->shunt_wanted_n,
	       good ? "as it was" : "THE CHAIN HAS CHANGED, calibrate it");
	return good ? EXIT_PASS : EXIT_FAIL;
}

/* A check alone has no loads: one look without, and the shunt. */
static int plan_points(struct job *j, const struct sensor_setup *s, struct err *err)
{
	struct sensor_calibration *c = &j->calibration;
	int rc = 0;

	if (j->shunt_wanted_n > 0)
		*c = (struct sensor_calibration){.setup = *s, .count = 1};
	else
		rc = sensor_calibration_init(c, s, err);
	j->questions = c->count + (j->shunt_wanted_n > 0 || j->options->shunt);
	return rc;
}

static int execute(struct job *j)
{
	struct sensor_setup setup = {.loads = 0};
	struct err err = {""};
	int rc;

	if ((rc = read_options(j, &setup, &err)) < 0 || (rc = read_bench(j, &err)) < 0 ||
	    (rc = choose_output(j, &err)) < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	setup.claims = !scaled_channel(j->sensor);
	if ((rc = plan_points(j, &setup, &err)) < 0 || (rc = opening_loop(j->tables, &j->loop, &err)) < 0)
		return cli_error(cli_usage_code(rc), "%s", err.text);
	if (!(j->shunt_wanted_n > 0) && calibrate_dates(&j->certificate, loop_wall_ns(j->loop), &err) < 0)
		return cli_error(EXIT_USAGE, "%s", err.text);
	if ((rc = bench_queue_pass(j->bench->path, &j->lock, &err)) < 0)
		return cli_error(rc == -EBUSY ? EXIT_BUSY : EXIT_STORAGE, "%s", err.text);
	int code = drive(j);
	if (code != EXIT_PASS)
		return code;
	return j->shunt_wanted_n > 0 ? conclude_check(j) : conclude(j);
}

int calibrate_sensor(const struct cli_tables *tables, const struct calibrate_options *options)
{
	struct job *j = calloc(1, sizeof(*j));

	if (!j)
		return cli_error(EXIT_INTERNAL, "out of memory");
	*j = (struct job){.tables = tables, .options = options, .terminal = isatty(STDIN_FILENO)};
	signal(SIGTTIN, SIG_IGN);
	int code = execute(j);
	loop_free(j->loop);
	bench_lock_keep(j->lock);
	bench_free(j->bench);
	free(j);
	return code;
}
