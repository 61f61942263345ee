/* From a calibration's settings to a plan, from its strokes to forces, from forces to a phantom's file. */
#include "rig/calibrate/phantom_calibration.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "rig/config/filekind.h"

#define TARE_S       0.3
#define SETTLE_S     0.5
#define ATTEMPTS     2

#define MISFIT_REL   0.15 /* a pulse that differs more from the pen's own, and how many such a force bears */
#define MISFIT_SHARE 0.02

#define CURVE_GRID   40 /* steps of the written curve: Steffen through them follows the cubic */
#define CURVE_DIGITS 6
#define U_FORCE_MIN  1e-6 /* least that a phantom file takes */
#define SEEN_U       0.94 /* of an effect that is seen and not corrected: covers 95 % beside other lines of any size */

/* ---- the plan -------------------------------------------------------------------------------------------------- */

static void add_numbers(struct json_out *parent, const char *key, const double *values, unsigned count)
{
	struct json_out *list = json_out_add_array(parent, key);

	for (unsigned i = 0; i < count; i++)
		json_out_number(list, NULL, values[i], 12);
}

static void add_limit(struct json_out *root)
{
	const struct measurand_row *judged = measurand_row(MEASURAND_STROKE_RATE_ERROR);
	struct json_out *limit = json_out_add_object(json_out_add_array(root, "limits"), NULL);

	json_out_string(limit, "measurand", judged->name);
	json_out_string(limit, "unit", judged->unit);
	json_out_number(limit, "lower", -CALIBRATION_RATE_PCT, 3);
	json_out_number(limit, "upper", CALIBRATION_RATE_PCT, 3);
}

/* Through all depths, in one direction. */
static unsigned passes(const struct phantom_calibration_setup *setup)
{
	return setup->repeats * (setup->unload ? 2 : 1);
}

unsigned phantom_calibration_data(const struct phantom_calibration_setup *setup)
{
	return passes(setup) * setup->depths;
}

static void add_step(struct json_out *root, const struct phantom_calibration_setup *setup, const char *serial)
{
	struct json_out *step = json_out_add_object(json_out_add_array(root, "steps"), NULL);

	json_out_string(step, "name", "calibration");
	add_numbers(step, "depth_mm", setup->depth_mm, setup->depths);
	add_numbers(step, "rate_hz", setup->rate_hz, setup->rates);
	json_out_string(json_out_add_array(step, "phantom"), NULL, serial);
	json_out_int(step, "repeats", passes(setup));
	json_out_number(step, "tare_s", TARE_S, 6);
	json_out_number(step, "settle_s", SETTLE_S, 6);
	json_out_number(step, "measure_s", setup->measure_s, 6);
	json_out_int(step, "attempts", ATTEMPTS);
}

static int make_plan(const struct phantom_calibration_setup *setup, const char *serial, struct plan **ret,
		     struct err *err)
{
	struct json_out *root = json_out_object();
	char *text = NULL, path[96];
	int rc;

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "kind", "penrig/plan/1");
	json_out_string(root, "name", "calibrate");
	json_out_string(root, "description", "Calibration of a phantom; the reference depth is a stage's");
	add_limit(root);
	add_step(root, setup, serial);
	rc = json_out_print(root, true, &text, err);
	json_out_free(root);
	if (rc)
		return rc;
	snprintf(path, sizeof(path), "calibration of %s", serial);
	rc = plan_parse(path, text, strlen(text), ret, err);
	free(text);
	return rc;
}

/* A stage is slow and its setting costs accuracy: all rates at one setting before the next. */
static int by_setting(const void *a, const void *b)
{
	const struct plan_point *x = a, *y = b;

	if (x->repeat != y->repeat)
		return x->repeat < y->repeat ? -1 : 1;
	if (x->depth_mm != y->depth_mm)
		return x->depth_mm < y->depth_mm ? -1 : 1;
	return (x->rate_hz > y->rate_hz) - (x->rate_hz < y->rate_hz);
}

/* The same, every second pass downwards. */
static int by_setting_both_ways(const void *a, const void *b)
{
	const struct plan_point *x = a, *y = b;

	if (x->repeat == y->repeat && x->repeat % 2 == 1 && x->depth_mm != y->depth_mm)
		return x->depth_mm > y->depth_mm ? -1 : 1;
	return by_setting(a, b);
}

static void order_points(struct phantom_calibration *c)
{
	qsort(c->points, c->point_count, sizeof(*c->points), c->setup->unload ? by_setting_both_ways : by_setting);
	for (unsigned i = 0; i < c->point_count; i++) {
		c->points[i].number = i;
		if (c->setup->unload)
			c->points[i].upward = !phantom_calibration_unloads(c, i);
		else if (phantom_calibration_sets(c, i))
			c->points[i].upward = i == 0 || c->points[i].depth_mm > c->points[i - 1].depth_mm;
		else
			c->points[i].upward = c->points[i - 1].upward;
		c->points[i].phantom_change = false; /* the first setting's prompt names the phantom */
	}
}

static int allocate(struct phantom_calibration *c, struct err *err)
{
	unsigned per_rate = phantom_calibration_data(c->setup);

	c->measured = calloc(c->point_count, sizeof(*c->measured));
	for (unsigned i = 0; i < c->setup->rates; i++)
		if (!(c->data[i] = calloc(per_rate, sizeof(*c->data[i]))))
			return err_set(err, -ENOMEM, "out of memory");
	if (!c->measured)
		return err_set(err, -ENOMEM, "out of memory");
	for (unsigned i = 0; i < c->point_count; i++)
		c->measured[i] = (struct phantom_calibration_point){.reading_mm = NAN, .reason = "it was not measured"};
	return 0;
}

int phantom_calibration_init(struct phantom_calibration *c, const struct phantom_calibration_setup *setup,
			     const struct bench *bench, const char *serial, struct err *err)
{
	int rc;

	*c = (struct phantom_calibration){
		.setup = setup, .bench = bench, .phantom = bench_phantom(bench, serial), .row = UINT32_MAX};
	if (c->phantom < 0)
		return err_set(err, -EINVAL,
			       "phantom %s is not on bench \"%s\": write its file, with a first guess for a curve, and "
			       "add it to %s",
			       serial, bench->name, bench->path);
	if (phantom_calibration_data(setup) > CALIBRATE_DATA_MAX)
		return err_set(err, -EINVAL, "%u passes of %u depths are more than %d settings: fewer, please",
			       passes(setup), setup->depths, CALIBRATE_DATA_MAX);
	rc = make_plan(setup, serial, &c->plan, err);
	if (rc == 0)
		rc = plan_expand(c->plan, bench, &c->points, &c->point_count, err);
	if (rc == 0)
		order_points(c);
	return rc ? rc : allocate(c, err);
}

void phantom_calibration_release(struct phantom_calibration *c)
{
	for (unsigned i = 0; i < CURVE_RATES_MAX; i++)
		free(c->data[i]);
	free(c->measured);
	free(c->points);
	plan_free(c->plan);
	*c = (struct phantom_calibration){.phantom = -1};
}

/* ---- while it runs --------------------------------------------------------------------------------------------- */

bool phantom_calibration_sets(const struct phantom_calibration *c, unsigned point)
{
	const struct plan_point *p = &c->points[point];

	return point == 0 || p->depth_mm != p[-1].depth_mm || p->repeat != p[-1].repeat;
}

bool phantom_calibration_unloads(const struct phantom_calibration *c, unsigned point)
{
	return c->setup->unload && c->points[point].repeat % 2 == 1;
}

void phantom_calibration_reading(struct phantom_calibration *c, unsigned point, double reading_mm)
{
	c->measured[point].reading_mm = reading_mm;
	for (unsigned i = point + 1; i < c->point_count && !phantom_calibration_sets(c, i); i++)
		c->measured[i].reading_mm = reading_mm;
}

static void forget_strokes(struct phantom_calibration *c)
{
	c->heights = (struct moments){.n = 0};
	c->misfits = 0;
}

void phantom_calibration_stroke(struct phantom_calibration *c, unsigned row, const struct stroke *stroke)
{
	if (row != c->row)
		forget_strokes(c);
	c->row = row;
	if (stroke->phase != POINT_MEASURE)
		return;
	moments_add(&c->heights, stroke->height_n);
	c->misfits += !(stroke->misfit_n <= MISFIT_REL * stroke->height_n);
}

static const struct finding *result_of(const struct record_point *point, enum measurand id)
{
	for (unsigned i = 0; i < point->results; i++)
		if (point->result[i].result.id == id)
			return &point->result[i];
	return NULL;
}

/* Empty: its strokes are a force at the stated rate. */
static void doubt(const struct record_point *point, char *reason, size_t size)
{
	const struct finding *force = result_of(point, MEASURAND_PEAK_FORCE);
	const struct finding *rate = result_of(point, MEASURAND_STROKE_RATE_ERROR);

	reason[0] = '\0';
	if (!point->measured || !force || !rate)
		snprintf(reason, size, "%s", point->reason[0] ? point->reason : "it was not measured to its end");
	else if (!force->result.valid || !force->result.trusted)
		snprintf(reason, size, "%s", force->result.reason);
	else if (!rate->result.valid || !rate->result.trusted)
		snprintf(reason, size, "%s", rate->result.reason);
	else if (fabs(rate->result.value) > CALIBRATION_RATE_PCT)
		snprintf(reason, size, "the pen ran %.2f %% beside the stated rate; allowed are %d %%",
			 rate->result.value, CALIBRATION_RATE_PCT);
}

void phantom_calibration_point(struct phantom_calibration *c, const struct record_point *finished)
{
	struct phantom_calibration_point *p = &c->measured[finished->plan.number];
	const struct finding *ambient = result_of(finished, MEASURAND_AMBIENT_TEMPERATURE);

	doubt(finished, p->reason, sizeof(p->reason));
	if (!p->reason[0] && (double)c->misfits > MISFIT_SHARE * (double)c->heights.n)
		snprintf(p->reason, sizeof(p->reason), "%u of %u pulses do not have the pen's own shape", c->misfits,
			 (unsigned)c->heights.n);
	p->trusted = !p->reason[0] && c->heights.n > 1;
	p->strokes = (unsigned)c->heights.n;
	p->force_n = c->heights.mean;
	p->u_force_n = p->trusted ? moments_sd(&c->heights) / sqrt(moments_effective_n(&c->heights)) : NAN;
	p->ambient_c = ambient && ambient->result.valid && ambient->result.trusted ? ambient->result.value : NAN;
	forget_strokes(c);
}

/* ---- the outcome ----------------------------------------------------------------------------------------------- */

/* Among the plan's own values, which the points were copied from: a value of the command line went through its text. */
static unsigned index_of(const double *values, unsigned count, double value)
{
	unsigned i = 0;

	while (i + 1 < count && values[i] != value)
		i++;
	return i;
}

static int gather(struct phantom_calibration *c, struct err *err)
{
	const struct plan_step *step = &c->plan->step[0];
	unsigned count[CURVE_RATES_MAX] = {0};

	for (unsigned i = 0; i < c->point_count; i++) {
		const struct phantom_calibration_point *m = &c->measured[i];
		const struct plan_point *p = &c->points[i];
		unsigned rate = index_of(step->rate_hz, step->rates, p->rate_hz);

		if (!m->trusted || !isfinite(m->reading_mm))
			return err_set(err, -EDOM,
				       "the force at %.3f mm and %.6g Hz cannot be used: %s; put that right and "
				       "calibrate again",
				       p->depth_mm, p->rate_hz, m->reason);
		c->data[rate][count[rate]++] = (struct calibrate_datum){
			.setting = index_of(step->depth_mm, step->depths, p->depth_mm),
			.unloading = phantom_calibration_unloads(c, i),
			.depth_mm = m->reading_mm,
			.force_n = m->force_n,
			.u_force_n = m->u_force_n,
		};
	}
	return 0;
}

static int settle_temperature(struct phantom_calibration *c, struct err *err)
{
	double sum = 0;
	unsigned n = 0;

	c->temperature_c = c->setup->temperature_c;
	if (isfinite(c->temperature_c))
		return 0;
	for (unsigned i = 0; i < c->point_count; i++) {
		if (!isfinite(c->measured[i].ambient_c))
			continue;
		sum += c->measured[i].ambient_c;
		n++;
	}
	if (n == 0)
		return err_set(err, -EDOM, "the bench did not measure the ambient temperature: write --temperature");
	c->temperature_c = sum / n;
	return 0;
}

/* Of a curve that does not describe its settings, its largest miss: no scatter averages that out. */
static double fit_u_mm(const struct calibrate_fit *fit)
{
	return fit->lack.seen ? fmax(fit->rms_mm, SEEN_U * fit->lack.largest_mm) : fit->rms_mm;
}

/* The curve lies midway between from below and from above: half of what they are apart, at its largest where it is seen. */
static double hysteresis_u_mm(const struct calibrate_hysteresis *h)
{
	return h->settings ? SEEN_U * 0.5 * (h->seen ? h->largest_mm : h->rms_mm) : 0.0;
}

/* The stage's own uncertainty, how well a setting came back, a zero beside the contact, and hysteresis; the load cell's
 * certificate and the strokes' scatter. */
static void settle_uncertainty(struct phantom_calibration *c)
{
	double u_force_rel = 0, repeat_mm = 0, contact_mm = 0;

	c->u_fit_mm = c->u_hysteresis_mm = 0;
	for (unsigned i = 0; i < c->setup->rates; i++) {
		const struct calibrate_fit *fit = &c->fit[i];
		c->u_fit_mm = fmax(c->u_fit_mm, fit_u_mm(fit));
		if (fit->repeat_dof > 0)
			repeat_mm = fmax(repeat_mm, fit->repeat_mm);
		if (fit->contact_seen)
			contact_mm = fmax(contact_mm, SEEN_U * fabs(fit->contact_mm));
		c->u_hysteresis_mm = fmax(c->u_hysteresis_mm, hysteresis_u_mm(&fit->hysteresis));
	}
	for (unsigned i = 0; i < c->point_count; i++)
		u_force_rel = fmax(u_force_rel, c->measured[i].u_force_n / c->measured[i].force_n);
	c->u_repeat_mm = repeat_mm / sqrt(passes(c->setup));
	c->u_contact_mm = contact_mm;
	c->u_depth_mm = sqrt(pow(c->setup->u_stage_mm, 2) + pow(c->u_repeat_mm, 2) + pow(c->u_contact_mm, 2) +
			     pow(c->u_hysteresis_mm, 2));
	c->u_force_rel = fmax(U_FORCE_MIN, hypot(c->bench->sensor.force_u_rel, u_force_rel));
}

int phantom_calibration_fit(struct phantom_calibration *c, struct err *err)
{
	char reason[160];
	int rc = gather(c, err);

	if (rc == 0)
		rc = settle_temperature(c, err);
	for (unsigned i = 0; i < c->setup->rates && rc == 0; i++) {
		rc = calibrate_fit(c->data[i], phantom_calibration_data(c->setup), c->setup->u_stage_mm, &c->fit[i],
				   reason, sizeof(reason));
		if (rc)
			err_set(err, rc,
				"no calibration at %.6g Hz: %s; look for a wrong reading, a phantom that has come "
				"loose, "
				"or a contact that is not the stage's zero",
				c->setup->rate_hz[i], reason);
	}
	if (rc == 0)
		settle_uncertainty(c);
	return rc;
}

/* ---- the file -------------------------------------------------------------------------------------------------- */

static void add_certificate(struct json_out *root, const struct calibration *own)
{
	struct json_out *node = json_out_add_object(root, "calibration");

	json_out_string(node, "certificate", own->certificate);
	json_out_string(node, "laboratory", own->laboratory);
	json_out_string(node, "date", own->date);
	json_out_string(node, "due", own->due);
}

static double lack_of(const struct calibrate_fit *fit)
{
	return -fit->lack.p;
}

static double contact_of(const struct calibrate_fit *fit)
{
	return fabs(fit->contact_mm);
}

static double hysteresis_of(const struct calibrate_fit *fit)
{
	return fit->hysteresis.largest_mm;
}

/* Of all rates, the one of which `of` is largest. */
static const struct calibrate_fit *worst_fit(const struct phantom_calibration *c,
					     double (*of)(const struct calibrate_fit *fit))
{
	const struct calibrate_fit *worst = &c->fit[0];

	for (unsigned i = 1; i < c->setup->rates; i++)
		if (of(&c->fit[i]) > of(worst))
			worst = &c->fit[i];
	return worst;
}

static void add_conditions(struct json_out *root, const struct phantom_calibration *c, const struct record *record)
{
	struct json_out *node = json_out_add_object(root, "conditions");

	json_out_string(node, "bench", c->bench->name);
	json_out_string(node, "sensor_certificate", bench_device(c->bench, ROLE_LOAD_SENSOR)->calibration.certificate);
	json_out_string(node, "pen", record->dut);
	json_out_string(node, "run", record->name);
	json_out_string(node, "software", record->software_version);
	json_out_number(node, "u_stage_mm", c->setup->u_stage_mm, 6);
	json_out_int(node, "repeats", c->setup->repeats);
	if (c->setup->indicator[0])
		json_out_string(node, "indicator", c->setup->indicator);
	const struct calibrate_fit *bent = worst_fit(c, lack_of), *off = worst_fit(c, contact_of);
	json_out_number(node, "lack_of_fit_mm", bent->lack.rms_mm, 3);
	json_out_number(node, "lack_of_fit_p", bent->lack.p, 3);
	json_out_number(node, "contact_mm", off->contact_mm, 3);
	json_out_number(node, "u_contact_mm", off->u_contact_mm, 3);
	if (!c->setup->unload)
		return;
	const struct calibrate_hysteresis *h = &worst_fit(c, hysteresis_of)->hysteresis;
	json_out_number(node, "hysteresis_mm", h->largest_mm, 3);
	json_out_number(node, "hysteresis_p", h->p, 3);
	json_out_number(node, "u_hysteresis_mm", c->u_hysteresis_mm, 3);
}

static void add_curve(struct json_out *curves, double rate_hz, const struct calibrate_fit *fit)
{
	struct json_out *node = json_out_add_object(curves, NULL);
	double depth_mm[CURVE_GRID + 1], force_n[CURVE_GRID + 1];

	for (unsigned i = 0; i <= CURVE_GRID; i++) {
		depth_mm[i] = fit->depth_max_mm * i / CURVE_GRID;
		force_n[i] = calibrate_force(fit, depth_mm[i]);
	}
	json_out_number(node, "rate_hz", rate_hz, 12);
	struct json_out *depths = json_out_add_array(node, "depth_mm");
	struct json_out *forces = json_out_add_array(node, "force_n");
	for (unsigned i = 0; i <= CURVE_GRID; i++) {
		json_out_number(depths, NULL, depth_mm[i], CURVE_DIGITS);
		json_out_number(forces, NULL, force_n[i], CURVE_DIGITS);
	}
}

static int phantom_text(const struct phantom_calibration *c, const struct record *record, char **ret, struct err *err)
{
	const struct phantom *phantom = &c->bench->phantom[c->phantom];
	struct json_out *root = json_out_object();
	int rc;

	if (!root)
		return err_set(err, -ENOMEM, "out of memory");
	json_out_string(root, "kind", "penrig/phantom/1");
	json_out_string(root, "serial", phantom->serial);
	json_out_string(root, "material", phantom->material);
	add_certificate(root, &c->setup->calibration);
	json_out_number(root, "temperature_c", c->temperature_c, 4);
	json_out_number(root, "stroke_budget", (double)phantom->stroke_budget, 17);
	json_out_number(root, "u_depth_mm", c->u_depth_mm, 4);
	json_out_number(root, "u_force_rel", c->u_force_rel, 4);
	json_out_number(root, "u_fit_mm", c->u_fit_mm, 4);
	add_conditions(root, c, record);
	struct json_out *curves = json_out_add_array(root, "curves");
	for (unsigned i = 0; i < c->setup->rates; i++)
		add_curve(curves, c->setup->rate_hz[i], &c->fit[i]);
	rc = json_out_print(root, true, ret, err);
	json_out_free(root);
	return rc;
}

/* What is written must be what the next run will read. */
static int read_back(const char *path, const char *text, struct err *err)
{
	const struct bench_text file = {.path = path, .text = text, .len = strlen(text)};
	struct phantom phantom = {.doc = NULL};
	int rc = phantom_parse(&file, &phantom, err);

	if (rc == 0)
		phantom_release(&phantom);
	return rc;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len > 0) {
		ssize_t n = write(fd, text, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		text += n;
		len -= (size_t)n;
	}
	return fsync(fd) < 0 ? -errno : 0;
}

int calibration_write_file(const char *path, const char *text, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	int rc;

	if (fd < 0)
		return err_set(err, -errno, "cannot write %s: %s; name another file with --output", path,
			       strerror(errno));
	rc = write_all(fd, text);
	if (close(fd) < 0 && rc == 0)
		rc = -errno;
	if (rc == 0)
		return 0;
	unlink(path);
	return err_set(err, rc, "cannot write %s: %s", path, strerror(-rc));
}

int phantom_calibration_save(const struct phantom_calibration *c, const struct record *record, const char *path,
			     struct err *err)
{
	char *text = NULL;
	int rc = phantom_text(c, record, &text, err);

	if (rc == 0)
		rc = read_back(path, text, err);
	if (rc == 0)
		rc = calibration_write_file(path, text, err);
	free(text);
	return rc;
}

/* ---- against the last one ------------------------------------------------------------------------------------------ */

#define COVERAGE 2.0

/* Standard uncertainty of a depth from a force; slope in N/mm. */
static double u_of_depth(double u_depth_mm, double u_fit_mm, double u_force_rel, double force_n, double slope)
{
	double by_force = u_force_rel * force_n / slope;

	return sqrt(u_depth_mm * u_depth_mm + u_fit_mm * u_fit_mm + by_force * by_force);
}

static void take_shift(const struct phantom_calibration *c, const struct curve *last, const struct calibrate_datum *d,
		       struct phantom_calibration_shift *ret)
{
	const struct curve_set *old = &c->bench->phantom[c->phantom].curves;
	double depth, slope;

	if (curve_depth(last, d->fit_n, &depth, &slope) < 0)
		return;
	double shift = depth - d->depth_mm;
	double u = COVERAGE * hypot(u_of_depth(old->u_depth_mm, old->u_fit_mm, old->u_force_rel, d->fit_n, slope),
				    u_of_depth(c->u_depth_mm, c->u_fit_mm, c->u_force_rel, d->fit_n, slope));
	ret->mean_mm += (shift - ret->mean_mm) / ++ret->compared;
	ret->moved |= fabs(shift) > u;
	if (ret->compared == 1 || fabs(shift) > fabs(ret->largest_mm)) {
		ret->largest_mm = shift;
		ret->at_mm = d->depth_mm;
		ret->u_mm = u;
	}
}

int phantom_calibration_shift(const struct phantom_calibration *c, unsigned rate, struct phantom_calibration_shift *ret)
{
	struct curve *last = NULL;
	int rc = curve_new(&c->bench->phantom[c->phantom].curves, c->setup->rate_hz[rate], &last);

	*ret = (struct phantom_calibration_shift){.compared = 0};
	for (unsigned i = 0; i < phantom_calibration_data(c->setup) && !rc; i++)
		take_shift(c, last, &c->data[rate][i], ret);
	curve_free(last);
	return rc == -ENOMEM ? rc : 0;
}
