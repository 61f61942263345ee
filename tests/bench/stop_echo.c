/* The bare echo that penrig's reaction is held against: a load sensor streams, and with the first event that it tells the order to
 * switch off is written to the pen. In front of penrig-virtual, as penrig itself: its links and its reader of the sensor, and
 * nothing else.
 * usage: stop_echo SENSOR_LINK PEN_LINK RATE_HZ */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "drivers/load-stream/device.h"
#include "rig/link/link.h"

#define AFTER_NS (100 * NS_PER_MS)

static struct loop *loop;
static struct device *sensor;
static struct link *pen;
static struct loop_timer tick;
static uint64_t end_ns = LOOP_NEVER;
static struct err err;

static void leave(const char *what)
{
	fprintf(stderr, "stop_echo: %s: %s\n", what, err.text);
	exit(1);
}

static void on_event(void *ctx, uint32_t condition, const char *text)
{
	static const char off[] = "OUTP OFF\n";

	(void)ctx, (void)condition, (void)text;
	if (end_ns != LOOP_NEVER)
		return;
	end_ns = loop_now_ns(loop) + AFTER_NS;
	if (pen->ops->write(pen, (const uint8_t *)off, strlen(off), LOOP_NEVER, NULL, NULL))
		leave("cannot write");
}

static void on_done(void *ctx, int status, const struct err *why)
{
	(void)ctx;
	if (status)
		err = *why, leave("sensor");
}

static void on_ready(void *ctx, int status, const struct err *why)
{
	on_done(ctx, status, why);
	sensor->driver->stream->start(sensor, on_done, NULL);
}

static void on_lost(void *ctx, int status, const struct err *why)
{
	on_done(ctx, status, why);
}

static void on_block(void *ctx, const struct sample_block *block)
{
	(void)ctx, (void)block;
}

static void on_tick(void *ctx, uint64_t now_ns)
{
	(void)ctx;
	sensor->driver->on_tick(sensor, now_ns);
	if (now_ns >= end_ns)
		loop_stop(loop);
	else
		loop_timer_at(loop, &tick, now_ns + DRIVER_TICK_NS);
}

static void on_bytes(void *ctx, const uint8_t *data, size_t len, bool end, uint64_t host_ns)
{
	(void)ctx, (void)data, (void)len, (void)end, (void)host_ns;
}

static void on_gone(void *ctx, const struct err *why)
{
	(void)ctx;
	err = *why;
	leave("pen");
}

int main(int argc, char **argv)
{
	if (argc != 4 || loop_new(&loop_clock_monotonic, NULL, &loop, &err))
		leave("usage: stop_echo SENSOR_LINK PEN_LINK RATE_HZ");
	const struct link_opening opening = {.table = link_table,
					     .loop = loop,
					     .uri = argv[2],
					     .wants = {.usb_class = 0xFE,
						       .usb_subclass = 3,
						       .usb_protocol = -1,
						       .usbtmc = true,
						       .serial = {.baud = 115200}},
					     .sink = {.bytes = on_bytes, .gone = on_gone}};
	const struct device_open open = {
		.links = link_table,
		.loop = loop,
		.uri = argv[1],
		.rate_hz = atof(argv[3]),
		.host = {.ready = on_ready, .block = on_block, .event = on_event, .lost = on_lost}};

	if (link_open(&opening, &pen, &err) || driver_load_stream.open(&open, loop_now_ns(loop), &sensor, &err))
		leave("cannot open");
	tick = (struct loop_timer){.fn = on_tick};
	loop_timer_at(loop, &tick, loop_now_ns(loop));
	int status = loop_run(loop);
	driver_load_stream.close(sensor);
	link_close(pen);
	loop_free(loop);
	return status != 0;
}
