/* See doctor_devices.h. */
#include "rig/cli/doctor_devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "rig/cli/kit/command.h"
#include "rig/cli/kit/opening.h"
#include "rig/system/port.h"

#define PRESENT_MAX 256

struct present {
	const char *scheme;
	struct link_identity id;
};

struct look { /* at one device of the bench */
	const struct doctor *doctor;
	const struct bench_device *bench;
	const struct driver *driver;
	char subject[192], uri[LINK_NAME_MAX];
	const struct present *present; /* NULL: it is not plugged in, or no list has it */
	bool faulty;
	/* opening: */
	struct loop *loop;
	struct loop_timer timer;
	struct device *device;
	uint64_t end_ns;
	bool ended;
	int status;
	struct err err;
	struct inputs_state inputs; /* the newest */
};

struct everything {
	unsigned count;
	const char *scheme;
	struct present present[PRESENT_MAX];
};

/* ---- finding ----------------------------------------------------------------------------------------------------- */

static void each_present(void *ctx, const struct link_identity *id)
{
	struct everything *all = ctx;

	if (all->count < PRESENT_MAX)
		all->present[all->count++] = (struct present){.scheme = all->scheme, .id = *id};
}

static void list_all(const struct doctor *doctor, struct everything *ret)
{
	struct err err;

	for (unsigned i = 0; doctor->tables->links[i]; i++) {
		const struct link_ops *ops = doctor->tables->links[i];
		ret->scheme = ops->scheme;
		if (ops->list(each_present, ret, &err))
			diagnosis_add(doctor->findings, DIAGNOSIS_UNKNOWN, "list", ops->name, "%s", err.text);
	}
}

/* The pen's link may wait for a serial number: then it is whichever pen of this bench's kind is there. */
static bool is_meant(const struct look *look, const struct present *p)
{
	const struct bench *bench = look->doctor->bench;
	bool waits = (look->bench->roles & ROLE_BIT(ROLE_PEN)) && strchr(look->bench->link, '{') && !look->doctor->dut;

	return waits ? bench_pen_could_be(bench, p->id.uri) : link_uri_names(look->uri, p->scheme, &p->id);
}

static int find(struct look *look, const struct everything *all)
{
	const struct doctor *doctor = look->doctor;
	bool pen = (look->bench->roles & ROLE_BIT(ROLE_PEN)) != 0;
	struct err err;

	snprintf(look->uri, sizeof(look->uri), "%s", look->bench->link);
	if (pen && doctor->dut && bench_pen_link(doctor->bench, doctor->dut, look->uri, sizeof(look->uri), &err)) {
		diagnosis_add(doctor->findings, DIAGNOSIS_FAULT, "plugged in", look->subject, "%s", err.text);
		return -EINVAL;
	}
	for (unsigned i = 0; i < all->count && !look->present; i++)
		if (is_meant(look, &all->present[i]))
			look->present = &all->present[i];
	if (look->present && strchr(look->uri, '{'))
		snprintf(look->uri, sizeof(look->uri), "%s", look->present->id.uri);
	return 0;
}

static struct diagnosis *fault(struct look *look, const char *check, int exit_code, const char *text)
{
	struct diagnosis *f = diagnosis_add(look->doctor->findings, DIAGNOSIS_FAULT, check, look->subject, "%s", text);

	look->faulty = true;
	if (f)
		f->exit_code = exit_code;
	return f;
}

static void tell_absent(struct look *look)
{
	char text[300];

	if (strchr(look->uri, '{')) {
		look->faulty = true;
		diagnosis_mend(diagnosis_add(look->doctor->findings, DIAGNOSIS_UNKNOWN, "plugged in", look->subject,
					     "no pen of this bench's kind is there (%s)", look->uri),
			       "penrig list    # with the pen plugged in");
		return;
	}
	snprintf(text, sizeof(text), "it is not there (%s)", look->uri);
	diagnosis_mend(fault(look, "plugged in", EXIT_DEVICE_LOST, text),
		       "penrig list    # what is there, and under which name");
}

/* ---- from outside ------------------------------------------------------------------------------------------------ */

static void check_modems(const struct look *look, const struct system_port *port)
{
	const struct doctor *doctor = look->doctor;

	if (!doctor->modem_manager || strcmp(look->present->scheme, "serial") != 0 || !port->vid[0])
		return;
	if (system_modem_rule(doctor->root, port->vid)) {
		diagnosis_add(doctor->findings, DIAGNOSIS_GOOD, "ModemManager", look->subject,
			      "a udev rule keeps it away");
		return;
	}
	diagnosis_mend(
		diagnosis_add(
			doctor->findings, DIAGNOSIS_WARNING, "ModemManager", look->subject,
			"it runs, and sends commands for modems to this port for half a minute after each plug-in"),
		"echo 'SUBSYSTEM==\"usb\", ATTR{idVendor}==\"%s\", ENV{ID_MM_DEVICE_IGNORE}=\"1\"' | sudo tee -a "
		"/etc/udev/rules.d/71-penrig-local.rules && sudo udevadm control --reload && sudo udevadm trigger",
		port->vid);
}

static void look_from_outside(struct look *look)
{
	const struct doctor *doctor = look->doctor;
	const struct link_identity *id = &look->present->id;
	unsigned from = doctor->findings->count;
	struct system_port port;

	system_port_read(doctor->root, id->node, NULL, &port);
	if (!port.there && !*doctor->root)
		return; /* a list of devices that stand in no folder of this computer */
	system_port_check(doctor->root, &port, look->subject, id->holder, doctor->findings);
	check_modems(look, &port);
	for (unsigned i = from; i < doctor->findings->count; i++) {
		struct diagnosis *f = &doctor->findings->finding[i];
		if (f->state != DIAGNOSIS_FAULT)
			continue;
		f->exit_code = strcmp(f->check, "holder") == 0 ? EXIT_BUSY : EXIT_DEVICE_LOST;
		look->faulty = true;
	}
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void end(struct look *look, int status, const struct err *err)
{
	if (look->ended)
		return;
	look->ended = true;
	look->status = status;
	if (status && err)
		look->err = *err;
	loop_stop(look->loop);
}

static void on_ready(void *ctx, int status, const struct err *err)
{
	end(ctx, status, err);
}

static void on_lost(void *ctx, int status, const struct err *err)
{
	end(ctx, status, err);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	(void)ctx, (void)block;
}

static void on_telemetry(void *ctx, const struct pen_telemetry *telemetry)
{
	(void)ctx, (void)telemetry;
}

static void on_inputs(void *ctx, const struct inputs_state *state)
{
	((struct look *)ctx)->inputs = *state;
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	struct look *look = ctx;

	bool remark = !condition && look->driver->described; /* what a program says of itself is nothing to mend */
	diagnosis_add(look->doctor->findings, remark ? DIAGNOSIS_GOOD : DIAGNOSIS_WARNING, "it says", look->subject,
		      "%s", text);
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	struct look *look = ctx;
	struct err err;

	if (look->device)
		look->driver->on_tick(look->device, now_ns);
	if (now_ns > look->end_ns)
		end(look,
		    err_set(&err, -ETIMEDOUT,
			    "it does not say who it is: check its power, its cable and, on a serial line, its "
			    "baud rate"),
		    &err);
	loop_timer_at(look->loop, &look->timer, now_ns + DRIVER_TICK_NS);
}

static int open_device(struct look *look, struct err *err)
{
	const struct opening opening = {
		.tables = look->doctor->tables,
		.bench = look->doctor->bench,
		.device = look->bench,
		.uri = look->uri,
		.loop = look->loop,
		.host = {.ctx = look,
			 .ready = on_ready,
			 .block = on_block,
			 .telemetry = on_telemetry,
			 .inputs = on_inputs,
			 .event = on_event,
			 .lost = on_lost},
	};
	return opening_open(&opening, &look->device, err);
}

static void compare(struct look *look)
{
	const struct device_identity *id = look->driver->identity(look->device);
	const struct bench_device *bench = look->bench;
	const char *wanted = look->driver->powered ? look->doctor->bench->pen.power.serial : bench->serial;
	char text[400];

	diagnosis_add(look->doctor->findings, DIAGNOSIS_GOOD, "identity", look->subject,
		      "%s %s, serial number %s, firmware %s", *id->maker ? id->maker : "maker not told",
		      *id->model ? id->model : "model not told", *id->serial ? id->serial : "not told",
		      *id->firmware ? id->firmware : "not told");
	if (*wanted && strcmp(wanted, id->serial) != 0) {
		snprintf(text, sizeof(text), "it says it is \"%s\", the bench names \"%s\"", id->serial, wanted);
		fault(look, "identity", EXIT_REFUSED, text);
	}
	if (*id->calibration_id && *bench->calibration.certificate &&
	    strcmp(id->calibration_id, bench->calibration.certificate) != 0) {
		snprintf(text, sizeof(text), "it declares calibration \"%s\", the bench's certificate is \"%s\"",
			 id->calibration_id, bench->calibration.certificate);
		fault(look, "calibration", EXIT_REFUSED, text);
	}
	if (*id->calibration_due && *bench->calibration.certificate &&
	    strcmp(id->calibration_due, bench->calibration.due) < 0) {
		snprintf(text, sizeof(text), "it declares that its calibration was due on %s, the bench says %s",
			 id->calibration_due, bench->calibration.due);
		fault(look, "calibration", EXIT_REFUSED, text);
	}
}

/* A run is refused while one is open. */
static void tell_inputs(struct look *look)
{
	const struct inputs_setup *setup = &look->bench->inputs.setup;
	char text[120];

	for (unsigned i = 0; i < setup->count; i++) {
		bool closed = look->inputs.closed >> i & 1;
		snprintf(text, sizeof(text), "\"%s\" is %s", setup->input[i].name, closed ? "closed" : "open");
		if (closed)
			diagnosis_add(look->doctor->findings, DIAGNOSIS_GOOD, "safety input", look->subject, "%s",
				      text);
		else
			fault(look, "safety input", EXIT_REFUSED, text);
	}
}

static int run_loop(struct look *look)
{
	struct err err;
	int status = opening_loop(look->doctor->tables, &look->loop, &err);

	if (!status)
		status = open_device(look, &err);
	if (!status) {
		look->end_ns = loop_now_ns(look->loop) + opening_patience_ns(look->bench);
		look->timer = (struct loop_timer){.fn = on_tick, .ctx = look};
		loop_timer_at(look->loop, &look->timer, loop_now_ns(look->loop) + DRIVER_TICK_NS);
		status = look->ended ? 0 : loop_run(look->loop);
	}
	if (status && !look->ended) {
		look->err = err;
		look->status = status;
	}
	return look->status;
}

static int exit_code_of(int status)
{
	switch (status) {
	case -EBUSY: return EXIT_BUSY;
	case -EINVAL: return EXIT_USAGE;
	default: return EXIT_DEVICE_LOST;
	}
}

static void ask_who_it_is(struct look *look)
{
	if (run_loop(look))
		fault(look, "identity", exit_code_of(look->status), look->err.text);
	else
		compare(look);
	if (!look->status)
		tell_inputs(look);
	if (look->device)
		look->driver->close(look->device);
	if (look->loop)
		loop_timer_cancel(look->loop, &look->timer);
	loop_free(look->loop);
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

static void name_it(struct look *look)
{
	unsigned role = 0;

	while (role < ROLES_COUNT - 1 && !(look->bench->roles & ROLE_BIT(role)))
		role++;
	snprintf(look->subject, sizeof(look->subject), "%s%s%s", role_row((enum device_role)role)->label,
		 look->bench->name[0] ? " " : "", look->bench->name);
}

/* False: it could not be opened. */
static bool is_there(struct look *look, const struct everything *all)
{
	if (find(look, all))
		return false;
	if (look->present)
		look_from_outside(look);
	else if (link_uri_is_listed(link_table, look->uri))
		tell_absent(look);
	return !look->faulty;
}

/* The stage is opened with the pen that it is a part of. */
static bool is_dial_there(const struct doctor *doctor, const struct everything *all)
{
	const struct bench_dial *dial = &doctor->bench->pen.dial;
	struct bench_device part = {.roles = ROLE_BIT(ROLE_STAGE)};
	struct look look = {.doctor = doctor, .bench = &part, .subject = "pen's dial"};

	snprintf(part.link, sizeof(part.link), "%s", dial->link);
	return !dial->present || is_there(&look, all);
}

static void look_at(const struct doctor *doctor, const struct bench_device *bench, const struct everything *all,
		    bool open)
{
	struct look look = {.doctor = doctor, .bench = bench, .driver = opening_driver(doctor->tables, bench->driver)};

	name_it(&look);
	if (!look.driver)
		return;
	open &= !(bench->roles & ROLE_BIT(ROLE_PEN)) || is_dial_there(doctor, all);
	if (is_there(&look, all) && open)
		ask_who_it_is(&look);
}

void doctor_devices(const struct doctor *doctor, bool open)
{
	struct everything *all = calloc(1, sizeof(*all));

	if (!all) {
		diagnosis_add(doctor->findings, DIAGNOSIS_UNKNOWN, "list", "", "out of memory");
		return;
	}
	list_all(doctor, all);
	for (unsigned i = 0; i < doctor->bench->devices; i++)
		look_at(doctor, &doctor->bench->device[i], all, open);
	free(all);
}
