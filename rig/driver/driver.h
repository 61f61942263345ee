/* The one interface a device driver fills. A driver turns bytes of its link into samples and replies, and verbs into
 * bytes. It does no I/O except through its link, reads no clock (time comes with each call), never prints, blocks or
 * exits. */
#ifndef PENRIG_DRIVER_DRIVER_H
#define PENRIG_DRIVER_DRIVER_H

#include <stdbool.h>
#include <stdint.h>

#include "rig/base/error.h"
#include "rig/base/samples.h"
#include "rig/driver/role.h"
#include "rig/link/link.h"

#define DRIVER_TICK_NS  (5 * NS_PER_MS)   /* on_tick is called at least this often while the device is open */
#define DRIVER_REPLY_NS (200 * NS_PER_MS) /* a device that has not answered by then is asked once more, then silent */

/* What the device says it is. Empty strings where it says nothing. */
struct device_identity {
	char maker[48], model[48], serial[48], firmware[48];
	char calibration_id[48];
	char calibration_due[11]; /* YYYY-MM-DD */
	char cartridge[48];       /* pens: cartridge id as read from SYST:CART? */
	uint32_t needles;
	uint64_t cartridge_strokes;
	uint32_t protocol_version;
};

struct pen_limits {
	double rate_min_hz, rate_max_hz, depth_min_mm, depth_max_mm;
};

/* What the pen says of itself: informative, never judged. NaN where it does not say. */
struct pen_telemetry {
	uint64_t host_ns;
	double rate_hz, motor_c, handle_c, battery_v, current_a;
	uint32_t condition; /* enum pen_condition */
	bool running;
};

/* STATus:QUEStionable:CONDition bits */
enum pen_condition {
	PEN_OVER_TEMPERATURE = 1 << 4,
	PEN_UNDERVOLTAGE = 1 << 0,
	PEN_STALL = 1 << 9,
	PEN_DEADMAN_TRIPPED = 1 << 10,
	PEN_CARTRIDGE_MISSING = 1 << 11,
	PEN_REBOOTED = 1 << 12, /* set by the driver: the pen lost its settings while we held it */
};

/* What a load sensor says of its own state, with its events. Where one is set, its samples are not to be trusted. */
enum sensor_condition {
	SENSOR_OVERLOADED = 1 << 0, /* it may be damaged: never taken back */
	SENSOR_HOT = 1 << 1,        /* too hot for its calibration */
	SENSOR_FAULTY = 1 << 2,     /* its hardware failed: never taken back */
};

struct device_counters {
	uint64_t frames, crc_errors, resyncs, lost_samples, repeated_requests, odd_replies;
	struct link_counters link;
};

/* What a device tells its host. Called from the loop, never from inside a verb. Every text is borrowed.
 * ready:     once, after open: identity, channels and (pens) limits are known; or status < 0 and err says why not.
 * block:     samples of a started sensor, in order of index within a stream. The first may come before start's
 *            done(0), when the sensor's reply was lost and it is asked again.
 * telemetry: for every telemetry read, and for every heartbeat (then only condition and running are set, others
 *            NaN).
 * event:     something the record must have: condition bits that appeared (pens), CRC errors, resync, ...; from a
 *            sensor with all conditions that hold, each time.
 * lost:      the link is gone (-ENODEV) or the device has fallen silent (-ETIMEDOUT). Once; nothing follows but
 *            close. */
struct driver_host {
	void *ctx;
	void (*ready)(void *ctx, int status, const struct err *err);
	void (*block)(void *ctx, const struct sample_block *block);
	void (*telemetry)(void *ctx, const struct pen_telemetry *telemetry);
	void (*event)(void *ctx, uint32_t condition, const char *text);
	void (*lost)(void *ctx, int status, const struct err *err);
};

/* 0; -ETIMEDOUT no answer (asked twice); -EPROTO an answer that makes no sense (asked twice); -ERANGE the pen refused
 * the value; -EREMOTEIO the value read back is not the value set; -ECANCELED stop or close came first; -ENODEV lost;
 * -ENOBUFS too many verbs wait. */
typedef void (*device_done_fn)(void *ctx, int status, const struct err *err);

struct device { /* every driver's struct starts with this */
	const struct driver *driver;
};

/* All verbs return at once; `done` comes later from the loop, exactly once (may be NULL). Verbs queue in order; stop
 * jumps the queue: what waited is cancelled, and it is sent even while a reply is awaited.
 * set_rate, set_depth: set, read the error queue, read back, compare: done(0) only when the pen has the value.
 * run:       OUTP ON, then OUTP? says 1.         stop: OUTP OFF, then OUTP? says 0.
 * deadman:   arms the pen's own dead-man timer (ms), read back where the protocol can.
 * heartbeat: feeds it; the reply carries condition and running, delivered through host->telemetry. */
struct pen_verbs {
	int (*limits)(const struct device *device, struct pen_limits *ret); /* -EAGAIN before ready */
	void (*set_rate)(struct device *device, double rate_hz, device_done_fn done, void *ctx);
	void (*set_depth)(struct device *device, double depth_mm, device_done_fn done, void *ctx);
	void (*run)(struct device *device, device_done_fn done, void *ctx);
	void (*stop)(struct device *device, device_done_fn done, void *ctx);
	void (*deadman)(struct device *device, uint32_t timeout_ms, device_done_fn done, void *ctx);
	void (*heartbeat)(struct device *device, device_done_fn done, void *ctx);
	void (*telemetry)(struct device *device, device_done_fn done, void *ctx);
};

/* Of every device that delivers channels, whatever they measure.
 * start: begins streaming; the sample index starts at 0.
 * stop:  ends it; jumps the queue as a pen's stop does. */
struct stream_verbs {
	void (*start)(struct device *device, device_done_fn done, void *ctx);
	void (*stop)(struct device *device, device_done_fn done, void *ctx);
};

struct device_open {
	const struct link_ops *const *links; /* which links exist */
	struct loop *loop;                   /* for the link only */
	const char *uri;
	struct link_settings
		settings; /* what the bench says of a serial port; unset = the driver's; refused for usb: */
	double rate_hz;   /* wanted sample rate; 0 = the device's default */
	struct driver_host host;
};

/* match: could a device with this link identity be ours? Reads class and ids only; 0 = no, 1 = by class, 2 = certainly.
 * open:  starts identification; host->ready follows within 2 s, on top of the wait after opening. Frees nothing of `open`.
 * close: stops streaming if it can, closes the link, frees. Done functions that are still due run with -ECANCELED
 *        before it returns. Never from inside one of the device's own callbacks. NULL is fine.
 * channels: valid after ready; the table lives as long as the device. */
struct driver {
	const char *name;        /* in bench files: "scpi-pen", "load-stream" */
	const char *description; /* one line for `penrig list` and `penrig version` */
	uint32_t roles;          /* set of ROLE_BITs: all that its devices can be on a bench */
	struct link_wants wants;
	int (*match)(const struct link_identity *id);
	int (*open)(const struct device_open *open, uint64_t now_ns, struct device **ret, struct err *err);
	void (*close)(struct device *device);
	void (*on_tick)(struct device *device, uint64_t now_ns);
	const struct device_identity *(*identity)(const struct device *device);
	const struct channel *(*channels)(const struct device *device, unsigned *ret_count);
	void (*counters)(const struct device *device, struct device_counters *ret);
	const struct link *(*link)(const struct device *device); /* the one it holds, for the record of a run */
	const struct pen_verbs *pen;                             /* ROLE_PEN, else NULL */
	const struct stream_verbs *stream;                       /* roles that deliver channels, else NULL */
};

static inline bool driver_serves(const struct driver *driver, enum device_role role)
{
	return (driver->roles & ROLE_BIT(role)) != 0;
}

extern const struct driver *const driver_table[]; /* drivers/table.c, NULL-terminated */

#endif
