/* One point after the other, from samples to judged results. Leaves out what a result is made of (measure/), which
 * limit it meets (judge.c), what is said of it beyond the estimators (results.c), and why a phase begins when it
 * does. */
#include "rig/estimate/estimator.h"

#include <assert.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "rig/estimate/uncertainties.h"
#include "rig/judge/judge.h"

#define CELL_EXACT_REL            1e-9               /* of a bench file that says 0: point.h's 0 is "not stated" */
#define CALIBRATION_TEMPERATURE_C 23.0               /* load cells are calibrated at 23 degC (ISO 376) */
#define SQRT6                     2.4494897427831781 /* the difference of two such, each of half the width */
#define SQRT3                     1.7320508075688772 /* half-width of a rectangle to its standard uncertainty (GUM 4.3.7) */

/* ---- channels and streams ---- */

int estimator_find_channel(const struct channel *channels, unsigned count, enum quantity quantity, const char *name)
{
	for (unsigned i = 0; i < count; i++)
		if (channels[i].quantity == quantity && (!name || strcmp(channels[i].name, name) == 0))
			return (int)i;
	return -1;
}

void estimator_count_range(const struct channel *force, const struct bench *bench, int32_t *ret_lo, int32_t *ret_hi)
{
	double lo = (bench->sensor.force_range_lo_n - force->offset) / force->scale;
	double hi = (bench->sensor.force_range_hi_n - force->offset) / force->scale;
	int32_t end = (int32_t)((1u << (force->bits - 1)) - 1);
	*ret_lo = (int32_t)fmax(fmin(lo, hi), -end);
	*ret_hi = (int32_t)fmin(fmax(lo, hi), end);
}

static bool has_role(const struct estimator_device *d, enum device_role role)
{
	return d->bench && (d->bench->roles & ROLE_BIT(role));
}

static const struct channel *channel_of(const struct estimator *e, unsigned source, int channel)
{
	return &e->source[source].of.channels[channel];
}

static const struct channel *force_channel(const struct estimator *e)
{
	return channel_of(e, 0, e->force);
}

/* The first thermometer that has a site answers for it. */
static void find_temperatures(struct estimator *e, unsigned source)
{
	static const char *const names[] = {"handle", "tip", "ambient"};
	struct held *const held[] = {&e->handle, &e->tip, &e->ambient};
	const struct estimator_device *d = &e->source[source].of;

	for (unsigned i = 0; i < 3 && has_role(d, ROLE_THERMOMETER); i++) {
		int channel = estimator_find_channel(d->channels, d->channel_count, QUANTITY_TEMPERATURE, names[i]);
		if (held[i]->channel >= 0 || channel < 0)
			continue;
		held[i]->channel = channel;
		held[i]->source = source;
	}
}

static void find_channels(struct estimator *e)
{
	const struct estimator_device *d = &e->source[0].of;
	const struct held none = {.now = NAN, .before = NAN, .channel = -1};

	e->handle = e->tip = e->ambient = none;
	e->force = estimator_find_channel(d->channels, d->channel_count, QUANTITY_FORCE, NULL);
	e->displacement = has_role(d, ROLE_DISPLACEMENT)
				  ? estimator_find_channel(d->channels, d->channel_count, QUANTITY_DISPLACEMENT, NULL)
				  : -1;
	if (e->force >= 0 && e->displacement >= 0 &&
	    d->channels[e->displacement].stream != d->channels[e->force].stream)
		e->displacement = -1;
	find_temperatures(e, 0);
}

int estimator_init(struct estimator *e, const struct plan *plan, const struct bench *bench,
		   const struct estimator_device *load_sensor, bool host_clock_synchronised, struct err *err)
{
	*e = (struct estimator){.plan = plan,
				.bench = bench,
				.sources = 1,
				.host_clock_synchronised = host_clock_synchronised,
				.phase = POINT_PHASES};
	e->source[0].of = *load_sensor;
	find_channels(e);
	if (e->force < 0)
		return err_set(err, -EINVAL, "the load sensor has no force channel");
	const struct channel *force = force_channel(e);
	if (strcmp(force->unit, "N") != 0)
		return err_set(err, -EINVAL, "the force channel is in \"%s\"; newton (N) is needed", force->unit);
	e->fs_hz = force->rate_hz;
	e->force_scale = channel_scale_of(force);
	estimator_count_range(force, bench, &e->force_scale.count_lo, &e->force_scale.count_hi);
	sample_clock_init(&e->clock, e->fs_hz);
	return 0;
}

/* Counts at the ends of what the channel declares, or of its converter. */
static void displacement_ends(const struct channel *c, int32_t *ret_lo, int32_t *ret_hi)
{
	double end = (double)((1u << (c->bits - 1)) - 1), a = -end, b = end;
	if (c->range_hi > c->range_lo) {
		a = (c->range_lo - c->offset) / c->scale;
		b = (c->range_hi - c->offset) / c->scale;
	}
	*ret_lo = (int32_t)fmax(fmin(a, b), -end);
	*ret_hi = (int32_t)fmin(fmax(a, b), end);
}

/* What of the block lies before the sample at which the window's end is looked for. */
static void feed_and_look(struct estimator *e, struct sample_block *rest)
{
	struct sample_block head = *rest;
	uint64_t next = e->until.next;

	head.frames = next > rest->first_index ? (uint32_t)(next - rest->first_index) : 0;
	if (head.frames)
		point_feed(e->point, &head);
	until_look(&e->until, e->point);
	rest->first_index += head.frames;
	rest->frames -= head.frames;
	rest->counts += (size_t)head.frames * rest->channels;
}

static void feed_point(struct estimator *e, const struct sample_block *block)
{
	if (!e->open)
		return;
	if (!e->point) {
		free_run_feed(&e->free_run, block);
		return;
	}
	settle_feed(&e->settle, block);
	struct sample_block rest = *block;
	until_feed(&e->until, rest.first_index, rest.first_index + rest.frames);
	while (e->until.next <= rest.first_index + rest.frames)
		feed_and_look(e, &rest);
	if (rest.frames)
		point_feed(e->point, &rest);
}

static void take_in(struct estimator *e, const struct sample_block *block)
{
	recent_take(&e->recent, block);
	feed_point(e, block);
}

static void on_aligned(void *ctx, const struct sample_block *block)
{
	take_in(ctx, block);
}

static struct align_side side_of(const struct bench_device *bench, double rate_hz)
{
	return (struct align_side){.rate_hz = rate_hz,
				   .latency_lo_s = bench->latency_lo_ms * 1e-3,
				   .latency_hi_s = bench->latency_hi_ms * 1e-3,
				   .clock_rel = bench->clock_ppm * 1e-6};
}

static int add_bar(struct estimator *e, unsigned source, int channel, struct err *err)
{
	const struct channel *bar = channel_of(e, source, channel);
	struct align_config config = {
		.force = side_of(e->source[0].of.bench, e->fs_hz),
		.bar = side_of(e->source[source].of.bench, bar->rate_hz),
		.force_position = force_channel(e)->position,
		.scale = channel_scale_of(bar),
		.emit = on_aligned,
		.ctx = e,
	};

	if (strcmp(bar->unit, "mm") != 0)
		return err_set(err, -EINVAL,
			       "the displacement of device \"%s\" is in \"%s\"; millimetres (mm) are needed",
			       e->source[source].of.bench->name, bar->unit);
	displacement_ends(bar, &config.scale.count_lo, &config.scale.count_hi);
	int status = align_new(&config, &e->bar.align);
	if (status)
		return err_set(err, status, "force and displacement cannot be put on one axis: %s", strerror(-status));
	e->bar.source = source;
	e->bar.channel = channel;
	align_scale(e->bar.align, &e->bar.scale);
	return 0;
}

int estimator_add(struct estimator *e, const struct estimator_device *other, struct err *err)
{
	unsigned source = e->sources;

	assert(source < RECORD_DEVICES_MAX);
	e->source[source] = (struct source){.of = *other};
	e->sources++;
	find_temperatures(e, source);
	int bar = estimator_find_channel(other->channels, other->channel_count, QUANTITY_DISPLACEMENT, NULL);
	if (!has_role(other, ROLE_DISPLACEMENT) || bar < 0 || e->displacement >= 0 || e->bar.align)
		return 0;
	return add_bar(e, source, bar, err);
}

/* In the order of the record; the load sensor at once, the others behind it. */
static int add_devices(struct estimator *e, const struct record *record, bool load_sensor, struct err *err)
{
	int status = 0;

	for (unsigned i = 0; i < record->devices && !status; i++) {
		const struct record_device *d = &record->device[i];
		const struct estimator_device device = {.device = i,
							.channels = d->channel,
							.channel_count = d->channels,
							.bench = record_bench_device(d, e->bench)};
		bool wanted = (strcmp(d->role, role_row(ROLE_LOAD_SENSOR)->name) == 0) == load_sensor;
		if (!wanted || (load_sensor && e->sources) || (!load_sensor && !d->channels))
			continue;
		if (!device.bench)
			return err_set(err, -EBADMSG, "the bench file has no device \"%s\" (%s)", d->name, d->role);
		status = load_sensor
				 ? estimator_init(e, e->plan, e->bench, &device, record->host_clock_synchronised, err)
				 : estimator_add(e, &device, err);
	}
	return status;
}

int estimator_init_devices(struct estimator *e, const struct plan *plan, const struct bench *bench,
			   const struct record *record, struct err *err)
{
	*e = (struct estimator){.plan = plan, .bench = bench};
	int status = add_devices(e, record, true, err);

	if (!status && !e->sources)
		return err_set(err, -EBADMSG, "no device of the run is a load sensor");
	e->recording = record->origin.path[0] != '\0';
	e->commands_unknown = record->origin.times_found;
	return status ? status : add_devices(e, record, false, err);
}

const struct channel *estimator_held_channel(const struct estimator *e, const struct held *held)
{
	return channel_of(e, held->source, held->channel);
}

double estimator_held_u_k(const struct estimator *e, const struct held *held)
{
	return e->source[held->source].of.bench->temperature_u_k;
}

const struct channel *estimator_bar(const struct estimator *e, unsigned *ret_device)
{
	unsigned source = e->bar.align ? e->bar.source : 0;
	int channel = e->bar.align ? e->bar.channel : e->displacement;

	if (channel < 0)
		return NULL;
	*ret_device = e->source[source].of.device;
	return channel_of(e, source, channel);
}

const struct sample_clock *estimator_clock(const struct estimator *e, unsigned device)
{
	if (e->sources && e->source[0].of.device == device)
		return &e->clock;
	bool aligned = e->bar.align && e->source[e->bar.source].of.device == device;
	return aligned ? align_bar_clock(e->bar.align) : NULL;
}

static void close_estimators(struct estimator *e)
{
	point_free(e->point);
	settle_release(&e->settle);
	until_release(&e->until);
	thermal_free(e->handle_fit);
	thermal_free(e->tip_fit);
	curve_free(e->curve);
	e->point = NULL;
	e->handle_fit = e->tip_fit = NULL;
	e->curve = NULL;
	e->open = false;
}

void estimator_release(struct estimator *e)
{
	close_estimators(e);
	align_free(e->bar.align);
	e->bar.align = NULL;
	recent_release(&e->recent);
}

static void take(struct held *held, const struct channel *c, int32_t count, uint64_t host_ns)
{
	if (host_ns > held->host_ns) {
		held->before = held->now;
		held->host_ns = host_ns;
	}
	held->same = held->same && count == held->count ? held->same + 1 : 1;
	held->moved = held->moved || (!isnan(held->now) && count != held->count);
	held->count = count;
	held->now = c->offset + c->scale * count;
}

static bool is_carried(const struct estimator *e, const struct held *held, const struct sample_block *block)
{
	return held->channel >= 0 && e->source[held->source].of.device == block->device &&
	       estimator_held_channel(e, held)->stream == block->stream;
}

static double seen_from(const struct estimator *e, const struct held *held, const struct sample_block *block)
{
	if (held->channel < 0)
		return NAN;
	return is_carried(e, held, block) || held->host_ns < block->host_ns ? held->now : held->before;
}

/* While the motor runs. A channel that dies would leave a maximum that looks good, and no other vouches for it. */
static void note_gap(struct held *held, uint64_t at_ns)
{
	uint64_t gap_ns = at_ns > held->seen_ns ? at_ns - held->seen_ns : 0;
	held->gap_ns = gap_ns > held->gap_ns ? gap_ns : held->gap_ns;
	held->seen_ns = at_ns > held->seen_ns ? at_ns : held->seen_ns;
}

static bool is_beyond(const struct channel *c, int32_t count, double value)
{
	int32_t end = (int32_t)((1u << (c->bits - 1)) - 1);
	bool declared = c->range_hi > c->range_lo;
	return count >= end || count <= -end || (declared && (value <= c->range_lo || value >= c->range_hi));
}

/* While the motor runs. An open thermocouple stands at an end of its range, and the cold end looks good. */
static void note_beyond(struct estimator *e, const struct held *held, uint32_t flags)
{
	const struct channel *c = estimator_held_channel(e, held);
	if ((flags & (SAMPLE_SATURATED | SAMPLE_OVER_RANGE)) || is_beyond(c, held->count, held->now))
		e->slow_beyond = e->slow_beyond ? e->slow_beyond : c->name;
}

/* While the motor runs. A channel that stands still inside its range looks like a cool pen. */
static void note_standing(struct held *held, uint64_t since_ns, uint64_t at_ns)
{
	held->stood = held->same > held->stood ? held->same : held->stood;
	if (!held->moved)
		held->still_ns += at_ns - since_ns;
}

/* By their times, not by when they arrived: what came late may still be of the time in which the motor ran. */
static bool motor_ran_at(const struct estimator *e, uint64_t at_ns)
{
	return e->open && e->motor_start_ns && at_ns >= e->motor_start_ns &&
	       (!e->motor_stop_ns || at_ns <= e->motor_stop_ns);
}

/* A block arrives with its last frame; those before it were taken earlier, each by one period of the stream. */
static uint64_t frame_ns(const struct sample_block *block, uint32_t frame, double rate_hz)
{
	double back_ns = (double)(block->frames - 1 - frame) / rate_hz * 1e9;
	return back_ns < (double)block->host_ns ? block->host_ns - (uint64_t)back_ns : 0;
}

static void take_slow_frame(struct estimator *e, const struct sample_block *block, uint32_t frame, uint64_t before_ns,
			    uint64_t at_ns)
{
	const int32_t *counts = &block->counts[(size_t)frame * block->channels];
	struct held *const held[] = {&e->handle, &e->tip, &e->ambient};
	for (unsigned i = 0; i < 3; i++) {
		if (!is_carried(e, held[i], block))
			continue;
		const struct channel *c = estimator_held_channel(e, held[i]);
		take(held[i], c, counts[c->position], block->host_ns);
	}
	if (!motor_ran_at(e, at_ns))
		return;
	uint64_t since_ns = before_ns > e->motor_start_ns ? before_ns : e->motor_start_ns;
	for (unsigned i = 0; i < 3; i++) {
		if (!is_carried(e, held[i], block))
			continue;
		note_gap(held[i], at_ns);
		note_beyond(e, held[i], block->flags);
		note_standing(held[i], since_ns, at_ns);
	}
	double t_s = (double)(at_ns - e->motor_start_ns) * 1e-9;
	double ambient_c = seen_from(e, &e->ambient, block);
	if (e->handle_fit && is_carried(e, &e->handle, block))
		thermal_feed(e->handle_fit, t_s, e->handle.now, ambient_c);
	if (e->tip_fit && is_carried(e, &e->tip, block))
		thermal_feed(e->tip_fit, t_s, e->tip.now, ambient_c);
}

static void take_temperatures(struct estimator *e, struct source *source, const struct sample_block *block)
{
	const struct held *const held[] = {&e->handle, &e->tip, &e->ambient};
	const struct channel *carried = NULL;
	for (unsigned i = 0; i < 3; i++)
		if (is_carried(e, held[i], block))
			carried = estimator_held_channel(e, held[i]);
	if (!carried) /* a stream of something else must not pass for one that lives */
		return;
	uint64_t *const last_ns = &source->frame_ns[block->stream];
	for (uint32_t frame = 0; frame < block->frames; frame++) {
		uint64_t at_ns = frame_ns(block, frame, carried->rate_hz);
		uint64_t before_ns = *last_ns;
		*last_ns = at_ns > before_ns ? at_ns : before_ns; /* a late block before this one: never backwards */
		take_slow_frame(e, block, frame, before_ns, *last_ns);
	}
}

static bool motor_may_turn(const struct estimator *e)
{
	return e->open && (e->phase == POINT_SPIN_UP || e->phase == POINT_MEASURE || e->phase == POINT_COAST);
}

static void take_force(struct estimator *e, const struct sample_block *block)
{
	uint64_t last = block->first_index + block->frames - 1;

	sample_clock_feed(&e->clock, last, block->host_ns);
	if (motor_may_turn(e))
		sample_clock_feed(&e->point_clock, last, block->host_ns);
	if (!e->bar.align) {
		take_in(e, block);
		return;
	}
	align_advance(e->bar.align, block->host_ns);
	align_force(e->bar.align, block);
}

static void take_bar(struct estimator *e, const struct sample_block *block)
{
	if (motor_may_turn(e))
		sample_clock_feed(&e->bar.point_clock, block->first_index + block->frames - 1, block->host_ns);
	align_advance(e->bar.align, block->host_ns);
	align_bar(e->bar.align, block);
}

static struct source *source_of(struct estimator *e, unsigned device)
{
	for (unsigned i = 0; i < e->sources; i++)
		if (e->source[i].of.device == device)
			return &e->source[i];
	return NULL;
}

void estimator_block(struct estimator *e, const struct sample_block *block)
{
	struct source *source = source_of(e, block->device);

	if (!block->frames || !source)
		return;
	source->next_index[block->stream] = block->first_index + block->frames;
	if (source == &e->source[0] && block->stream == force_channel(e)->stream) {
		take_force(e, block);
		return;
	}
	bool bar = e->bar.align && source == &e->source[e->bar.source] &&
		   block->stream == channel_of(e, e->bar.source, e->bar.channel)->stream;
	if (bar)
		take_bar(e, block);
	take_temperatures(e, source, block);
}

void estimator_telemetry(struct estimator *e, const struct pen_telemetry *telemetry)
{
	e->telemetry_rows++;
	if (!e->open || e->phase != POINT_MEASURE)
		return;
	e->pen.n++;
	e->pen.rate_hz += telemetry->rate_hz;
	e->pen.motor_c += telemetry->motor_c;
	e->pen.handle_c += telemetry->handle_c;
	e->pen.battery_v += telemetry->battery_v;
}

/* ---- opening a point ---- */

/* The sample clock is corrected only where the comparison with the host is surer than the sensor's own specification.
 */
static void choose_clock(struct estimator *e)
{
	double spec_rel = bench_device(e->bench, ROLE_LOAD_SENSOR)->clock_ppm * 1e-6 / SQRT3;
	double rel, u_rel;
	e->point_fs_hz = e->fs_hz;
	e->u_clock_rel = spec_rel;
	if (sample_clock_rate(&e->clock, &rel, &u_rel) || !e->host_clock_synchronised)
		return;
	u_rel = hypot(u_rel, sample_clock_grain(&e->clock) / SQRT6);
	if (u_rel >= spec_rel)
		return;
	e->point_fs_hz = e->fs_hz * (1 + rel);
	e->u_clock_rel = u_rel;
	e->clock_applied = true;
}

static double temperature_u_rel(const struct estimator *e)
{
	double ambient_c = isnan(e->ambient.now) ? e->bench->ambient_hi_c : e->ambient.now;
	return e->bench->sensor.temperature_coefficient_rel_per_k * fabs(ambient_c - CALIBRATION_TEMPERATURE_C) / SQRT3;
}

/* What the device declares and what the bench says of the way there: the smaller one holds. 0: not known. */
static double narrower_hz(double a, double b)
{
	return a > 0 && b > 0 ? fmin(a, b) : fmax(a, b);
}

static void configure_channel(const struct estimator *e, struct point_config *c)
{
	const struct channel *force = force_channel(e);
	const struct bench_sensor *bench = &e->bench->sensor;
	const double *stated = e->bench->uncertainty.value;

	c->force = e->force_scale;
	c->force_lo_n = bench->force_range_lo_n;
	c->force_hi_n = bench->force_range_hi_n;
	c->bandwidth_hz = narrower_hz(force->bandwidth_hz, bench->bandwidth_hz);
	c->cell = (struct load_cell){.hz = bench->cell_hz,
				     .damping = bench->cell_damping,
				     .u_rel = fmax(CELL_EXACT_REL, stated[UNCERTAINTY_CELL_FREQUENCY]),
				     .damping_u_rel = stated[UNCERTAINTY_CELL_DAMPING]};
	c->displacement.position = -1;
	if (e->displacement >= 0 && e->source[0].of.bench->displacement_u_mm > 0) {
		const struct channel *d = channel_of(e, 0, e->displacement);
		c->displacement = channel_scale_of(d);
		c->u.displacement_mm = e->source[0].of.bench->displacement_u_mm;
		displacement_ends(d, &c->displacement.count_lo, &c->displacement.count_hi);
	}
}

/* What align emits: force first, the bar behind it. */
static void configure_other_bar(const struct estimator *e, struct point_config *c)
{
	if (!e->bar.align)
		return;
	const struct estimator_device *device = &e->source[e->bar.source].of;
	c->force.position = 0;
	if (!(device->bench->displacement_u_mm > 0))
		return;
	c->displacement = e->bar.scale;
	c->bar_rate_hz = channel_of(e, e->bar.source, e->bar.channel)->rate_hz;
	c->u.displacement_mm = device->bench->displacement_u_mm;
	c->u.alignment_s = align_u_s(e->bar.align);
}

/* The phantom is taken to have the temperature of the room, that of the ambient channel or else any that the bench is
 * for. Without a coefficient the curves stay as they are. u_rel: of what the temperature does to the force. */
static void curves_at_room(const struct estimator *e, const struct phantom *phantom, struct curve_set *ret,
			   double *ret_u_rel)
{
	double half_k = (e->bench->ambient_hi_c - e->bench->ambient_lo_c) / 2;
	bool measured = isfinite(e->ambient.now);
	double room_c = measured ? e->ambient.now : e->bench->ambient_lo_c + half_k;
	double u_k = measured ? estimator_held_u_k(e, &e->ambient) : half_k / SQRT3;
	double apart_k = room_c - phantom->temperature_c, factor = 1 + phantom->force_rel_per_k * apart_k;

	*ret = phantom->curves;
	*ret_u_rel = hypot(phantom->u_force_rel_per_k * apart_k, phantom->force_rel_per_k * u_k) / factor;
	if (phantom->force_rel_per_k == 0)
		return;
	for (unsigned i = 0; i < ret->rates; i++)
		for (unsigned k = 0; k < ret->at[i].points; k++)
			ret->at[i].force_n[k] *= factor;
}

static void configure_curve(struct estimator *e, const struct plan_point *p, struct point_config *c)
{
	struct curve_set *set = &e->curves;

	curves_at_room(e, &e->bench->phantom[p->phantom], set, &c->u.phantom_temperature_rel);
	int status = curve_new(set, p->rate_hz, &e->curve);
	if (status == -ERANGE)
		snprintf(c->curve_reason, sizeof(c->curve_reason), "the phantom is not calibrated at %g Hz",
			 p->rate_hz);
	else if (status)
		snprintf(c->curve_reason, sizeof(c->curve_reason), "the phantom's curve is not monotone");
	c->curve = e->curve;
	c->curves = e->curve ? set : NULL;
	c->u.depth_cal_mm = set->u_depth_mm;
	c->u.curve_force_rel = set->u_force_rel;
	c->u.curve_fit_mm = set->u_fit_mm;
}

/* Of the thermometers that the rise of a part comes from, the less sure one. */
static double temperature_u_k(const struct estimator *e, const struct held *part)
{
	double u_k = part->channel < 0 ? bench_temperature_u_k(e->bench) : estimator_held_u_k(e, part);

	return e->ambient.channel < 0 ? u_k : fmax(u_k, estimator_held_u_k(e, &e->ambient));
}

/* Also without a channel: that a part was not measured is a result too, and what a limit on it then meets. */
static int open_thermal(const struct estimator *e, const struct held *part, enum measurand id, const char *site,
			struct thermal **ret)
{
	struct thermal_config config = {
		.id = id,
		.u_sensor_k = temperature_u_k(e, part),
		.rated_ambient_c = e->plan->rated_ambient_c,
	};
	snprintf(config.site, sizeof(config.site), "%s", site);
	return thermal_new(&config, ret);
}

/* Of a recording only where it has both. */
bool estimator_compares_depths(const struct estimator *e)
{
	return bench_displacement_u_mm(e->bench) > 0 && (!e->recording || e->displacement >= 0);
}

static struct tare_reference tare_reference(const struct estimator *e)
{
	const struct bench_sensor *sensor = &e->bench->sensor;
	bool compared = estimator_compares_depths(e);
	enum tare_proof proof = sensor->u_zero_n > 0   ? TARE_LEVEL
				: compared             ? TARE_DISPLACEMENT
				: sensor->tare_free[0] ? TARE_STATED
						       : TARE_UNKNOWN;

	return (struct tare_reference){.proof = proof, .zero_n = sensor->zero_n, .u_zero_n = sensor->u_zero_n};
}

static void open_free_run(struct estimator *e, const struct plan_point *p)
{
	struct free_run_config config = {
		.fs_hz = e->point_fs_hz,
		.rate_set_hz = p->rate_hz,
		.u_clock_rel = e->u_clock_rel,
		.force = {.fs_hz = e->fs_hz, .channel = e->force_scale, .still_n = e->bench->sensor.still_n},
	};
	if (e->bar.align) {
		config.bar = e->bar.scale;
		config.bar_rate_hz = channel_of(e, e->bar.source, e->bar.channel)->rate_hz;
		config.force.channel.position = 0;
	} else {
		config.bar = channel_scale_of(channel_of(e, 0, e->displacement));
	}
	free_run_init(&e->free_run, &config);
}

static int open_settle(struct estimator *e, const struct plan_point *p, const struct point_config *point)
{
	const struct light_config light = {.fs_hz = e->fs_hz,
					   .rate_set_hz = p->rate_hz,
					   .position = (unsigned)point->force.position,
					   .scale = point->force.scale,
					   .offset = point->force.offset,
					   .bits = force_channel(e)->bits,
					   .noise_n = point->force.noise,
					   .swing_n = e->bench->sensor.still_n};

	return settle_begin(&e->settle, e->ends_windows ? &e->plan->step[p->step].settle : NULL, &light, e->curve);
}

static int open_estimators(struct estimator *e, const struct record_point *point)
{
	const struct plan_point *p = &point->plan;

	choose_clock(e);
	if (plan_point_is_free(p)) {
		if (e->displacement < 0 && !e->bar.align)
			return -ENODEV;
		open_free_run(e, p);
		return 0;
	}
	struct point_config config = {
		.fs_hz = e->point_fs_hz,
		.rate_set_hz = p->rate_hz,
		.depth_set_mm = p->depth_mm,
		.mains_hz = e->bench->mains_hz,
		.tare = tare_reference(e),
		.preload_lo_n = e->bench->sensor.preload_lo_n,
		.preload_hi_n = e->bench->sensor.preload_hi_n,
		.u = {.clock_rel = e->u_clock_rel, .temperature_rel = temperature_u_rel(e)},
		.second_thread = e->second_thread,
	};
	uncertainties_of_bench(e->bench, point->start_wall_ns, &config.u);
	uncertainties_of_phantom(&e->bench->phantom[p->phantom], point->start_wall_ns, &config.u);
	configure_channel(e, &config);
	configure_other_bar(e, &config);
	configure_curve(e, p, &config);
	config.so_far = e->until.window;
	int status = point_new(&config, &e->point);
	if (!status)
		status = open_settle(e, p, &config);
	if (!status)
		status = open_thermal(e, &e->handle, MEASURAND_HANDLE_TEMPERATURE, "handle", &e->handle_fit);
	if (!status)
		status = open_thermal(e, &e->tip, MEASURAND_TIP_TEMPERATURE, "tip", &e->tip_fit);
	return status;
}

static void set_mark(const struct estimator *e, struct record_point *point, unsigned mark, uint64_t host_ns)
{
	struct record_mark *m = &point->mark[mark];
	m->host_ns = host_ns;
	m->telemetry = e->telemetry_rows;
	memcpy(m->index, e->source[0].next_index, sizeof(m->index));
	m->others = e->sources - 1;
	for (unsigned i = 0; i < m->others; i++) {
		const struct source *source = &e->source[i + 1];
		m->other[i].device = source->of.device;
		memcpy(m->other[i].index, source->next_index, sizeof(m->other[i].index));
	}
}

static int open_until(struct estimator *e, const struct plan_point *p)
{
	bool open = e->ends_windows && !plan_point_is_free(p);

	return until_begin(&e->until, e->plan, open ? &e->plan->step[p->step].measure : NULL, e->fs_hz);
}

/* Of the force's stream, or of what align emits. */
static unsigned channels_taken_in(const struct estimator *e)
{
	const struct estimator_device *d = &e->source[0].of;
	unsigned n = 0;

	for (unsigned i = 0; i < d->channel_count && !e->bar.align; i++)
		if (d->channels[i].stream == force_channel(e)->stream)
			n = d->channels[i].position + 1u > n ? d->channels[i].position + 1u : n;
	return e->bar.align ? 2 : n;
}

static int keep_recent(struct estimator *e)
{
	if (e->recent.counts || e->recording) /* a recording is one point */
		return 0;
	return recent_init(&e->recent, (uint32_t)ceil(ESTIMATOR_KEPT_S * e->fs_hz), channels_taken_in(e));
}

int estimator_begin(struct estimator *e, struct record_point *point, uint64_t host_ns,
		    void (*fn)(void *ctx, const struct stroke *stroke), void *ctx)
{
	set_mark(e, point, MARK_OPEN, host_ns);
	e->phase = POINT_PHASES;
	e->pen = (struct pen_sums){.n = 0};
	e->motor_start_ns = e->motor_stop_ns = 0;
	sample_clock_init(&e->point_clock, e->fs_hz);
	if (e->bar.align) { /* what was before belongs to nothing */
		align_flush(e->bar.align);
		sample_clock_init(&e->bar.point_clock, align_bar_clock(e->bar.align)->nominal_hz);
		e->bar.u_s = e->bar.wander_s = 0;
	}
	int status = keep_recent(e);
	if (!status)
		status = open_until(e, &point->plan);
	if (!status)
		status = open_estimators(e, point);
	if (status) {
		close_estimators(e);
		return status;
	}
	if (fn && e->point)
		point_on_stroke(e->point, fn, ctx);
	e->open = true;
	return 0;
}

/* ---- phases and the end ---- */

static uint64_t next_force(const struct estimator *e)
{
	return e->source[0].next_index[force_channel(e)->stream];
}

void estimator_phase(struct estimator *e, struct record_point *point, enum point_phase phase, uint64_t host_ns)
{
	struct held *const held[] = {&e->handle, &e->tip, &e->ambient};
	bool commanded = (phase == POINT_SPIN_UP || phase == POINT_COAST) && !e->commands_unknown;
	uint64_t next_index = next_force(e);
	set_mark(e, point, MARK_PHASE(phase), host_ns);
	if (phase == POINT_SPIN_UP) {
		e->motor_start_ns = host_ns;
		e->motor_stop_ns = 0;
		e->slow_beyond = NULL;
		for (unsigned i = 0; i < 3; i++) {
			held[i]->seen_ns = host_ns;
			held[i]->gap_ns = held[i]->stood = 0;
		}
	} else if (phase > POINT_MEASURE && e->motor_start_ns && !e->motor_stop_ns) {
		for (unsigned i = 0; i < 3; i++)
			note_gap(held[i], host_ns);
		e->motor_stop_ns = host_ns;
	}
	if (e->bar.align && (phase == POINT_MEASURE || phase == POINT_COAST)) {
		e->bar.u_s = fmax(e->bar.u_s, align_u_s(e->bar.align));
		e->bar.wander_s = fmax(e->bar.wander_s, align_wander_s(e->bar.align));
	}
	if (phase == POINT_SPIN_UP)
		settle_start(&e->settle, next_index);
	else
		settle_stop(&e->settle);
	if (phase == POINT_MEASURE)
		until_window(&e->until, next_index);
	else
		e->until.next = UINT64_MAX;
	e->phase = phase;
	point->phase_index[phase] = next_index;
	point->command_index[phase] = commanded ? sample_clock_index_at(&e->clock, host_ns) : NAN;
	if (e->open && e->point)
		point_phase(e->point, phase, next_index, point->command_index[phase]);
	else if (e->open)
		free_run_phase(&e->free_run, phase, next_index);
}

bool estimator_keeps(const struct estimator *e, uint64_t first_index)
{
	return recent_holds(&e->recent, first_index);
}

void estimator_tare_from(struct estimator *e, struct record_point *point, uint64_t first_index, uint64_t host_ns)
{
	struct sample_block block;

	set_mark(e, point, MARK_PHASE(POINT_TARE), host_ns);
	e->phase = POINT_TARE;
	point->phase_index[POINT_TARE] = first_index;
	point->command_index[POINT_TARE] = NAN;
	if (!e->open || !e->point)
		return;
	point_phase(e->point, POINT_TARE, first_index, NAN);
	while (recent_next(&e->recent, &first_index, &block))
		feed_point(e, &block);
}

bool estimator_reached(const struct estimator *e)
{
	return e->until.reached;
}

bool estimator_settled(const struct estimator *e)
{
	return e->settle.settled;
}

void estimator_end(struct estimator *e, struct record_point *point, uint64_t host_ns, bool collect)
{
	set_mark(e, point, MARK_CLOSE, host_ns);
	point->end_index = next_force(e);
	if (e->bar.align)
		align_flush(e->bar.align);
	if (e->bar.align && e->point)
		point_aligned(e->point, e->bar.u_s);
	else if (e->bar.align)
		free_run_aligned(&e->free_run, e->bar.wander_s);
	point->collected = collect && e->open;
	point->targets = 0;
	if (point->collected)
		estimator_collect(e, point);
	if (point->collected)
		until_tell(e->plan, point);
	judge_point(e->plan, point, point->collected);
	close_estimators(e);
}
